"""The reporter actor and its client."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import ray

from augment.actors.base import Shell, grouped
from augment.actors.logs import start_logging
from augment.actors.naming import REPORTER, find_actor
from augment.behaviour import BehaviourChange
from augment.records import (
    Activity,
    Admission,
    AdmissionState,
    Attempt,
    Control,
    CoverageReport,
    Decision,
    Evidence,
    Finding,
    Job,
    JobState,
    Note,
    Rejection,
    ResourceSample,
    Run,
    Verdict,
)
from augment.seams import Event
from augment.service import state_folder
from augment.service.preflight import check_visible

CALL_TIMEOUT_S = 60.0
"""Longer than a restart of the actor takes; past it the caller is told instead of hanging."""


@grouped(write=1, read=4, events=8)
class ReporterActor(Shell):
    """Shell over :class:`augment.store.Reporter`, the one writer of the project's store.

    Lifecycle: made by launch, on the node whose disk holds the project; ends with launch. Every write is on disk before
    its call returns, so when the actor dies nothing acknowledged is lost: it restarts, reopens the store, and calls in
    flight are delivered again (all are idempotent). Only the ring of recent live events is forgotten.
    """

    def __init__(self, root: str, log_dir: str, log_level: str) -> None:
        check_visible(Path(root))
        start_logging(Path(log_dir), REPORTER, log_level)
        from augment.store import Reporter, Store  # here: its clients need no database

        folder = state_folder(Path(root))
        self._reporter = Reporter(
            Store(folder / "augment.db"), Path(root), folder / "results", tasks_md=Path(root) / "TASKS.md"
        )

    @ray.method(concurrency_group="write")
    def write(self, method: str, *arguments: Any) -> Any:
        """Call a writing method. One at a time, in order."""
        return getattr(self._reporter, method)(*arguments)

    @ray.method(concurrency_group="read")
    def read(self, method: str, *arguments: Any) -> Any:
        """Call a reading method."""
        return getattr(self._reporter, method)(*arguments)

    @ray.method(concurrency_group="events")
    def events(self, after: int, timeout_s: float) -> list[Event]:
        """Wait for live events."""
        return self._reporter.events(after, timeout_s)

    @ray.method(concurrency_group="events")
    def await_work(self, seen: int, timeout_s: float) -> int:
        """Wait for what those who work through the queue have to know."""
        return self._reporter.await_work(seen, timeout_s)

    @ray.method(concurrency_group="write")
    def close(self) -> None:
        """Write what is pending (TASKS.md) and close the store."""
        self._reporter.close()


MOST_UNDER_WAY = 256
"""Writes that a coordinator may have handed over without waiting for any of them."""

REPORTER_RETRIES = 5
"""Calls are delivered at least once, to idempotent methods; bounded, so that a broken store is an error, not a loop."""


class ReporterClient:
    """The reporter from another process: sink, memory and reader in one. Safe to pickle and to share by threads."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._actor: Any = None

    def __reduce__(self) -> tuple[type[ReporterClient], tuple[str]]:
        return type(self), (self._namespace,)

    def _handle(self) -> Any:
        if self._actor is None:
            self._actor = find_actor(REPORTER, self._namespace)
        return self._actor

    def _sent(self, group: str, method: str, *arguments: Any) -> Any:
        """The reference of a call, which the Ray dashboard shows by what it does."""
        return getattr(self._handle(), group).options(name=f"reporter: {method}").remote(method, *arguments)

    def _write(self, method: str, *arguments: Any) -> Any:
        return ray.get(self._sent("write", method, *arguments), timeout=CALL_TIMEOUT_S)

    def _read(self, method: str, *arguments: Any) -> Any:
        return ray.get(self._sent("read", method, *arguments), timeout=CALL_TIMEOUT_S)

    def admission(self, admission_id: str) -> Admission:
        """The admission of this id."""
        return self._read("admission", admission_id)

    def update_admission(self, admission: Admission) -> None:
        """Replace what is kept of an admission, after a review."""
        self._write("update_admission", admission)

    def admission_records(self, state: AdmissionState | None = None) -> list[Admission]:
        """Admissions, oldest first, optionally of one state."""
        return self._read("admission_records", state)

    def amend(self, admissions: Sequence[Admission], notes: Sequence[Note] = ()) -> None:
        """Replace what is kept of admissions and note why."""
        self._write("amend", admissions, notes)

    def stale_admissions(self) -> list[Admission]:
        """Kept tests that no longer hold since their code changed."""
        return self._read("stale_admissions")

    def note(self, note_id: str) -> Note | None:
        """The note of this id."""
        return self._read("note", note_id)

    def finding_record(self, finding_id: str) -> Finding:
        """The finding of this id."""
        return self._read("finding_record", finding_id)

    def finding_records(self) -> list[Finding]:
        """Findings as records, newest first."""
        return self._read("finding_records")

    def update_finding(self, finding: Finding) -> None:
        """Replace what is kept of a finding, after a person marked it."""
        self._write("update_finding", finding)

    def set_health(self, **facts: Any) -> None:
        """Merge JSON-ready facts into what ``health`` tells, such as ``model="ready"``."""
        self._write("set_health", facts)

    # ----------------------------------------------------------------- sink

    def run_started(self, run: Run) -> None:
        """See :class:`augment.seams.ReportSink`, as for all methods of this part."""
        self._write("run_started", run)

    def verdicts(self, run_id: str, verdicts: Sequence[Verdict]) -> None:
        """Record verdicts of a run."""
        self._write("verdicts", run_id, verdicts)

    def run_finished(self, run_id: str, finished_at: float) -> None:
        """Close a run."""
        self._write("run_finished", run_id, finished_at)

    def coverage(self, revision: str, report: CoverageReport) -> None:
        """Replace what is known of the tests in ``report``."""
        self._write("coverage", revision, report)

    def admitted(self, admissions: Sequence[Admission]) -> None:
        """Record admissions."""
        self._write("admitted", admissions)

    def rejected(self, rejections: Sequence[Rejection]) -> None:
        """Record rejections."""
        self._write("rejected", rejections)

    def decided(self, decision: Decision) -> None:
        """Record which tests a revision selected, and why."""
        self._write("decided", decision)

    def controlled(self, controls: Sequence[Control]) -> None:
        """Record what a control sample found."""
        self._write("controlled", controls)

    def finding(self, finding: Finding) -> None:
        """Record a finding."""
        self._write("finding", finding)

    def behaviour_changed(self, changes: Sequence[BehaviourChange]) -> None:
        """Record what a save changed of what the code does."""
        self._write("behaviour_changed", changes)

    def sample(self, sample: ResourceSample) -> None:
        """Record a resource sample."""
        self._write("sample", sample)

    def activity(self, activity: Activity) -> None:
        """Say what a part is doing."""
        self._write("activity", activity)

    def tokens(self, model: str, prompt: int, completion: int) -> None:
        """Add to the count of model tokens."""
        self._write("tokens", model, prompt, completion)

    def attempts(self, attempts: Sequence[Attempt], evidence: Sequence[Evidence] = ()) -> None:
        """Keep every execution of tests that ran more than once."""
        self._write("attempts", attempts, evidence)

    # ----------------------------------------------------------------- flakiness

    def mixed_tests(self) -> list[str]:
        """Tests that have lately passed and failed on one revision."""
        return self._read("mixed_tests")

    def evidence(self) -> list[Evidence]:
        """What is known of the flakiness of each test."""
        return self._read("evidence")

    def mute(self, nodeid: str, until: float, by: str = "user") -> bool:
        """Mute a test."""
        return self._write("mute", nodeid, until, by)

    def unmute(self, nodeid: str) -> bool:
        """End a mute by a user's word."""
        return self._write("unmute", nodeid)

    # ----------------------------------------------------------------- memory

    def enqueue(self, jobs: Sequence[Job]) -> None:
        """See :class:`augment.seams.Memory`, as for all methods of this part."""
        self._write("enqueue", jobs)

    def pending_jobs(self, limit: int = 100) -> list[Job]:
        """Pending jobs, the most urgent first."""
        return self._read("pending_jobs", limit)

    def finish_job(self, job_id: str, state: JobState) -> None:
        """Take a job from the queue."""
        self._write("finish_job", job_id, state)

    def count_attempt(self, job_id: str) -> int:
        """Note that work on the job begins."""
        return self._write("count_attempt", job_id)

    def remember(self, key: str, value: Any) -> None:
        """Keep a JSON-ready value."""
        self._write("remember", key, value)

    def recall(self, key: str) -> Any:
        """The value kept under ``key``, or None."""
        return self._read("recall", key)

    def known_coverage(self) -> CoverageReport:
        """The newest coverage of every test."""
        return self._read("known_coverage")

    def forget_tests(self, nodeids: Sequence[str]) -> None:
        """Drop tests that no longer exist."""
        self._write("forget_tests", nodeids)

    def decisions(self, limit: int = 20) -> list[Decision]:
        """Decisions on which tests to run, newest first."""
        return self._read("decisions", limit)

    def latest_outcomes(self) -> dict[str, str]:
        """nodeid -> newest outcome."""
        return self._read("latest_outcomes")

    def content_changed(self, nodeids: Sequence[str]) -> None:
        """Forget the evidence about tests that changed and end their mutes."""
        self._write("content_changed", nodeids)

    # ----------------------------------------------------------------- reader

    def health(self) -> dict[str, Any]:
        """See :class:`augment.seams.ReportReader`, as for all methods of this part."""
        return self._read("health")

    def summary(self) -> dict[str, Any]:
        """Totals, failing tests, new tests."""
        return self._read("summary")

    def runs(self, limit: int = 50, after: str | None = None) -> list[dict[str, Any]]:
        """Runs, newest first."""
        return self._read("runs", limit, after)

    def run(self, run_id: str) -> dict[str, Any] | None:
        """One run with its verdicts."""
        return self._read("run", run_id)

    def tests(self) -> list[dict[str, Any]]:
        """Every known test."""
        return self._read("tests")

    def flaky(self) -> list[dict[str, Any]]:
        """Tests that are flaky or muted."""
        return self._read("flaky")

    def attempts_of(self, nodeid: str, limit: int = 50) -> list[dict[str, Any]]:
        """Retries and reruns of one test."""
        return self._read("attempts_of", nodeid, limit)

    def why(self, nodeid: str) -> dict[str, Any]:
        """Why a test was run or skipped of late."""
        return self._read("why", nodeid)

    def admissions(self) -> list[dict[str, Any]]:
        """Every admission."""
        return self._read("admissions")

    def stale(self) -> list[dict[str, Any]]:
        """Stale tests that wait for a word."""
        return self._read("stale")

    def notes(self, limit: int = 50) -> list[dict[str, Any]]:
        """What became of kept tests, newest first."""
        return self._read("notes", limit)

    def findings(self) -> list[dict[str, Any]]:
        """Every finding."""
        return self._read("findings")

    def behaviour(self, limit: int = 50) -> list[dict[str, Any]]:
        """Calls that do something else since a save."""
        return self._read("behaviour", limit)

    def rejections(self) -> dict[str, int]:
        """Counts of rejections by gate."""
        return self._read("rejections")

    def resources(self, since: float) -> list[dict[str, Any]]:
        """Resource samples since a time."""
        return self._read("resources", since)

    def activities(self) -> list[dict[str, Any]]:
        """What each part is doing."""
        return self._read("activities")

    def events(self, after: int, timeout_s: float) -> list[Event]:
        """Live events, waiting for the first."""
        return ray.get(self._handle().events.remote(after, timeout_s), timeout=timeout_s + CALL_TIMEOUT_S)

    def await_work(self, seen: int, timeout_s: float) -> int:
        """A count that moves when a value is remembered or a job is queued, waiting for another than ``seen``."""
        return ray.get(self._handle().await_work.remote(seen, timeout_s), timeout=timeout_s + CALL_TIMEOUT_S)


class CoordinatorNotebook(ReporterClient):
    """The reporter for whoever takes a save to its verdict: writes do not wait, and what is known is kept at hand.

    Writes are carried out in the order in which they were given, so whatever ends the process leaves a prefix of them.
    An error of a write is raised by a later call. Reads see every write that came before them. ``owned`` are the keys
    of the memory that nobody else writes: they are read once.
    """

    def __init__(self, namespace: str, owned: Collection[str] = ()) -> None:
        from augment.store import KnownCopy

        super().__init__(namespace)
        self._owned = owned
        self._under_way: deque[Any] = deque()
        self._lock = threading.Lock()
        self._known = KnownCopy()
        self._own: dict[str, Any] = {}

    def _write(self, method: str, *arguments: Any) -> Any:
        with self._lock:
            self._under_way.append(self._sent("write", method, *arguments))
            done = [self._under_way.popleft()] if len(self._under_way) > MOST_UNDER_WAY else []
        if done:
            ray.get(done, timeout=CALL_TIMEOUT_S)

    def _read(self, method: str, *arguments: Any) -> Any:
        self.settle()
        return super()._read(method, *arguments)

    def settle(self) -> None:
        """Wait until every write is durable."""
        with self._lock:
            written = list(self._under_way)
            self._under_way.clear()
        if written:
            ray.get(written, timeout=CALL_TIMEOUT_S)

    def remember(self, key: str, value: Any) -> None:
        """Keep a JSON-ready value."""
        if key in self._owned:
            self._own[key] = value
        super().remember(key, value)

    def recall(self, key: str) -> Any:
        """The value kept under ``key``, or None."""
        if key not in self._owned:
            return super().recall(key)
        if key not in self._own:
            # Not overwritten: another thread may have remembered a newer value meanwhile.
            self._own.setdefault(key, super().recall(key))
        return self._own[key]

    def known_coverage(self) -> CoverageReport:
        """The newest coverage of every test; reads only what has changed since the last call."""
        self._known.take(self._read("known_since", self._known.mark))
        return self._known.coverage()

    def latest_outcomes(self) -> dict[str, str]:
        """nodeid -> newest outcome; reads only what has changed since the last call."""
        self._known.take(self._read("known_since", self._known.mark))
        return self._known.outcomes()
