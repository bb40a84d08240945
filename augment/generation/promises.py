"""Promises: properties that documentation states, held against the code where no test of them was tried.

Exploration leaves a target alone once its lines are covered and its mutants killed, and a property test that adds
nothing is not kept. Whether the code keeps to what is written about it is another question, and it is asked here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from augment.generation.doubts import Doubts
from augment.generation.falsified import aftermath, promised
from augment.generation.static_gates import STATIC_GATES
from augment.generation.trials import FIRST_SEED, TrialRunner, Variation
from augment.records import Candidate, Finding

if TYPE_CHECKING:
    from augment.analysis import TargetContext

AT_ONCE = 12
"""Properties that are tried in one batch: each draws up to fifty inputs."""


class Promises:
    """Tries the properties that rest on a sentence or a signature. ``was_tried`` tells of those that have been."""

    def __init__(self, runner: TrialRunner, doubts: Doubts, seed: int, was_tried: Callable[[str], bool]) -> None:
        self._runner = runner
        self._doubts = doubts
        self._seed = seed
        self._was_tried = was_tried

    def try_all(self, contexts: Sequence[TargetContext], is_over: Callable[[], bool]) -> list[Finding]:
        """Findings of what is promised and does not hold. ``is_over`` is asked before each batch."""
        by_id = {context.target.id: context for context in contexts}
        promises = [item for context in contexts for item in self._promises(context)]
        found: list[Finding] = []
        for start in range(0, len(promises), AT_ONCE):
            if is_over() or self._runner.superseded:
                break
            found += self._tried(promises[start : start + AT_ONCE], by_id)
        return found

    def _promises(self, context: TargetContext) -> list[Candidate]:
        from augment.generation.property import PropertyGenerator
        from augment.generation.property.generator import MOST

        return [
            item
            for item in PropertyGenerator().propose(context, self._seed, MOST)
            if promised(item.source)
            and not self._was_tried(item.source)
            and all(gate.objection(item, context) is None for gate in STATIC_GATES)
        ]

    def _tried(self, batch: Sequence[Candidate], contexts: dict[str, TargetContext]) -> list[Finding]:
        result = self._runner.run(batch, Variation(hash_seed=FIRST_SEED))
        found: list[Finding] = []
        for item in batch:
            trial = result.trials.get(item.id)
            if trial is None or trial.collection_error or trial.fault is not None or trial.passed:
                continue
            finding = aftermath(item, trial, contexts[item.target])
            if isinstance(finding, Finding):
                found += self._doubts.falsified(item, finding)
        return found
