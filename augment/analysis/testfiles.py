"""Two texts of one test module -> the tests that were added or redefined, and whether that is all there is to it."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from augment.analysis.source import Definition, Function, parse


@dataclass(frozen=True, slots=True)
class TestEdits:
    """What an edit of a test module did to its tests, as far as names and headers go.

    ``functions`` are the parts of node ids after the file (``test_x``, ``TestCart::test_x``, ``TestCart``) whose
    tests are new or have another header (decorators, arguments), so that their node ids may differ. The trees have
    these definitions left out: what still differs between them is everything else.
    """

    __test__ = False  # pytest would collect the name

    functions: tuple[str, ...]
    old_tree: ast.Module
    new_tree: ast.Module


def test_edits(before: str, after: str) -> TestEdits:
    """Compare two texts of a test module. Raises SyntaxError when either does not parse.

    A test counts only where its node id is sure: a function of the module, or a method of a class of the module that
    no other class of it extends. Whatever is removed counts as part of the rest.
    """
    old, new = parse(before), parse(after)
    edits = _Edits(old, new)
    edits.compare(old, new, "")
    return TestEdits(tuple(edits.functions), old, new)


test_edits.__test__ = False  # type: ignore[attr-defined]


class _Edits:
    def __init__(self, old: ast.Module, new: ast.Module) -> None:
        self.functions: list[str] = []
        self._extended = _bases(old) | _bases(new)

    def compare(self, old: ast.Module | ast.ClassDef, new: ast.Module | ast.ClassDef, scope: str) -> None:
        """Take out of both trees the tests that are new or redefined, and note them."""
        before, after = _by_name(old.body), _by_name(new.body)
        for name, node in after.items():
            known = before.get(name)
            if isinstance(node, ast.ClassDef):
                self._of_class(known, node, new)
            elif name.startswith("test") and isinstance(node, Function):
                self._of_function(known, node, old, new, scope)

    def _of_class(self, known: Definition | None, node: ast.ClassDef, new: ast.Module | ast.ClassDef) -> None:
        if node.name in self._extended or not isinstance(new, ast.Module):
            return
        if known is None and node.name.startswith("Test") and not (node.bases or node.keywords or node.decorator_list):
            self.functions.append(node.name)
            _take_out(new, node)
        elif isinstance(known, ast.ClassDef):
            self.compare(known, node, f"{node.name}::")

    def _of_function(
        self,
        known: Definition | None,
        node: ast.FunctionDef | ast.AsyncFunctionDef,
        old: ast.Module | ast.ClassDef,
        new: ast.Module | ast.ClassDef,
        scope: str,
    ) -> None:
        if isinstance(known, Function) and _header(known) == _header(node):
            return
        if known is not None and not isinstance(known, Function):
            return
        self.functions.append(scope + node.name)
        _take_out(new, node)
        if known is not None:
            _take_out(old, known)


def _by_name(body: list[ast.stmt]) -> dict[str, Definition]:
    nodes = [node for node in body if isinstance(node, Definition)]
    names = [node.name for node in nodes]
    return {node.name: node for node in nodes if names.count(node.name) == 1}


def _bases(tree: ast.Module) -> set[str]:
    """Names that stand where a class of the module extends another."""
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    return {item.id for node in classes for base in node.bases for item in ast.walk(base) if isinstance(item, ast.Name)}


def _header(node: ast.FunctionDef | ast.AsyncFunctionDef) -> tuple[str, ...]:
    kind = type(node).__name__
    return (kind, ast.dump(node.args), *(ast.dump(item) for item in node.decorator_list))


def _take_out(tree: ast.Module | ast.ClassDef, node: ast.stmt) -> None:
    tree.body = [item for item in tree.body if item is not node] or [ast.copy_location(ast.Pass(), node)]
