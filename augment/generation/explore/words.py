"""The words that variations are made of: what the code and the sketches hold."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from augment.analysis import TargetContext
from augment.generation.explore.vary import Words

_MOST = 60
_LONGEST = 40
_MOST_TEXTS = 260


COMMON = (
    *("https://www.example.com/a?b=1", "user@example.com", "2024-02-29", "12:30", "192.168.0.1", "::1", "-3.5", "1e3"),
    *("(a)", '"quoted"', "'", "#", "%", "key: value", "a, b", "one two", "x=1", "[1, 2]", "{}", "<b>", "\u00e9", "100%"),
)
"""Texts of the forms that code often asks for."""


def words_of(context: TargetContext, sketches: Iterable[str], outputs: Iterable[str] = ()) -> Words:
    """Texts, numbers and values from the target's source and literals, from the ``sketches`` of it, and the literals
    that calls nearby gave, ``outputs``.
    """
    texts: dict[str, None] = {}
    numbers: dict[float, None] = {}
    values: dict[str, None] = {}
    for value in _constants(context):
        _note(value, texts, numbers)
    for source in sketches:
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call):
                for argument in [*node.args, *(word.value for word in node.keywords)]:
                    text = ast.unparse(argument)
                    if len(text) <= _MOST and _is_literal(argument):
                        values[text] = None
                        _note(ast.literal_eval(argument), texts, numbers)
    texts |= {text: None for text in COMMON if text not in texts}
    return Words(tuple(texts)[:_MOST_TEXTS], tuple(numbers)[:60], tuple(values)[-120:], tuple(outputs))


def _constants(context: TargetContext) -> Iterable[object]:
    for text in context.literals:
        try:
            yield ast.literal_eval(text)
        except (ValueError, SyntaxError):
            continue
    try:
        tree = ast.parse(context.source)
    except SyntaxError:
        return
    yield from (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))


def _note(value: object, texts: dict[str, None], numbers: dict[float, None]) -> None:
    if isinstance(value, bool) or value is None or value is ...:
        return
    if isinstance(value, int | float):
        numbers[value] = None
    elif isinstance(value, str) and value:
        if len(value) <= _LONGEST:
            texts[value] = None
        for word in re.findall(r"[^\W_]+|[^\w\s]+", value)[:20]:
            texts.setdefault(word[:_LONGEST], None)
        for line in value.splitlines()[:12]:
            texts.setdefault(line[:_MOST], None)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            _note(item, texts, numbers)
    elif isinstance(value, dict):
        for key, item in value.items():
            _note(key, texts, numbers)
            _note(item, texts, numbers)


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True
