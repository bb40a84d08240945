"""What a function refuses at its start, so that strategies can stay within what it takes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace

from augment.generation.syntax import FunctionNode

_OPPOSITE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
}
_MIRRORED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.Gt,
    ast.LtE: ast.GtE,
    ast.Gt: ast.Lt,
    ast.GtE: ast.LtE,
    ast.Eq: ast.Eq,
    ast.NotEq: ast.NotEq,
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What an argument must be. ``low`` and ``high`` bound a number, or the length of what is ``sized``; None is open.

    ``low_open`` and ``high_open`` say that the bound itself is refused. ``filled`` refuses the empty and zero,
    ``shown`` refuses text of white space only.
    """

    low: float | None = None
    high: float | None = None
    low_open: bool = False
    high_open: bool = False
    smallest: int = 0
    largest: int | None = None
    filled: bool = False
    shown: bool = False

    def whole(self) -> tuple[int | None, int | None]:
        """The bounds of a whole number, both included."""
        low = None if self.low is None else int(self.low) + (1 if self.low_open else 0)
        high = None if self.high is None else int(self.high) - (1 if self.high_open else 0)
        return low, high


def read_limits(source: str, names: tuple[str, ...]) -> dict[str, Limits]:
    """By parameter: what the guards at the top level of the function let through.

    Only a guard whose body ends by raising counts, and only where it compares with constants.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return {}
    found: dict[str, Limits] = {}
    for statement in _statements(tree):
        if isinstance(statement, ast.If) and isinstance(statement.body[-1], ast.Raise):
            for name, change in _demands(statement.test, wanted=False):
                if name in names:
                    found[name] = replace(found.get(name, Limits()), **change)  # type: ignore[arg-type]
        elif isinstance(statement, ast.Assert):
            for name, change in _demands(statement.test, wanted=True):
                if name in names:
                    found[name] = replace(found.get(name, Limits()), **change)  # type: ignore[arg-type]
    return found


def is_explained(source: str, names: tuple[str, ...]) -> bool:
    """Whether every ``raise`` in a function is behind a guard that :func:`read_limits` understands as a whole."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return False
    raises = sum(isinstance(node, ast.Raise) for node in ast.walk(tree))
    guards = [item for item in _statements(tree) if isinstance(item, ast.If) and isinstance(item.body[-1], ast.Raise)]
    understood = [item for item in guards if not item.orelse and _is_understood(item.test, names, wanted=False)]
    return raises == len(understood)


def _is_understood(test: ast.expr, names: tuple[str, ...], *, wanted: bool) -> bool:
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return _is_understood(test.operand, names, wanted=not wanted)
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And if wanted else ast.Or):
        return all(_is_understood(part, names, wanted=wanted) for part in test.values)
    if isinstance(test, ast.Call) and ast.unparse(test.func) == "isinstance":
        return wanted  # strategies draw what the signature says
    demands = list(_demands(test, wanted=wanted))
    return bool(demands) and all(name in names for name, _ in demands)


def _statements(tree: ast.Module) -> list[ast.stmt]:
    """The statements of the functions of a module, those at their top level."""
    return [statement for node in tree.body if isinstance(node, FunctionNode) for statement in node.body]


def _demands(test: ast.expr, *, wanted: bool) -> Iterator[tuple[str, dict[str, object]]]:
    """What must hold for ``test`` to be ``wanted``, where that is a conjunction of simple demands."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        yield from _demands(test.operand, wanted=not wanted)
    elif isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And if wanted else ast.Or):
        for part in test.values:
            yield from _demands(part, wanted=wanted)
    elif isinstance(test, ast.Compare) and (wanted or len(test.ops) == 1):
        sides = [test.left, *test.comparators]
        for left, operator, right in zip(sides, test.ops, sides[1:], strict=False):
            kind = type(operator) if wanted else _OPPOSITE.get(type(operator))
            if kind is not None:
                yield from _compared(left, kind, right)
    elif wanted:
        yield from _truthy(test)


def _truthy(test: ast.expr) -> Iterator[tuple[str, dict[str, object]]]:
    name = _name_of(test)
    if name:
        yield name, {"filled": True}
    elif isinstance(test, ast.Call) and isinstance(test.func, ast.Attribute) and test.func.attr == "strip":
        name = _name_of(test.func.value)
        if name:
            yield name, {"shown": True, "filled": True}


def _compared(left: ast.expr, kind: type[ast.cmpop], right: ast.expr) -> Iterator[tuple[str, dict[str, object]]]:
    constant = _number(right)
    if constant is None:
        constant, left, kind = _number(left), right, _MIRRORED.get(kind, kind)
    if constant is None:
        return
    name = _name_of(left)
    if name:
        yield from ((name, change) for change in _bound(kind, constant))
    elif isinstance(left, ast.Call) and ast.unparse(left.func) == "len" and len(left.args) == 1:
        name = _name_of(left.args[0])
        yield from ((name, change) for change in _length(kind, int(constant)) if name)


def _name_of(node: ast.expr) -> str:
    """A parameter, or a field of the instance that it was just stored in; '' for anything else."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _bound(kind: type[ast.cmpop], constant: float) -> Iterator[dict[str, object]]:
    if kind in (ast.Gt, ast.GtE):
        yield {"low": constant, "low_open": kind is ast.Gt}
    elif kind in (ast.Lt, ast.LtE):
        yield {"high": constant, "high_open": kind is ast.Lt}
    elif kind is ast.NotEq and constant == 0:
        yield {"filled": True}


def _length(kind: type[ast.cmpop], constant: int) -> Iterator[dict[str, object]]:
    if kind in (ast.Gt, ast.GtE):
        yield {"smallest": constant + (1 if kind is ast.Gt else 0)}
    elif kind in (ast.Lt, ast.LtE):
        yield {"largest": constant - (1 if kind is ast.Lt else 0)}
    elif kind is ast.Eq:
        yield {"smallest": constant, "largest": constant}
    elif kind is ast.NotEq and constant == 0:
        yield {"smallest": 1}


def _number(node: ast.expr) -> float | None:
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError):
        return None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
