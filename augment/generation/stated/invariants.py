"""What documentation says of every value that is returned: its order, bounds, length, case."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Invariant:
    """Every value that is returned is so. ``holds`` is None where that cannot be told; ``assertion`` writes it for
    an expression.
    """

    name: str
    sentence: str
    holds: Callable[[Any, Mapping[str, Any]], bool | None]
    assertion: str
    confidence: float = 0.75


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _ordered(value: Any) -> bool | None:
    if not isinstance(value, list | tuple) or len(value) < 2:
        return None
    if all(_number(item) for item in value):
        return list(value) == sorted(value)
    if all(isinstance(item, str) for item in value):
        return list(value) in (sorted(value), sorted(value, key=str.lower))
    return None


def _distinct(value: Any) -> bool | None:
    if not isinstance(value, list | tuple):
        return None
    return not any(item in value[:index] for index, item in enumerate(value))


_INVARIANTS: tuple[tuple[str, str, Callable[[Any], bool | None], str], ...] = (
    (
        "never negative",
        r"\b(?:never negative|(?<!or )non-?negative (?:int|integer|number|float|value))\b"
        r"|\bnever (?:be )?less than (?:0|zero)\b",
        lambda value: value >= 0 if _number(value) else None,
        "{value} >= 0",
    ),
    (
        "always positive",
        r"\balways positive\b|^an? (?:strictly )?positive (?:int|integer|number|float)\b",
        lambda value: value > 0 if _number(value) else None,
        "{value} > 0",
    ),
    (
        "never None",
        r"\bnever (?:be |is )?None\b|^never returns None",
        lambda value: value is not None,
        "{value} is not None",
    ),
    (
        "never empty",
        r"\bnever (?:be |is )?empty\b|^an? non-?empty (?:list|string|tuple|dict)",
        lambda value: len(value) > 0 if isinstance(value, str | list | tuple | dict | set) else None,
        "len({value}) > 0",
    ),
    (
        "sorted",
        r"^(?:an? |the )?(?:new )?sorted (?:list|tuple)\b(?! (?:by|using|on|according|with))|"
        r"\b(?:sorted|in) (?:in )?(?:ascending|increasing|alphabetical) order\b",
        _ordered,
        "list({value}) in (sorted({value}), sorted({value}, key=lambda item: str(item).lower()))",
    ),
    (
        "sorted, descending",
        r"\b(?:sorted|in) (?:in )?(?:descending|decreasing) order\b",
        lambda value: _ordered(value[::-1]) if isinstance(value, list | tuple) else None,
        "list({value}) == sorted({value}, reverse=True)",
    ),
    (
        "without duplicates",
        r"\b(?:without (?:any )?duplicates|with no duplicates|with (?:all )?duplicates removed)\b",
        _distinct,
        "all(item not in {value}[:index] for index, item in enumerate({value}))",
    ),
    (
        "lower case",
        r"\b(?:in |as |converted to )(?:all )?lower ?-?case\b(?! letters)|\blower-?cased\b",
        lambda value: value == value.lower() if isinstance(value, str) else None,
        "{value} == {value}.lower()",
    ),
    (
        "upper case",
        r"\b(?:in |as |converted to )(?:all )?upper ?-?case\b(?! letters)|\bupper-?cased\b",
        lambda value: value == value.upper() if isinstance(value, str) else None,
        "{value} == {value}.upper()",
    ),
)
_BETWEEN = re.compile(
    r"\b(?:number|int|integer|float|value|score|ratio|probability|fraction|percentage)\b[^.]{0,20}? "
    r"(?:between|in the range|from|in)(?: of)? [\[(]?"
    r"(?P<low>-?\d+(?:\.\d+)?)(?: and | to |, ?|-)(?P<high>-?\d+(?:\.\d+)?)",
    re.IGNORECASE,
)
_ROUNDED = re.compile(r"\brounded to (?P<digits>\d|one|two|three|four) (?:decimal|digit|place)", re.IGNORECASE)
_SAME_LENGTH = re.compile(
    r"\b(?:of|with|has) the same length as (?:the )?(?:input |given )?(?P<name>\w+)$", re.IGNORECASE
)
_VAGUE = re.compile(
    r"\b(?:if|unless|when|except|in which|whose|where|which|first|each|every|only|camel|optional(?:ly)?|by|either"
    r"|depending|may|might|usually|approximately|not|or)\b"
)


def read_invariants(about_return: Sequence[tuple[str, str]], parameters: Sequence[str]) -> Iterator[Invariant]:
    """What pairs of (sentence, what it says of the value that is returned) promise of every such value."""
    for sentence, said in about_return:
        plain = unmarked(said).replace(", which is", " is")
        # "a list sorted by price", "sorted if asked to": what hangs on more than the value itself is left alone.
        if _VAGUE.search(plain.lower().replace("never", "")):
            continue
        for name, pattern, holds, assertion in _INVARIANTS:
            if re.search(pattern, plain, re.IGNORECASE):
                yield Invariant(name, sentence, _of_value(holds), assertion)
        yield from _measured(sentence, plain, parameters)


def _of_value(holds: Callable[[Any], bool | None]) -> Callable[[Any, Mapping[str, Any]], bool | None]:
    return lambda value, _: holds(value)


def _measured(sentence: str, plain: str, parameters: Sequence[str]) -> Iterator[Invariant]:
    if match := _BETWEEN.search(plain):
        low, high = ast.literal_eval(match["low"]), ast.literal_eval(match["high"])
        yield Invariant(
            f"between {low} and {high}",
            sentence,
            _of_value(lambda value: low <= value <= high if _number(value) else None),
            f"{low} <= {{value}} <= {high}",
        )
    if match := _ROUNDED.search(plain):
        digits = {"one": 1, "two": 2, "three": 3, "four": 4}.get(match["digits"].lower()) or int(match["digits"])
        yield Invariant(
            f"rounded to {digits}",
            sentence,
            _of_value(lambda value: round(value, digits) == value if isinstance(value, float) else None),
            f"round({{value}}, {digits}) == {{value}}",
        )
    if (match := _SAME_LENGTH.search(plain)) and match["name"] in parameters:
        name = match["name"]

        def holds(value: Any, arguments: Mapping[str, Any]) -> bool | None:
            other = arguments.get(name)
            sized = isinstance(value, list | tuple | str) and isinstance(other, list | tuple | str)
            return len(value) == len(other) if sized and other is not None else None

        yield Invariant(f"as long as {name}", sentence, holds, f"len({{value}}) == len({{{name}}})")


def unmarked(text: str) -> str:
    """Text without its markup: roles, code and emphasis."""
    plain = re.sub(r":(?:py:)?\w+:`[~.]?([^`]*)`", r"\1", text)
    return re.sub(r"(?<!\w)\*{1,2}(\w+)\*{1,2}(?!\w)", r"\1", plain.replace("`", ""))
