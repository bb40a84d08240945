"""Puts standalone tests together into one file, and takes one out again. Works on text; touches no disk."""

from __future__ import annotations

import ast
import copy
from collections.abc import Sequence
from dataclasses import dataclass

from augment.generation.paths import HEADER
from augment.generation.syntax import FunctionNode, import_bindings, is_test, is_test_class

_HEADER_TEXT = f"""{HEADER} Each test says why it was kept.
# To refuse one, run `augment reject ID` or delete it; to accept held ones, `augment accept ID`; to write more,
# `augment generate`. Lines that you change stay as you change them.
"""


@dataclass(frozen=True, slots=True)
class Piece:
    """A standalone test on its way into a file, with the one line that says why it was kept."""

    source: str
    reason: str
    target: str = ""
    """``module:qualname`` of what it tests, to find its place in a file of the user's."""
    verbatim: bool = False
    """The test is put down as it is written, not written anew: it stood in a file before, where the user may have added
    to it."""


@dataclass(frozen=True, slots=True)
class Addition:
    """What one test added to a file, exactly: its own text, and in a file of the user's the blocks of imports and
    helpers that it needed. Taking these out again gives the file as it was before.
    """

    text: str
    support: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fitted:
    """A piece made to fit a file: nothing in it clashes with what the file has. ``imports`` are single lines for the
    top of the file; ``helpers`` and ``test`` are to follow what stands there.
    """

    imports: tuple[str, ...]
    helpers: tuple[ast.stmt, ...]
    test: FunctionNode | ast.ClassDef
    text: str | None
    """The test as it was written, where it may be put down so."""


@dataclass(frozen=True, slots=True)
class Composed:
    """The new text, and the node id suffix (``test_x`` or ``TestX::test_x``) of each piece, in order.

    ``additions`` say what each piece added, where that is known.
    """

    text: str
    names: tuple[str, ...]
    additions: tuple[Addition, ...] = ()


def add_pieces(existing: str, pieces: Sequence[Piece], header: bool = True) -> Composed:
    """``existing`` with ``pieces`` after what it has. Nothing that stands there is changed except its import block.

    Names are made unique; a helper that another test defines the same way is shared, one that clashes is renamed; an
    import that would change what an existing name means moves into the test.
    """
    text = existing or (_HEADER_TEXT if header else "")
    names: list[str] = []
    for piece in pieces:
        text, name = _add(text, piece)
        names.append(name)
    return Composed(text, tuple(names))


def remove_test(existing: str, name: str) -> str | None:
    """``existing`` without the test ``name``, its comment and the helpers that only it used; None when none is left."""
    tree = ast.parse(existing)
    wanted = name.split("::", maxsplit=1)[0]
    lines = existing.splitlines(keepends=True)
    gone = [node for node in tree.body if getattr(node, "name", None) == wanted]
    rest = [node for node in tree.body if node not in gone]
    if not any(is_test(node) or is_test_class(node) for node in rest):
        return None
    helpers = [node for node in rest if _helper_name(node) and not _is_used(node, rest)]
    for node in sorted([*gone, *helpers], key=lambda item: item.lineno, reverse=True):
        start, end = extent(node, lines)
        del lines[start:end]
    return "".join(lines)


def _add(text: str, piece: Piece) -> tuple[str, str]:
    file = ast.parse(text)
    fitted = fit(file, piece)
    chunk = chunk_of(fitted, piece.reason)
    return with_imports(text, file, fitted.imports).rstrip("\n") + "\n" + chunk, node_name(fitted.test)


def chunk_of(fitted: Fitted, reason: str) -> str:
    """The text of a fitted test and its helpers, with the line that says why it was kept."""
    helpers = "".join(f"\n\n{ast.unparse(node)}\n" for node in fitted.helpers)
    return f"{helpers}\n\n# {' '.join(reason.split())}\n{fitted.text or ast.unparse(fitted.test)}\n"


def fit(file: ast.Module, piece: Piece, name: str = "") -> Fitted:
    """``piece`` as it fits into ``file``; its test is called ``name`` where one is given and not taken."""
    tree = ast.parse(piece.source)
    taken = {name for node in file.body for name in _top_names(node)}
    test = next(node for node in tree.body if is_test(node) or is_test_class(node))
    assert isinstance(test, FunctionNode | ast.ClassDef)
    text = _source_of(piece.source, test) if piece.verbatim else None
    renames = {test.name: unique(name or test.name, taken)}
    helpers: list[ast.stmt] = []
    for node in tree.body:
        if node is test or isinstance(node, ast.Import | ast.ImportFrom):
            continue
        if any(ast.dump(node) == ast.dump(other) for other in file.body):
            continue
        helpers.append(node)
        renames |= {name: unique(name, taken) for name in _top_names(node) if name in taken}
    imports = [single for node in tree.body for single in _single_imports(node)]
    top, inner = _place_imports(imports, file)
    for node in [*helpers, test]:
        _Rename(renames).visit(node)
    _import_inside(test, inner)
    for node in [*helpers, test]:
        ast.fix_missing_locations(node)
    as_written = not inner and all(old == new for old, new in renames.items())
    return Fitted(tuple(top), tuple(helpers), test, text if as_written else None)


def _source_of(source: str, node: FunctionNode | ast.ClassDef) -> str:
    first = min([node.lineno, *(item.lineno for item in node.decorator_list)])
    return "\n".join(source.splitlines()[first - 1 : node.end_lineno])


def node_name(test: FunctionNode | ast.ClassDef) -> str:
    """The node id suffix of a test function, or of the first test of a class."""
    if isinstance(test, ast.ClassDef):
        method = next(item for item in test.body if is_test(item))
        return f"{test.name}::{getattr(method, 'name', '')}"
    return test.name


def unique(name: str, taken: set[str]) -> str:
    """``name``, with a number where it is taken."""
    number = 2
    free = name
    while free in taken:
        free = f"{name}_{number}"
        number += 1
    return free


def _top_names(node: ast.stmt) -> list[str]:
    if isinstance(node, FunctionNode | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Assign):
        return [item.id for target in node.targets for item in ast.walk(target) if isinstance(item, ast.Name)]
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return [node.target.id]
    return []


def _single_imports(node: ast.stmt) -> list[ast.Import | ast.ImportFrom]:
    if isinstance(node, ast.Import):
        return [ast.Import([alias]) for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [ast.ImportFrom(node.module, [alias], node.level) for alias in node.names]
    return []


def _place_imports(
    imports: Sequence[ast.Import | ast.ImportFrom], file: ast.Module
) -> tuple[list[str], list[ast.Import | ast.ImportFrom]]:
    """Which imports go to the top of the file, as text, and which clash there and go into the test."""
    present = {
        import_bindings(single)[0]: ast.unparse(single) for node in file.body for single in _single_imports(node)
    }
    defined = {name for node in file.body for name in _top_names(node)}
    top: list[str] = []
    inner: list[ast.Import | ast.ImportFrom] = []
    for node in imports:
        text, bound = ast.unparse(node), import_bindings(node)[0]
        if present.get(bound) == text and bound not in defined:
            continue
        if bound in present or bound in defined:
            inner.append(node)
        else:
            top.append(text)
            present[bound] = text
    return top, inner


def _import_inside(test: FunctionNode | ast.ClassDef, imports: Sequence[ast.Import | ast.ImportFrom]) -> None:
    if not imports:
        return
    function = test
    if isinstance(test, ast.ClassDef):
        function = next(item for item in test.body if isinstance(item, FunctionNode) and is_test(item))
    function.body[:0] = [copy.deepcopy(node) for node in imports]


def with_imports(text: str, file: ast.Module, top: Sequence[str]) -> str:
    """``text`` with import lines put after the last import it has, or after the header."""
    if not top:
        return text
    present = [node for node in file.body if isinstance(node, ast.Import | ast.ImportFrom)]
    lines = text.splitlines(keepends=True)
    first = file.body[0] if file.body else None
    if present:
        at = present[-1].end_lineno or 0
    elif isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        at = first.end_lineno or 0
    else:
        at = next((index for index, line in enumerate(lines) if not line.startswith("#")), len(lines))
    lines[at:at] = ["" if present else "\n", *(f"{line}\n" for line in top)]
    return "".join(lines)


def _helper_name(node: ast.stmt) -> str:
    if is_test(node) or is_test_class(node):
        return ""
    names = _top_names(node)
    return names[0] if names else ""


def _is_used(node: ast.stmt, among: Sequence[ast.stmt]) -> bool:
    name = _helper_name(node)
    return any(
        other is not node
        and any(
            (isinstance(item, ast.Name) and item.id == name) or (isinstance(item, ast.arg) and item.arg == name)
            for item in ast.walk(other)
        )
        for other in among
    )


def extent(node: ast.stmt, lines: Sequence[str]) -> tuple[int, int]:
    """The lines (from 0, end exclusive) of a definition with its comment above and the blank lines before that."""
    decorators = getattr(node, "decorator_list", [])
    start = min([node.lineno, *(item.lineno for item in decorators)]) - 1
    while start > 0 and lines[start - 1].startswith("#"):
        start -= 1
    while start > 0 and not lines[start - 1].strip():
        start -= 1
    return start, node.end_lineno or node.lineno


class _Rename(ast.NodeTransformer):
    def __init__(self, names: dict[str, str]) -> None:
        self._names = names

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = self._names.get(node.id, node.id)
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.arg = self._names.get(node.arg, node.arg)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.name = self._names.get(node.name, node.name)
        return self.generic_visit(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        node.name = self._names.get(node.name, node.name)
        return self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.name = self._names.get(node.name, node.name)
        return self.generic_visit(node)
