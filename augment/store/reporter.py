"""The plain class behind the reporter actor: durable first, then live, then files."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from augment.records import (
    Activity,
    Admission,
    AdmissionState,
    Control,
    CoverageReport,
    Decision,
    Finding,
    Job,
    JobState,
    Rejection,
    ResourceSample,
    Run,
    Verdict,
)
from augment.seams import Event
from augment.store import tasks_md
from augment.store.behaviour_reporting import BehaviourReporting
from augment.store.events import Bell, EventHub
from augment.store.explained import why
from augment.store.flaky_reporting import FlakyReporting
from augment.store.known import ChangeLog, KnownChanges
from augment.store.living_reporting import LivingReporting
from augment.store.results import ResultFiles
from augment.store.runs import fault_json
from augment.store.store import Store
from augment.store.tasks_md import SectionState

_LOG = logging.getLogger(__name__)
_HEALTH_KEY = "reporter.health"
_MODEL_STATES = ("loading", "ready", "off", "failed")
_SETTLE_S = 0.5
T = TypeVar("T")


class Reporter(FlakyReporting, LivingReporting, BehaviourReporting):
    """Implements ReportSink, ReportReader and Memory over one Store.

    Every sink call first makes its record durable, then publishes an event, then notes that the files are stale. A
    thread of its own brings ``summary.json`` and TASKS.md up to date, at most every ``write_every_s`` and only after a
    change. A record delivered twice publishes nothing the second time.

    ``tasks_md`` is the file whose marked section is kept current, or None. ``results_dir`` gets one JSON file a run, of
    which the newest ``keep_results`` stay. Thread safe. Opening it after a ``kill -9`` closes the runs that were under
    way; ``close()`` writes what is stale and lets go of the store.
    """

    def __init__(
        self,
        store: Store,
        project_root: Path,
        results_dir: Path,
        tasks_md: Path | None,
        clock: Callable[[], float] = time.time,
        *,
        write_every_s: float = 2.0,
        keep_results: int = 200,
    ) -> None:
        self.project_root = project_root
        self._store = store
        self._tasks_md = tasks_md
        self._clock = clock
        self._results = ResultFiles(results_dir, keep_results)
        self._hub = EventHub(clock=clock)
        self._bell = Bell(clock)
        self._changes = ChangeLog()
        self._started_at = clock()
        self._file_trouble: set[str] = set()
        self._flushing = threading.Lock()
        self._stale = threading.Event()
        self._closing = threading.Event()
        for run_id in store.interrupted:
            self._publish_run(run_id)
            self._write_run_file(run_id)
        self._stale.set()
        self._writer = threading.Thread(
            target=self._keep_files_current, args=(write_every_s,), name="augment-report-files", daemon=True
        )
        self._writer.start()

    def close(self) -> None:
        """Write what is stale, wake the readers and close the store. Idempotent."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._stale.set()
        self._writer.join()
        self._hub.close()
        self._bell.close()
        self.flush()
        self._store.close()

    # ----------------------------------------------------------------------- ReportSink

    def run_started(self, run: Run) -> None:
        """Keep a new run and announce it."""
        if self._store.start_run(run):
            self._publish_run(run.id)

    def verdicts(self, run_id: str, verdicts: Sequence[Verdict]) -> None:
        """Keep verdicts of a run and announce those that are new. An unknown run raises UnknownRunError."""
        recorded = self._store.record_verdicts(run_id, verdicts)
        if recorded.resumed:
            self._hub.publish("run", recorded.run)
        for verdict in recorded.fresh:
            event = _verdict_event(run_id, recorded.run["lane"], verdict)
            self._hub.publish("verdict", event | {"muted": verdict.nodeid in recorded.muted})
        if recorded.fresh:
            self._changes.note(verdict.nodeid for verdict in recorded.fresh)
            self._stale.set()

    def run_finished(self, run_id: str, finished_at: float) -> None:
        """Close a run, announce it and write its result file. An unknown run raises UnknownRunError."""
        if self._store.finish_run(run_id, finished_at):
            self._publish_run(run_id)
            self._write_run_file(run_id)

    def coverage(self, revision: str, report: CoverageReport) -> None:
        """Replace what is known of each test, file's imports and possible lines that ``report`` has."""
        self._store.put_coverage(revision, report)
        self._changes.note_coverage(report)

    def admitted(self, admissions: Sequence[Admission]) -> None:
        """Keep admissions and announce those that are new."""
        for admission in self._store.admit(admissions):
            self._publish("admission", asdict(admission))

    def rejected(self, rejections: Sequence[Rejection]) -> None:
        """Keep why candidates were turned away."""
        self._store.reject(rejections)
        self._stale.set()

    def decided(self, decision: Decision) -> None:
        """Keep which tests a revision selected, and why."""
        self._store.put_decision(decision)

    def controlled(self, controls: Sequence[Control]) -> None:
        """Keep what a control sample found."""
        self._store.put_controls(controls)
        self._stale.set()

    def finding(self, finding: Finding) -> None:
        """Keep a suspected bug that was made, or made again, and announce it if that changed anything."""
        if self._store.put_finding(finding):
            self._publish("finding", asdict(finding))

    def sample(self, sample: ResourceSample) -> None:
        """Keep a look at the machine and announce it. Leaves the files alone: they do not show it."""
        self._store.put_sample(sample)
        self._hub.publish("resource", asdict(sample))

    def activity(self, activity: Activity) -> None:
        """Keep what a part is doing now and announce it."""
        self._store.put_activity(activity)
        self._publish("activity", asdict(activity))

    def tokens(self, model: str, prompt: int, completion: int) -> None:
        """Add to the count of model tokens used."""
        self._store.add_tokens(model, prompt, completion)
        self._stale.set()

    # ----------------------------------------------------------------------- beyond the seams

    def set_health(self, facts: Mapping[str, Any]) -> None:
        """Merge JSON-ready facts into what ``health()`` tells, such as
        ``{"model": "ready"}``; None removes one.

        ``model`` is loading, ready, off or failed; anything else raises ValueError.
        """
        if "model" in facts and facts["model"] not in _MODEL_STATES:
            raise ValueError(f"model must be one of {', '.join(_MODEL_STATES)}, not {facts['model']!r}")
        known = self._store.recall(_HEALTH_KEY) or {}
        merged = {key: value for key, value in {**known, **facts}.items() if value is not None}
        if merged != known:
            self._store.remember(_HEALTH_KEY, merged)
            self._publish("health", self.health())

    def admission(self, admission_id: str) -> Admission:
        """The admission of this id; UnknownAdmissionError when there is none."""
        return self._store.admission(admission_id)

    def admission_records(self, state: AdmissionState | None = None) -> list[Admission]:
        """Admissions, oldest first, optionally of one state."""
        return self._store.admission_records(state)

    def update_admission(self, admission: Admission) -> None:
        """Replace what is kept of a known admission, after a review, and announce it."""
        self.amend([admission])

    def set_admission_state(self, admission_id: str, state: AdmissionState) -> Admission:
        """Give an admission another state, announce and return it; UnknownAdmissionError when there is none."""
        admission = self._store.set_admission_state(admission_id, state)
        self._publish("admission", asdict(admission))
        return admission

    def finding_record(self, finding_id: str) -> Finding:
        """The finding of this id; UnknownFindingError when there is none."""
        return self._store.finding_record(finding_id)

    def finding_records(self) -> list[Finding]:
        """Findings as records, newest first."""
        return self._store.finding_records()

    def update_finding(self, finding: Finding) -> None:
        """Replace what is kept of a known finding, after a person marked it, and announce it."""
        self._store.update_finding(finding)
        self._publish("finding", asdict(finding))

    def history(self, nodeid: str, limit: int = 50) -> list[dict[str, Any]]:
        """The newest verdicts of one test, newest first."""
        return self._store.history(nodeid, limit)

    # ----------------------------------------------------------------------- ReportReader

    def health(self) -> dict[str, Any]:
        """``status`` and ``model``, and whatever else ``set_health`` was told."""
        return {
            "status": "ok",
            "model": "off",
            "project": str(self.project_root),
            "since": self._started_at,
            **(self._store.recall(_HEALTH_KEY) or {}),
        }

    def summary(self) -> dict[str, Any]:
        """Totals, failing tests, what was written lately, activity and health, as one JSON object."""
        return {"health": self.health(), **self._store.summary()}

    def runs(self, limit: int = 50, after: str | None = None) -> list[dict[str, Any]]:
        """Runs, newest first, below the run ``after``. An unknown ``after`` raises UnknownRunError."""
        return self._store.runs(limit, after)

    def run(self, run_id: str) -> dict[str, Any] | None:
        """A run with its verdicts and their output, or None."""
        return self._store.run(run_id)

    def tests(self) -> list[dict[str, Any]]:
        """Every known test with its newest verdict, by name."""
        return self._store.tests()

    def why(self, nodeid: str) -> dict[str, Any]:
        """Why a test was run or skipped of late, and what would select it; near names where it is not known."""
        return why(self._store, self.project_root, nodeid)

    def admissions(self) -> list[dict[str, Any]]:
        """Admissions, newest first."""
        return self._store.admissions()

    def findings(self) -> list[dict[str, Any]]:
        """Findings, newest first."""
        return self._store.findings()

    def rejections(self) -> dict[str, int]:
        """gate -> how many candidates it turned away."""
        return self._store.rejections()

    def resources(self, since: float) -> list[dict[str, Any]]:
        """Looks at the machine after ``since``, oldest first."""
        return self._store.resources(since)

    def activities(self) -> list[dict[str, Any]]:
        """What each part is doing, the latest first."""
        return self._store.activities()

    def events(self, after: int, timeout_s: float) -> list[Event]:
        """Events numbered above ``after``, waiting up to ``timeout_s`` for the first; -1 means from now on."""
        return self._hub.after(after, timeout_s)

    # ----------------------------------------------------------------------- Memory

    def enqueue(self, jobs: Sequence[Job]) -> None:
        """Add jobs; a pending job for the same target is replaced."""
        self._store.enqueue(jobs)
        self._stale.set()
        self._bell.ring()

    def pending_jobs(self, limit: int = 100) -> list[Job]:
        """Pending jobs, the most urgent first."""
        return self._store.pending_jobs(limit)

    def finish_job(self, job_id: str, state: JobState) -> None:
        """Take a job from the queue."""
        self._store.finish_job(job_id, state)
        self._stale.set()

    def count_attempt(self, job_id: str) -> int:
        """Note that work on the job begins, and return how often it has begun."""
        return self._store.count_attempt(job_id)

    def remember(self, key: str, value: Any) -> None:
        """Keep a JSON-ready value under ``key``."""
        self._store.remember(key, value)
        self._bell.ring()

    def await_work(self, seen: int, timeout_s: float) -> int:
        """A count that moves with each value remembered and job queued; waits for another than ``seen``."""
        return self._bell.wait(seen, timeout_s)

    def recall(self, key: str) -> Any:
        """The value kept under ``key``, or None."""
        return self._store.recall(key)

    def known_coverage(self) -> CoverageReport:
        """The newest coverage of every test, of the imports, and every possible line."""
        return self._store.known_coverage()

    def forget_tests(self, nodeids: Sequence[str]) -> None:
        """Drop tests that no longer exist from the coverage and the list of tests. Their history stays."""
        self._store.forget_tests(nodeids)
        self._changes.note(nodeids)
        self._stale.set()

    def decisions(self, limit: int = 20) -> list[Decision]:
        """Decisions on which tests to run, newest first."""
        return self._store.decisions(limit)

    def latest_outcomes(self) -> dict[str, str]:
        """nodeid -> newest outcome of every known test."""
        return self._store.latest_outcomes()

    def known_since(self, mark: str) -> KnownChanges:
        """What changed of coverage and outcomes since ``mark``; everything for a mark that is not known, such as ''."""
        return self._store.known_changes(self._changes.since(mark))

    # ----------------------------------------------------------------------- files

    def flush(self) -> None:
        """Bring ``summary.json`` and TASKS.md up to date now."""
        with self._flushing:
            summary = self.summary()
            self._try("summary.json", lambda: self._results.write_summary(summary))
            if self._tasks_md is not None:
                self._update_tasks_md(self._tasks_md, summary)

    def _update_tasks_md(self, path: Path, summary: Mapping[str, Any]) -> None:
        state = self._try(path.name, lambda: tasks_md.update(path, tasks_md.render(summary)))
        if state is SectionState.BUSY:
            self._stale.set()
        elif state is SectionState.DAMAGED:
            self._tell_once(
                path.name,
                f"{path.name} is left alone: its lines {tasks_md.BEGIN.decode()} and {tasks_md.END.decode()} "
                "must stand there once each, in this order; mend or delete them",
            )

    def _write_run_file(self, run_id: str) -> None:
        run = self._store.run(run_id)
        if run is not None:
            self._try("result files", lambda: self._results.write_run(run))

    def _try(self, what: str, action: Callable[[], T]) -> T | None:
        """Write a file. The files only repeat the store, so a full disk is told once and stops nothing."""
        try:
            result = action()
        except OSError as error:
            self._tell_once(what, f"cannot write {what} in {self.project_root}: {error.strerror or error}")
            return None
        if result is not SectionState.DAMAGED:
            self._file_trouble.discard(what)
        return result

    def _tell_once(self, what: str, text: str) -> None:
        if what in self._file_trouble:
            return
        self._file_trouble.add(what)
        _LOG.warning(text)
        activity = Activity(part=f"report: {what}", text=text, at=self._clock())
        self._store.put_activity(activity)
        self._hub.publish("activity", asdict(activity))

    def _keep_files_current(self, every_s: float) -> None:
        while not self._closing.is_set():
            self._stale.wait()
            # Not at once: the first record of a run is followed by its verdicts, which this would hold up.
            self._closing.wait(min(_SETTLE_S, every_s))
            self._stale.clear()
            self.flush()
            self._closing.wait(every_s)

    # ----------------------------------------------------------------------- events

    def _publish(self, name: str, data: Mapping[str, Any]) -> None:
        self._hub.publish(name, data)
        self._stale.set()

    def _changed(self) -> None:
        self._stale.set()

    def _publish_run(self, run_id: str) -> None:
        run = self._store.run_row(run_id)
        if run is not None:
            self._publish("run", run)


def _verdict_event(run_id: str, lane: str, verdict: Verdict) -> dict[str, Any]:
    fault = verdict.fault
    return {
        "run_id": run_id,
        "nodeid": verdict.nodeid,
        "outcome": verdict.outcome.value,
        "duration_s": verdict.duration_s,
        "lane": lane,
        "fault": fault_json(fault.kind.value, fault.detail) if fault else None,
    }
