"""Variations of a sketch: the same calls with other literals, arguments taken from elsewhere, left out or added.

What the code compares with, and what other sketches pass, are the words that variations are made of: a dictionary, as
greybox fuzzers use one (AFL's, 2014). Pure: the same random generator gives the same variations.
"""

from __future__ import annotations

import ast
import copy
import random
import string
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from augment.generation.syntax import FunctionNode, render, single_test

_MOST_TEXT = 400
_WHOLE_VALUE = 0.12
"""How often a literal gives way to a whole value from elsewhere."""
_MOST_ITEMS = 12
_CHARACTERS = "aAzZ09 _-.,:;!?@#/\\'\"()[]{}<>=+*&%$\n\t\u00e9\u4e2d"
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
                yield from _in_list(parent.args)
                for word in parent.keywords:
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


def _in_list(items: Sequence[ast.expr | None]) -> Iterator[_Place]:
    for index, item in enumerate(items):
        if item is not None and _is_varied(item):

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
    if isinstance(node, ast.Dict):
        return _other_dict(node, rng)
    value = _value_of(node)
    if isinstance(value, bool):
        return ast.Constant(not value)
    if isinstance(value, int | float):
        return _constant(_other_number(value, words, rng))
    if isinstance(value, str):
        return ast.Constant(_other_text(value, words, rng))
    if isinstance(value, bytes):
        return ast.Constant(_other_text(value.decode("latin-1"), words, rng).encode("latin-1", "replace"))
    if value is None:
        return _constant(rng.choice([0, 1, "", "a", *words.texts[:4], True]))
    return node


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


def _other_text(text: str, words: Words, rng: random.Random) -> str:
    change = rng.choice(_TEXT_CHANGES if "\n" not in text else _LINE_CHANGES + _TEXT_CHANGES)
    return change(text, words, rng)[:_MOST_TEXT]


def _insert(text: str, words: Words, rng: random.Random) -> str:
    at = rng.randrange(len(text) + 1)
    return text[:at] + _piece(words, rng) + text[at:]


def _piece(words: Words, rng: random.Random) -> str:
    if words.texts and rng.random() < 0.6:
        return rng.choice(words.texts)
    return rng.choice(_CHARACTERS) if rng.random() < 0.7 else rng.choice(string.ascii_letters + string.digits)


def _cut(text: str, words: Words, rng: random.Random) -> str:
    if len(text) < 2:
        return ""
    start = rng.randrange(len(text))
    return text[:start] + text[start + rng.choice((1, 1, 1, 2, 4, 8)) :]


def _replace(text: str, words: Words, rng: random.Random) -> str:
    if not text:
        return _piece(words, rng)
    at = rng.randrange(len(text))
    return text[:at] + _piece(words, rng) + text[at + 1 :]


def _swap_case(text: str, words: Words, rng: random.Random) -> str:
    return rng.choice((str.swapcase, str.upper, str.lower, str.title, str.capitalize))(text)


def _double(text: str, words: Words, rng: random.Random) -> str:
    start = rng.randrange(len(text) + 1)
    part = text[start : start + rng.choice((1, 2, 5, 20))]
    return text[:start] + part + text[start:]


def _pad(text: str, words: Words, rng: random.Random) -> str:
    space = rng.choice((" ", "  ", "\n", "\t"))
    return rng.choice((space + text, text + space, space + text + space, text.strip()))


def _swap_word(text: str, words: Words, rng: random.Random) -> str:
    parts = text.split(" ")
    at = rng.randrange(len(parts))
    parts[at] = _piece(words, rng)
    return " ".join(parts)


def _whole(text: str, words: Words, rng: random.Random) -> str:
    return rng.choice(words.texts) if words.texts else _double(text, words, rng)


def _join(text: str, words: Words, rng: random.Random) -> str:
    other = rng.choice(words.texts) if words.texts else text
    return text + rng.choice(("", " ", "\n", ",", "-", "_")) + other


def _drop_line(text: str, words: Words, rng: random.Random) -> str:
    lines = text.split("\n")
    del lines[rng.randrange(len(lines))]
    return "\n".join(lines)


def _double_line(text: str, words: Words, rng: random.Random) -> str:
    lines = text.split("\n")
    at = rng.randrange(len(lines))
    lines.insert(rng.randrange(len(lines) + 1), lines[at])
    return "\n".join(lines)


def _swap_lines(text: str, words: Words, rng: random.Random) -> str:
    lines = text.split("\n")
    one, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return "\n".join(lines)


def _indent_line(text: str, words: Words, rng: random.Random) -> str:
    lines = text.split("\n")
    at = rng.randrange(len(lines))
    lines[at] = rng.choice(("    " + lines[at], "  " + lines[at], lines[at].lstrip()))
    return "\n".join(lines)


def _insert_line(text: str, words: Words, rng: random.Random) -> str:
    lines = text.split("\n")
    lines.insert(rng.randrange(len(lines) + 1), rng.choice(("", _piece(words, rng), "    " + _piece(words, rng))))
    return "\n".join(lines)


_TextChange = Callable[[str, Words, random.Random], str]
_TEXT_CHANGES: tuple[_TextChange, ...] = (
    *(_insert, _insert, _cut, _cut, _replace, _replace, _swap_case, _double),
    *(_pad, _swap_word, _whole, _join),
)
_LINE_CHANGES: tuple[_TextChange, ...] = (
    *(_drop_line, _drop_line, _double_line, _swap_lines, _indent_line, _insert_line, _insert_line),
    *(_drop_line, _swap_lines, _indent_line, _insert_line),
)


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
