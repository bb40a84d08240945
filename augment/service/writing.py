"""The writer: takes jobs from the durable queue and has tests written for their targets, in the time left over."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from augment.analysis import project_targets
from augment.errors import AugmentError
from augment.records import Activity, CoverageReport, Job, JobState, Lane, Project, Snapshot, Target, new_id
from augment.seams import Engine
from augment.service.coordinating import TESTED_REVISION, Notebook
from augment.service.gain import Effort
from augment.service.planning import Experience, idle_jobs
from augment.service.watching import SnapshotSource

log = logging.getLogger(__name__)

ATTEMPTED = "attempted"
"""Memory key: target id -> the hash it had when tests were last written for it."""

SEARCHED = "searched"
"""Memory key: the same for the last pass over a target without the model, which fills what the model left open."""

EFFORT = "effort"
"""Memory key: target id -> [tries, tries that brought a kept test, seconds], for the choice of idle work."""

SURVIVORS = "survivors"
"""Memory key: target id -> how many mutants of it survive all tests, where somebody has tried."""

LOOK_S = 1.0
"""How often a pass looks whether something newer is to be written."""

MAX_ATTEMPTS = 3
"""A job that was begun so often without an end has something that kills its worker: it is dropped."""

TARGETS_AT_ONCE = 5
"""Targets a pass: enough prompts to fill a batch of the model, few enough that a save soon gets its turn."""


@dataclass(frozen=True, slots=True)
class Wrote:
    """What a pass kept, by target id, and the targets that the model had no time for."""

    kept: Mapping[str, int]
    unasked: frozenset[str] = frozenset()


class PassRunner(Protocol):
    """Writes tests for targets of one module and reports what it kept; None when the project turned out to hold another
    revision.
    """

    def __call__(
        self,
        snapshot: Snapshot,
        targets: Sequence[Target],
        baseline: CoverageReport,
        engine: Engine | None,
        lane: Lane,
        should_stop: Callable[[], bool],
    ) -> Wrote | None:
        """Run one pass. ``should_stop`` is asked between batches."""


@dataclass(frozen=True, slots=True)
class ModelState:
    """What is known of the model: ``state`` is loading, ready, off or failed."""

    state: str
    engine: Engine | None = None


class Writer:
    """Works through the queue one module at a time, what changed last first; fills the queue with weak targets, by
    expected gain, when it is empty and ``idle``. Newer work ends a pass that is under way.

    It waits for the verdicts of the newest revision before it starts, so its baseline is current, and for the model
    while that is still loading, because whoever comes first takes the coverage that a test can gain. ``held_back`` says
    why no background work may run now ('' when it may): a pass that had to wait would only use up its budget. Between
    two looks at the queue it takes a ``rest`` of up to ``poll_s``.
    """

    def __init__(
        self,
        project: Project,
        snapshots: SnapshotSource,
        notebook: Notebook,
        run_pass: PassRunner,
        model: Callable[[], ModelState],
        *,
        held_back: Callable[[], str] = lambda: "",
        idle: bool = True,
        poll_s: float = 1.0,
        rest: Callable[[float], object] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._project = project
        self._snapshots = snapshots
        self._notebook = notebook
        self._run_pass = run_pass
        self._model = model
        self._held_back = held_back
        self._idle = idle
        self._poll_s = poll_s
        self._at_rest = threading.Event()
        self._clock = clock
        self._stopping = threading.Event()
        self._rest = rest or self._stopping.wait
        self._said = ""
        self._exhausted = ("", "")
        self.rounds = 0
        """Passes that came to their end, and looks that found nothing to write."""
        self._thread = threading.Thread(target=self._work, name="augment-writer", daemon=True)

    def start(self) -> None:
        """Begin to work; returns at once."""
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Stop after the batch in progress; idempotent. A thread at rest is not waited for: it begins nothing more."""
        self._stopping.set()
        deadline = time.monotonic() + timeout_s
        while self._thread.is_alive() and not self._at_rest.is_set() and time.monotonic() < deadline:
            self._thread.join(0.05)

    def _work(self) -> None:
        while not self._stopping.is_set():
            try:
                worked = self.step()
            except AugmentError as error:  # what a person can mend is said, and tried again at the next poll
                self._say(f"cannot write tests now: {error}")
                worked = False
            if not worked:
                self._at_rest.set()
                self._rest(self._poll_s)
                self._at_rest.clear()

    def step(self) -> bool:
        """Do one pass if there is anything to do; False when there was nothing."""
        if reason := self._held_back():
            self._say(f"waiting: {reason}", about=f"waiting: {reason.partition(' at ')[0]}")
            return False
        model = self._model()
        if model.state == "loading":
            self._say("waiting for the model to load")
            return False
        # A look at the project costs a stat of every file, and its targets a parse: not while nothing can have changed.
        tested = str(self._notebook.recall(TESTED_REVISION) or "")
        if (tested, model.state) == self._exhausted and not self._notebook.pending_jobs(1):
            return False
        snapshot = self._snapshots.take()
        if snapshot.revision != tested:
            return False
        targets = {target.id: target for target in project_targets(self._project, snapshot)}
        jobs = self._next_jobs(targets)
        if not jobs:
            self._exhausted = (tested, model.state)
            self.rounds += 1
            named = ", ".join(self._project.packages) or "packages or modules of the project: it has none"
            nothing = f"nothing to write tests for: no function or class in {named}"
            self._say("nothing left to write: every target was worked on" if targets else nothing)
            return False
        self._write(snapshot, jobs, targets, model)
        return True

    def _next_jobs(self, targets: dict[str, Target]) -> list[Job]:
        """The most urgent job and others of its lane and module; jobs whose target is gone or that failed too often go.

        What a save waits for does not share its time with weak targets that happen to stand beside it.
        """
        pending = self._notebook.pending_jobs()
        if not pending and self._idle:
            coverage = self._notebook.known_coverage()
            for phase in (ATTEMPTED, SEARCHED):
                known = Experience(self._efforts(), self._notebook.recall(SURVIVORS) or {})
                if jobs := idle_jobs(targets.values(), coverage, self._done(phase), self._clock(), known):
                    self._notebook.enqueue(jobs)
                    break
            pending = self._notebook.pending_jobs()
        usable = []
        for job in pending:
            if job.target not in targets or job.attempts >= MAX_ATTEMPTS:
                log.info("dropping %s for %s after %d attempts", job.id, job.target, job.attempts)
                self._notebook.finish_job(job.id, JobState.DROPPED)
            else:
                usable.append(job)
        if not usable:
            return []
        module, lane = targets[usable[0].target].module, usable[0].lane
        mates = [job for job in usable if job.lane is lane and targets[job.target].module == module]
        return mates[:TARGETS_AT_ONCE]

    def _write(self, snapshot: Snapshot, jobs: list[Job], targets: dict[str, Target], model: ModelState) -> None:
        for job in jobs:
            self._notebook.count_attempt(job.id)
        wanted = [targets[job.target] for job in jobs]
        # The model has had its turn at what idle work meets a second time: the rest is for the other generators.
        attempted = self._done(ATTEMPTED)
        second = jobs[0].lane is Lane.IDLE and all(attempted.get(target.id) == target.hash for target in wanted)
        engine = None if second else model.engine
        should_stop = self._make_stop(wanted, jobs)
        baseline = self._notebook.known_coverage()
        self._say(f"writing tests for {', '.join(target.qualname for target in wanted)} in {wanted[0].module}")
        began = time.monotonic()
        wrote = self._run_pass(snapshot, wanted, baseline, engine, jobs[0].lane, should_stop)
        if should_stop():
            # Cut short by a save, a stop or the governor, not by a fault: it is still to be done, with a clean record.
            self._notebook.enqueue([replace(job, id=new_id("job"), attempts=0) for job in jobs])
            return
        if wrote is None:
            # A save came between the look at the project and the pass. Were it always so, the attempts would end it.
            self._notebook.enqueue([replace(job, id=new_id("job"), attempts=job.attempts + 1) for job in jobs])
            return
        kept = wrote.kept
        self._learn(wanted, kept, time.monotonic() - began)
        # What brought something may bring more: only what was tried in vain waits for a change.
        again = {target.id for target in wanted if kept.get(target.id) and jobs[0].lane is Lane.IDLE}
        if len(wrote.unasked) < len(wanted):  # a slow model comes to a few of them in each pass; where to none, never
            again |= wrote.unasked
        settled = {target.id: target.hash for target in wanted if target.id not in again}
        for phase in (ATTEMPTED, SEARCHED) if engine is None else (ATTEMPTED,):
            self._notebook.remember(phase, self._done(phase) | settled)
        for job in jobs:
            self._notebook.finish_job(job.id, JobState.DONE)
        self.rounds += 1
        log.info("kept %d tests for %s", sum(kept.values()), wanted[0].module)

    def _learn(self, wanted: Sequence[Target], kept: Mapping[str, int], seconds: float) -> None:
        """Keep what the pass cost and brought; targets of one pass share its time."""
        efforts = self._efforts()
        for target in wanted:
            won = 1.0 if kept.get(target.id) else 0.0
            efforts[target.id] = efforts.get(target.id, Effort()) + Effort(1.0, won, seconds / len(wanted))
        plain = {name: [item.tries, item.wins, round(item.seconds, 1)] for name, item in efforts.items()}
        self._notebook.remember(EFFORT, plain)

    def _efforts(self) -> dict[str, Effort]:
        return {name: Effort(*numbers) for name, numbers in (self._notebook.recall(EFFORT) or {}).items()}

    def _done(self, phase: str) -> dict[str, str]:
        """Target id -> the hash it had when it went through a phase of idle work."""
        return dict(self._notebook.recall(phase) or {})

    def _make_stop(self, wanted: Sequence[Target], jobs: Sequence[Job]) -> Callable[[], bool]:
        """Stop when asked to or held back, when a file under work has changed (its tests would be about old code), or
        when something else was changed since: what changed last goes first.
        """
        since = jobs[0].created_at if jobs[0].lane is Lane.WRITE else float("-inf")
        looked = time.monotonic()
        newer = False
        files = {target.file for target in wanted}
        root = Path(self._project.root)
        stamps = {file: _stamp(root / file) for file in files}

        def is_overtaken() -> bool:
            nonlocal looked, newer
            if not newer and time.monotonic() - looked >= LOOK_S:
                looked = time.monotonic()
                pending = self._notebook.pending_jobs(1)
                newer = bool(pending) and pending[0].lane is Lane.WRITE and pending[0].created_at > since
            return newer

        def should_stop() -> bool:
            held = self._stopping.is_set() or bool(self._held_back()) or is_overtaken()
            return held or any(_stamp(root / file) != stamps[file] for file in files)

        return should_stop

    def _say(self, text: str, about: str = "") -> None:
        """Say what is done, once; ``about`` is the part of it whose change is worth another word."""
        if (about or text) != self._said:
            self._said = about or text
            log.info("%s", text)
            self._notebook.activity(Activity("generator", text, self._clock()))


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        info = path.stat()
    except FileNotFoundError:
        return None
    return info.st_mtime_ns, info.st_size
