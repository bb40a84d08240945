"""Instances that have lived a little: a container is filled, a thing is started, before the target is called."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping

from augment.analysis import Parameter, TargetContext
from augment.generation.search.construct import Maker, combine
from augment.generation.search.values import Value

FILLING = re.compile(
    r"^(add|append|push|put|insert|set|register|update|record|enqueue|extend|load|feed|write|create|start|open|begin)(_|$)"
)
SUBJECT = "subject"
MAX_FILLERS = 2


def prepared_instances(
    context: TargetContext, maker: Maker, pools: Mapping[str, list[Value]], instance: Value
) -> Iterator[Value]:
    """``instance`` after one call of a method that fills or starts it, and after two; none where no method looks so.

    Arguments named like the target's get the same values, so that what was put in is what is looked for.
    """
    calls = [call for method in _fillers(context) if (call := _filling(method, maker, pools)) is not None]
    for call in calls[:MAX_FILLERS]:
        for times in (1, 2):
            lines = (f"{SUBJECT} = {instance.text}", *[f"{SUBJECT}.{call.text}"] * times)
            whole = combine(SUBJECT, [instance, call])
            label = call.label if times == 1 else f"{call.label}_twice"
            yield Value(SUBJECT, label, whole.imports, whole.fixtures, (*whole.setup, *lines))


def _fillers(context: TargetContext) -> list[ast.FunctionDef]:
    try:
        tree = ast.parse(context.class_skeleton)
    except SyntaxError:
        return []
    own = context.target.qualname.rpartition(".")[2]
    methods = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return [node for node in methods if FILLING.match(node.name) and node.name != own and not node.decorator_list]


def _filling(method: ast.FunctionDef, maker: Maker, pools: Mapping[str, list[Value]]) -> Value | None:
    plain = method.args.args[1:]
    required = plain[: len(plain) - len(method.args.defaults)]
    values: list[Value] = []
    for arg in required:
        annotation = ast.unparse(arg.annotation) if arg.annotation else ""
        choices = pools.get(arg.arg) or maker.for_parameter(Parameter(arg.arg, annotation))
        if not choices:
            return None
        values.append(choices[0])
    return combine(f"{method.name}({', '.join(value.text for value in values)})", values, f"after_{method.name}")
