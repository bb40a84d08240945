"""Mutation operators on statements and definitions."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from augment.execution.mutation.expressions import ARITHMETIC
from augment.execution.mutation.text import Edit, Text

_DECLARING = frozenset({"overload", "override", "abstractmethod", "final"})
"""Decorators that change nothing at run time, or only who may make an instance."""


def assignment(node: ast.Assign | ast.AnnAssign, text: Text) -> Iterator[Edit]:
    """``a = b`` -> ``a = None``, ``a = None`` -> ``a = ""``."""
    if node.value is not None:
        yield text.replace(node.value, '""' if _is_none(node.value) else "None")


def augmented(node: ast.AugAssign, text: Text) -> Iterator[Edit]:
    """``a += b`` -> ``a -= b``, ``a = b``."""
    old, new = ARITHMETIC[type(node.op)]
    for symbol in (new + "=", "="):
        edit = text.symbol(node.target, node.value, re.escape(old + "="), symbol)
        if edit:
            yield edit


def returned(node: ast.Return | ast.Yield, text: Text) -> Iterator[Edit]:
    """``return a`` -> ``return None``, ``yield a`` -> ``yield None``."""
    if node.value is not None and not _is_none(node.value):
        yield text.replace(node.value, "None")


def jump(node: ast.Break | ast.Continue, text: Text) -> Iterator[Edit]:
    """``break`` -> ``return``, ``continue`` -> ``break``."""
    yield text.replace(node, "return" if isinstance(node, ast.Break) else "break")


def no_iteration(node: ast.For, text: Text) -> Iterator[Edit]:
    """``for a in b:`` -> ``for a in ():``."""
    yield text.replace(node.iter, "()")


def caught(node: ast.Try, text: Text) -> Iterator[Edit]:
    """``except A:`` -> ``except ():``, which catches nothing."""
    for handler in node.handlers:
        if handler.type is not None:
            yield text.replace(handler.type, "()")


def raised(node: ast.Raise, text: Text) -> Iterator[Edit]:
    """``raise A(b)`` -> ``raise Exception(b)``."""
    what = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
    name = what.id if isinstance(what, ast.Name) else what.attr if isinstance(what, ast.Attribute) else ""
    if what is not None and name[:1].isupper() and name != "Exception":
        yield text.replace(what, "Exception")


def case(node: ast.Match, text: Text) -> Iterator[Edit]:
    """One ``case`` of several is left out."""
    if len(node.cases) > 1:
        for one in node.cases:
            last = one.body[-1].end_lineno
            assert last is not None
            yield text.whole_lines(one.pattern.lineno, last)


def decorator(node: ast.FunctionDef | ast.AsyncFunctionDef, text: Text) -> Iterator[Edit]:
    """One decorator is left out."""
    for one in node.decorator_list:
        name = one.func if isinstance(one, ast.Call) else one
        last = name.attr if isinstance(name, ast.Attribute) else name.id if isinstance(name, ast.Name) else ""
        if last not in _DECLARING:
            assert one.end_lineno is not None
            yield text.whole_lines(one.lineno, one.end_lineno)


def no_default(node: ast.FunctionDef | ast.AsyncFunctionDef, text: Text) -> Iterator[Edit]:
    """``def f(a=None)`` -> ``def f(a="")``; other defaults are changed as the constants that they are."""
    for default in (*node.args.defaults, *node.args.kw_defaults):
        if default is not None and _is_none(default):
            yield text.replace(default, '""')


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
