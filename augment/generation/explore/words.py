"""The words that variations are made of: what the code and the sketches hold."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from augment.analysis import TargetContext
from augment.generation.explore.vary import Words

_MOST = 60
_LONGEST = 40


def words_of(context: TargetContext, sketches: Iterable[str]) -> Words:
    """Texts, numbers and values from the target's source and literals, and from the ``sketches`` of it."""
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
    return Words(tuple(texts)[:200], tuple(numbers)[:60], tuple(values)[:120])


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
