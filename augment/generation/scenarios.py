"""Scenarios from a model: calls worth making, one a line, whose results are left to be observed.

A small model predicts values badly and proposes inputs well, so inputs are all that it is asked for. The reply is JSON
where the engine can be held to a schema; whatever comes is read leniently, call by call.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from augment.generation.split import split_reply
from augment.generation.syntax import dotted

if TYPE_CHECKING:
    from augment.analysis import TargetContext

CALLS = 10
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"calls": {"type": "array", "items": {"type": "string"}}},
    "required": ["calls"],
}
"""What a reply has to look like: ``{"calls": ["f(1)", ...]}``. Without bounds of lengths and numbers, which engines
spell out in their grammars.
"""
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')


def scenario_sources(text: str, context: TargetContext) -> list[str]:
    """Open tests made of a reply, one for each call in it that can be read; repeats are left out."""
    functions = []
    for number, call in enumerate(dict.fromkeys(_calls(text)), 1):
        body = _body(call, context)
        if body:
            functions.append(f"def test_scenario_{number}():\n" + "".join(f"    {line}\n" for line in body))
    if not functions:
        return []
    return split_reply(ast.parse("\n\n".join(functions)), context)


def _calls(text: str) -> Iterator[str]:
    """The strings of a reply, a broken one included: a reply that was cut off lacks its end."""
    try:
        reply = json.loads(text)
    except ValueError:
        for quoted in _QUOTED.findall(text):
            try:
                yield str(json.loads(f'"{quoted}"'))
            except ValueError:
                continue
        return
    calls = reply.get("calls", []) if isinstance(reply, dict) else []
    yield from (call for call in calls if isinstance(call, str))


def _body(call: str, context: TargetContext) -> list[str]:
    """The lines of an open test: setup, then what the last expression gives. [] for what is no call of the target."""
    try:
        tree = ast.parse(call.strip())
    except (SyntaxError, ValueError, RecursionError):
        return []
    if not tree.body or context.call_name.rpartition(".")[2] not in call:
        return []
    last = _opened(tree.body[-1])
    if last is None or not any(isinstance(node, ast.Call) for node in ast.walk(tree)):
        return []
    lines = [line for statement in tree.body[:-1] for line in ast.unparse(statement).splitlines()]
    return [*lines, *last]


def _opened(statement: ast.stmt) -> list[str] | None:
    if isinstance(statement, ast.Expr):
        if isinstance(statement.value, ast.Call) and dotted(statement.value.func) == "print":
            return [f"assert {ast.unparse(argument)} == ..." for argument in statement.value.args[:1]]
        return [f"assert {ast.unparse(statement.value)} == ..."]
    if isinstance(statement, ast.Assert):
        subject = statement.test.left if isinstance(statement.test, ast.Compare) else statement.test
        return [f"assert {ast.unparse(subject)} == ..."]
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
        return [ast.unparse(statement), f"assert {statement.targets[0].id} == ..."]
    return None
