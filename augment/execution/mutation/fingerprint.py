"""Telling whether two versions of a function do the same, by their compiled code."""

from __future__ import annotations

import ast
import warnings
from types import CodeType
from typing import Any

from augment.execution.runner.places import find_code, find_node


def body_fingerprint(alone: str, chain: tuple[str, ...]) -> Any:
    """What a function compiles to, without its line numbers. Functions of equal fingerprint behave equally when called.

    Raises SyntaxError when the text does not compile, and LookupError when the function is not in it.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        return _key(find_code(compile(alone, "<mutant>", "exec", dont_inherit=True), chain))


def head_fingerprint(alone: str, chain: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The decorators and the defaults of a function, as written. Raises like :func:`body_fingerprint`."""
    node = find_node(ast.parse(alone), chain)
    defaults = [default for default in (*node.args.defaults, *node.args.kw_defaults) if default is not None]
    return _dumps(node.decorator_list), _dumps(defaults)


def _dumps(nodes: list[ast.expr]) -> tuple[str, ...]:
    return tuple(ast.dump(node) for node in nodes)


def _key(code: CodeType) -> tuple[Any, ...]:
    return (
        code.co_code,
        tuple(_constant(constant) for constant in code.co_consts),
        code.co_names,
        code.co_varnames,
        code.co_freevars,
        code.co_cellvars,
        (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags),
        getattr(code, "co_exceptiontable", b""),
    )


def _constant(value: Any) -> Any:
    """A constant with its type: 1, 1.0 and True are equal to Python."""
    if isinstance(value, CodeType):
        return _key(value)
    if isinstance(value, tuple):
        return tuple(_constant(item) for item in value)
    if isinstance(value, frozenset):
        return tuple(sorted(repr(item) for item in value))
    return type(value).__name__, repr(value)
