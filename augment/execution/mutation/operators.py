"""The mutation operators by name, and where in a function each applies.

The set is the usual one of the mutation testers for Python: what mutmut 3 and cosmic-ray 8 both change, and what only
one of them does where the change can be told by a test (docs/mutation.md has the table).
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from augment.execution.mutation import expressions, statements
from augment.execution.mutation.text import Edit, Text

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_PRAGMA = "pragma: no mutate"


@dataclass(frozen=True, slots=True)
class Operator:
    """A way to change code. ``name`` is stable: mutants and settings name it."""

    name: str
    nodes: tuple[type[ast.AST], ...]
    edits: Callable[[Any, Text], Iterator[Edit]]


OPERATORS = (
    Operator("arithmetic", (ast.BinOp,), expressions.arithmetic),
    Operator("comparison", (ast.Compare,), expressions.comparison),
    Operator("boolean", (ast.BoolOp,), expressions.boolean),
    Operator("unary", (ast.UnaryOp,), expressions.unary),
    Operator("number", (ast.Constant,), expressions.number),
    Operator("flag", (ast.Constant,), expressions.flag),
    Operator("string", (ast.Constant,), expressions.string),
    Operator("condition", (ast.If, ast.IfExp, ast.comprehension), expressions.condition),
    Operator("choice", (ast.IfExp,), expressions.choice),
    Operator("argument", (ast.Call,), expressions.argument),
    Operator("dictionary key", (ast.Call,), expressions.dictionary_key),
    Operator("method", (ast.Call,), expressions.method),
    Operator("slice", (ast.Slice,), expressions.slice_bound),
    Operator("lambda", (ast.Lambda,), expressions.function_value),
    Operator("assignment", (ast.Assign, ast.AnnAssign), statements.assignment),
    Operator("augmented assignment", (ast.AugAssign,), statements.augmented),
    Operator("return value", (ast.Return, ast.Yield), statements.returned),
    Operator("jump", (ast.Break, ast.Continue), statements.jump),
    Operator("no iteration", (ast.For,), statements.no_iteration),
    Operator("caught exception", (ast.Try,), statements.caught),
    Operator("raised exception", (ast.Raise,), statements.raised),
    Operator("case", (ast.Match,), statements.case),
    Operator("decorator", _FUNCTIONS, statements.decorator),
    Operator("default value", _FUNCTIONS, statements.no_default),
)

_BY_NODE: defaultdict[type[ast.AST], list[Operator]] = defaultdict(list)
for _operator in OPERATORS:
    for _node in _operator.nodes:
        _BY_NODE[_node].append(_operator)


def edits_in(function: ast.FunctionDef | ast.AsyncFunctionDef, text: Text) -> Iterator[tuple[Operator, Edit]]:
    """Every edit that the operators make in one function.

    Left alone: docstrings, annotations, f-strings, arguments of decorators, defaults that are more than a constant, and
    lines that say ``# pragma: no mutate``.
    """
    for node in _nodes(function):
        if _PRAGMA in text.lines[_lineno(node) - 1]:
            continue
        for operator in _BY_NODE[type(node)]:
            for edit in operator.edits(node, text):
                yield operator, edit


def _lineno(node: ast.AST) -> int:
    found = node.target if isinstance(node, ast.comprehension) else node
    lineno: int = found.lineno  # type: ignore[attr-defined]
    return lineno


def _nodes(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes that may be changed, ``node`` itself first."""
    if type(node) in _BY_NODE:
        yield node
    for child in _children(node):
        yield from _nodes(child)


def _children(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, _FUNCTIONS):
        yield from _defaults(node.args)
        yield from _statements(node.body)
    elif isinstance(node, ast.Lambda):
        yield from _defaults(node.args)
        yield node.body
    elif isinstance(node, ast.ClassDef):
        yield from _statements(node.body)
    elif isinstance(node, ast.AnnAssign):
        if node.value is not None:
            yield node.value
    elif isinstance(node, ast.JoinedStr) or type(node).__name__ == "TemplateStr":
        return
    else:
        yield from (child for child in ast.iter_child_nodes(node) if not _is_text_statement(child))


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    return (item for item in body if not _is_text_statement(item))


def _is_text_statement(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _defaults(arguments: ast.arguments) -> Iterator[ast.expr]:
    # A default is evaluated once, while the module is imported: one that calls something could break the import.
    for default in (*arguments.defaults, *arguments.kw_defaults):
        simple = isinstance(default, ast.Constant) or (
            isinstance(default, ast.UnaryOp) and isinstance(default.operand, ast.Constant)
        )
        if default is not None and simple:
            yield default
