"""What every source of candidates looks like to the gates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from augment.analysis import TargetContext
    from augment.records import Candidate


class Generator(Protocol):
    """Proposes tests for one target. Nothing it proposes is trusted: the gates decide.

    A proposal may leave an expected value open by writing ``assert EXPRESSION == ...``: the value is then observed
    while the test runs, and the test becomes a characterization. A candidate whose ``origin`` is ``doctest`` states
    what the documentation promises: when the code breaks it, the result is a finding, never a repair.
    """

    @property
    def name(self) -> str:
        """The name by which the generator is switched off and credited, such as ``search``."""

    def propose(self, context: TargetContext, seed: int, limit: int) -> list[Candidate]:
        """At most ``limit`` candidates for ``context.target``, the most promising first.

        The same context, seed and limit give the same sources in the same order. Runs no project code.
        """
