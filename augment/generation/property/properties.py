"""What a rule proposes: a property, and the test module that states it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from augment.generation.property.subject import Input, Subject

MAX_EXAMPLES = 50
"""Enough to meet most of what the strategies can draw, and a tenth of a second for most functions."""
RESTS_ON = "The documentation says: "
"""How the docstring of a test begins that rests on a sentence; a counterexample to it is a Finding."""
DECLARED = "The signature says: "
"""How it begins where the test rests on an annotation."""
MAX_NAME = 90
_SETTINGS = "max_examples={count}, deadline=None, derandomize=True"
_PATIENT = "suppress_health_check=[HealthCheck.too_slow]"
"""For what takes a while to draw: on a busy machine Hypothesis would call it too slow, and the test would fail."""
_SLOW_TO_DRAW = re.compile(r"\b(builds|lists|dictionaries|sets|frozensets|from_regex|filter)\(")


@dataclass(frozen=True, slots=True)
class Property:
    """A statement about a target that holds for all inputs.

    ``title`` ends the test's name. ``body`` are the statements of the test. ``rests_on`` is the sentence or signature
    that promises it, with its beginning; '' for one that is merely tried.
    """

    rule: str
    title: str
    inputs: tuple[Input, ...]
    body: tuple[str, ...]
    imports: frozenset[str] = frozenset()
    rests_on: str = ""


class Rule(Protocol):
    """One sort of property. Each stands alone, so that any can be left out."""

    @property
    def name(self) -> str:
        """The name that candidates carry as their origin."""

    def properties(self, subject: Subject) -> Iterator[Property]:
        """The properties that may hold for ``subject``, the likeliest first."""


def guarded(subject: Subject, *lines: str) -> tuple[str, ...]:
    """Statements that call the subject, with inputs that it refuses left out of account."""
    if not subject.errors:
        return lines
    return ("try:", *(f"    {line}" for line in lines), f"except {caught(subject)}:", "    reject()")


def caught(subject: Subject) -> str:
    """The exceptions of the subject's contract, as an ``except`` clause spells them."""
    names = [name for name, _ in subject.errors]
    return names[0] if len(names) == 1 else f"({', '.join(names)})"


def equal(left: str, right: str, kind: str) -> tuple[str, frozenset[str]]:
    """An assertion that two values of a kind are the same, floats within their precision; and its imports."""
    if kind == "float":
        return f"assert {left} == pytest.approx({right})", frozenset({"import pytest"})
    return f"assert {left} == {right}", frozenset()


def render(subject: Subject, found: Property) -> str:
    """The module that states a property: imports, one test."""
    body = [*_prepared(subject), *found.body]
    drawn = [item for item in found.inputs if any(_reads(line, item.name) for line in body)]
    imports = set(found.imports) | set(subject.imports)
    for item in drawn:
        imports |= item.strategy.imports
    text = "\n".join(body)
    errors = {line for name, line in subject.errors if line and _reads(text, name)}
    given = ", ".join(f"{item.name}={item.strategy.text}" for item in drawn)
    settings = _SETTINGS.format(count=MAX_EXAMPLES)
    if _SLOW_TO_DRAW.search(given):
        settings += f", {_PATIENT}"
    names = [name for name in ("HealthCheck", "given", "reject", "settings") if _reads(f"{settings}, {text}", name)]
    names = sorted({"given", "settings", *names})
    lines = [
        f"from hypothesis import {', '.join(names)}",
        "from hypothesis import strategies as st",
        *_used(imports | errors, "\n".join([text, *(item.strategy.text for item in drawn)])),
    ]
    arguments = ", ".join(item.name for item in drawn)
    doc = [f'"""{_safe(found.rests_on)}"""'] if found.rests_on else []
    name = re.sub(r"_+", "_", f"test_{subject.words}_{found.title}")[:MAX_NAME].rstrip("_")
    test = "\n".join(f"    {line}" if line else "" for line in [*doc, *body])
    head = "\n".join(sorted(set(lines), key=lambda line: (line.startswith("from"), line)))
    return f"{head}\n\n\n@given({given})\n@settings({settings})\ndef {name}({arguments}):\n{test}\n"


def _prepared(subject: Subject) -> tuple[str, ...]:
    """What fills the instance; inputs that the filling refuses are left out of account too."""
    return guarded(subject, *subject.setup) if subject.setup else ()


def _reads(text: str, name: str) -> bool:
    return re.search(rf"(?<![\w.]){re.escape(name)}\b", text) is not None


def _used(lines: Iterable[str], text: str) -> list[str]:
    """The import lines whose name stands in the text."""
    return [line for line in lines if _reads(text, line.rpartition(" ")[2])]


def _safe(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"""', "'''").rstrip('"')
