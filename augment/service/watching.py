"""The watcher: from file-system events to revisions, with no debounce wait.

An event only says *look there now*. What changed is decided by content hashes, so an editor's probe files, atomic
saves, renames and a branch switch of thousands of files all come out as what they are: at most one new revision. A save
is looked at the moment its file is closed, and nothing else is; while a look or its consumer is busy further events
gather, and the newest state wins. Only where many files change at once, or git is in the middle of it, is the end of it
awaited: half of a branch is no revision.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Protocol

from watchdog.observers import Observer
from watchdog.observers.polling import PollingObserver

from augment.records import Snapshot
from augment.service.changes import Changes, ChangeSource, WatchdogChanges
from augment.service.inotify import InotifyChanges

SKIPPED_FOLDERS = frozenset(
    {
        ".git", ".hg", ".svn", ".augment", "__pycache__", ".venv", "node_modules", ".hypothesis",
        ".mypy_cache", ".ruff_cache", ".pytest_cache", ".tox", ".nox", ".idea",
    }
)  # fmt: skip
"""Folders that are not watched. Only a shortcut: the snapshot decides what belongs to a revision."""

RESCAN_S = 30.0
"""How often the tree is scanned without an event, for file systems that lose some."""

MANY_PATHS = 50
"""More files than this, changed before anybody looked, are the work of a tool: what it does is awaited."""

QUIET_S = 0.1
"""A tool that has changed many files has ended when nothing more has happened for so long."""

LONGEST_BURST_S = 3.0
"""A tool that goes on for longer than this has its work looked at in between."""

LONGEST_CHECKOUT_S = 30.0
"""The same while git holds its index and many files change: that is one switch of branches, however long it takes."""

LONGEST_LOCK_S = 0.5
"""Git holds its index while it writes files, for milliseconds; an editor that it has open for a commit message may make
it hold it for minutes, and saves must not wait for that."""

POLL_S = 2.0
_TICK_S = 0.005


class SnapshotSource(Protocol):
    """Whatever takes snapshots of a project."""

    def take(self) -> Snapshot:
        """The revision as it stands on disk."""


class Looking(SnapshotSource, Protocol):
    """A source that can be told where to look."""

    def look(self, paths: Collection[str]) -> Snapshot:
        """The revision as it stands on disk, where only these files may have changed since the last look."""


class Watcher:
    """Watches ``root`` and calls ``on_revision`` with each new snapshot, from one thread, one call at a time.

    The first call comes at start with the tree as it is. Without inotify watches to spare it polls every two seconds
    and says so through ``on_notice``.
    """

    def __init__(
        self,
        root: Path,
        snapshots: Looking,
        on_revision: Callable[[Snapshot], None],
        on_notice: Callable[[str], None] = lambda _text: None,
        *,
        rescan_s: float = RESCAN_S,
    ) -> None:
        self._root = root
        self._snapshots = snapshots
        self._on_revision = on_revision
        self._on_notice = on_notice
        self._rescan_s = rescan_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="augment-watcher", daemon=True)
        self._source: ChangeSource | None = None
        self._looked_everywhere = 0.0

    def start(self) -> None:
        """Begin to watch; returns at once."""
        self._source = self._open()
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Stop watching; idempotent."""
        self._stopping.set()
        if self._source is None:
            return
        self._source.wake()
        self._thread.join(timeout_s)
        self._source.close()
        self._source = None

    def _open(self) -> ChangeSource:
        try:
            if sys.platform.startswith("linux"):
                return InotifyChanges(self._root, is_watched)
            return WatchdogChanges(self._root, is_watched, Observer())
        except OSError as error:
            why = error.strerror
            self._on_notice(f"cannot watch {self._root} through the kernel ({why}); polling every {POLL_S:g} s")
            return WatchdogChanges(self._root, is_watched, PollingObserver(timeout=POLL_S))

    def _work(self) -> None:
        source = self._source
        assert source is not None
        last: str | None = None
        changes = Changes(everything=True)
        while not self._stopping.is_set():
            try:
                snapshot = self._look(changes)
            except OSError as error:  # a file vanished between listing and reading: its own event wakes us again
                self._on_notice(f"scan interrupted: {error}")
            else:
                if snapshot.revision != last:
                    last = snapshot.revision
                    self._on_revision(snapshot)
            changes = self._next(source)

    def _next(self, source: ChangeSource) -> Changes:
        """The next changes that are complete; everything when it is time for a rescan."""
        rescan_at = self._looked_everywhere + self._rescan_s
        while not self._stopping.is_set() and (left := rescan_at - time.monotonic()) > 0:
            if changes := source.wait(left):
                self._await_end(source, changes)
                return changes
        return Changes(everything=True)

    def _look(self, changes: Changes) -> Snapshot:
        if changes.everything or len(changes.paths) > MANY_PATHS:
            self._looked_everywhere = time.monotonic()
            return self._snapshots.take()
        return self._snapshots.look(changes.paths)

    def _await_end(self, source: ChangeSource, changes: Changes) -> None:
        """Where git or another tool is in the middle of changing many files, gather what else it changes."""
        began = quiet_since = time.monotonic()
        lock = index_lock(self._root)
        while not self._stopping.is_set():
            longest = LONGEST_CHECKOUT_S if lock.exists() else LONGEST_BURST_S
            if time.monotonic() - began > longest:
                return
            if len(changes.paths) > MANY_PATHS:
                more = source.wait(QUIET_S)
                quiet_since = time.monotonic() if more else quiet_since
                if time.monotonic() - quiet_since >= QUIET_S and not lock.exists():
                    return
            elif lock.exists() and time.monotonic() - began < LONGEST_LOCK_S:
                more = source.wait(_TICK_S)
            else:
                return
            changes.add(more)


def is_watched(name: str) -> bool:
    """Whether a folder of this name is watched."""
    return name not in SKIPPED_FOLDERS


def index_lock(root: Path) -> Path:
    """The file that exists while git changes the working tree at ``root``."""
    git = root / ".git"
    try:
        if git.is_file():  # a linked worktree
            git = root / git.read_text(errors="replace").partition("gitdir:")[2].strip()
    except OSError:
        return git / "index.lock"
    return git / "index.lock"
