"""Control samples: in idle time, tests that no save selected run all the same, to measure what selection misses."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from augment.records import (
    Attempt,
    Conditions,
    Control,
    Counts,
    Decision,
    Lane,
    Outcome,
    Run,
    Snapshot,
    Verdict,
    new_id,
)
from augment.service.rerun_batches import Order

REAL = frozenset(outcome.value for outcome in Outcome if outcome is not Outcome.FAULT)
PIECE_S = 3.0
"""Of one batch, by the tests' last durations: a save soon finds the machine free."""
_OVERHEAD_S = 0.02


class ControlRecords(Protocol):
    """Where decisions and verdicts stand: the reporter, or its client."""

    def tests(self) -> list[dict[str, Any]]:
        """Every known test with its newest verdict."""

    def decisions(self, limit: int = 20) -> list[Decision]:
        """What the newest revisions selected."""

    def run_started(self, run: Run) -> None:
        """Record a run."""

    def verdicts(self, run_id: str, verdicts: Sequence[Verdict]) -> None:
        """Record verdicts of a run."""

    def run_finished(self, run_id: str, finished_at: float) -> None:
        """Close a run."""

    def controlled(self, controls: Sequence[Control]) -> None:
        """Record what the controls found."""


class Batches(Protocol):
    """Runs tests in the idle lane."""

    def run(self, order: Order, should_stop: Callable[[], bool]) -> list[Attempt] | None:
        """Every execution, in order; None when it was ended early."""


@dataclass(frozen=True, slots=True)
class ControlPolicy:
    """How many deselected tests a revision has run as controls, and how long they may take together."""

    tests: int = 20
    seconds: float = 10.0
    seed: int = 0


class Controls:
    """The idle chore. One sample a revision, drawn by revision and seed, run in short batches.

    A control whose outcome differs runs again by itself: the same once more is a miss of the selection, another outcome
    means that the test is not steady. Either way its newest verdict is known from then on.
    """

    name = "controls"

    def __init__(
        self,
        records: ControlRecords,
        batches: Batches,
        policy: ControlPolicy | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._records = records
        self._batches = batches
        self._policy = policy or ControlPolicy()
        self._clock = clock
        self._revision = ""
        self._pending: list[list[str]] = []
        self._expected: dict[str, str] = {}

    def step(self, snapshot: Snapshot, should_stop: Callable[[], bool]) -> str:
        """Run one batch of the revision's sample; '' when there is none left."""
        if snapshot.revision != self._revision:
            self._draw(snapshot.revision)
        if not self._pending:
            return ""
        nodeids = self._pending[0]
        started = self._clock()
        attempts = self._batches.run(
            Order(tuple(nodeids), Conditions(), snapshot.revision, purpose="control"), should_stop
        )
        if attempts is None:
            return ""  # a save came: the sample of its revision will be another one
        self._pending.pop(0)
        seen = {attempt.nodeid: attempt for attempt in attempts if attempt.nodeid in self._expected}
        second = self._again([name for name in seen if self._differs(seen[name])], snapshot.revision, should_stop)
        if second is None:
            return ""
        return self._record(snapshot.revision, seen, second, started)

    def _draw(self, revision: str) -> None:
        """Choose the revision's sample."""
        self._revision = revision
        rows = self._records.tests() if self._records.decisions(1) else []
        sample = draw_sample(rows, revision, self._policy)
        self._expected = {row["nodeid"]: row["outcome"] for row in sample}
        self._pending = pieces_of(sample, PIECE_S)

    def _differs(self, attempt: Attempt) -> bool:
        return attempt.outcome.value in REAL and attempt.outcome.value != self._expected[attempt.nodeid]

    def _again(
        self, nodeids: Sequence[str], revision: str, should_stop: Callable[[], bool]
    ) -> Mapping[str, Attempt] | None:
        """Each by itself, so that none can be the cause of another's outcome; None when a save came between."""
        found: dict[str, Attempt] = {}
        for nodeid in nodeids:
            attempts = self._batches.run(Order((nodeid,), Conditions(), revision, purpose="control"), should_stop)
            if attempts is None:
                return None
            found.update({attempt.nodeid: attempt for attempt in attempts if attempt.nodeid == nodeid})
        return found

    def _record(self, revision: str, seen: Mapping[str, Attempt], second: Mapping[str, Attempt], started: float) -> str:
        last = {name: second.get(name, attempt) for name, attempt in seen.items()}
        real = {name: attempt for name, attempt in last.items() if attempt.outcome.value in REAL}
        if not real:
            return f"none of {len(seen)} controls came to a verdict"
        reason = f"control sample: {_count(len(real), 'test')} that no save selected of late"
        run = Run(new_id("run"), Lane.IDLE, reason, revision, started)
        verdicts = [Verdict(name, one.outcome, one.duration_s, one.message) for name, one in real.items()]
        now = self._clock()
        controls = [
            Control(
                name,
                revision,
                run.id,
                now,
                self._expected[name],
                seen[name].outcome.value,
                stable=name not in second or second[name].outcome is seen[name].outcome,
            )
            for name in real
        ]
        self._records.run_started(run)
        self._records.verdicts(run.id, verdicts)
        self._records.run_finished(run.id, now)
        self._records.controlled(controls)
        missed = [control.nodeid for control in controls if control.missed]
        told = f": selection missed {', '.join(missed[:3])}" if missed else ", none missed by the selection"
        return f"{_count(len(controls), 'control')} run{told} ({Counts.of(verdicts).passed} passed)"


def draw_sample(rows: Sequence[Mapping[str, Any]], revision: str, policy: ControlPolicy) -> list[Mapping[str, Any]]:
    """The controls of a revision: tests with a real outcome from another revision, at random, within the budget.

    What has a verdict of this revision was selected; a muted or flaky test tells nothing of the selection.
    """
    skipped = [row for row in rows if _is_candidate(row, revision)]
    random.Random(f"{policy.seed}:{revision}").shuffle(skipped)
    chosen: list[Mapping[str, Any]] = []
    left = policy.seconds
    for row in skipped:
        cost = float(row["duration_s"] or 0.0) + _OVERHEAD_S
        if len(chosen) < policy.tests and cost <= left:
            chosen.append(row)
            left -= cost
    return chosen


def _is_candidate(row: Mapping[str, Any], revision: str) -> bool:
    if row["revision"] == revision or row["outcome"] not in REAL or "::" not in row["nodeid"]:
        return False
    return not (row.get("flaky") or row.get("muted_until"))


def pieces_of(rows: Sequence[Mapping[str, Any]], seconds: float) -> list[list[str]]:
    """The tests in batches of about ``seconds``, in order of their names, so that files stay together."""
    pieces: list[list[str]] = []
    used = seconds
    for row in sorted(rows, key=lambda row: str(row["nodeid"])):
        cost = float(row["duration_s"] or 0.0) + _OVERHEAD_S
        if used + cost > seconds:
            pieces.append([])
            used = 0.0
        pieces[-1].append(str(row["nodeid"]))
        used += cost
    return pieces


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
