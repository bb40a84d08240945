"""How the result changes when the input does: case, space, order, repetition, scale."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from augment.generation.property.properties import Property, equal, guarded
from augment.generation.property.subject import Input, Subject


class Insensitivity:
    """Case and white space that do not matter, where the source lowers, splits or strips."""

    name = "insensitivity"

    def properties(self, subject: Subject) -> Iterator[Property]:
        """For each argument of text."""
        source = subject.context.source
        for item in subject.of_kind("str"):
            if re.search(r"lower\(|upper\(|casefold\(|IGNORECASE|re\.I\b|title\(|capitalize\(", source):
                yield same_for(subject, item, "{}.upper()", "ignores_case", self.name)
                yield same_for(subject, item, "{}.swapcase()", "ignores_swapped_case", self.name)
            if re.search(r"strip\(|split\(|\\s", source):
                yield same_for(subject, item, "f' {{{}}} '", "ignores_space_around", self.name)
                yield same_for(subject, item, "{}.replace(' ', '  ')", "ignores_doubled_spaces", self.name)


class Permutation:
    """Order, repetition and parts of a list or a dictionary."""

    name = "permutation"

    def properties(self, subject: Subject) -> Iterator[Property]:
        """For each argument that is a list; the result decides which relations make sense."""
        for item in subject.of_kind("list", "tuple", "dict"):
            backwards = "dict(reversed({}.items()))" if item.kind == "dict" else "{}[::-1]"
            yield same_for(subject, item, backwards, "ignores_order", self.name)
            if item.kind == "dict":
                continue
            yield same_for(subject, item, "{0} + {0}", "ignores_repetition", self.name)
            if subject.result.is_number:
                yield additive(subject, item, self.name, "+")
            if subject.result.kind in ("list", "tuple", "sequence") and not subject.result.optional:
                yield self._backwards(subject, item)
                yield additive(subject, item, self.name, "+")

    def _backwards(self, subject: Subject, item: Input) -> Property:
        lines = guarded(subject, f"result = {subject.call()}")
        backwards = subject.call(**{item.name: f"{item.name}[::-1]"})
        return Property(
            self.name, "of_the_reverse_is_reversed", subject.inputs, (*lines, f"assert {backwards} == result[::-1]")
        )


class Arithmetic:
    """Signs, scales, sums and order of numbers."""

    name = "arithmetic"

    def properties(self, subject: Subject) -> Iterator[Property]:
        """For each number, where the result is one too."""
        if not subject.result.is_number:
            yield from self._even_text(subject)
            return
        for item in subject.of_kind("int", "float"):
            negative = item.strategy.least is not None and item.strategy.least < 0
            yield monotonous(subject, item, self.name)
            yield scaled(subject, item, self.name)
            yield additive(subject, item, self.name, "+")
            if negative:
                yield odd(subject, item, self.name)
                yield same_for(subject, item, "-{}", "ignores_the_sign", self.name)
            yield from _neutral(subject, item, self.name)
        for item in subject.of_kind("date", "datetime"):
            yield monotonous(subject, item, self.name)

    def _even_text(self, subject: Subject) -> Iterator[Property]:
        """Text of a number and of its negative."""
        if subject.result.kind != "str" or subject.result.optional:
            return
        for item in subject.of_kind("int", "float"):
            if item.strategy.least is None or item.strategy.least < 0:
                lines = guarded(subject, f"positive = {subject.call(**{item.name: f'abs({item.name}) + 1'})}")
                negative = subject.call(**{item.name: f"-abs({item.name}) - 1"})
                body = (*lines, f"assert {negative} == '-' + positive")
                yield Property(self.name, "of_the_negative_has_a_minus_sign", subject.inputs, body)
            yield _distinct(subject, item, self.name)


class Distinction:
    """Different inputs, different results: what a key, a code or a name is for."""

    name = "distinction"

    def properties(self, subject: Subject) -> Iterator[Property]:
        """For text and numbers, where the name says that it encodes, formats or converts."""
        if not re.search(
            r"encode|format|convert|_to_|^to_|key|hash|id$|roman|ordinal|humani|escape|quote", subject.name
        ):
            return
        for item in subject.of_kind("str", "int")[:1]:
            yield _distinct(subject, item, self.name)


def same_for(subject: Subject, item: Input, changed: str, title: str, rule: str, rests_on: str = "") -> Property:
    """The result is the same where ``item`` is replaced by ``changed``, in which ``{}`` is its name."""
    lines = guarded(subject, f"result = {subject.call()}")
    other = subject.call(**{item.name: changed.format(item.name)})
    claim, imports = equal(other, "result", subject.result.kind)
    return Property(rule, f"{title}_of_the_{item.name}", subject.inputs, (*lines, claim), imports, rests_on)


def monotonous(subject: Subject, item: Input, rule: str, rests_on: str = "") -> Property:
    """More in, no less out."""
    other = replace(item, name="more")
    least, most = (subject.call(**{item.name: f"{which}({item.name}, more)"}) for which in ("min", "max"))
    lines = guarded(subject, f"low = {least}", f"high = {most}")
    inputs = (*subject.inputs, other)
    return Property(rule, f"grows_with_the_{item.name}", inputs, (*lines, "assert low <= high"), frozenset(), rests_on)


def scaled(subject: Subject, item: Input, rule: str) -> Property:
    """Twice in, twice out."""
    lines = guarded(
        subject, f"result = {subject.call()}", f"doubled = {subject.call(**{item.name: f'{item.name} * 2'})}"
    )
    claim, imports = equal("doubled", "2 * result", subject.result.kind)
    return Property(rule, f"doubles_with_the_{item.name}", subject.inputs, (*lines, claim), imports)


def odd(subject: Subject, item: Input, rule: str) -> Property:
    """The sign goes through."""
    lines = guarded(subject, f"result = {subject.call()}")
    claim, imports = equal(subject.call(**{item.name: f"-{item.name}"}), "-result", subject.result.kind)
    return Property(rule, f"has_the_sign_of_the_{item.name}", subject.inputs, (*lines, claim), imports)


def additive(subject: Subject, item: Input, rule: str, sign: str) -> Property:
    """The result of two things together is that of both added."""
    other = replace(item, name="more")
    both = subject.call(**{item.name: f"{item.name} {sign} more"})
    lines = guarded(subject, f"first = {subject.call()}", f"second = {subject.call(**{item.name: 'more'})}")
    claim, imports = equal(both, "first + second", subject.result.kind)
    return Property(rule, f"adds_up_over_the_{item.name}", (*subject.inputs, other), (*lines, claim), imports)


def _neutral(subject: Subject, item: Input, rule: str) -> Iterator[Property]:
    """Zero and one, where they change nothing or everything: of one number on another."""
    others = [other for other in subject.of_kind("int", "float") if other is not item]
    if not others:
        return
    least = item.strategy.least
    inputs = tuple(other for other in subject.inputs if other is not item)
    for value, expected, title in (("0", others[0].name, "zero"), ("1", others[0].name, "one"), ("0", "0", "zero")):
        if least is not None and least > int(value):
            continue
        lines = guarded(subject, f"result = {subject.call(**{item.name: value})}")
        claim, imports = equal("result", expected, subject.result.kind)
        ends = "is_zero" if expected == "0" else f"is_the_{expected}"
        yield Property(rule, f"with_{title}_as_{item.name}_{ends}", inputs, (*lines, claim), imports)


def _distinct(subject: Subject, item: Input, rule: str) -> Property:
    other = replace(item, name="other")
    lines = guarded(subject, f"result = {subject.call()}", f"another = {subject.call(**{item.name: 'other'})}")
    claim = f"assert (result == another) == ({item.name} == other)"
    return Property(rule, f"tells_every_{item.name}_apart", (*subject.inputs, other), (*lines, claim))
