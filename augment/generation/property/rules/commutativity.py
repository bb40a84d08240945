"""Binary functions: the order of two arguments, the grouping of three, the same twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from augment.generation.property.properties import Property, equal, guarded
from augment.generation.property.subject import Input, Subject


class Commutativity:
    """What holds of ``f(a, b)`` where both are of one type: symmetry, antisymmetry, grouping, and ``f(a, a)``."""

    name = "commutativity"

    def properties(self, subject: Subject) -> Iterator[Property]:
        """Those that the types allow."""
        pair = the_pair(subject)
        if pair is None:
            return
        yield symmetric(subject, pair, self.name)
        yield from self._same_twice(subject, pair)
        if subject.result.is_number:
            yield self._antisymmetric(subject, pair)
        if subject.result.kind == pair[0].kind and not subject.result.optional:
            yield self._grouping(subject, pair)

    def _antisymmetric(self, subject: Subject, pair: tuple[Input, Input]) -> Property:
        left, right = pair
        swapped = subject.call(**{left.name: right.name, right.name: left.name})
        claim, imports = equal("result", f"-{swapped}", subject.result.kind)
        body = (*guarded(subject, f"result = {subject.call()}"), claim)
        return Property(self.name, "changes_sign_when_swapped", subject.inputs, body, imports)

    def _same_twice(self, subject: Subject, pair: tuple[Input, Input]) -> Iterator[Property]:
        left, right = pair
        lines = guarded(subject, f"result = {subject.call(**{right.name: left.name})}")
        inputs = tuple(item for item in subject.inputs if item is not right)
        if subject.result.is_number:
            claim, imports = equal("result", "0", subject.result.kind)
            yield Property(self.name, "of_one_thing_with_itself_is_zero", inputs, (*lines, claim), imports)
        if subject.result.kind == "bool":
            yield Property(self.name, "holds_of_one_thing_with_itself", inputs, (*lines, "assert result is True"))
        if subject.result.kind == left.kind:
            claim, imports = equal("result", left.name, left.kind)
            yield Property(self.name, "of_one_thing_with_itself_is_that", inputs, (*lines, claim), imports)

    def _grouping(self, subject: Subject, pair: tuple[Input, Input]) -> Property:
        left, right = pair
        third = replace(right, name="third")
        lines = guarded(
            subject,
            f"first = {subject.call()}",
            f"last = {subject.call(**{left.name: right.name, right.name: 'third'})}",
        )
        grouped = subject.call(**{left.name: "first", right.name: "third"})
        claim, imports = equal(grouped, subject.call(**{right.name: "last"}), subject.result.kind)
        return Property(self.name, "is_associative", (*subject.inputs, third), (*lines, claim), imports)


def the_pair(subject: Subject) -> tuple[Input, Input] | None:
    """The first two arguments, where they are alike and the only ones that are required."""
    required = [item for item in subject.arguments if item.parameter is not None and item.parameter.required]
    if len(required) != 2 or required[0].kind != required[1].kind or required[0].kind in ("object", "callable"):
        return None
    return required[0], required[1]


def symmetric(subject: Subject, pair: tuple[Input, Input], rule: str, rests_on: str = "") -> Property:
    """The order of the two does not matter."""
    left, right = pair
    swapped = subject.call(**{left.name: right.name, right.name: left.name})
    claim, imports = equal("result", swapped, subject.result.kind)
    body = (*guarded(subject, f"result = {subject.call()}"), claim)
    return Property(rule, "is_commutative", subject.inputs, body, imports, rests_on)
