"""The idle chore that looks for flaky tests, says what makes each fail, marks it and mutes it for a while."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from augment.records import Attempt, Evidence, Job, Outcome, Snapshot
from augment.service.flakiness import THRESHOLD, Prior, learn_prior, scored
from augment.service.isolating import isolate
from augment.service.rerun_batches import BROKEN, Order, RerunBatches, ran_before
from augment.service.rerunning import ALONE, USUAL, KnownTest, Rerun, next_rerun, updated
from augment.service.watching import SnapshotSource

log = logging.getLogger(__name__)

DAY_S = 86400.0
BUDGET_S = 5.0
"""Of one piece of work: short, so that a save soon finds the machine free."""
_LOOK_AGAIN_S = 60.0
"""How long nothing was worth it, until the next look at the records: new tests come without a new revision."""
_REST = 4.0
"""Rest after each piece, in its own lengths, while tests wait to be written: both use the slots of the background."""


class FlakinessRecords(Protocol):
    """Where tests, evidence and mutes stand: the reporter, or its client."""

    def tests(self) -> list[dict[str, Any]]:
        """Every known test with its newest verdict."""

    def evidence(self) -> list[Evidence]:
        """What is known of each test that was ever rerun."""

    def attempts(self, attempts: Sequence[Attempt], evidence: Sequence[Evidence] = ()) -> None:
        """Keep executions and what they amount to."""

    def mixed_tests(self) -> list[str]:
        """Tests that have lately passed and failed on one revision."""

    def pending_jobs(self, limit: int = 100) -> list[Job]:
        """What waits to be written."""

    def mute(self, nodeid: str, until: float, by: str = "user") -> bool:
        """Mute a test."""


@dataclass(frozen=True, slots=True)
class FlakinessPolicy:
    """When a test is flaky, and for how many days it is muted then (0: never unasked)."""

    threshold: float = THRESHOLD
    mute_days: float = 7.0
    budget_s: float = BUDGET_S


class FlakinessChore:
    """One short piece of rerunning a call. Nothing of it is lost with the process: all evidence is in the records."""

    name = "flakiness"

    def __init__(
        self,
        snapshots: SnapshotSource,
        records: FlakinessRecords,
        batches: RerunBatches,
        policy: FlakinessPolicy | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._snapshots = snapshots
        self._records = records
        self._batches = batches
        self._policy = policy or FlakinessPolicy()
        self._clock = clock
        self._seed = int(clock())
        self._nothing = ("", 0.0)
        self._rests_until = 0.0

    def step(self, snapshot: Snapshot, should_stop: Callable[[], bool]) -> str:
        """Find what a flip was due to, else rerun what promises most; says what was done, '' when nothing is."""
        began = self._clock()
        if began < self._rests_until or (self._nothing[0] == snapshot.revision and began < self._nothing[1]):
            return ""
        done = self._piece(snapshot, should_stop)
        if self._records.pending_jobs(1):
            self._rests_until = self._clock() + _REST * (self._clock() - began)
        return done

    def _piece(self, snapshot: Snapshot, should_stop: Callable[[], bool]) -> str:
        evidence = {known.nodeid: known for known in self._records.evidence()}
        prior = learn_prior(evidence.values())
        flipped = next((known for known in evidence.values() if known.mixed and known.suspects), None)
        if flipped is not None:
            return self._isolate(flipped, snapshot, should_stop)
        self._seed += 1
        tests = known_tests(self._records.tests(), self._records.mixed_tests())
        work = next_rerun(tests, evidence, prior, self._policy.budget_s, self._seed)
        if work is None:
            self._nothing = (snapshot.revision, self._clock() + _LOOK_AGAIN_S)
            return ""
        return self._rerun(work, {test.nodeid: test for test in tests}, evidence, prior, snapshot, should_stop)

    # ----------------------------------------------------------------- rerunning

    def _rerun(
        self,
        work: Rerun,
        tests: Mapping[str, KnownTest],
        evidence: Mapping[str, Evidence],
        prior: Prior,
        snapshot: Snapshot,
        should_stop: Callable[[], bool],
    ) -> str:
        changed: dict[str, Evidence] = {}
        kept: list[Attempt] = []
        for nodeids in [(nodeid,) for nodeid in work.nodeids] if work.recipe.order == ALONE else [work.nodeids]:
            order = Order(nodeids, work.recipe.conditions(work.shuffle_seed), snapshot.revision, work.recipe.repeat)
            ran = self._batches.run(order, should_stop)
            if ran is None:
                break
            before = ran_before(ran)
            for nodeid, attempts in _by_test(ran).items():
                known = changed.get(nodeid) or evidence.get(nodeid) or Evidence(nodeid)
                kept += _numbered(attempts, known)
                test = tests.get(nodeid, KnownTest(nodeid))
                standing = (test.outcome, test.revision)
                more = updated(known, attempts, before.get(nodeid, ()), work.recipe.name, standing)
                changed[nodeid] = scored(more, prior, self._policy.threshold)
            _count_unheard(nodeids, tests, evidence, changed, work.recipe.name)
        if not kept and not changed:
            return ""
        if self._moved(snapshot):
            return ""  # what ran may have been of two revisions
        self._records.attempts(kept, list(changed.values()))
        for known in changed.values():
            self._mute(known)
        return _told(kept, work)

    def _moved(self, snapshot: Snapshot) -> bool:
        return self._snapshots.take().revision != snapshot.revision

    # ----------------------------------------------------------------- isolating

    def _isolate(self, known: Evidence, snapshot: Snapshot, should_stop: Callable[[], bool]) -> str:
        found = isolate(replace(known, revision=snapshot.revision), self._batches, should_stop)
        if found is None or self._moved(snapshot):
            return ""
        evidence, attempts = found
        # The revision is that of the reruns, which the probes are not counted among.
        self._records.attempts(_numbered(attempts, known), [replace(evidence, revision=known.revision)])
        self._mute(evidence)
        return f"looked for what makes {known.nodeid} fail: {evidence.cause or 'not ' + known.suspects[0]}"

    def _mute(self, evidence: Evidence) -> None:
        if self._policy.mute_days > 0 and worth_muting(evidence):
            until = self._clock() + self._policy.mute_days * DAY_S
            if self._records.mute(evidence.nodeid, until, "augment"):
                log.info("%s is flaky (%s): muted", evidence.nodeid, evidence.cause)


def worth_muting(evidence: Evidence) -> bool:
    """Whether a flaky test would raise false alarms: it has passed as usual, and may fail here too.

    One that fails as usual every time is broken, whatever it does otherwise; one that fails in other time zones only
    never fails here.
    """
    usual = evidence.tallies.get(USUAL, (0, 0))
    elsewhere = evidence.cause.startswith("time zone")
    return evidence.is_flaky and not evidence.suspects and usual[0] > 0 and not elsewhere


def known_tests(rows: Sequence[Mapping[str, Any]], mixed: Collection[str] = ()) -> list[KnownTest]:
    """Tests worth rerunning, from what the dashboard shows of them; skipped ones say nothing.

    ``mixed`` are tests whose own runs have had two outcomes on one revision.
    """
    unsteady = set(mixed)
    return [
        KnownTest(
            row["nodeid"],
            row["duration_s"] or 0.0,
            row["outcome"],
            row["revision"] or "",
            sum(row["counts"].values()),
            row["nodeid"] in unsteady,
        )
        for row in rows
        if "::" in row["nodeid"] and row["outcome"] in ("passed", "failed", "error")
    ]


def _by_test(attempts: Sequence[Attempt]) -> dict[str, list[Attempt]]:
    found: defaultdict[str, list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        found[attempt.nodeid].append(attempt)
    return dict(found)


def _numbered(attempts: Sequence[Attempt], known: Evidence) -> list[Attempt]:
    return [replace(attempt, number=known.attempts + place) for place, attempt in enumerate(attempts, 1)]


def _count_unheard(
    nodeids: Sequence[str],
    tests: Mapping[str, KnownTest],
    evidence: Mapping[str, Evidence],
    changed: dict[str, Evidence],
    recipe: str,
) -> None:
    """Tests that were asked for and gave no verdict count as tried, so that they are not asked for without end."""
    files = {nodeid for nodeid in nodeids if "::" not in nodeid}
    asked = [name for name in tests if name in nodeids or name.partition("::")[0] in files]
    for nodeid in asked:
        if nodeid not in changed:
            known = evidence.get(nodeid) or Evidence(nodeid)
            tried = {**known.tried, recipe: known.tried.get(recipe, 0) + 1}
            changed[nodeid] = replace(known, tried=tried, silent=known.silent + 1)


def _told(attempts: Sequence[Attempt], work: Rerun) -> str:
    bad = {attempt.nodeid for attempt in attempts if attempt.outcome in BROKEN}
    good = {attempt.nodeid for attempt in attempts if attempt.outcome is Outcome.PASSED}
    number = len(good | bad)
    return f"reran {number} test{'' if number == 1 else 's'} ({work.recipe.name}): {len(bad)} did not pass"
