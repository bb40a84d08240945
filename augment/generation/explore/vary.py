"""Variations of a sketch: the same calls with other literals, arguments taken from elsewhere, left out or added.

What the code compares with, and what other sketches pass, are the words that variations are made of: a dictionary, as
greybox fuzzers use one (AFL's, 2014). Pure: the same random generator gives the same variations.
"""

from __future__ import annotations

import ast
import copy
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from augment.generation.explore.texts import other_text
from augment.generation.syntax import FunctionNode, render, single_test

_WHOLE_VALUE = 0.12
"""How often a literal gives way to a whole value from elsewhere."""
_MOST_ITEMS = 12
_INTERESTING = (0, 1, -1, 2, 3, 10, 100, 255, 256, -100)


@dataclass(frozen=True, slots=True)
class Words:
    """What variations are made of: texts, numbers and whole values (as source).

    ``outputs`` are literals that calls of other targets gave.
    """

    texts: tuple[str, ...] = ()
    numbers: tuple[float, ...] = ()
    values: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()


def varied(source: str, words: Words, rng: random.Random) -> str | None:
    """``source`` with one to three of its literals changed; None where it has none, or nothing changed."""
    tree = ast.parse(source)
    function = single_test(tree)
    if function is None:
        return None
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        places = list(_places(function))
        if not places:
            return None
        place = rng.choice(places)
        place.put(_other(place.node, words, rng))
    text = render(tree)
    return text if text != source and len(text) < 3000 else None


@dataclass(frozen=True, slots=True)
class _Place:
    """An expression that may be replaced by another one."""

    node: ast.expr
    put: Callable[[ast.expr], None]


def _places(function: FunctionNode) -> Iterator[_Place]:
    """Literals among the arguments of calls, in subscripts, operands and assigned values, outermost and inner ones."""
    for statement in function.body:
        for parent in ast.walk(statement):
            if isinstance(parent, ast.Call):
                # What a fixture replaces stays: with another name the test would rest on the real one.
                replaces = isinstance(parent.func, ast.Attribute) and ast.unparse(parent.func.value) == "monkeypatch"
                yield from _in_list(parent.args, 1 if replaces else 0)
                for word in parent.keywords if not replaces else ():
                    yield from _single(word, "value")
            elif isinstance(parent, ast.Assign | ast.AnnAssign) and parent.value is not None:
                yield from _single(parent, "value")
            elif isinstance(parent, ast.List | ast.Tuple | ast.Set):
                yield from _in_list(parent.elts)
            elif isinstance(parent, ast.Dict):
                yield from _in_list(parent.values)
                yield from _in_list(parent.keys)
            elif isinstance(parent, ast.Subscript) and isinstance(parent.ctx, ast.Load):
                yield from _single(parent, "slice")
            elif isinstance(parent, ast.BinOp):
                yield from _single(parent, "right")


def _in_list(items: Sequence[ast.expr | None], first: int = 0) -> Iterator[_Place]:
    for index, item in enumerate(items):
        if index >= first and item is not None and _is_varied(item):

            def put(new: ast.expr, at: int = index) -> None:
                items[at] = new  # type: ignore[index]

            yield _Place(item, put)


def _single(parent: ast.AST, field: str) -> Iterator[_Place]:
    item = getattr(parent, field)
    if _is_varied(item):
        yield _Place(item, lambda new: setattr(parent, field, new))


def _is_varied(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return node.value is not ...
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.operand, ast.Constant)
    return isinstance(node, ast.List | ast.Tuple | ast.Dict | ast.Set)


# --------------------------------------------------------------------------- other values


def _other(node: ast.expr, words: Words, rng: random.Random) -> ast.expr:
    whole = rng.random()
    if words.values and whole < _WHOLE_VALUE:
        return ast.parse(rng.choice(words.values), mode="eval").body
    if words.outputs and whole > 1 - _WHOLE_VALUE:
        return ast.parse(rng.choice(words.outputs), mode="eval").body
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return _other_items(node, rng)
    return _other_dict(node, rng) if isinstance(node, ast.Dict) else _other_constant(node, words, rng)


def _other_constant(node: ast.expr, words: Words, rng: random.Random) -> ast.expr:
    value = _value_of(node)
    new: object
    if isinstance(value, bool):
        new = not value
    elif isinstance(value, int | float):
        new = _other_number(value, words, rng)
    elif isinstance(value, str):
        new = other_text(value, words.texts, rng)
    elif isinstance(value, bytes):
        new = other_text(value.decode("latin-1"), words.texts, rng).encode("latin-1", "replace")
    elif value is None:
        new = rng.choice([0, 1, "", "a", *words.texts[:4], True])
    else:
        return node
    return _constant(new)


def _value_of(node: ast.expr) -> object:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant):
        inner = node.operand.value
        if isinstance(node.op, ast.USub) and isinstance(inner, int | float):
            return -inner
        return inner
    return None


def _constant(value: object) -> ast.expr:
    return ast.parse(repr(value), mode="eval").body


def _other_number(value: float, words: Words, rng: random.Random) -> float:
    kind = rng.randrange(6)
    if kind == 0 and words.numbers:
        return rng.choice(words.numbers) + rng.choice((-1, 0, 0, 1))
    if kind == 1:
        return -value
    if kind == 2:
        return rng.choice(_INTERESTING)
    if kind == 3 and abs(value) < 1e6:
        return value * rng.choice((2, 3, 10))
    if kind == 4 and isinstance(value, float):
        return round(value + rng.choice((-0.5, 0.25, 0.1, 1.5)), 4)
    return value + rng.choice((-2, -1, 1, 2))


def _other_items(node: ast.List | ast.Tuple | ast.Set, rng: random.Random) -> ast.expr:
    changed = copy.deepcopy(node)
    items = changed.elts
    kind = rng.randrange(5)
    if items and kind in (0, 1):
        del items[rng.randrange(len(items))]
    elif items and kind == 2 and len(items) < _MOST_ITEMS:
        items.insert(rng.randrange(len(items) + 1), copy.deepcopy(rng.choice(items)))
    elif kind == 3:
        rng.shuffle(items)
    elif len(items) < _MOST_ITEMS:
        items.append(_constant(rng.choice([0, 1, -1, "", "a", None, 2.5])))
    if isinstance(changed, ast.Set) and not items:
        return ast.parse("set()", mode="eval").body
    return changed


def _other_dict(node: ast.Dict, rng: random.Random) -> ast.expr:
    changed = copy.deepcopy(node)
    if changed.keys and rng.random() < 0.5:
        at = rng.randrange(len(changed.keys))
        del changed.keys[at], changed.values[at]
    elif len(changed.keys) < _MOST_ITEMS:
        changed.keys.append(_constant(rng.choice(["a", "key", "", 0, 1])))
        changed.values.append(_constant(rng.choice([0, 1, "", "a", None, [1]])))
    return changed
