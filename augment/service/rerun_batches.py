"""Running tests once more under given conditions, and keeping each execution."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from augment.records import Attempt, Conditions, FaultKind, Lane, Outcome, Project, Verdict, new_id
from augment.seams import Batch, BatchResult, Executor, Limits
from augment.service.rerunning import CLEAN

_POLL_S = 0.25
_MESSAGE_CHARS = 4000
_PREFIX = "augment-temp-"
BROKEN = (Outcome.FAILED, Outcome.ERROR)


class TempFolder:
    """A temporary folder that outlives batches, so that tests meet what earlier ones left. Outside the project, whose
    own settings a test that looks in parent folders would find.
    """

    def __init__(self) -> None:
        self._folder: Path | None = None

    def ready(self, *, clean: bool) -> str:
        """Its path; emptied when ``clean``."""
        if self._folder is None:
            _remove_orphans()
            self._folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
        if clean:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder.mkdir(exist_ok=True)
        return str(self._folder)

    def close(self) -> None:
        """Remove it. Idempotent."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None


def _remove_orphans() -> None:
    """Remove the folders of processes that were killed before they could."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        owner = re.match(rf"{_PREFIX}(\d+)-", folder.name)
        if owner is not None and not psutil.pid_exists(int(owner.group(1))):
            shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Order:
    """What to run: tests or files, in this order or shuffled, under these conditions. ``purpose`` is kept with it."""

    nodeids: tuple[str, ...]
    conditions: Conditions
    revision: str
    repeat: int = 1
    purpose: str = "rerun"


class RerunBatches:
    """Runs batches of the idle lane in the project itself, as the fast lane does, and ends them when told to."""

    def __init__(
        self, project: Project, executor: Executor, limits: Limits, clock: Callable[[], float] = time.time
    ) -> None:
        self._project = project
        self._executor = executor
        self._limits = limits
        self._clock = clock
        self._temp = TempFolder()

    def run(self, order: Order, should_stop: Callable[[], bool]) -> list[Attempt] | None:
        """Every execution, in order; None when it was ended early: what came until then may be of another revision."""
        if should_stop():
            return None
        result = self._run(order, should_stop)
        ended = result.fault is not None and result.fault.kind is FaultKind.SUPERSEDED
        return None if ended or should_stop() else attempts_of(result, order, self._clock())

    def close(self) -> None:
        """Let go of the temporary folder."""
        self._temp.close()

    def _run(self, order: Order, should_stop: Callable[[], bool]) -> BatchResult:
        conditions = order.conditions
        folder = self._temp.ready(clean=conditions.temp == CLEAN) if conditions.temp else ""
        batch = Batch(
            id=new_id("rerun"),
            root=self._project.root,
            interpreter=self._project.interpreter,
            nodeids=order.nodeids,
            lane=Lane.IDLE,
            source_roots=self._project.source_roots,
            coverage=False,
            repeat=order.repeat,
            hash_seed=conditions.hash_seed,
            shuffle_seed=conditions.shuffle_seed,
            time_zone=conditions.time_zone,
            temp_folder=folder,
            limits=self._limits,
        )
        with _ending(batch, self._executor, should_stop):
            return self._executor.run(batch)


@contextmanager
def _ending(batch: Batch, executor: Executor, should_stop: Callable[[], bool]) -> Iterator[None]:
    """Cancel ``batch`` as soon as ``should_stop`` says so."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_POLL_S):
            if should_stop():
                executor.cancel(batch.id)
                return

    watcher = threading.Thread(target=watch, name="augment-rerun-watch", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def attempts_of(result: BatchResult, order: Order, at: float) -> list[Attempt]:
    """The executions of a batch, each with its round and its place in the order."""
    rounds: dict[str, int] = {}
    attempts = []
    for position, verdict in enumerate(result.verdicts):
        number = rounds[verdict.nodeid] = rounds.get(verdict.nodeid, -1) + 1
        attempts.append(_attempt(verdict, order, result, replace(order.conditions, round=number), position, at))
    return attempts


def _attempt(
    verdict: Verdict, order: Order, result: BatchResult, conditions: Conditions, position: int, at: float
) -> Attempt:
    return Attempt(
        verdict.nodeid,
        order.revision,
        result.batch_id,
        1,
        order.purpose,
        verdict.outcome,
        verdict.duration_s,
        at,
        result.executor,
        position,
        "" if verdict.outcome is Outcome.PASSED else verdict.output[-_MESSAGE_CHARS:],
        verdict.fault,
        conditions,
    )


def ran_before(attempts: Sequence[Attempt]) -> Mapping[str, tuple[str, ...]]:
    """nodeid -> the other tests that had run in front of its last execution in the same process."""
    names = [attempt.nodeid for attempt in attempts if not attempt.conditions.round]
    if any(attempt.conditions.round for attempt in attempts):
        return {nodeid: tuple(name for name in names if name != nodeid) for nodeid in names}
    return {nodeid: tuple(names[:place]) for place, nodeid in enumerate(names)}
