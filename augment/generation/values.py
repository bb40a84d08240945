"""Observed values: which are stable, and how a test states them."""

from __future__ import annotations

import ast
import datetime
import math
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from augment.seams import Observation

MAX_VALUE_CHARS = 300
"""Longer values make unreadable tests and are not kept."""
_VARIES = re.compile(r"0x[0-9a-fA-F]{6,}|(?:^|['\" ])/(?:tmp|home|root|var|work|Users|private)/")


_LONG_NUMBER = re.compile(r"(?<![\d.])\d{10,19}(?!\d)")
_THESE_DAYS_S = 3 * 86400.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What every run agrees on about one value. ``parts`` are its literal length, text and attributes."""

    type: str
    is_literal: bool
    value: Any
    parts: tuple[tuple[Any, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Described:
    """The assertions that state a value; ``approximate`` when they need ``pytest.approx``."""

    statements: tuple[ast.stmt, ...]
    approximate: bool = False


def seen_in(runs: Sequence[Sequence[Observation]], slot: int, width: int) -> Seen | None:
    """What all ``runs`` agree on in the slots from ``slot`` on; None when the value itself is not stable."""
    values = [item for run in runs for item in run if item.slot == slot]
    if not values or any(not any(item.slot == slot for item in run) for run in runs):
        return None
    first = values[0]
    if any(item.type != first.type or item.literal != first.literal for item in values):
        return None
    if first.literal:
        value = _agreed([item.repr for item in values])
        return Seen(first.type, True, value[0]) if value else None
    parts = []
    for offset in range(1, width):
        reprs = [item.repr for run in runs for item in run if item.slot == slot + offset and item.literal]
        part = _agreed(reprs) if len(reprs) == len(values) else None
        if part:
            parts.append(part[0])
    return Seen(first.type, False, None, tuple(parts))


def _agreed(reprs: Sequence[str]) -> tuple[Any] | None:
    """The one value that all ``reprs`` write, in a tuple of its own; None when they differ or tell of this machine."""
    if any(len(text) > MAX_VALUE_CHARS or tells_of_this_machine(text) for text in reprs):
        return None
    values = [ast.literal_eval(text) for text in reprs]
    return (values[0],) if all(value == values[0] for value in values) else None


def tells_of_this_machine(text: str) -> bool:
    """Whether a literal carries an address, a path of this machine or today's date, which no rerun here would show."""
    return bool(_VARIES.search(text)) or _is_today(text) or _is_now(text)


def _is_today(text: str) -> bool:
    """Whether a value carries today's date: it would differ tomorrow, which no rerun shows."""
    now = datetime.datetime.now(datetime.UTC)
    days = [now + datetime.timedelta(days=shift) for shift in (-1, 0, 1)]
    return any(day.strftime("%Y-%m-%d") in text or day.strftime("%d/%m/%Y") in text for day in days)


def _is_now(text: str) -> bool:
    """Whether a number is the time of these days, in seconds, milliseconds or finer since the epoch."""
    now = time.time()
    for whole in _LONG_NUMBER.findall(text):
        seconds = int(whole) / 10 ** (len(whole) - 10)
        if (len(whole) - 10) % 3 == 0 and abs(seconds - now) < _THESE_DAYS_S:
            return True
    return False


def describe(subject: ast.expr, seen: Seen) -> Described | None:
    """Assertions that ``subject`` is what was seen; None when there is nothing worth asserting."""
    if seen.is_literal:
        return literal_assertions(subject, seen.value)
    return _parts(subject, seen)


def literal_assertions(subject: ast.expr, value: Any) -> Described | None:
    """The assertion that ``subject`` equals a literal value; None where floats lie in a set."""
    if value is None or isinstance(value, bool):
        return Described((ast.Assert(ast.Compare(subject, [ast.Is()], [ast.Constant(value)]), None),))
    expected = ast.parse(stable_repr(value), mode="eval").body
    if not _has_floats(value):
        return Described((_equals(subject, expected),))
    flat = isinstance(value, float) or not any(isinstance(item, list | tuple | dict | set) for item in _items(value))
    if flat and not isinstance(value, set | frozenset):
        return Described((_equals(subject, _approx(expected)),), approximate=True)
    near = _near(value)
    return Described((_equals(subject, near),), approximate=True) if near is not None else None


def _approx(expected: ast.expr) -> ast.expr:
    return ast.Call(ast.Attribute(ast.Name("pytest", ast.Load()), "approx", ast.Load()), [expected], [])


def _near(value: Any) -> ast.expr | None:
    """A nested value with each float in ``pytest.approx``, which takes no nested ones; None for floats in sets."""
    if not _has_floats(value):
        return ast.parse(stable_repr(value), mode="eval").body
    if isinstance(value, float):
        return _approx(ast.Constant(value))
    if isinstance(value, dict) and not any(_has_floats(key) for key in value):
        items = _all_near(list(value.values()))
        return None if items is None else ast.Dict([_near(key) for key in value], items)
    items = _all_near(value) if isinstance(value, list | tuple) else None
    if items is None:
        return None
    return ast.List(items, ast.Load()) if isinstance(value, list) else ast.Tuple(items, ast.Load())


def _all_near(values: Sequence[Any]) -> list[ast.expr] | None:
    found = [_near(value) for value in values]
    kept = [item for item in found if item is not None]
    return kept if len(kept) == len(found) else None


def _parts(subject: ast.expr, seen: Seen) -> Described | None:
    name = ast.Name("result", ast.Load())
    statements: list[ast.stmt] = [ast.Assign([ast.Name("result", ast.Store())], subject, lineno=0)]
    if isinstance(subject, ast.Name):
        name, statements = ast.Name(subject.id, ast.Load()), []
    kind = ast.Attribute(_call("type", name), "__name__", ast.Load())
    statements.append(_equals(kind, ast.Constant(seen.type.rsplit(".", 1)[-1])))
    approximate = False
    for what, *rest in seen.parts:
        of: ast.expr = ast.Attribute(name, str(rest[0]), ast.Load()) if what == "attr" else _call(str(what), name)
        described = literal_assertions(of, rest[-1])
        if described is not None:
            statements.extend(described.statements)
            approximate = approximate or described.approximate
    return Described(tuple(statements), approximate) if seen.parts else None


def _call(function: str, argument: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(function, ast.Load()), [argument], [])


def _equals(subject: ast.expr, expected: ast.expr) -> ast.Assert:
    return ast.Assert(ast.Compare(subject, [ast.Eq()], [expected]), None)


def _items(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    return list(value) if isinstance(value, list | tuple | set | frozenset) else []


def _has_floats(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return any(_has_floats(item) for item in _items(value))


def stable_repr(value: Any) -> str:
    """``repr`` with the elements of sets in one order, whatever the hash seed."""
    if isinstance(value, set | frozenset) and value:
        inner = ", ".join(sorted(stable_repr(item) for item in value))
        return f"{{{inner}}}" if isinstance(value, set) else f"frozenset({{{inner}}})"
    if isinstance(value, dict):
        pairs = (f"{stable_repr(key)}: {stable_repr(item)}" for key, item in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(stable_repr(item) for item in value) + "]"
    if isinstance(value, tuple):
        inner = ", ".join(stable_repr(item) for item in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    return repr(value)
