"""The words that variations are made of: what the code and the sketches hold."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from augment.analysis import TargetContext
from augment.generation.explore.vary import Words

_MOST = 60
_LONGEST = 40
_MOST_TEXTS = 300


COMMON = (
    *("https://www.example.com/a?b=1", "user@example.com", "2024-02-29", "12:30", "192.168.0.1", "::1", "-3.5", "1e3"),
    *(
        "(a)",
        '"quoted"',
        "'",
        "#",
        "%",
        "key: value",
        "a, b",
        "one two",
        "x=1",
        "[1, 2]",
        "{}",
        "<b>",
        "\u00e9",
        "100%",
    ),
)
"""Texts of the forms that code often asks for."""


def words_in(source: str) -> tuple[str, ...]:
    """The texts that a module's code holds, docstrings aside: names of sections, keys, messages."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return ()
    documents = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    found: dict[str, None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents:
            found |= dict.fromkeys(_parts(node.value))
    return tuple(found)[:_MOST_TEXTS]


def words_of(
    context: TargetContext, sketches: Iterable[str], outputs: Iterable[str] = (), around: Iterable[str] = ()
) -> Words:
    """Texts, numbers and values from the target's source and literals, from the ``sketches`` of it, from the module
    ``around`` it, and the literals that calls nearby gave, ``outputs``.
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
    texts |= {text: None for text in (*around, *COMMON) if text not in texts}
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
    if isinstance(value, str):
        texts |= dict.fromkeys(part for part in _parts(value) if part not in texts)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        numbers[value] = None
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            _note(item, texts, numbers)
    elif isinstance(value, dict):
        for item in (*value.keys(), *value.values()):
            _note(item, texts, numbers)


def _parts(text: str) -> list[str]:
    """A text where it is short, its words and signs, its lines."""
    whole = [text] if 0 < len(text) <= _LONGEST else []
    words = [word[:_LONGEST] for word in re.findall(r"[^\W_]+|[^\w\s]+", text)[:20]]
    return [*whole, *words, *(line[:_MOST] for line in text.splitlines()[:12] if line)]


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True
