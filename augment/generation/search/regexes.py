"""A regular expression -> a few strings that it matches."""

from __future__ import annotations

import re
from collections.abc import Iterable
from re import _parser  # type: ignore[attr-defined]  # the only parser of the same dialect
from typing import Any

MAX_TEXT = 120
CATEGORIES = {"CATEGORY_DIGIT": "7", "CATEGORY_WORD": "a", "CATEGORY_SPACE": " ", "CATEGORY_NOT_DIGIT": "a",
              "CATEGORY_NOT_WORD": "-", "CATEGORY_NOT_SPACE": "x"}  # fmt: skip


def matching(pattern: str) -> list[str]:
    """Up to two strings that ``pattern`` matches, one short and one with more repetitions; [] where it is too hard."""
    try:
        compiled, tree = re.compile(pattern), _parser.parse(pattern)
    except (re.error, OverflowError, RecursionError):
        return []
    texts = dict.fromkeys(_sample(tree, extra, {}) for extra in (0, 2))
    return [text for text in texts if len(text) <= MAX_TEXT and compiled.search(text)]


def _sample(tree: Iterable[Any], extra: int, groups: dict[int, str]) -> str:
    return "".join(_one(str(operator), argument, extra, groups) for operator, argument in tree)


def _one(operator: str, argument: Any, extra: int, groups: dict[int, str]) -> str:
    if operator in ("LITERAL", "NOT_LITERAL", "ANY"):
        return _character(operator, argument)
    if operator == "IN":
        return _of_set(argument, extra)
    if operator == "BRANCH":
        return _sample(argument[1][min(extra // 2, len(argument[1]) - 1)], extra, groups)
    if operator in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        least, most, inner = argument
        return "".join(_sample(inner, extra, groups) for _ in range(min(int(most), int(least) + extra, 30)))
    if operator == "SUBPATTERN":
        text = _sample(argument[3], extra, groups)
        groups[argument[0] or 0] = text
        return text
    return groups.get(argument, "") if operator == "GROUPREF" else ""


def _character(operator: str, argument: Any) -> str:
    if operator == "LITERAL":
        return chr(argument)
    return "y" if argument == ord("x") else "x"


def _of_set(items: list[Any], extra: int) -> str:
    """A character of a set: the first item's for a short sample, the last item's for a long one."""
    if str(items[0][0]) == "NEGATE":
        refused = {chr(value) for kind, value in items[1:] if str(kind) == "LITERAL"}
        return next((letter for letter in "x7 -" if letter not in refused), "é")
    kind, value = items[-1 if extra else 0]
    if str(kind) == "LITERAL":
        return chr(value)
    if str(kind) == "RANGE":
        return chr(value[1] if extra else value[0])
    return CATEGORIES.get(str(value), "a")
