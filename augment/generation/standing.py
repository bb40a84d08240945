"""Tests as they stand in a file: found, cut out as modules of their own, and told from what the user made of them."""

from __future__ import annotations

import ast
import io
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from augment.generation.compose import Composed, Piece, chunk_of, extent, fit, node_name, with_imports
from augment.generation.syntax import FunctionNode, bound_names, import_bindings, is_test, is_test_class, loaded_names

Unit = FunctionNode | ast.ClassDef


def parsed(text: str) -> ast.Module:
    """The syntax tree of a file's text, which may begin with a byte-order mark. Raises SyntaxError."""
    return ast.parse(text.removeprefix("\ufeff"))


def lines_of(text: str) -> list[str]:
    """The lines as Python counts them, each with its own ending."""
    return list(io.StringIO(text, newline=""))


def find(tree: ast.Module, name: str) -> Unit | None:
    """The definition of the test ``name`` (``test_x`` or ``TestX::test_y``).

    A class that holds only this test is the test; in a class with others it is the method.
    """
    outer, _, inner = name.partition("::")
    inner = inner.partition("[")[0]
    top = next((node for node in tree.body if isinstance(node, Unit) and node.name == outer.partition("[")[0]), None)
    if top is None or not inner or not isinstance(top, ast.ClassDef):
        return top
    tests = [item for item in top.body if is_test(item)]
    found = next((item for item in tests if isinstance(item, FunctionNode) and item.name == inner), None)
    return top if found is not None and len(tests) == 1 else found


def span(node: ast.stmt, lines: Sequence[str]) -> tuple[int, int]:
    """The lines (from 0, end exclusive) of a definition with its decorators and the comment right above."""
    start = min([node.lineno, *(item.lineno for item in getattr(node, "decorator_list", []))]) - 1
    indent = " " * node.col_offset
    while start > 0 and lines[start - 1].startswith(f"{indent}#"):
        start -= 1
    return start, node.end_lineno or node.lineno


def segment(text: str, name: str) -> str | None:
    """The exact text of a test with the comment above it; None where there is none of that name."""
    node = find(parsed(text), name)
    if node is None:
        return None
    lines = lines_of(text)
    start, end = span(node, lines)
    return "".join(lines[start:end])


def comment_of(text: str, name: str) -> str:
    """The comment right above a test, in one line without its marks."""
    part = segment(text, name) or ""
    lines = [line.strip() for line in part.splitlines()]
    marked = [line.lstrip("# ") for line in lines[: next((i for i, x in enumerate(lines) if x[:1] != "#"), 0)]]
    return " ".join(marked)


def standalone(text: str, name: str) -> str | None:
    """The test as a module of its own: with the imports and the definitions of its file that it needs."""
    tree = parsed(text)
    node = find(tree, name)
    if node is None:
        return None
    lines = lines_of(text)
    needed = _needed(tree, node)
    parts = [_cut(item, lines) for item in tree.body if item in needed and item is not node]
    test = _cut(node, lines)
    if isinstance(node, FunctionNode) and node.col_offset:
        test = _function_of_method(textwrap.dedent(test))
    return "\n".join([*parts, test]) if test else None


def _cut(node: ast.stmt, lines: Sequence[str]) -> str:
    start = min([node.lineno, *(item.lineno for item in getattr(node, "decorator_list", []))]) - 1
    return "".join(lines[start : node.end_lineno]).replace("\r\n", "\n").rstrip("\n") + "\n"


def _needed(tree: ast.Module, test: Unit) -> list[ast.stmt]:
    """The top-level statements that the test needs, directly or through others."""
    wanted = _uses(test)
    found: list[ast.stmt] = []
    grown = True
    while grown:
        grown = False
        for node in tree.body:
            if node in found or node is test or is_test(node) or is_test_class(node):
                continue
            if _provides(node) & wanted:
                found.append(node)
                wanted |= _uses(node)
                grown = True
    return found


def _provides(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.ImportFrom) and node.module == "__future__":
        return set()
    if isinstance(node, ast.Import | ast.ImportFrom):
        return set(import_bindings(node))
    if isinstance(node, Unit):
        return {node.name}
    return bound_names(node)


def _uses(node: ast.AST) -> set[str]:
    """Names that a statement reads, and the fixtures that it asks for."""
    return loaded_names(node) | {item.arg for item in ast.walk(node) if isinstance(item, ast.arg)}


def _function_of_method(source: str) -> str:
    """A method that does not use its instance, as a function; '' for one that does."""
    tree = ast.parse(source)
    function = tree.body[0]
    if not isinstance(function, FunctionNode) or not function.args.args:
        return source
    own = function.args.args[0].arg
    if own in {item.id for item in ast.walk(function) if isinstance(item, ast.Name)}:
        return ""
    function.args.args = function.args.args[1:]
    return ast.unparse(tree) + "\n"


def cut_out(text: str, name: str) -> str:
    """``text`` without the test ``name``, its comment and the blank lines before it; the rest as it is."""
    node = find(parsed(text), name)
    if node is None:
        return text
    lines = lines_of(text)
    if node.col_offset:
        start, end = span(node, lines)
        while start > 0 and not lines[start - 1].strip():
            start -= 1
    else:
        start, end = extent(node, lines)
    return "".join([*lines[:start], *lines[end:]])


def replace_piece(text: str, name: str, piece: Piece) -> Composed:
    """``text`` with ``piece`` in the place of the test ``name``, of which nothing is left."""
    tree = parsed(text)
    node = find(tree, name)
    if node is None:
        raise ValueError(f"there is no test {name}")
    lines = lines_of(text)
    start, end = span(node, lines)
    rest = ast.parse("".join([*lines[:start], *lines[end:]]))
    fitted = fit(rest, piece)
    new = "".join([*lines[:start], chunk_of(fitted, piece.reason).lstrip("\n"), *lines[end:]])
    return Composed(with_imports(new, rest, fitted.imports), (node_name(fitted.test),))


@dataclass(frozen=True, slots=True)
class Removed:
    """A text less a block. ``ending`` is where a line ending, itself part of the block, was left in for the sake of
    what follows it: None where nothing was.
    """

    text: str
    ending: int | None = None


def without(text: str, added: str) -> Removed | None:
    """``text`` less a block of whole lines that was added to it before; None where it does not stand there.

    Blank lines in front may have become fewer or more. Where the block gave the last line its ending, and something
    follows by now, the ending stays.
    """
    at = _place(text, added)
    if at is not None:
        before, after = text[:at], text[at + len(added) :]
    else:
        core = added.lstrip("\r\n")
        at = _place(text, core)
        if at is None or core == added:
            return None
        blank = len(lines_of(added[: len(added) - len(core)]))
        lines = lines_of(text[:at])
        while blank and lines and not lines[-1].strip():
            lines.pop()
            blank -= 1
        before, after = "".join(lines), text[at + len(core) :]
    if before and after and not before.endswith(("\n", "\r")):
        ending = "\r\n" if added.startswith("\r\n") else "\n"
        return Removed(before + ending + after, len(before) + len(ending))
    return Removed(before + after)


def _place(text: str, block: str) -> int | None:
    """Where ``block`` stands as whole lines; where that is several places, the first that is no part of a string."""
    places = []
    at = text.find(block)
    while block and at != -1:
        if at == 0 or text[at - 1] in "\r\n" or block[0] in "\r\n":
            places.append(at)
        at = text.find(block, at + 1)
    if len(places) < 2:
        return places[0] if places else None
    starts = {node.lineno for node in parsed(text).body}
    blank = len(block) - len(block.lstrip("\r\n"))
    return next((at for at in places if len(lines_of(text[: at + blank] + "x")) in starts), None)
