"""Which single condition makes a flaky test fail: its conditions apart, and of the tests before it the guilty ones."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from augment.records import Attempt, Conditions, Evidence, Outcome
from augment.service.rerun_batches import BROKEN, Order, RerunBatches
from augment.service.rerunning import AGAIN, ALONE, CLEAN, DIRTY, ORDER, REPEATED, TOGETHER, only

AT_RANDOM = "at random, or by the time or the load of the machine"
LEFTOVERS = "what it, or another test, once left in the temporary folder"
BY_ITSELF = "run by itself: it needs what other tests leave behind"
_PROBES = 3
"""Times in a row that a suspect must make the test fail, and the usual conditions must not."""


_SEEDS = (1, 2, 3, 4)


class _StoppedError(Exception):
    """A save came."""


@dataclass(slots=True)
class _Probing:
    batches: RerunBatches
    should_stop: Callable[[], bool]
    evidence: Evidence
    attempts: list[Attempt]

    def fails(self, conditions: Conditions, before: Sequence[str] = ()) -> bool:
        """Whether the test fails every time under these conditions, after these other tests."""
        return all(self._fails_once(conditions, before) for _ in range(_PROBES))

    def passes(self, conditions: Conditions) -> bool:
        """Whether it passes every time by itself under these conditions."""
        return not any(self._fails_once(conditions, ()) for _ in range(_PROBES))

    def _fails_once(self, conditions: Conditions, before: Sequence[str]) -> bool:
        if conditions.temp == DIRTY:  # made dirty by the same tests first
            self._run(replace(conditions, temp=CLEAN), self.evidence.before)
        outcome = self._outcome(conditions, before)
        if outcome is Outcome.FAULT:  # a busy machine must not acquit a suspect; once more, and no more
            outcome = self._outcome(conditions, before)
        return outcome in BROKEN

    def _outcome(self, conditions: Conditions, before: Sequence[str]) -> Outcome | None:
        ran = self._run(conditions, before)
        own = [attempt for attempt in ran if attempt.nodeid == self.evidence.nodeid]
        return own[-1].outcome if own else None

    def _run(self, conditions: Conditions, before: Sequence[str]) -> list[Attempt]:
        repeat = 1 + conditions.round
        order = Order(
            (*before, self.evidence.nodeid),
            replace(conditions, round=0),
            self.evidence.revision,
            repeat,
            "isolate",
        )
        ran = self.batches.run(order, self.should_stop)
        if ran is None:
            raise _StoppedError
        self.attempts += ran
        return ran


def isolate(
    evidence: Evidence, batches: RerunBatches, should_stop: Callable[[], bool]
) -> tuple[Evidence, list[Attempt]] | None:
    """Try the first suspect; returns the evidence with what that showed, and the executions. None when it was ended.

    A suspect is the cause when the test fails with it three times in a row and passes without it three times in a row:
    one that fails every second time is blamed on a suspect wrongly once in 64.
    """
    probing = _Probing(batches, should_stop, evidence, [])
    try:
        found = _try_first(evidence, probing)
    except _StoppedError:
        return None
    return found, probing.attempts


def _try_first(evidence: Evidence, probing: _Probing) -> Evidence:
    assert evidence.failing is not None
    if not evidence.suspects:
        return _settled(evidence, AT_RANDOM)
    suspect, rest = evidence.suspects[0], evidence.suspects[1:]
    before = evidence.before if suspect in (ORDER, TOGETHER) else ()
    if probing.fails(only(suspect, evidence.failing), before):
        if not probing.passes(Conditions(order=ALONE)):
            return _why_it_fails_alone(evidence, probing)
        if suspect == ORDER:
            evidence = replace(evidence, before=_fewest(before, probing))
        return _settled(evidence, suspect)
    return replace(evidence, suspects=rest) if rest else _settled(evidence, AT_RANDOM)


def _why_it_fails_alone(evidence: Evidence, probing: _Probing) -> Evidence:
    """For a test that may fail by itself under the usual conditions."""
    if not probing.fails(Conditions(order=ALONE)):
        return _settled(evidence, AT_RANDOM)
    if probing.passes(Conditions(order=ALONE, temp=CLEAN)):
        return _settled(evidence, LEFTOVERS)
    seeded = [Conditions(order=ALONE, hash_seed=seed) for seed in _SEEDS]
    failing = [conditions for conditions in seeded if probing.fails(conditions)]
    if not failing or len(failing) == len(seeded):
        return _settled(evidence, BY_ITSELF)
    # The usual process has a hash seed too, drawn when it started.
    return _settled(replace(evidence, failing=failing[0]), f"hash seed {failing[0].hash_seed}")


def _fewest(before: tuple[str, ...], probing: _Probing) -> tuple[str, ...]:
    """The tests in front halved for as long as one half is enough to make it fail."""
    while len(before) > 1:
        middle = len(before) // 2
        half = next((part for part in (before[middle:], before[:middle]) if probing.fails(_REPEAT, part)), None)
        if half is None:
            break
        before = half
    return before


_REPEAT = Conditions(order=REPEATED)


def _settled(evidence: Evidence, cause: str) -> Evidence:
    words = f"after {evidence.before[0]}" if cause == ORDER and len(evidence.before) == 1 else cause
    return replace(evidence, suspects=(), cause=words, reproduce=command(evidence, cause))


def command(evidence: Evidence, cause: str) -> str:
    """A command line that shows the failure, from the project's root with the project's interpreter."""
    conditions = evidence.failing or Conditions()
    test = shlex.quote(evidence.nodeid)
    if cause == AT_RANDOM:
        tries = min(1000, math.ceil(3 / max(evidence.score, 0.003)))
        return f"for i in $(seq {tries}); do python -m pytest {test} || break; done"
    if cause == AGAIN:
        return f"python -c 'import pytest, sys; [pytest.main(sys.argv[1:]) for _ in range(2)]' {test}"
    wanted = conditions if cause == TOGETHER else only(cause, conditions)
    named = [*evidence.before, evidence.nodeid] if cause in (ORDER, TOGETHER) else [evidence.nodeid]
    run = " ".join([*_variables(wanted), "python -m pytest -p no:randomly", *map(shlex.quote, named)])
    if wanted.temp == DIRTY:
        return f"export TMPDIR=$(mktemp -d); {run}; {run}"
    return f"TMPDIR=$(mktemp -d) {run}" if wanted.temp == CLEAN else run


def _variables(conditions: Conditions) -> list[str]:
    named = [f"PYTHONHASHSEED={conditions.hash_seed}"] if conditions.hash_seed is not None else []
    return [*named, f"TZ={shlex.quote(conditions.time_zone)}"] if conditions.time_zone else named
