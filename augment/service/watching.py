"""The watcher: from file-system events to revisions, with no debounce wait.

An event only says *look now*. What changed is decided by content hashes, so an editor's probe files, atomic saves,
renames and a branch switch of thousands of files all come out as what they are: at most one new revision. While a scan
or its consumer is busy further events coalesce, and the newest state wins.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver
from watchdog.observers.polling import PollingObserver

from augment.records import Snapshot

SKIPPED_FOLDERS = frozenset({".git", ".augment", "__pycache__", ".venv", "venv", "node_modules", "logs", ".hypothesis"})
"""Folders whose events are not worth a scan. Only a shortcut: the snapshot decides what belongs to a revision."""

QUIET_EVENTS = frozenset({"opened", "closed_no_write"})
"""Events of reading, which change nothing."""

RESCAN_S = 30.0
"""How often the tree is scanned without an event, for file systems that lose some."""


class SnapshotSource(Protocol):
    """Whatever takes snapshots of a project."""

    def take(self) -> Snapshot:
        """The revision as it stands on disk."""


def is_worth_a_look(event_type: str, path: str, root: Path) -> bool:
    """Whether an event may have changed the revision.

    A plain *modified* is ignored where the platform reports the close of the write: a half-written file is not a save.
    """
    if event_type in QUIET_EVENTS:
        return False
    try:
        parts = Path(path).relative_to(root).parts
    except ValueError:
        return False
    return not SKIPPED_FOLDERS.intersection(parts)


class _Handler(FileSystemEventHandler):
    def __init__(self, root: Path, wake: threading.Event, closes_reported: bool) -> None:
        self._root = root
        self._wake = wake
        self._closes_reported = closes_reported

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.event_type == "modified" and (self._closes_reported or event.is_directory):
            return
        paths = (str(event.src_path), str(getattr(event, "dest_path", "") or ""))
        if any(path and is_worth_a_look(event.event_type, path, self._root) for path in paths):
            self._wake.set()


class Watcher:
    """Watches ``root`` and calls ``on_revision`` with each new snapshot, from one thread, one call at a time.

    The first call comes at start with the tree as it is. Without inotify watches to spare it polls every two seconds
    and says so through ``on_notice``.
    """

    def __init__(
        self,
        root: Path,
        snapshots: SnapshotSource,
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
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="augment-watcher", daemon=True)
        self._observer: BaseObserver | None = None

    def start(self) -> None:
        """Begin to watch; returns at once."""
        self._observer = self._observe()
        self._wake.set()
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Stop watching; idempotent."""
        self._stopping.set()
        self._wake.set()
        if self._observer is not None:
            self._observer.stop()
            self._observer.join(timeout_s)
            self._observer = None
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _observe(self) -> BaseObserver:
        observer = Observer()
        handler = _Handler(self._root, self._wake, closes_reported="inotify" in type(observer).__module__)
        try:
            observer.schedule(handler, str(self._root), recursive=True)
            observer.start()
        except OSError as error:
            self._on_notice(f"cannot watch {self._root} through the kernel ({error.strerror}); polling every 2 s")
            observer = PollingObserver(timeout=2.0)
            observer.schedule(_Handler(self._root, self._wake, closes_reported=False), str(self._root), recursive=True)
            observer.start()
        return observer

    def _work(self) -> None:
        last: str | None = None
        while not self._stopping.is_set():
            self._wake.wait(self._rescan_s)
            self._wake.clear()
            if self._stopping.is_set():
                return
            try:
                snapshot = self._snapshots.take()
            except OSError as error:  # a file vanished between listing and reading: its own event wakes us again
                self._on_notice(f"scan interrupted: {error}")
                continue
            if snapshot.revision != last:
                last = snapshot.revision
                self._on_revision(snapshot)
