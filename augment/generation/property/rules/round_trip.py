"""There and back again: a pair of functions whose names say that one undoes the other."""

from __future__ import annotations

from collections.abc import Iterator

from augment.analysis import Neighbour
from augment.generation.property.properties import Property, equal, guarded
from augment.generation.property.rules.pairs import are_opposite
from augment.generation.property.subject import Input, Subject, pattern_of

MAX_PARTNERS = 3


class RoundTrip:
    """``parse(format(x)) == x``; for what loses something on the way, ``format(parse(format(x))) == format(x)``."""

    name = "round trip"

    def properties(self, subject: Subject) -> Iterator[Property]:
        """With each neighbour whose name is the opposite of the target's."""
        partners = [item for item in subject.context.neighbours if are_opposite(subject.name, _name(item))]
        for partner in partners[:MAX_PARTNERS]:
            yield from there_and_back(subject, partner, self.name)


def there_and_back(subject: Subject, partner: Neighbour, rule: str, rests_on: str = "") -> Iterator[Property]:
    """The round trips through ``partner``: exact first, then up to what the first way loses."""
    found = pattern_of(partner)
    if found is None or not subject.inputs:
        return
    pattern, line = found
    start = _start(subject)
    back = pattern.replace("{argument}", "there")
    imports = frozenset({line})
    claim, needed = equal(back, start.name, start.kind)
    title = f"then_{_name(partner).lower()}_gives_back_the_{start.name}"
    lines = guarded(subject, f"there = {subject.call()}")
    yield Property(rule, title, subject.inputs, (*lines, claim), imports | needed, rests_on)
    if not rests_on and start.parameter is not None:
        again, needed = equal(subject.call(**{start.name: "back"}), "there", subject.result.kind)
        body = (*lines, f"back = {back}", again)
        yield Property(
            rule, f"survives_a_round_trip_through_{_name(partner).lower()}", subject.inputs, body, imports | needed
        )


def _start(subject: Subject) -> Input:
    """What comes back: the first argument, or the instance where there is none."""
    return subject.arguments[0] if subject.arguments else subject.inputs[0]


def _name(neighbour: Neighbour) -> str:
    return neighbour.qualname.rpartition(".")[2]
