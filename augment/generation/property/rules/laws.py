"""Laws that a docstring writes down: an equation in backticks, a range of numbers with its ends."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator

from augment.generation.property.properties import RESTS_ON, Property, guarded
from augment.generation.property.sentences import sentences_of
from augment.generation.property.subject import Subject

_CODE = re.compile(r"``([^`]+)``|`([^`]+)`")
_N = r"(-?\d+(?:\.\d+)?)"
_WITHIN = re.compile(
    rf"\b(?:from|between) {_N} (?:up to|to|through|and)"
    r"(?P<end>(?: and|, and)? including|,? but (?:not including|excluding)|,? excluding)?"
    rf",? {_N}(?P<after>,? (?:inclusive|exclusive|included|excluded))?"
)
_HEDGED = re.compile(
    r"\b(?:if|when|unless|where|except|within|about|approximately|roughly|not|usually|mostly|should|may|might)\b",
    re.IGNORECASE,
)
_ONE_SIDE_ONLY = re.compile(r"\b(?:or|unless|except|holidays?|also|other)\b", re.IGNORECASE)


class Laws:
    """What an equation in the docstring says of every argument, and which numbers it says *yes* to."""

    name = "law"

    def properties(self, subject: Subject) -> Iterator[Property]:
        """One for each equation and each range that is read whole."""
        if not subject.typed:
            return
        for sentence in sentences_of(subject.doc):
            yield from _equations(subject, sentence)
            yield from _range(subject, sentence)


def _equations(subject: Subject, sentence: str) -> Iterator[Property]:
    for match in _CODE.finditer(sentence):
        text = match[1] or match[2]
        if _is_law(subject, text) and not _HEDGED.search(sentence):
            body = guarded(subject, f"holds = {text}")
            yield Property(
                "law", "keeps_its_law", subject.inputs, (*body, "assert holds"), rests_on=f"{RESTS_ON}{sentence}"
            )


def _is_law(subject: Subject, text: str) -> bool:
    """Whether a text is an equation of calls of this very function, over its arguments and nothing else."""
    try:
        node = ast.parse(text, mode="eval").body
    except SyntaxError:
        return False
    if not isinstance(node, ast.Compare) or len(node.ops) != 1 or not isinstance(node.ops[0], ast.Eq):
        return False
    own = subject.context.call_name
    called = [item.func for item in ast.walk(node) if isinstance(item, ast.Call)]
    arguments = {item.name for item in subject.arguments if item.kind != "float"}
    names = {item.id for item in ast.walk(node) if isinstance(item, ast.Name)} - {own}
    calls_itself = any(isinstance(item, ast.Name) and item.id == own for item in called)
    # What it says of floats holds about, and that is not what it says.
    exact = subject.result.kind != "float"
    return exact and calls_itself and bool(names & arguments) and names <= arguments | set(dir(builtins))


def _range(subject: Subject, sentence: str) -> Iterator[Property]:
    """*Whether ...: from 9 up to and including 18* says of every number whether the answer is yes."""
    numbers = subject.of_kind("int")
    asks = re.match(r"(?:returns? )?(?:whether|true (?:if|when|for))\b", sentence, re.IGNORECASE)
    found = _WITHIN.findall(sentence)
    if not asks or subject.result.kind != "bool" or len(subject.arguments) != 1 or len(numbers) != 1 or len(found) != 1:
        return
    match = _WITHIN.search(sentence)
    assert match is not None
    said = f"{match['end'] or ''} {match['after'] or ''}"
    if not said.strip() or _ONE_SIDE_ONLY.search(sentence):
        return  # whether the ends belong to it is not said
    end = "<" if re.search(r"not including|excluding|exclusive|excluded", said) else "<="
    name = numbers[0].name
    low, high = match[1], match[3]
    claim = f"{low} <= {name} {end} {high}"
    body = (*guarded(subject, f"result = {subject.call()}"), f"assert result is ({claim})")
    yield Property("law", "is_true_within_its_range", subject.inputs, body, rests_on=f"{RESTS_ON}{sentence}")
