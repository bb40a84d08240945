"""After a save's verdicts: what it changed of what the code does, and what it left as it was."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from augment.behaviour import Compared, Edit
from augment.errors import AugmentError
from augment.records import Activity, content_hash
from augment.service.coordinating import Notebook

log = logging.getLogger(__name__)

UNCHANGED = "unchanged"
"""Memory key: target id -> the hash that it has, and open tests whose calls its last change left as they were."""

_MOST_TARGETS = 60
"""Targets whose unchanged calls are kept; the generator takes them from there."""
_NAMED = 2


class Compares(Protocol):
    """Old and new code on the same calls, as ``generation.Comparison`` does it."""

    def run(self, edit: Edit) -> Compared:
        """Compare the targets that ``edit`` changed."""

    def cancel(self) -> None:
        """End what runs; from any thread."""


class BehaviourWatch:
    """Compares what each save changed, one save at a time, from a thread of its own: no verdict waits for it.

    A newer save ends the comparison in progress, and what was not told yet is told with it: from the code that was
    there before the first of them to the code that is there now. ``comparison`` makes a new one for each save;
    ``held_back`` says why its batches will have to wait ('' when they will not), so that a person is told.
    """

    def __init__(
        self,
        notebook: Notebook,
        comparison: Callable[[], Compares],
        *,
        held_back: Callable[[], str] = lambda: "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._notebook = notebook
        self._comparison = comparison
        self._held_back = held_back
        self._clock = clock
        self._waiting: Edit | None = None
        self._untold: Edit | None = None
        self._running: Compares | None = None
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._idle = threading.Event()
        self._idle.set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="augment-behaviour", daemon=True)

    def start(self) -> None:
        """Begin to work; returns at once."""
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """End what runs and stop; idempotent."""
        self._stopping.set()
        with self._lock:
            running = self._running
        if running is not None:
            running.cancel()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def saved(self, edit: Edit) -> None:
        """Take a save whose verdicts are out. Returns at once."""
        with self._lock:
            earlier = self._waiting or self._untold
            self._waiting = edit if earlier is None else joined(earlier, edit)
            running = self._running
            self._idle.clear()
        if running is not None:
            running.cancel()
        self._wake.set()

    def wait_idle(self, timeout_s: float) -> bool:
        """Wait until every save was compared."""
        return self._idle.wait(timeout_s)

    def _work(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait()
            self._wake.clear()
            while not self._stopping.is_set() and (edit := self._take()) is not None:
                try:
                    self._compare(edit)
                except AugmentError as error:  # what a person can mend is said; the next save tries again
                    self._say(f"behaviour was not compared: {error}")
                finally:
                    with self._lock:
                        self._running = None

    def _take(self) -> Edit | None:
        with self._lock:
            edit, self._waiting = self._waiting, None
            self._untold = edit
            if edit is None:
                self._idle.set()
                return None
            self._running = self._comparison()
            return edit

    def _compare(self, edit: Edit) -> None:
        assert self._running is not None
        if reason := self._held_back():
            self._say(f"waiting to compare what the save changed: {reason}")
        compared = self._running.run(edit)
        if compared.superseded:
            return  # it stays untold, and goes with the save that came between
        with self._lock:
            self._untold = None
        if compared.changes:
            self._notebook.behaviour_changed(compared.changes)
        if compared.hashes:
            self._notebook.remember(UNCHANGED, kept(self._notebook.recall(UNCHANGED) or {}, compared))
        if words := told(compared):
            self._say(words)

    def _say(self, text: str) -> None:
        log.info("%s", text)
        self._notebook.activity(Activity("behaviour", text, self._clock()))


def joined(earlier: Edit, later: Edit) -> Edit:
    """Two saves as one: what was there before the first of them, and what is there after the second."""
    replaced = {**later.replaced, **earlier.replaced}
    there = later.snapshot.files
    differing = {
        file: text
        for file, text in replaced.items()
        if (content_hash(text.encode()) if text is not None else None) != there.get(file)
    }
    return Edit(earlier.previous, later.snapshot, differing)


def kept(known: Mapping[str, Any], compared: Compared) -> dict[str, Any]:
    """What is known of unchanged calls with what was just seen; the targets changed longest ago go."""
    fresh = {
        target: {"hash": digest, "sources": list(compared.unchanged.get(target, ()))}
        for target, digest in compared.hashes.items()
    }
    older = {target: entry for target, entry in known.items() if target not in fresh}
    return dict(list({**older, **fresh}.items())[-_MOST_TARGETS:])


def told(compared: Compared) -> str:
    """What came of a comparison, for a person; '' where nothing was compared."""
    changes = compared.changes
    if not compared.targets:
        return compared.problem
    more = f"; {compared.problem}" if compared.problem else ""
    if not changes:
        if not compared.calls:
            return compared.problem
        what = f"{compared.calls} calls of {_count(compared.targets, 'changed target')}"
        return f"this save changed nothing that {what} show{more}"
    named = "; ".join(change.sentence for change in changes[:_NAMED])
    left = len(changes) - _NAMED
    return f"this save changed behaviour: {named}{f'; and {left} more' if left > 0 else ''}{more}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
