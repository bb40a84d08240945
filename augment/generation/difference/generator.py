"""Tests that pin what a change left as it was, from calls that old and new code were seen to agree on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from augment.generation.difference.inputs import NAME
from augment.records import Candidate, TestKind

if TYPE_CHECKING:
    from augment.analysis import TargetContext

Unchanged = Mapping[str, Any]
"""Target id -> ``{"hash": ..., "sources": [...]}``, as it is kept in the service's memory."""


class DifferenceGenerator:
    """Proposes the calls of a changed target that did the same before and after, as open tests.

    ``unchanged`` gives what is known when a target is asked for: the comparison may end after a pass has begun. What is
    pinned already, or covers nothing and kills nothing, is turned away as any other proposal is.
    """

    def __init__(self, unchanged: Callable[[], Unchanged]) -> None:
        self._unchanged = unchanged

    @property
    def name(self) -> str:
        """The name by which the generator is switched off and credited."""
        return NAME

    def propose(self, context: TargetContext, seed: int, limit: int) -> list[Candidate]:
        """At most ``limit`` open tests; none of a target that has changed since."""
        known = self._unchanged().get(context.target.id)
        if not known or known["hash"] != context.target.hash:
            return []
        return [_candidate(context.target.id, str(source), seed) for source in known["sources"][:limit]]


def _candidate(target: str, source: str, seed: int) -> Candidate:
    digest = hashlib.sha256(f"{NAME}\0{target}\0{source}".encode()).hexdigest()[:10]
    return Candidate(
        id=f"cand-{digest}",
        target=target,
        generator=NAME,
        kind=TestKind.UNIT,
        source=source,
        origin="unchanged",
        seed=seed,
        characterization=True,
    )
