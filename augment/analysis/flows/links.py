"""What one call gives and another takes, as some code of the project shows it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from augment.analysis.facts import Found, ModuleFacts, methods_of
from augment.analysis.flows.callgraph import CallGraph, Scope
from augment.analysis.source import Definition, decorator_names


@dataclass(frozen=True, slots=True)
class Link:
    """Some code passes what ``producer`` returns to ``consumer`` as ``parameter`` ('' when it is called on it)."""

    producer: str
    consumer: str
    parameter: str


def links_in(graph: CallGraph, facts: ModuleFacts, node: Definition | ast.Module) -> Iterator[Link]:
    """The results of the project's functions that a piece of code passes on to others of its functions."""
    scope = graph.scope(facts, node)
    held: dict[str, str] = {}
    calls = [item for item in graph.nodes(node) if isinstance(item, ast.Call | ast.Assign | ast.withitem)]
    for item in sorted(calls, key=_position):
        if isinstance(item, ast.Call):
            yield from _links_of(graph, scope, item, held)
            continue
        target, value = (
            (item.targets[0], item.value) if isinstance(item, ast.Assign) else (item.optional_vars, item.context_expr)
        )
        if isinstance(target, ast.Name):
            producer = scope.callee(value) if isinstance(value, ast.Call) else None
            held |= {target.id: producer} if producer else {}
            if not producer:
                held.pop(target.id, None)


def _links_of(graph: CallGraph, scope: Scope, call: ast.Call, held: Mapping[str, str]) -> Iterator[Link]:
    consumer = scope.callee(call)
    found = graph.functions.get(consumer or "")
    if consumer is None or found is None:
        return
    names = _parameter_names(found)
    for index, argument in enumerate(call.args):
        producer = _producer(scope, argument, held)
        if producer and index < len(names):
            yield Link(producer, consumer, names[index])
    for word in call.keywords:
        producer = _producer(scope, word.value, held)
        if producer and word.arg:
            yield Link(producer, consumer, word.arg)
    if isinstance(call.func, ast.Attribute) and (producer := _producer(scope, call.func.value, held)):
        yield Link(producer, consumer, "")


def _producer(scope: Scope, node: ast.expr, held: Mapping[str, str]) -> str | None:
    if isinstance(node, ast.Name):
        return held.get(node.id)
    return scope.callee(node) if isinstance(node, ast.Call) else None


def _position(item: ast.Call | ast.Assign | ast.withitem) -> tuple[int, int, int]:
    """Where a node takes effect: a call before the assignment of its result."""
    node = item.context_expr if isinstance(item, ast.withitem) else item
    return node.lineno, 0 if isinstance(item, ast.Call) else 1, node.col_offset


def _parameter_names(found: Found) -> list[str]:
    node = found.item.node
    if isinstance(node, ast.ClassDef):
        init = next((item for item in methods_of(node) if item.name == "__init__"), None)
        if init is None:
            fields = [item.target for item in node.body if isinstance(item, ast.AnnAssign)]
            return [target.id for target in fields if isinstance(target, ast.Name)]
        return [arg.arg for arg in init.args.args[1:]]
    names = [arg.arg for arg in [*node.args.posonlyargs, *node.args.args]]
    bound = found.item.owner is not None and "staticmethod" not in decorator_names(node)
    return names[1:] if bound else names
