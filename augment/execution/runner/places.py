"""Where a function is in compiled code and in a syntax tree. Used on both sides: here, and where mutants are made."""

from __future__ import annotations

import ast
import types
from collections.abc import Sequence
from typing import Any

_GENERIC = "<generic parameters of "
"""Python 3.12 and later compile a generic function within a function of this name."""


def find_code(code: types.CodeType, chain: Sequence[str]) -> types.CodeType:
    """The code object at the end of ``chain``, the names of classes and the function. Raises LookupError."""
    for name in chain:
        code = _inner(code, name)
    return code


def _inner(code: types.CodeType, name: str) -> types.CodeType:
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            if constant.co_name == name:
                return constant
            if constant.co_name.startswith(_GENERIC):
                return _inner(constant, name)
    raise LookupError(f"there is no function {name}")


def find_node(tree: ast.AST, chain: Sequence[str]) -> Any:
    """The syntax of the same function. Raises LookupError."""
    wanted = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for name in chain:
        found = [node for node in ast.walk(tree) if isinstance(node, wanted) and node.name == name]
        if not found:
            raise LookupError(f"there is no function {name}")
        tree = found[0]
    return tree
