"""Arguments that the project, its documentation and its names show: what real inputs of a function look like."""

from __future__ import annotations

import ast

from augment.analysis import TargetContext
from augment.generation.search.calls import shown
from augment.generation.search.values import samples_for

MAX_SHOWN = 8


def shown_arguments(context: TargetContext) -> dict[str, tuple[object, ...]]:
    """By parameter: the literals passed in calls found in the project and in documented examples, in order."""
    texts = [*context.example_calls, *_documented(context)]
    found: dict[str, dict[str, object]] = {}
    for call in shown(context.parameters, tuple(texts)):
        for parameter, value in call.arguments:
            try:
                found.setdefault(parameter.name, {})[value.text] = ast.literal_eval(value.text)
            except (ValueError, SyntaxError, TypeError):
                continue
    return {name: tuple(values.values())[:MAX_SHOWN] for name, values in found.items()}


def samples(*names: str) -> tuple[str, ...]:
    """Texts of the formats that names suggest, such as ``isbn``."""
    texts = [ast.literal_eval(value.text) for value in samples_for(*names)]
    return tuple(text for text in texts if isinstance(text, str))[:MAX_SHOWN]


def text_in_code(context: TargetContext) -> str:
    """The characters that the function's own string literals are made of, letters and digits left out, in order."""
    characters: dict[str, None] = {}
    for text in context.literals:
        try:
            value = ast.literal_eval(text)
        except (ValueError, SyntaxError, TypeError):
            continue
        if isinstance(value, str) and len(value) <= MAX_SHOWN:
            characters |= dict.fromkeys(item for item in value if not item.isalnum() and item.isprintable())
    return "".join(characters)


def _documented(context: TargetContext) -> list[str]:
    """The calls of the target in its documented examples."""
    name = context.call_name.rpartition(".")[2]
    found = []
    for statement, want in context.doctests:
        if want.startswith("Traceback"):
            continue
        try:
            tree = ast.parse(statement)
        except SyntaxError:
            continue
        calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
        found += [ast.unparse(node) for node in calls if ast.unparse(node.func).rpartition(".")[2] == name]
    return found
