"""The store: every durable record of one project in one SQLite file, behind plain typed methods."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

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
from augment.store import behaviour, durable, findings, flakiness, ledger, living, runs, selections
from augment.store.database import Database
from augment.store.known import Differing, KnownChanges
from augment.store.runs import Recorded

_FAILING_SHOWN = 200
_BEHAVIOUR_SHOWN = 12
_PRUNE_EVERY_RUNS = 20


class Store:
    """One project's records. Opening it closes runs that a dead writer left under way (``interrupted``).

    Every method that writes has its record on disk when it returns, in one transaction, and may be called again with
    the same record. Thread safe. Raises StoreError when the file is damaged, full, locked or held by another process.

    ``keep_output_runs``: outputs of older runs are dropped, except the one behind each test's newest verdict; verdicts,
    admissions and findings are kept for good.
    """

    def __init__(
        self,
        path: Path,
        *,
        keep_output_runs: int = 500,
        wait_s: float = 2.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path = path
        self._clock = clock
        self._keep_output_runs = keep_output_runs
        self._finished = 0
        self._db = Database(path, wait_s=wait_s)
        with self._db.write() as conn:
            self.interrupted: tuple[str, ...] = tuple(runs.close_interrupted(conn))

    def close(self) -> None:
        """Let go of the file. Idempotent."""
        self._db.close()

    # ----------------------------------------------------------------------- runs

    def start_run(self, run: Run) -> bool:
        """Write a new run; False when it was known."""
        with self._db.write() as conn:
            return runs.start(conn, run)

    def record_verdicts(self, run_id: str, verdicts: Sequence[Verdict]) -> Recorded:
        """Write verdicts of a run; tells which were new. An unknown run raises UnknownRunError."""
        with self._db.write() as conn:
            return runs.record(conn, run_id, verdicts, self._clock())

    def finish_run(self, run_id: str, finished_at: float) -> bool:
        """Close a run; False when it was closed before. An unknown run raises UnknownRunError."""
        self._finished += 1
        with self._db.write() as conn:
            closed = runs.finish(conn, run_id, finished_at)
            if self._finished % _PRUNE_EVERY_RUNS == 0:
                runs.prune_outputs(conn, self._keep_output_runs)
        return closed

    def prune(self) -> int:
        """Drop outputs beyond the limit now; return how many. Also happens by itself every few runs."""
        with self._db.write() as conn:
            return runs.prune_outputs(conn, self._keep_output_runs)

    def runs(self, limit: int = 50, after: str | None = None) -> list[dict[str, Any]]:
        """Runs, newest first, below the run ``after``. An unknown ``after`` raises UnknownRunError."""
        with self._db.read() as conn:
            return runs.page(conn, limit, after)

    def run(self, run_id: str) -> dict[str, Any] | None:
        """A run with its verdicts and their output, or None."""
        with self._db.read() as conn:
            found = runs.detail(conn, run_id)
            decision = selections.decision_of_run(conn, run_id) if found is not None else None
        if found is not None:
            found["selection"] = None if decision is None else selections.decision_json(decision)
        return found

    def run_row(self, run_id: str) -> dict[str, Any] | None:
        """A run without its verdicts, or None."""
        with self._db.read() as conn:
            return runs.find(conn, run_id)

    # ----------------------------------------------------------------------- tests

    def tests(self) -> list[dict[str, Any]]:
        """Every known test with its newest verdict, by name."""
        with self._db.read() as conn:
            return runs.known_tests(conn, self._clock())

    def history(self, nodeid: str, limit: int = 50) -> list[dict[str, Any]]:
        """The newest verdicts of one test, newest first."""
        with self._db.read() as conn:
            return runs.history(conn, nodeid, limit)

    def latest_outcomes(self) -> dict[str, str]:
        """nodeid -> newest outcome of every known test; *fault* only where a test never came to a real one."""
        with self._db.read() as conn:
            return runs.newest_outcomes(conn)

    def known_changes(self, differing: Differing) -> KnownChanges:
        """What is known of the tests and files that differ, in one consistent view."""
        names, files = differing.names, differing.files
        with self._db.read() as conn:
            coverage, outcomes = durable.get_coverage(conn, names, files), runs.newest_outcomes(conn, names)
        return KnownChanges(
            differing.mark, names is None, coverage, outcomes, names or frozenset(), files or frozenset()
        )

    def forget_tests(self, nodeids: Sequence[str]) -> None:
        """Drop tests that no longer exist from the coverage and the list of tests. Their history stays."""
        with self._db.write() as conn:
            runs.forget(conn, nodeids)
            durable.forget_coverage(conn, nodeids)

    # ----------------------------------------------------------------------- attempts, flakiness, mutes

    def add_attempts(self, attempts: Sequence[Attempt], evidence: Sequence[Evidence] = ()) -> None:
        """Keep executions and, in the same transaction, what they amount to."""
        with self._db.write() as conn:
            flakiness.add_attempts(conn, attempts)
            flakiness.put_evidence(conn, evidence)

    def attempts_of(self, nodeid: str, limit: int = 50) -> list[dict[str, Any]]:
        """The newest executions of one test, newest first."""
        with self._db.read() as conn:
            return flakiness.attempts_of(conn, nodeid, limit)

    def mixed_tests(self) -> list[str]:
        """Known tests that have both passed and not passed on one revision, in any of the newest runs."""
        with self._db.read() as conn:
            return flakiness.mixed_tests(conn)

    def evidence(self) -> list[Evidence]:
        """What is known of each known test that was ever rerun."""
        with self._db.read() as conn:
            return flakiness.all_evidence(conn)

    def flaky(self) -> list[dict[str, Any]]:
        """Known tests that are flaky or muted, the worst first."""
        with self._db.read() as conn:
            return flakiness.listed(conn, self._clock())

    def content_changed(self, nodeids: Sequence[str]) -> list[str]:
        """Forget the evidence about tests that changed, or whose code did; return those whose mute that ended."""
        with self._db.write() as conn:
            return flakiness.content_changed(conn, nodeids)

    def mute(self, nodeid: str, until: float, by: str = "user") -> bool:
        """Mute a test until then; False where that changed nothing. An unknown one raises UnknownTestError."""
        with self._db.write() as conn:
            return flakiness.mute(conn, nodeid, until, by, self._clock())

    def unmute(self, nodeid: str) -> bool:
        """End a mute by a user's word; False where there was none. An unknown test raises UnknownTestError."""
        with self._db.write() as conn:
            return flakiness.unmute(conn, nodeid, self._clock())

    # ----------------------------------------------------------------------- coverage

    def put_coverage(self, revision: str, report: CoverageReport) -> None:
        """Replace what is known of each test, file's imports and possible lines that ``report`` has."""
        with self._db.write() as conn:
            durable.put_coverage(conn, revision, report)

    def known_coverage(self) -> CoverageReport:
        """The newest coverage of every test, of the imports, and every possible line."""
        with self._db.read() as conn:
            return durable.get_coverage(conn)

    # ----------------------------------------------------------------------- selection

    def put_decision(self, decision: Decision) -> bool:
        """Write which tests a revision selected, and why; False when it was known."""
        with self._db.write() as conn:
            return selections.put_decision(conn, decision)

    def decisions(self, limit: int = 20) -> list[Decision]:
        """Decisions, newest first."""
        with self._db.read() as conn:
            return selections.newest_decisions(conn, limit)

    def put_controls(self, controls: Sequence[Control]) -> None:
        """Write what control samples found."""
        with self._db.write() as conn:
            selections.put_controls(conn, controls)

    def control_summary(self) -> dict[str, Any]:
        """Controls, misses, and the estimated rate of misses with its interval."""
        with self._db.read() as conn:
            return selections.control_summary(conn)

    def controls_of(self, nodeid: str, limit: int = 10) -> list[dict[str, Any]]:
        """The newest controls of one test, newest first."""
        with self._db.read() as conn:
            return selections.controls_of(conn, nodeid, limit)

    # ----------------------------------------------------------------------- generated tests

    def admit(self, admissions: Sequence[Admission]) -> list[Admission]:
        """Write admissions; return those that were new."""
        with self._db.write() as conn:
            return ledger.admit(conn, admissions)

    def admission(self, admission_id: str) -> Admission:
        """The admission of this id; UnknownAdmissionError when there is none."""
        with self._db.read() as conn:
            return ledger.get_admission(conn, admission_id)

    def update_admission(self, admission: Admission) -> None:
        """Replace what is kept of a known admission."""
        self.amend([admission])

    def amend(self, admissions: Sequence[Admission], notes: Sequence[Note] = ()) -> list[Note]:
        """Replace what is kept of known admissions and note why, in one step; the notes that were new."""
        with self._db.write() as conn:
            for admission in admissions:
                ledger.update_admission(conn, admission)
                living.mark(conn, admission)
            return living.put_notes(conn, notes)

    def stale_admissions(self) -> list[Admission]:
        """Kept tests that no longer hold since their code changed, whatever was said of them; oldest first."""
        with self._db.read() as conn:
            return living.stale_admissions(conn)

    def stale(self) -> list[dict[str, Any]]:
        """Stale tests that wait for a word, by the target whose change broke them."""
        with self._db.read() as conn:
            return living.stale_json(conn)

    def note(self, note_id: str) -> Note | None:
        """The note of this id."""
        with self._db.read() as conn:
            return living.note_of(conn, note_id)

    def notes(self, limit: int = 50) -> list[dict[str, Any]]:
        """What became of kept tests, newest first."""
        with self._db.read() as conn:
            return living.notes_json(conn, limit)

    def set_admission_state(self, admission_id: str, state: AdmissionState) -> Admission:
        """Give an admission another state and return it; UnknownAdmissionError when there is none."""
        with self._db.write() as conn:
            changed = ledger.set_admission_state(conn, admission_id, state)
            living.mark(conn, changed)
            return changed

    def admission_records(self, state: AdmissionState | None = None) -> list[Admission]:
        """Admissions, oldest first, optionally of one state."""
        with self._db.read() as conn:
            return ledger.all_admissions(conn, state)

    def admissions(self) -> list[dict[str, Any]]:
        """Admissions as JSON, newest first."""
        with self._db.read() as conn:
            return ledger.admissions_json(conn)

    def reject(self, rejections: Sequence[Rejection]) -> None:
        """Write why candidates were turned away."""
        with self._db.write() as conn:
            ledger.reject(conn, rejections, self._clock())

    def rejections(self) -> dict[str, int]:
        """gate -> how many candidates it turned away."""
        with self._db.read() as conn:
            return ledger.rejection_totals(conn)

    def put_finding(self, finding: Finding) -> bool:
        """Write a finding that was made or made again; False when nothing changed, or when it is to stay away."""
        with self._db.write() as conn:
            return findings.put_finding(conn, finding)

    def update_finding(self, finding: Finding) -> None:
        """Replace what is kept of a known finding."""
        with self._db.write() as conn:
            findings.update_finding(conn, finding)

    def finding_record(self, finding_id: str) -> Finding:
        """The finding of this id; UnknownFindingError when there is none."""
        with self._db.read() as conn:
            return findings.get_finding(conn, finding_id)

    def finding_records(self) -> list[Finding]:
        """Findings as records, newest first."""
        with self._db.read() as conn:
            return findings.all_findings(conn)

    def findings(self) -> list[dict[str, Any]]:
        """Findings, newest first."""
        with self._db.read() as conn:
            return findings.findings_json(conn)

    # ----------------------------------------------------------------------- behaviour

    def put_behaviour(self, changes: Sequence[BehaviourChange]) -> list[BehaviourChange]:
        """Write what a save changed of what the code does; return what was not known."""
        with self._db.write() as conn:
            return behaviour.put(conn, changes)

    def behaviour(self, limit: int = 50) -> list[dict[str, Any]]:
        """Calls that do something else since a save, newest save first."""
        with self._db.read() as conn:
            return behaviour.listed(conn, limit)

    # ----------------------------------------------------------------------- machine and activity

    def put_sample(self, sample: ResourceSample) -> None:
        """Write a look at the machine."""
        with self._db.write() as conn:
            ledger.put_sample(conn, sample)

    def resources(self, since: float) -> list[dict[str, Any]]:
        """Looks at the machine after ``since``, oldest first; a day's worth is kept."""
        with self._db.read() as conn:
            return ledger.samples_json(conn, since)

    def put_activity(self, activity: Activity) -> None:
        """Write what a part is doing now."""
        with self._db.write() as conn:
            ledger.put_activity(conn, activity)

    def activities(self) -> list[dict[str, Any]]:
        """What each part is doing, the latest first."""
        with self._db.read() as conn:
            return ledger.activities_json(conn)

    def add_tokens(self, model: str, prompt: int, completion: int) -> None:
        """Add to a model's count of tokens."""
        with self._db.write() as conn:
            ledger.add_tokens(conn, model, prompt, completion)

    # ----------------------------------------------------------------------- the service's memory

    def enqueue(self, jobs: Sequence[Job]) -> None:
        """Add jobs; a pending job for the same target is replaced."""
        with self._db.write() as conn:
            durable.enqueue(conn, jobs)

    def pending_jobs(self, limit: int = 100) -> list[Job]:
        """Pending jobs, the most urgent first."""
        with self._db.read() as conn:
            return durable.pending(conn, limit)

    def finish_job(self, job_id: str, state: JobState) -> None:
        """Take a job from the queue."""
        with self._db.write() as conn:
            durable.finish_job(conn, job_id, state)

    def count_attempt(self, job_id: str) -> int:
        """Note that work on a job begins; return how often it has begun. Unknown ids raise UnknownJobError."""
        with self._db.write() as conn:
            return durable.count_attempt(conn, job_id)

    def remember(self, key: str, value: Any) -> None:
        """Keep a JSON-ready value under ``key``."""
        with self._db.write() as conn:
            durable.remember(conn, key, value)

    def recall(self, key: str) -> Any:
        """The value kept under ``key``, or None."""
        with self._db.read() as conn:
            return durable.recall(conn, key)

    # ----------------------------------------------------------------------- the whole

    def summary(self) -> dict[str, Any]:
        """Totals, failing tests, what was written lately: one consistent view, from rollups and indexes only."""
        now = self._clock()
        with self._db.read() as conn:
            newest = runs.page(conn, 1, None)
            return {
                "tests": runs.totals(conn),
                "failing": runs.known_tests(conn, now, runs.BROKEN, _FAILING_SHOWN, muted=False),
                "muted": runs.known_tests(conn, now, runs.BROKEN, _FAILING_SHOWN, muted=True),
                "muted_broken": runs.muted_broken(conn, now),
                "flaky": flakiness.count_flaky(conn),
                "faults": runs.known_tests(conn, now, ("fault",), _FAILING_SHOWN),
                "last_run": newest[0] if newest else None,
                "admissions": ledger.admission_totals(conn),
                "recent_admissions": ledger.admissions_json(conn, 10),
                "stale": living.stale_json(conn),
                "notes": living.notes_json(conn, 10),
                "findings": findings.findings_json(conn, findings.SUSPECTED),
                "behaviour": behaviour.listed(conn, _BEHAVIOUR_SHOWN),
                "rejections": ledger.rejection_totals(conn),
                "jobs_pending": durable.count_pending(conn),
                "tokens": ledger.token_totals(conn),
                "activities": ledger.activities_json(conn),
                "selection": selections.control_summary(conn),
            }
