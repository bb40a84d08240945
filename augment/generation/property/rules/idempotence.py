"""Doing it twice: the same as once, or as never."""

from __future__ import annotations

import re
from collections.abc import Iterator

from augment.generation.property.properties import Property, equal, guarded
from augment.generation.property.rules.pairs import words_of
from augment.generation.property.subject import Input, Subject

SETTLING = re.compile(
    r"normali[sz]e|clean|strip|trim|sort|uniq|dedup|saniti[sz]e|canonical|slug|squeeze|collapse|flatten|clamp|clip|round"
    r"|shorten|truncate|lower|upper|title|capital|camel|snake|underscore|dash|humani[sz]e|simplif|compact|expand|resolve"
    r"|remove|format|ascii|tidy|prettify|reduce|parameteri[sz]e|ordinal|pad|indent|dedent|abs|floor|ceil|fix|ensure"
)
UNDOING = re.compile(
    r"(^|_)(reverse[d]?|invert(ed)?|negate[d]?|swap|swapcase|transpose[d]?|rot13|complement|toggle|mirror|conjugate|flip"
    r"|opposite|inverse)(_|$)"
)


class Idempotence:
    """``f(f(x)) == f(x)``, where a name says so or the result is of the argument's type."""

    name = "idempotence"

    def properties(self, subject: Subject) -> Iterator[Property]:
        """One, where the result can be passed in again."""
        start = passed_again(subject)
        if start is not None and (SETTLING.search(subject.name.lower()) or start.kind == subject.result.kind):
            yield settled(subject, start, self.name)


class Involution:
    """``f(f(x)) == x``, where the name says so."""

    name = "involution"

    def properties(self, subject: Subject) -> Iterator[Property]:
        """One, where the result can be passed in again."""
        start = passed_again(subject)
        if start is not None and UNDOING.search("_".join(words_of(subject.name))):
            yield undone(subject, start, self.name)


def passed_again(subject: Subject) -> Input | None:
    """The input whose place the result can take."""
    result = subject.result
    if subject.arguments:
        first = subject.arguments[0]
        fits = result.kind in ("", first.kind) or {result.kind, first.kind} <= {"list", "tuple", "sequence"}
        return first if fits and not result.optional else None
    instance = subject.inputs[0]
    return instance if result.annotation.strip("'\"") in (instance.kind, "Self") else None


def settled(subject: Subject, start: Input, rule: str, rests_on: str = "") -> Property:
    """Once is enough."""
    claim, imports = equal(subject.call(**{start.name: "once"}), "once", subject.result.kind)
    body = (*guarded(subject, f"once = {subject.call()}"), claim)
    return Property(rule, "is_idempotent", subject.inputs, body, imports, rests_on)


def undone(subject: Subject, start: Input, rule: str, rests_on: str = "") -> Property:
    """Twice is never."""
    claim, imports = equal(subject.call(**{start.name: "once"}), start.name, start.kind)
    body = (*guarded(subject, f"once = {subject.call()}"), claim)
    return Property(rule, "undoes_itself", subject.inputs, body, imports, rests_on)
