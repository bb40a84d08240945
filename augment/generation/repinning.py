"""Stale tests are observed anew: what they assert becomes what the code does now, where that is stable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from augment.generation.ledger import Ledger
from augment.generation.mending import mend, open_pending
from augment.generation.standing import standalone
from augment.generation.trials import Trial, TrialRunner, Variation
from augment.records import Admission, Candidate, CoverageReport, FaultKind, Lane, Project, Snapshot, TestKind, new_id
from augment.seams import Executor

RUNS = 5
"""Runs that a re-pinned test passes: two in one process, two in fresh ones with everything varied, one alone."""
TEST_WALL_S = 20.0
"""Longer than while tests are written: a busy machine must not decide about one that was good."""
_ALIKE = (
    Variation(repeat=2, hash_seed=1),
    Variation(hash_seed=2, shuffle_seed=1),
    Variation(hash_seed=3, shuffle_seed=2),
)
_ALONE = Variation(hash_seed=1)


class Fate(StrEnum):
    """What came of looking at a stale test again."""

    PASSES = "passes"
    """It holds as it stands."""
    REPINNED = "repinned"
    HOPELESS = "hopeless"
    """Nothing stable is left that it could say."""
    SUPERSEDED = "superseded"
    """A newer save came in between: nothing is known."""
    UNSEEN = "unseen"
    """A fault ended it, of the machine or of a test that hangs: nothing is known, and nothing is held against it."""


@dataclass(frozen=True, slots=True)
class Repin:
    """``before`` is the test as it stands, ``source`` as it is to stand; both as modules of their own."""

    admission: Admission
    fate: Fate
    before: str
    source: str
    why: str = ""


def observe_again(
    project: Project,
    snapshot: Snapshot,
    executor: Executor,
    output: str,
    admissions: Sequence[Admission],
    lane: Lane = Lane.WRITE,
) -> list[Repin]:
    """Look at what each test asserts on ``snapshot``, and say it anew where several runs agree. Writes nothing."""
    runner = TrialRunner(project, snapshot, executor, output, TEST_WALL_S, lane)
    tests = {_candidate(project, item): item for item in admissions}
    first = _first_run(list(tests), runner)
    fates: dict[str, Repin] = {}
    broken: list[Candidate] = []
    for test, admission in tests.items():
        trial = first.get(test.id, Trial())
        if trial.passed:
            fates[test.id] = Repin(admission, Fate.PASSES, test.source, test.source)
        elif trial.fault is not None:
            fates[test.id] = Repin(admission, Fate.UNSEEN, test.source, test.source, trial.fault)
        elif admission.kind is TestKind.PROPERTY:
            fates[test.id] = _hopeless(admission, test, "a property that holds no more")
        else:
            broken.append(test)
    pending = {test.id: open_pending(test, first.get(test.id, Trial())) for test in broken}
    mended = mend([item for item in pending.values() if item is not None], runner, Ledger(CoverageReport()))
    new = {item.pending.candidate.id: item.candidate for item in mended if item.candidate is not None}
    errors = {item.pending.candidate.id: item.error for item in mended if item.candidate is None}
    errors |= _unstable(new, runner)
    for test in broken:
        found = new.get(test.id)
        if found is not None and test.id not in errors:
            fates[test.id] = Repin(tests[test], Fate.REPINNED, test.source, found.source)
        else:
            fates[test.id] = _given_up(tests[test], test, errors.get(test.id, ""))
    if runner.superseded:
        return [Repin(admission, Fate.SUPERSEDED, test.source, test.source) for test, admission in tests.items()]
    return [fates[test.id] for test in tests]


def _first_run(tests: Sequence[Candidate], runner: TrialRunner) -> dict[str, Trial]:
    """Every test as it stands; what a fault ended is tried once more, as a verdict of a suite would be."""
    as_it_stands = Variation(hash_seed=0)
    trials = dict(runner.run(tests, as_it_stands).trials)
    faulted = [test for test in tests if trials.get(test.id, Trial()).fault is not None]
    return trials | dict(runner.run(faulted, as_it_stands).trials) if faulted else trials


def _given_up(admission: Admission, test: Candidate, error: str) -> Repin:
    if any(error.startswith(f"{kind.value}:") for kind in FaultKind):
        return Repin(admission, Fate.UNSEEN, test.source, test.source, error)
    return _hopeless(admission, test, _line(error))


def _hopeless(admission: Admission, test: Candidate, why: str) -> Repin:
    return Repin(admission, Fate.HOPELESS, test.source, test.source, why)


def _candidate(project: Project, admission: Admission) -> Candidate:
    """The test as it stands in its file, with whatever the user has made of it."""
    path = Path(project.root, admission.file)
    name = admission.nodeid.partition("::")[2]
    try:
        source = standalone(path.read_text(encoding="utf-8"), name) if path.exists() else None
    except (SyntaxError, UnicodeDecodeError):
        source = None
    return Candidate(new_id("cand"), admission.target, admission.generator, admission.kind, source or admission.source)


def _unstable(new: Mapping[str, Candidate], runner: TrialRunner) -> dict[str, str]:
    """Which of the tests do not pass every way of rerunning them, by the id that they were made from."""
    tests = [replace(test, id=new_id("cand")) for test in new.values()]
    if not tests:
        return {}
    jobs = [*((tests, variation) for variation in _ALIKE), *(([test], _ALONE) for test in tests)]
    results = runner.run_several(jobs)
    errors = {}
    for key, test in zip(new, tests, strict=True):
        trials = [run.trials[test.id] for run in results if test.id in run.trials]
        passed = sum(len(trial.outcomes) for trial in trials if trial.passed)
        if passed < RUNS or not all(trial.passed for trial in trials):
            errors[key] = next((item.fault or item.error for item in trials if not item.passed), "it did not run")
    return errors


def _line(error: str) -> str:
    lines = [line.strip() for line in error.splitlines() if line.strip()]
    marked = next((line for line in lines if line.startswith("E ")), lines[-1] if lines else "")
    return marked.removeprefix("E").strip()[:200]
