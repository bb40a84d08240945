"""Tests that break off before they assert anything: what they did is worth observing."""

from __future__ import annotations

import ast

from augment.generation.syntax import FunctionNode

_CHECKS = (ast.Assert, ast.With, ast.AsyncWith)
"""An assertion, or a block such as ``pytest.raises`` that may be one."""


def complete(function: FunctionNode) -> None:
    """End a test that asserts nothing with an assertion about its last call, the expected value left open.

    A small model often runs out of its reply in the middle of a test: 18 of 44 turned away in one run had called what
    they test and stopped before the assertion.
    """
    if any(isinstance(node, _CHECKS) for node in ast.walk(function)):
        return
    last = function.body[-1]
    if isinstance(last, ast.Assign) and isinstance(last.targets[0], ast.Name) and _is_call(last.value):
        function.body.append(_open_assertion(ast.Name(last.targets[0].id, ast.Load())))
    elif isinstance(last, ast.Expr) and _is_call(last.value):
        function.body[-1] = _open_assertion(last.value)


def _is_call(value: ast.expr) -> bool:
    return isinstance(value.value if isinstance(value, ast.Await) else value, ast.Call)


def _open_assertion(value: ast.expr) -> ast.Assert:
    return ast.Assert(ast.Compare(value, [ast.Eq()], [ast.Constant(...)]), None)
