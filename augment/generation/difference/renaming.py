"""A sketch in the names of the new code -> the same calls in the names of the old one."""

from __future__ import annotations

import ast

from augment.analysis import Change


def in_old_names(source: str, change: Change) -> str:
    """``source`` with what a rename or a move changed undone; the same where only the code differs."""
    old, new = change.previous, change.target
    if old is None or old.id == new.id:
        return source
    tree = _Renaming(change).visit(ast.parse(source))
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


class _Renaming(ast.NodeTransformer):
    def __init__(self, change: Change) -> None:
        assert change.previous is not None
        self._old, self._new = change.previous, change.target
        self._names = self._old.qualname.split("."), self._new.qualname.split(".")

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        """The import of the target, or of its class."""
        (old, *_), (new, *_) = self._names
        if node.module != self._new.module or all(alias.name != new for alias in node.names):
            return node
        others = [alias for alias in node.names if alias.name != new]
        ours = [
            ast.alias(old, alias.asname or (new if new != old else None)) for alias in node.names if alias.name == new
        ]
        moved = ast.ImportFrom(self._old.module, ours, node.level)
        return moved if not others else [ast.ImportFrom(node.module, others, node.level), moved]  # type: ignore[return-value]

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """The name of a method."""
        self.generic_visit(node)
        (*_, old), (*_, new) = self._names
        if len(self._names[1]) > 1 and node.attr == new:
            node.attr = old
        return node
