"""One finding's reproduction, run once more as the project stands now."""

from __future__ import annotations

from dataclasses import dataclass

from augment.errors import AugmentError
from augment.generation.trials import TrialRunner, Variation
from augment.records import Candidate, Finding, Lane, Outcome, Project, Snapshot, TestKind, new_id
from augment.seams import Executor


@dataclass(frozen=True, slots=True)
class Rerun:
    """Whether a finding still stands, and what pytest showed of it."""

    stands: bool
    output: str


def rerun(finding: Finding, project: Project, snapshot: Snapshot, executor: Executor, output: str) -> Rerun:
    """Run the reproduction in a private copy, confined. Raises AugmentError when it is no verdict on the code: it does
    not import any more, or was stopped.
    """
    runner = TrialRunner(project, snapshot, executor, output, test_wall_s=20.0, lane=Lane.FAST)
    candidate = Candidate(new_id("cand"), finding.target, "finding", TestKind.UNIT, finding.source)
    trial = runner.run([candidate], Variation()).trials.get(candidate.id)
    if trial is None or trial.fault is not None:
        why = trial.fault if trial is not None else "the project changed meanwhile"
        raise AugmentError(f"{finding.id} could not be rerun: {why}; try again")
    if trial.collection_error or set(trial.outcomes) - {Outcome.PASSED, Outcome.FAILED}:
        last = (trial.error.strip().splitlines() or ["it is not a test any more"])[-1]
        raise AugmentError(
            f"{finding.id} cannot be rerun on the code as it is ({last.strip()}); "
            f"if what it is about is gone, `augment findings mark {finding.id} noise`"
        )
    return Rerun(not trial.passed, trial.error)
