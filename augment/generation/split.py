"""One reply becomes standalone candidates: a module for each test, with only what that test needs."""

from __future__ import annotations

import ast
import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING

from augment.generation.classes import modern_assertions, plain_functions
from augment.generation.completion import complete
from augment.generation.imports import ImportMender, complete_imports
from augment.generation.parametrize import expand, unroll
from augment.generation.replies import normalised
from augment.generation.syntax import (
    FunctionNode,
    bound_names,
    is_test,
    is_test_class,
    loaded_names,
    parameter_names,
    render,
)

if TYPE_CHECKING:
    from augment.analysis import TargetContext

MAX_CANDIDATES = 60
"""Standalone tests made of one reply."""


def split_reply(tree: ast.Module, context: TargetContext) -> list[str]:
    """Sources of standalone test modules made from a parsed reply, in the reply's order, without repeats.

    Every test function, and every method of a test class that does not depend on its class, gets a module of its own
    with the imports and helpers that it uses. Parametrised tests and loops over literal cases are taken apart.
    """
    mender = ImportMender(context)
    imports = [mended for node in _imports(tree) for mended in mender.mend(node)]
    helpers = [node for node in tree.body if _is_helper(node) and not mender.is_copy_of_project_code(node)]
    constants = {name: value for node in helpers for name, value in _assignment(node)}
    sources: dict[str, str] = {}
    for test in _tests(tree):
        for single in _singles(test, constants):
            used = _needed_helpers(single, helpers)
            body: list[ast.stmt] = [*used, single]
            source = render(ast.Module([*complete_imports(body, imports, mender), *copy.deepcopy(body)], []))
            sources.setdefault(normalised(source), source)
            if len(sources) >= MAX_CANDIDATES:
                return list(sources.values())
    return list(sources.values())


def _imports(tree: ast.Module) -> list[ast.Import | ast.ImportFrom]:
    """Imports at the top and inside ``try`` blocks."""
    return [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom) and _is_top(node, tree)]


def _is_top(node: ast.stmt, tree: ast.Module) -> bool:
    if node in tree.body:
        return True
    return any(node in getattr(block, "body", []) for block in tree.body if isinstance(block, ast.Try))


def _is_helper(node: ast.stmt) -> bool:
    if isinstance(node, FunctionNode | ast.ClassDef):
        return not is_test(node) and not is_test_class(node)
    return isinstance(node, ast.Assign | ast.AnnAssign)


def _assignment(node: ast.stmt) -> list[tuple[str, ast.expr]]:
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return [(node.targets[0].id, node.value)]
    return []


def _tests(tree: ast.Module) -> list[FunctionNode | ast.ClassDef]:
    tests: list[FunctionNode | ast.ClassDef] = []
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and is_test_class(node):
            tests.extend(plain_functions(node))
        elif isinstance(node, FunctionNode) and is_test(node):
            tests.append(node)
    return tests


def _singles(test: FunctionNode | ast.ClassDef, constants: dict[str, ast.expr]) -> list[FunctionNode | ast.ClassDef]:
    if isinstance(test, ast.ClassDef):
        return [test]
    singles: list[FunctionNode | ast.ClassDef] = []
    for function in expand(test, constants):
        unroll(function, constants)
        modern_assertions(function)
        complete(function)
        singles.append(_plain(function))
    return singles


def _plain(function: FunctionNode) -> FunctionNode:
    """An ``async def`` test needs a plugin that the project may lack; run its body with asyncio instead."""
    if isinstance(function, ast.FunctionDef):
        function.decorator_list = [item for item in function.decorator_list if "asyncio" not in ast.unparse(item)]
        return function
    inner = ast.AsyncFunctionDef("scenario", _no_arguments(), function.body, [])
    run = ast.parse("asyncio.run(scenario())").body
    decorators = [item for item in function.decorator_list if "asyncio" not in ast.unparse(item)]
    return ast.FunctionDef(function.name, function.args, [inner, *run], decorators)


def _no_arguments() -> ast.arguments:
    return ast.arguments(posonlyargs=[], args=[], vararg=None, kwonlyargs=[], kw_defaults=[], kwarg=None, defaults=[])


def _needed_helpers(test: ast.stmt, helpers: Sequence[ast.stmt]) -> list[ast.stmt]:
    """The helpers that ``test`` uses, directly or through other helpers, in their order. Fixtures count as used."""
    wanted = loaded_names(test)
    for item in ast.walk(test):
        if isinstance(item, FunctionNode):
            wanted |= set(parameter_names(item))
    chosen: set[int] = set()
    grew = True
    while grew:
        grew = False
        for index, helper in enumerate(helpers):
            if index not in chosen and _module_names(helper) & wanted:
                chosen.add(index)
                wanted |= loaded_names(helper)
                if isinstance(helper, FunctionNode):
                    wanted |= set(parameter_names(helper))
                grew = True
    return [helper for index, helper in enumerate(helpers) if index in chosen]


def _module_names(node: ast.stmt) -> set[str]:
    """Names that a top-level statement binds in the module."""
    if isinstance(node, FunctionNode | ast.ClassDef):
        return {node.name}
    return bound_names(node)
