"""Bytes -> text -> syntax tree, as the Python compiler reads them."""

from __future__ import annotations

import ast
import hashlib
import io
import tokenize
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

ReadSource = Callable[[str], str | None]
"""A file of one revision, by its path relative to the root -> its text; None where it cannot be had."""

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
Function = ast.FunctionDef | ast.AsyncFunctionDef


def decode_source(data: bytes) -> str:
    """Text of a Python file: byte-order mark, encoding cookie and line ends as the compiler treats them.

    Raises SyntaxError for an unknown encoding and for bytes that do not fit it.
    """
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        return io.TextIOWrapper(io.BytesIO(data), encoding).read()
    except (UnicodeDecodeError, LookupError) as error:
        raise SyntaxError(f"cannot be decoded: {error}") from error


def read_source(root: Path | str, file: str) -> str | None:
    """Text of a project file; None where it is missing, unreadable or cannot be decoded."""
    try:
        data = Path(root, file).read_bytes()
        return decode_source(data) if file.endswith((".py", ".pyi")) else data.decode("utf-8", errors="replace")
    except (OSError, SyntaxError):
        return None


def parse(source: str) -> ast.Module:
    """The syntax tree. Raises SyntaxError, also for null bytes and for nesting that is too deep to parse."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the project's invalid escapes are not ours to report
            return ast.parse(source)
    except (ValueError, RecursionError, MemoryError) as error:
        raise SyntaxError(f"cannot be parsed: {error}") from error


def problem_of(error: SyntaxError) -> str:
    """A syntax error in one line."""
    where = f"line {error.lineno}: " if error.lineno else ""
    return f"{where}{error.msg}"


def tree_hash(node: ast.AST, *, without_name: bool = False) -> str:
    """Hash of the normalised tree (16 hex digits): positions, comments and formatting do not count.

    ``without_name`` leaves out the name of the definition itself, so that a rename can be told.
    """
    text = ast.dump(node)
    if without_name and isinstance(node, Definition):
        text = text.replace(f"(name={node.name!r}", "(name=''", 1).replace(f"Name(id={node.name!r}", "Name(id=''")
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def same_tree(one: object, other: object) -> bool:
    """Whether two syntax trees (or parts of them) are equal but for positions; half the work of two dumps, and less
    where they differ early."""
    if type(one) is not type(other):
        return False
    if isinstance(one, ast.AST):
        return all(same_tree(getattr(one, name, None), getattr(other, name, None)) for name in one._fields)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_tree, one, other))
    return one == other


def first_line(node: ast.stmt) -> int:
    """The first line of a statement, decorators included."""
    if isinstance(node, Definition) and node.decorator_list:
        return min(node.lineno, *(item.lineno for item in node.decorator_list))
    return node.lineno


def last_line(node: ast.stmt) -> int:
    """The last line of a statement."""
    return node.end_lineno or node.lineno


def suites(node: ast.AST) -> list[list[ast.stmt]]:
    """The statement lists of a compound statement, in order of the text; handlers and match cases included."""
    found = [getattr(node, name, None) for name in ("body", "orelse", "finalbody")]
    lists = [item for item in found if isinstance(item, list) and (not item or isinstance(item[0], ast.stmt))]
    inner = [*getattr(node, "handlers", []), *getattr(node, "cases", [])]
    return [*lists[:1], *(item.body for item in inner), *lists[1:]]


def statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a scope, those nested in ``if``, ``try``, ``with`` and loops included, but no inner scopes."""
    for node in body:
        yield node
        if not isinstance(node, Definition):
            for suite in suites(node):
                yield from statements(suite)


def definitions(body: list[ast.stmt]) -> Iterator[Definition]:
    """Functions and classes of a scope, conditional ones included."""
    return (node for node in statements(body) if isinstance(node, Definition))


def dotted_name(node: ast.AST) -> str:
    """``a.b.c`` for a chain of names, the called or subscripted name for calls and subscripts, else ''."""
    if isinstance(node, ast.Call):
        return dotted_name(node.func)
    if isinstance(node, ast.Subscript):
        return dotted_name(node.value)
    if isinstance(node, ast.Attribute):
        head = dotted_name(node.value)
        return f"{head}.{node.attr}" if head else ""
    return node.id if isinstance(node, ast.Name) else ""


def decorator_names(node: Definition) -> list[str]:
    """The last part of each decorator's name: ``overload`` for ``@typing.overload``."""
    return [dotted_name(item).rpartition(".")[2] for item in node.decorator_list]
