"""The generator of property tests: rules propose, Hypothesis falsifies, the gates decide."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence

from augment.analysis import TargetContext
from augment.generation.property.properties import Property, Rule, render
from augment.generation.property.rules import RULES
from augment.generation.property.subject import Subject, subjects_of
from augment.generation.replies import key_of
from augment.records import Candidate, TestKind

MOST = 24
"""Proposals for one target: most are falsified, each of which costs a run."""
WAYS = {"round trip": 3, "idempotence": 2, "insensitivity": 2, "undoing": 2, "invariants": 2, "equivalence": 2}
"""By rule: with how many choices of inputs the same property is proposed."""
STATEFUL = frozenset({"filling", "undoing", "untouched"})
"""The rules that have something to say of a method that returns nothing."""


class PropertyGenerator:
    """Proposes what may hold of a target for every input. Reads names, types, docstrings; runs nothing.

    A false property is falsified by the first run and costs little, so rules propose boldly.
    """

    def __init__(self, rules: Sequence[Rule] = RULES) -> None:
        self._rules = rules

    @property
    def name(self) -> str:
        """The name by which the generator is switched off and credited."""
        return "property"

    def propose(self, context: TargetContext, seed: int, limit: int) -> list[Candidate]:
        """At most ``limit`` candidates, the same for the same context: each rule's first property in turn."""
        found: dict[str, Candidate] = {}
        stated: Counter[str] = Counter()
        for subject, item in self._properties(context):
            if len(found) >= min(limit, MOST):
                break
            source = render(subject, item)
            key = key_of(source)
            if key not in found and stated[item.title] < self._ways(item):
                stated[item.title] += 1
                found[key] = _candidate(context, source, item, seed)
        return list(found.values())

    def _ways(self, item: Property) -> int:
        """How often the same is stated of other inputs, which may hold where it does not hold of the first."""
        return WAYS.get(item.rule, 1)

    def _properties(self, context: TargetContext) -> Iterator[tuple[Subject, Property]]:
        """What documentation states and pairs of names suggest first; then a property of each rule at a time."""
        streams = [
            [(subject, item) for item in rule.properties(subject)]
            for subject in subjects_of(context)
            for rule in self._rules
            if subject.gives or rule.name in STATEFUL
        ]
        for turn in itertools.zip_longest(*streams):
            yield from (item for item in turn if item is not None)


def _candidate(context: TargetContext, source: str, item: Property, seed: int) -> Candidate:
    digest = hashlib.sha256(f"{context.target.id}\0{source}".encode()).hexdigest()[:10]
    return Candidate(
        id=f"cand-{digest}",
        target=context.target.id,
        generator="property",
        kind=TestKind.PROPERTY,
        source=source,
        origin=item.rule,
        seed=seed,
    )
