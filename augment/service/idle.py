"""The idle scheduler: small chores, one short piece at a time, while nothing changes and nobody waits.

A chore is anything that makes what is known better without a save having asked for it: control samples, reruns for
flakiness. Each piece is short, so that a save finds the machine free; what a chore may not lose stands in the
store.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from augment.errors import AugmentError
from augment.records import Activity, Snapshot
from augment.service.coordinating import TESTED_REVISION, Notebook
from augment.service.watching import SnapshotSource

log = logging.getLogger(__name__)

ShouldStop = Callable[[], bool]


class Chore(Protocol):
    """One sort of idle work. ``name`` is its part in the dashboard's list of activities."""

    @property
    def name(self) -> str:
        """Such as ``controls``."""

    def step(self, snapshot: Snapshot, should_stop: ShouldStop) -> str:
        """Do one short piece for the revision ``snapshot``, whose verdicts are complete.

        Returns what was done, in words for a person, or '' when there was nothing to do; then the next chore has its
        turn. ``should_stop`` becomes true when the project has changed, the machine is busy, or Augment ends.
        """


@dataclass(frozen=True, slots=True)
class Ranked:
    """A chore and its priority: the smallest goes first."""

    priority: int
    chore: Chore


class IdleLoop:
    """Runs chores by priority from one thread, each piece only while the newest revision is tested.

    ``held_back`` says why no background work may run now ('' when it may). A chore that raises an AugmentError is
    said, and rests until the next revision: nothing is tried without a limit.
    """

    def __init__(
        self,
        snapshots: SnapshotSource,
        notebook: Notebook,
        chores: Sequence[Ranked],
        *,
        held_back: Callable[[], str] = lambda: "",
        poll_s: float = 2.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._snapshots = snapshots
        self._notebook = notebook
        self._chores = [ranked.chore for ranked in sorted(chores, key=lambda ranked: ranked.priority)]
        self._held_back = held_back
        self._poll_s = poll_s
        self._clock = clock
        self._resting: dict[str, str] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="augment-idle", daemon=True)

    def start(self) -> None:
        """Begin to work; returns at once."""
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Stop after the piece in progress; idempotent."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _work(self) -> None:
        while not self._stopping.is_set():
            try:
                worked = self.step()
            except AugmentError:
                if self._stopping.is_set():
                    return  # on a slow machine the reporter may be gone before the piece in progress has ended
                raise
            if not worked:
                self._stopping.wait(self._poll_s)

    def step(self) -> bool:
        """Do one piece of the first chore that has any; False when there was nothing to do or it may not be done."""
        if self._held_back():
            return False
        snapshot = self._snapshots.take()
        if not self._is_tested(snapshot.revision):
            return False
        return any(self._try(chore, snapshot) for chore in self._chores)

    def _try(self, chore: Chore, snapshot: Snapshot) -> bool:
        if self._resting.get(chore.name) == snapshot.revision:
            return False
        try:
            done = chore.step(snapshot, lambda: self._must_stop(snapshot))
        except AugmentError as error:
            self._resting[chore.name] = snapshot.revision
            done = f"not now: {error}"
        if done:
            log.info("%s: %s", chore.name, done)
            self._notebook.activity(Activity(chore.name, done, self._clock()))
        return bool(done)

    def _must_stop(self, snapshot: Snapshot) -> bool:
        return self._stopping.is_set() or bool(self._held_back()) or not self._is_tested(snapshot.revision)

    def _is_tested(self, revision: str) -> bool:
        """Whether this is the revision whose verdicts are complete (a new save changes that at the end of its run)."""
        return bool(self._notebook.recall(TESTED_REVISION) == revision)
