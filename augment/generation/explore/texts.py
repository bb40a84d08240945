"""Small changes of a text, as a fuzzer makes them: characters, words, lines, and words that the code knows."""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Sequence

_MOST_TEXT = 400
_CHARACTERS = "aAzZ09 _-.,:;!?@#/\\'\"()[]{}<>=+*&%$\n\t\u00e9\u4e2d"


def other_text(text: str, words: Sequence[str], rng: random.Random) -> str:
    """``text`` with one small change; ``words`` are texts that the code knows."""
    change = rng.choice(_TEXT_CHANGES if "\n" not in text else _LINE_CHANGES + _TEXT_CHANGES)
    return change(text, words, rng)[:_MOST_TEXT]


def _insert(text: str, words: Sequence[str], rng: random.Random) -> str:
    at = rng.randrange(len(text) + 1)
    return text[:at] + _piece(words, rng) + text[at:]


def _piece(words: Sequence[str], rng: random.Random) -> str:
    if words and rng.random() < 0.6:
        return rng.choice(words)
    return rng.choice(_CHARACTERS) if rng.random() < 0.7 else rng.choice(string.ascii_letters + string.digits)


def _cut(text: str, words: Sequence[str], rng: random.Random) -> str:
    if len(text) < 2:
        return ""
    start = rng.randrange(len(text))
    return text[:start] + text[start + rng.choice((1, 1, 1, 2, 4, 8)) :]


def _replace(text: str, words: Sequence[str], rng: random.Random) -> str:
    if not text:
        return _piece(words, rng)
    at = rng.randrange(len(text))
    return text[:at] + _piece(words, rng) + text[at + 1 :]


def _swap_case(text: str, words: Sequence[str], rng: random.Random) -> str:
    return rng.choice((str.swapcase, str.upper, str.lower, str.title, str.capitalize))(text)


def _double(text: str, words: Sequence[str], rng: random.Random) -> str:
    start = rng.randrange(len(text) + 1)
    part = text[start : start + rng.choice((1, 2, 5, 20))]
    return text[:start] + part + text[start:]


def _pad(text: str, words: Sequence[str], rng: random.Random) -> str:
    space = rng.choice((" ", "  ", "\n", "\t"))
    return rng.choice((space + text, text + space, space + text + space, text.strip()))


def _swap_word(text: str, words: Sequence[str], rng: random.Random) -> str:
    parts = text.split(" ")
    at = rng.randrange(len(parts))
    parts[at] = _piece(words, rng)
    return " ".join(parts)


def _whole(text: str, words: Sequence[str], rng: random.Random) -> str:
    return rng.choice(words) if words else _double(text, words, rng)


def _join(text: str, words: Sequence[str], rng: random.Random) -> str:
    other = rng.choice(words) if words else text
    return text + rng.choice(("", " ", "\n", ",", "-", "_")) + other


def _drop_line(text: str, words: Sequence[str], rng: random.Random) -> str:
    lines = text.split("\n")
    del lines[rng.randrange(len(lines))]
    return "\n".join(lines)


def _double_line(text: str, words: Sequence[str], rng: random.Random) -> str:
    lines = text.split("\n")
    at = rng.randrange(len(lines))
    lines.insert(rng.randrange(len(lines) + 1), lines[at])
    return "\n".join(lines)


def _swap_lines(text: str, words: Sequence[str], rng: random.Random) -> str:
    lines = text.split("\n")
    one, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return "\n".join(lines)


def _indent_line(text: str, words: Sequence[str], rng: random.Random) -> str:
    lines = text.split("\n")
    at = rng.randrange(len(lines))
    lines[at] = rng.choice(("    " + lines[at], "  " + lines[at], lines[at].lstrip()))
    return "\n".join(lines)


def _insert_line(text: str, words: Sequence[str], rng: random.Random) -> str:
    lines = text.split("\n")
    lines.insert(
        rng.randrange(len(lines) + 1),
        rng.choice(("", _piece(words, rng), "    " + _piece(words, rng), _piece(words, rng) + ":")),
    )
    return "\n".join(lines)


_TextChange = Callable[[str, Sequence[str], random.Random], str]
_TEXT_CHANGES: tuple[_TextChange, ...] = (
    *(_insert, _insert, _cut, _cut, _replace, _replace, _swap_case, _double),
    *(_pad, _swap_word, _whole, _join),
)
_LINE_CHANGES: tuple[_TextChange, ...] = (
    *(_drop_line, _drop_line, _double_line, _swap_lines, _indent_line, _insert_line, _insert_line),
    *(_drop_line, _swap_lines, _indent_line, _insert_line),
)
