"""The coordinator: takes each revision to its verdicts, and queues what should be written."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from augment.analysis import (
    Change,
    ReadSource,
    SourceIndex,
    changed_targets,
    compare,
    decode_source,
    gone_tests,
    is_test_file,
    select_tests,
)
from augment.behaviour import Edit
from augment.errors import AugmentError
from augment.records import (
    Activity,
    CoverageReport,
    Lane,
    Project,
    Run,
    Snapshot,
    new_id,
)
from augment.seams import BatchResult, Executor, Limits, Memory, ReportSink
from augment.service.deciding import decision_of
from augment.service.edits import edit_of
from augment.service.litter import Litter, differing, outdates
from augment.service.planning import (
    coverage_after,
    files_changed,
    files_that_count,
    merged,
    missing_tests,
    reason_for,
    sources_of,
    vanished_tests,
    with_unsettled,
    write_jobs,
)
from augment.service.retrying import RETRIES, retry_faults
from augment.service.revisions import Sources
from augment.service.running import Batches, RunPlan, is_superseded
from augment.service.suites import Suites
from augment.service.surroundings import Surroundings

log = logging.getLogger(__name__)

TESTED = "tested"
"""Memory key: the files of the last revision whose verdicts are complete."""

TESTED_REVISION = "tested revision"
"""Memory key: its name alone, for whoever asks often; the files of 10,000 are a megabyte."""

LOOK_AROUND_S = 5.0
"""How often a quiet project's environment is looked at; it costs one ``stat`` a folder of packages."""

UNSETTLED = "unsettled"
"""Memory key: tests of the run in progress. Whatever ends it early, their newest verdicts may be of a revision that is
gone, even when the project is back at the last one that was tested."""

MANY_FILES = 300
"""More changed Python files than this, as a switch of branches brings, are not compared: reading and parsing 10,000 old
and new ones takes half a minute, and what they touch is nearly everything anyway."""

SUITE = "suite"
"""Memory key: what the tests took when all of them ran last."""


class Notebook(ReportSink, Memory, Protocol):
    """The reporter as the service needs it: a sink and a memory."""


OnTested = Callable[[Sequence[Change], Snapshot, Notebook], None]
"""Told of a revision that has its verdicts and of what it changed, before it counts as tested: nothing is lost."""


class Coordinator:
    """Turns revisions into runs, one run at a time, always for the newest revision.

    A newer revision ends the run in progress when the code that it runs on is another now, tests aside; the tests that
    were cut short are selected again, because a change is always reckoned from the last revision whose verdicts are
    complete.
    """

    def __init__(
        self,
        project: Project,
        executor: Executor,
        notebook: Notebook,
        sources: Sources,
        *,
        limits: Limits | None = None,
        parallel: Callable[[], int] = lambda: 1,
        retries: int = RETRIES,
        clock: Callable[[], float] = time.time,
        on_tested: OnTested = lambda _changes, _snapshot, _known: None,
        on_edit: Callable[[Edit], None] | None = None,
    ) -> None:
        self._project = project
        self._root = Path(project.root)
        self._notebook = notebook
        self._sources = sources
        self._suites = Suites(
            self._root, parallel, lambda: notebook.recall(SUITE), lambda durations: notebook.remember(SUITE, durations)
        )
        self._retries = retries
        self._clock = clock
        self._on_tested = on_tested
        self._on_edit = on_edit
        self._source_index = SourceIndex()
        self._surroundings = Surroundings(project, notebook)
        self._litter = Litter()
        self._latest: Snapshot | None = None
        self._current: Snapshot | None = None
        self._tested = Snapshot.of({})
        self._batches = Batches(project, executor, limits or Limits(), self._suites.cut)
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._idle = threading.Event()
        self._thread = threading.Thread(target=self._work, name="augment-coordinator", daemon=True)

    def start(self) -> None:
        """Begin to handle revisions; returns at once."""
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """End the run in progress and stop; idempotent."""
        self._stopping.set()
        self._batches.cancel()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def revision(self, snapshot: Snapshot) -> None:
        """Take note of a new revision. Never blocks for long; the newest one wins."""
        with self._lock:
            self._latest = snapshot
            self._idle.clear()
            # Under the lock: a moment later the worker may have taken this very revision up.
            if self._is_outdated(snapshot):
                self._batches.cancel()
        self._wake.set()

    def take(self) -> Snapshot:
        """The revision whose verdicts were completed last, an empty one before the first."""
        return self._tested

    def wait_idle(self, timeout_s: float) -> bool:
        """Wait until the newest revision has its verdicts."""
        return self._idle.wait(timeout_s)

    # ----------------------------------------------------------------- the loop

    def _work(self) -> None:
        while not self._stopping.is_set():
            if not self._wake.wait(LOOK_AROUND_S):
                self._look_around()
            self._wake.clear()
            while (snapshot := self._next()) is not None and not self._stopping.is_set():
                try:
                    self.handle(snapshot)
                except AugmentError as error:  # what a person can mend is said; the next save tries again
                    self._say(f"cannot test this revision: {error}")
            with self._lock:
                if self._latest is None:
                    self._idle.set()

    def _look_around(self) -> None:
        """Have the newest revision tested again when packages were installed since."""
        if self._tested.files and self._surroundings.differ():
            with self._lock:
                self._latest = self._latest or self._tested
                self._idle.clear()

    def _next(self) -> Snapshot | None:
        with self._lock:
            snapshot, self._latest = self._latest, None
            self._current = snapshot
            self._batches.begin()
            return snapshot

    def handle(self, snapshot: Snapshot) -> None:
        """Bring one revision to its verdicts."""
        tested = self._recall_tested()
        unsettled = self._notebook.recall(UNSETTLED) or []
        if tested is not None and not unsettled and self._is_known(tested, snapshot):
            self._settled(snapshot)
            return
        sources = sources_of(snapshot)
        capturing = threading.Thread(target=self._sources.capture, args=(self._root, sources))
        capturing.start()
        plan = self._plan_everything(tested, snapshot)
        if plan is None:
            capturing.join()  # to tell what changed takes the sources; to run everything does not
            assert tested is not None
            plan = self._plan(tested, snapshot, unsettled)
        measured = CoverageReport()
        if plan.nodeids or plan.change is None:
            self._notebook.remember(UNSETTLED, list(plan.nodeids or plan.whole))
            results = self._run(plan, snapshot)
            if results is None:
                return
            self._tell_edit(plan, tested, snapshot)
            recorded = self._batches.record(plan, snapshot) if plan.recorded_behind else results
            if is_superseded(recorded):
                return  # what these tests run is not known: they stay unsettled, and the next save selects them again
            measured = merged([result.coverage for result in recorded])
        elif plan.change:
            self._decided(plan, snapshot, None)
            self._tell_edit(plan, tested, snapshot)
        self._record(plan, snapshot, measured)
        if tested is not None and plan.change is not None:
            old, new = self._reader(tested), self._reader(snapshot)
            targets = changed_targets(plan.change, tested, snapshot, old, new, self._project)
            self._notebook.enqueue(write_jobs(targets, self._clock()))
            self._on_tested(targets, snapshot, self._notebook)
        capturing.join()
        self._sources.settle()
        self._surroundings.settle()
        self._notebook.remember(TESTED, dict(snapshot.files))
        self._notebook.remember(UNSETTLED, [])
        self._settled(snapshot)
        self._sources.prune([digest for _, digest in sources])

    def _is_known(self, tested: Snapshot, snapshot: Snapshot) -> bool:
        """Whether nothing has changed since, but for what the tests change themselves whenever they run."""
        if self._surroundings.differ():
            return False
        changed = differing(tested, snapshot)
        if self._litter.is_all(changed):
            self._say(f"{min(changed)} changes whenever tests run: that is no save (.gitignore keeps it out); watching")
            self._notebook.remember(TESTED, dict(snapshot.files))
            return True
        return not changed

    def _settled(self, snapshot: Snapshot) -> None:
        """The newest verdicts are of this revision."""
        self._tested = snapshot
        if self._notebook.recall(TESTED_REVISION) != snapshot.revision:
            self._notebook.remember(TESTED_REVISION, snapshot.revision)

    def _recall_tested(self) -> Snapshot | None:
        files = self._notebook.recall(TESTED)
        return Snapshot.of(files) if isinstance(files, dict) else None

    # ----------------------------------------------------------------- planning

    def _plan_everything(self, tested: Snapshot | None, snapshot: Snapshot) -> RunPlan | None:
        """To run all tests, where nothing is known or too much has changed to ask what it touches; else None."""
        files = frozenset(filter(self._is_test, snapshot.files))
        if tested is None:
            return RunPlan("first look at the project: all its tests", (), files)
        changed = files_changed(tested, snapshot)
        if len(changed) <= MANY_FILES:
            return None
        reason = f"{len(changed):,} Python files changed at once: all tests"
        return RunPlan(reason, (), files | frozenset(filter(self._is_test, changed)))

    def _is_test(self, file: str) -> bool:
        return is_test_file(file, self._project.test_patterns)

    def _is_outdated(self, snapshot: Snapshot) -> bool:
        """Whether the run in progress is to end for ``snapshot``."""
        current = self._current
        return current is not None and outdates(current, snapshot, self._is_test, tests_too=self._batches.yielding)

    def _plan(self, tested: Snapshot, snapshot: Snapshot, unsettled: Sequence[str]) -> RunPlan:
        coverage = self._notebook.known_coverage()
        outcomes = self._notebook.latest_outcomes()
        change = compare(
            tested,
            snapshot,
            self._reader(tested),
            self._reader(snapshot),
            self._project,
            self._source_index,
            targets=False,
        )
        for file, problem in change.problems.items():
            self._say(f"{file} does not parse: {problem}")
        packages = self._surroundings.change(snapshot, self._reader(snapshot), self._source_index)
        selections = with_unsettled(
            select_tests(change, coverage, outcomes.keys(), outcomes, packages), unsettled, outcomes, snapshot
        )
        if not selections and files_that_count(change):
            self._say(f"{reason_for(selections, change)}; watching")
        return RunPlan(
            reason_for(selections, change, packages),
            tuple(selection.nodeid for selection in selections),
            frozenset(selection.nodeid for selection in selections if selection.whole),
            change,
            tuple(selections),
            packages,
            self._suites.expected_s(selection.nodeid for selection in selections),
        )

    def _reader(self, snapshot: Snapshot) -> ReadSource:
        def read(path: str) -> str | None:
            digest = snapshot.files.get(path)
            data = self._sources.read(digest) if digest is not None else None
            try:
                return None if data is None else decode_source(data)
            except SyntaxError:  # an unknown encoding: analysis takes the whole file as changed
                return None

        return read

    # ----------------------------------------------------------------- running

    def _run(self, plan: RunPlan, snapshot: Snapshot) -> list[BatchResult] | None:
        """Run the plan; None when a newer revision cut it short."""
        run = Run(new_id("run"), Lane.FAST, plan.reason, snapshot.revision, self._clock())
        self._notebook.run_started(run)
        self._say(plan.reason)
        self._decided(plan, snapshot, run.id)
        if plan.change is not None:
            self._notebook.content_changed(plan.nodeids)
        results = self._batches.run(plan, snapshot, lambda verdicts: self._notebook.verdicts(run.id, verdicts))
        results += self._retry(run, snapshot, results, whole=not plan.nodeids)
        self._notebook.run_finished(run.id, self._clock())
        if is_superseded(results):
            log.info("run %s was superseded by a newer save", run.id)
            return None
        with self._lock:
            self._litter.ran(snapshot, self._latest or snapshot)
        collected = [nodeid for result in results for nodeid in result.collected]
        known = self._notebook.latest_outcomes()
        gone = vanished_tests(known, collected, plan.whole - _uncollected(results))
        self._forget([*gone, *(nodeid for nodeid in missing_tests(results) if nodeid in known)])
        self._say("watching")
        return results

    def _retry(self, run: Run, snapshot: Snapshot, results: Sequence[BatchResult], *, whole: bool) -> list[BatchResult]:
        """Try what faults ended again, now that every other verdict is out; the results that gave real verdicts."""

        def again(nodeids: tuple[str, ...], avoid: str) -> BatchResult:
            self._say(f"trying again on another executor what a fault ended: {', '.join(nodeids[:3])}")
            return self._batches.again(nodeids, snapshot, avoid)

        if self._batches.superseded:
            return []
        retried = retry_faults(results, again, snapshot.revision, self._retries, self._clock)
        if retried.attempts:
            self._notebook.verdicts(run.id, retried.verdicts)
            self._notebook.attempts(retried.attempts)
        if whole and self._suites.learn(results, retried.verdicts):
            self._say("tests that hung side by side passed by themselves: from now on all run in one batch")
        return [result for result in retried.results if result.fault is None]

    def _record(self, plan: RunPlan, snapshot: Snapshot, measured: CoverageReport) -> None:
        """Make durable what a completed run taught. Not done for a run cut short: selection needs all coverage to be in
        the line numbers of one revision.
        """
        if plan.change is None:
            self._notebook.coverage(snapshot.revision, measured)
            return
        known = self._notebook.known_coverage()
        self._notebook.coverage(snapshot.revision, coverage_after(plan.change, known, measured))
        self._forget(gone_tests(plan.change, self._notebook.latest_outcomes()))

    def _decided(self, plan: RunPlan, snapshot: Snapshot, run_id: str | None) -> None:
        """Keep why what is run is run, and what had changed, so that every skip can be explained too."""
        at = self._clock()
        decision = decision_of(plan.change, plan.packages, plan.selections, snapshot.revision, run_id, at)
        self._notebook.decided(decision)

    def _tell_edit(self, plan: RunPlan, tested: Snapshot | None, snapshot: Snapshot) -> None:
        """Hand on what the save replaced, now that its verdicts are out: soon the old texts are let go of."""
        if self._on_edit is not None and plan.change is not None and tested is not None:
            self._on_edit(edit_of(plan.change, tested, snapshot, self._sources.read))

    def _forget(self, gone: Sequence[str]) -> None:
        if gone:
            self._notebook.forget_tests(gone)

    def _say(self, text: str) -> None:
        log.info("%s", text)
        self._notebook.activity(Activity("service", text, self._clock()))


def _uncollected(results: Sequence[BatchResult]) -> set[str]:
    """Test files that could not be collected: their tests are broken, not gone."""
    return {file for result in results for file in result.collection_errors}
