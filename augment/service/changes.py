"""What changed in a tree, and the portable way to be told."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers.api import BaseObserver


@dataclass
class Changes:
    """Files that may have changed, relative to the root. With ``everything`` any file may have, as when a folder was
    moved or events were lost."""

    paths: set[str] = field(default_factory=set)
    everything: bool = False

    def __bool__(self) -> bool:
        return self.everything or bool(self.paths)

    def add(self, more: Changes) -> None:
        """Take in what changed besides."""
        self.paths |= more.paths
        self.everything |= more.everything


class ChangeSource(Protocol):
    """Tells what changes in a tree."""

    def wait(self, timeout_s: float) -> Changes:
        """What has changed; empty when nothing that matters did, at the latest after ``timeout_s``, or somebody called
        :meth:`wake`.
        """

    def wake(self) -> None:
        """End the wait that is under way, or the next one. From any thread."""

    def close(self) -> None:
        """Let go of what was watched."""


class WatchdogChanges(FileSystemEventHandler):
    """The changes below ``root`` through a watchdog observer: for systems other than Linux, and for polling."""

    def __init__(self, root: Path, is_wanted: Callable[[str], bool], observer: BaseObserver) -> None:
        self._root = root
        self._is_wanted = is_wanted
        self._changes = Changes()
        self._changed = threading.Condition()
        self._woken = False
        self._observer = observer
        observer.schedule(self, str(root), recursive=True)
        observer.start()

    def wait(self, timeout_s: float) -> Changes:
        """See :class:`ChangeSource`, as for all methods here."""
        with self._changed:
            self._changed.wait_for(lambda: self._changes or self._woken, timeout_s)
            changes, self._changes, self._woken = self._changes, Changes(), False
            return changes

    def wake(self) -> None:
        """End the wait that is under way, or the next one."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def close(self) -> None:
        """Stop observing."""
        self._observer.stop()
        self._observer.join(5.0)

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Note what an event names."""
        if event.event_type in ("opened", "closed_no_write") or (event.is_directory and event.event_type == "modified"):
            return
        named = [str(path) for path in (event.src_path, getattr(event, "dest_path", "")) if path]
        paths = [path for path in map(self._relative, named) if path is not None]
        if not paths:
            return
        with self._changed:
            self._changes.add(Changes(set(paths), event.is_directory))
            self._changed.notify_all()

    def _relative(self, path: str) -> str | None:
        try:
            parts = Path(path).relative_to(self._root).parts
        except ValueError:
            return None
        return "/".join(parts) if all(self._is_wanted(part) for part in parts[:-1]) else None
