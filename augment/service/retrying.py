"""Faults are retried on another executor, a limited number of times. Failures never are."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from augment.records import Attempt, Fault, FaultKind, Outcome, Verdict
from augment.seams import BatchResult

RETRIED = frozenset({FaultKind.TIMEOUT, FaultKind.OUT_OF_MEMORY, FaultKind.CRASH, FaultKind.WORKER_LOST})
"""What may be the machine's doing. A superseded test runs again anyway; a denial of the sandbox or too much output is
the test's own doing and would only happen again."""

RETRIES = 1
"""How often a fault is tried again by default."""

MOST_RETRIED = 200
"""Tests of one run. Where more are lost at once something is wrong that retries do not cure."""

_MESSAGE_CHARS = 4000

RunAgain = Callable[[tuple[str, ...], str], BatchResult]
"""Runs these tests in a batch of their own; the second argument names the executor to avoid."""


@dataclass(frozen=True, slots=True)
class Retried:
    """What the retries of one run came to.

    ``verdicts`` has one for each test that was tried again: its real verdict, or the fault that stands, with how often
    it was seen. ``attempts`` are all executions, the first included; ``results`` the batches that retried.
    """

    verdicts: tuple[Verdict, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    results: tuple[BatchResult, ...] = ()


class FaultRetries:
    """The policy: which tests run again, and what their attempts come to. Knows nothing of executors or time."""

    def __init__(self, retries: int = RETRIES) -> None:
        self._retries = retries
        self._seen: dict[str, list[tuple[Verdict, BatchResult]]] = {}

    def note(self, results: Sequence[BatchResult]) -> None:
        """Take the results of the run itself."""
        for result in results:
            for verdict in result.verdicts:
                if verdict.fault is not None and verdict.fault.kind in RETRIED:
                    self._seen[verdict.nodeid] = [(verdict, result)]
        if len(self._seen) > MOST_RETRIED:
            self._seen.clear()

    def due(self) -> dict[str, tuple[str, ...]]:
        """Executor to avoid -> tests to run again now."""
        due: defaultdict[str, list[str]] = defaultdict(list)
        for nodeid, tries in self._seen.items():
            verdict, result = tries[-1]
            if len(tries) <= self._retries and verdict.fault is not None and verdict.fault.kind in RETRIED:
                due[result.executor].append(nodeid)
        return {executor: tuple(nodeids) for executor, nodeids in due.items()}

    def note_retry(self, nodeids: Sequence[str], result: BatchResult) -> None:
        """Take what a retry of ``nodeids`` gave. A test without a verdict in it is not tried any more."""
        told = {verdict.nodeid: verdict for verdict in result.verdicts}
        lost = Fault(FaultKind.WORKER_LOST, "the retry ended without a verdict")
        for nodeid in nodeids:
            verdict = told.get(nodeid) or Verdict(nodeid, Outcome.FAULT, 0.0, fault=result.fault or lost)
            self._seen[nodeid].append((verdict, result))

    def settled(self) -> list[Verdict]:
        """The verdict of each test that was tried again."""
        return [_come_to([verdict for verdict, _ in tries]) for tries in self._seen.values() if len(tries) > 1]

    def attempts(self, revision: str, at: float) -> list[Attempt]:
        """Every execution of each test that was tried again."""
        return [
            Attempt(
                nodeid,
                revision,
                result.batch_id,
                number,
                "retry",
                verdict.outcome,
                verdict.duration_s,
                at,
                result.executor,
                _position(nodeid, result),
                verdict.output[-_MESSAGE_CHARS:],
                verdict.fault,
            )
            for nodeid, tries in self._seen.items()
            if len(tries) > 1
            for number, (verdict, result) in enumerate(tries, 1)
        ]


def _position(nodeid: str, result: BatchResult) -> int:
    return next((place for place, verdict in enumerate(result.verdicts) if verdict.nodeid == nodeid), 0)


def _come_to(tries: Sequence[Verdict]) -> Verdict:
    """A real verdict where there is one; else the first fault, saying whether it is the same every time."""
    last, first = tries[-1], tries[0]
    if last.outcome is not Outcome.FAULT:
        return last
    kinds = [verdict.fault.kind for verdict in tries if verdict.fault is not None]
    assert first.fault is not None
    if FaultKind.SUPERSEDED in kinds:
        return first
    if len(set(kinds)) == 1:
        said = f"the same on each of {len(tries)} attempts: it is deterministic, not the machine's doing"
    else:
        said = f"{len(tries)} attempts: {', then '.join(kind.value for kind in kinds)}"
    detail = f"{first.fault.detail}\n{said}".strip()
    return replace(first, fault=Fault(first.fault.kind, detail), output=f"{first.output}\n{said}".strip())


def retry_faults(
    results: Sequence[BatchResult],
    run_again: RunAgain,
    revision: str,
    retries: int = RETRIES,
    clock: Callable[[], float] = time.time,
) -> Retried:
    """Run what a fault has ended again, at most ``retries`` times, and say what it comes to.

    Ends early when a retry is superseded: the faults seen so far stand.
    """
    policy = FaultRetries(retries)
    policy.note(results)
    retried: list[BatchResult] = []
    while due := policy.due():
        for executor, nodeids in due.items():
            result = run_again(nodeids, executor)
            retried.append(result)
            policy.note_retry(nodeids, result)
    return Retried(tuple(policy.settled()), tuple(policy.attempts(revision, clock())), tuple(retried))
