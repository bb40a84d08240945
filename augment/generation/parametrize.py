"""Parametrised tests and loops over literal cases become single cases, so that one wrong value costs only itself."""

from __future__ import annotations

import ast
import copy
import itertools
from collections.abc import Mapping

from augment.generation.syntax import (
    FunctionNode,
    bound_names,
    dotted,
    is_literal,
    remove_parameters,
    substitute,
)

MAX_CASES = 24
"""Cases made of one parametrised test; small models repeat themselves in long lists."""
MAX_UNROLLED = 12
_MAX_INLINE = 60

Case = dict[str, ast.expr]


def expand(function: FunctionNode, constants: Mapping[str, ast.expr]) -> list[FunctionNode]:
    """One function a case of ``function``; itself alone when it is not parametrised or cannot be expanded.

    ``constants`` are the module's top-level assignments, for case lists that have a name.
    """
    axes: list[list[Case]] = []
    for decorator in list(function.decorator_list):
        if not _is_parametrize(decorator):
            continue
        axis = _cases(decorator, constants)
        if axis is None:
            return [function]
        axes.append(axis)
    if not axes:
        return [function]
    expanded = []
    for index, combination in enumerate(itertools.islice(itertools.product(*reversed(axes)), MAX_CASES)):
        case: Case = {name: value for part in combination for name, value in part.items()}
        expanded.append(_single(function, case, index + 1))
    return expanded


def unroll(function: FunctionNode, constants: Mapping[str, ast.expr]) -> None:
    """Replace top-level ``for`` loops over literal cases by their bodies, so that each assertion can be mended."""
    local: dict[str, ast.expr] = dict(constants)
    body: list[ast.stmt] = []
    for statement in function.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            local[statement.targets[0].id] = statement.value
        unrolled = _unrolled(statement, local) if isinstance(statement, ast.For) else None
        body.extend(unrolled if unrolled is not None else [statement])
    function.body = body


def _is_parametrize(decorator: ast.expr) -> bool:
    return isinstance(decorator, ast.Call) and dotted(decorator.func).endswith("parametrize")


def _cases(decorator: ast.expr, constants: Mapping[str, ast.expr]) -> list[Case] | None:
    """The cases of one ``parametrize`` decorator; None when they are not spelt out."""
    assert isinstance(decorator, ast.Call)
    given = [*decorator.args, *(word.value for word in decorator.keywords if word.arg in ("argnames", "argvalues"))]
    if len(given) < 2:
        return None
    names = _names(given[0])
    rows = _elements(given[1], constants)
    if not names or rows is None:
        return None
    cases = []
    for row in rows:
        values = _row_values(row, len(names))
        if values is not None:
            cases.append(dict(zip(names, values, strict=True)))
    return cases


def _names(node: ast.expr) -> list[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [name.strip() for name in node.value.split(",") if name.strip()]
    if isinstance(node, ast.List | ast.Tuple):
        return [str(item.value) for item in node.elts if isinstance(item, ast.Constant)]
    return []


def _elements(node: ast.expr, constants: Mapping[str, ast.expr]) -> list[ast.expr] | None:
    if isinstance(node, ast.Name):
        node = constants.get(node.id, node)
    if isinstance(node, ast.Call) and dotted(node.func) in ("list", "tuple") and len(node.args) == 1:
        node = node.args[0]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "items":
        node = node.func.value
    if isinstance(node, ast.Name):
        node = constants.get(node.id, node)
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return [ast.Tuple([key, value], ast.Load()) for key, value in pairs if key is not None]
    return node.elts if isinstance(node, ast.List | ast.Tuple | ast.Set) else None


def _row_values(row: ast.expr, width: int) -> list[ast.expr] | None:
    if isinstance(row, ast.Call) and dotted(row.func).endswith("param"):
        values = list(row.args)
    elif width == 1:
        # A model often writes ``("a", [("x",), ("y",)])``; pytest would pass the tuple itself, and so do we.
        values = [row]
    elif isinstance(row, ast.Tuple | ast.List):
        values = list(row.elts)
    else:
        return None
    if len(values) != width or any(isinstance(value, ast.Starred) for value in values):
        return None
    return values


def _single(function: FunctionNode, case: Case, number: int) -> FunctionNode:
    single = copy.deepcopy(function)
    single.name = f"{function.name}_{number}"
    single.decorator_list = [item for item in single.decorator_list if not _is_parametrize(item)]
    remove_parameters(single, case)
    single.body = _bind(single, case)
    return single


def _bind(function: FunctionNode, case: Case) -> list[ast.stmt]:
    """Put the values of a case into the body: short literals inline, others assigned at the top."""
    stored = bound_names(ast.Module(function.body, []))
    inline = {
        name: value
        for name, value in case.items()
        if name not in stored and is_literal(value) and len(ast.unparse(value)) <= _MAX_INLINE
    }
    assigned: list[ast.stmt] = [
        ast.Assign([ast.Name(name, ast.Store())], value, lineno=0) for name, value in case.items() if name not in inline
    ]
    return assigned + [substitute(statement, inline) for statement in function.body]


def _unrolled(loop: ast.For, constants: Mapping[str, ast.expr]) -> list[ast.stmt] | None:
    rows = _elements(loop.iter, constants)
    names = _loop_names(loop.target)
    if rows is None or not names or loop.orelse or any(isinstance(n, ast.Break | ast.Continue) for n in ast.walk(loop)):
        return None
    stored = bound_names(ast.Module(loop.body, []))
    body: list[ast.stmt] = []
    for row in rows[:MAX_UNROLLED]:
        values = [row] if isinstance(loop.target, ast.Name) else _row_values(row, len(names))
        if values is None or not all(is_literal(value) for value in values) or stored & set(names):
            return None
        case = dict(zip(names, values, strict=True))
        body.extend(substitute(statement, case) for statement in loop.body)
    return body


def _loop_names(target: ast.expr) -> list[str]:
    if isinstance(target, ast.Name):
        return [target.id]
    if isinstance(target, ast.Tuple) and all(isinstance(item, ast.Name) for item in target.elts):
        return [item.id for item in target.elts if isinstance(item, ast.Name)]
    return []
