# Paths stay plain strings here: they are compared as the interpreter tells them, and made for every file it opens.
# ruff: noqa: PTH109, PTH117, PTH118, PTH119, PTH120
"""What each test reads of the project without importing it: files, lists of folders; and whether it starts processes.

Told by the interpreter's audit events. A hook cannot be taken away again, so it is set in the batch's own process only.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

PROCESSES = "<processes>"

_SKIPPED = ("/__pycache__/", "/.git/", "/.augment/", "/.venv/", "/site-packages/", "/.hypothesis/", "/.pytest_cache/")
_ORDINARY = ("/_pytest/", "/pluggy/", "/coverage/", "_augment_runner", "/augment/execution/runner/")
_UNASKED = frozenset({"warnings.py", "traceback.py", "platform.py", "uuid.py", "unraisablehook.py"})
"""Parts of the standard library that read sources or start processes without the test having asked for it."""

_STARTS = (
    "subprocess.Popen",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.spawn",
    "os.exec",
    "os.system",
)
_DEEPEST = 200


class Reads:
    """Books reads to contexts, and reads during the import of a module to the module's file as well."""

    def __init__(self, root: str) -> None:
        self._prefix = root + os.sep
        self._root = root
        self._library = os.path.dirname(os.__file__) + os.sep
        self._context = ""
        self._on = False
        self._found: dict[str, set[str]] = {}
        self._handlers: dict[str, Callable[[tuple[Any, ...]], None]] = {
            "open": self._opened,
            "os.listdir": self._listed,
            "os.scandir": self._listed,
            "sqlite3.connect": self._opened,
        }
        self._handlers.update(dict.fromkeys(_STARTS, self._started))

    def start(self) -> None:
        """Begin to listen."""
        self._on = True
        sys.addaudithook(self._hook)

    def stop(self) -> None:
        """Hear nothing from now on."""
        self._on = False

    def switch(self, context: str) -> None:
        """Book what is read from now on to ``context``; "" is import time, which is booked to modules only."""
        self._context = context

    def found(self) -> dict[str, list[str]]:
        """Context, or a module's relative path -> what was read, relative to the project."""
        return {name: sorted(read) for name, read in self._found.items()}

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        handler = self._handlers.get(event)
        if handler is not None and self._on:
            handler(arguments)

    # ------------------------------------------------------------------- events

    def _opened(self, arguments: tuple[Any, ...]) -> None:
        if len(arguments) == 3 and not _is_reading(arguments[1], arguments[2]):
            return
        path = self._inside(arguments[0])
        if path is None:
            return
        frame = sys._getframe(2)
        if path.endswith((".py", ".pyi")) and not self._is_asked(frame):
            return
        self._book(path, frame)

    def _listed(self, arguments: tuple[Any, ...]) -> None:
        path = self._inside(arguments[0] if arguments and arguments[0] is not None else ".")
        frame = sys._getframe(2)
        if path is not None and self._is_asked(frame):
            self._book("./" if path == "." else path + "/", frame)

    def _started(self, _arguments: tuple[Any, ...]) -> None:
        frame = sys._getframe(2)
        if self._context and self._is_asked(frame):
            self._book(PROCESSES, frame)

    # ------------------------------------------------------------------ booking

    def _book(self, what: str, frame: FrameType | None) -> None:
        if self._context:
            self._found.setdefault(self._context, set()).add(what)
        module = self._importing(frame)
        if module is not None and module != what:
            self._found.setdefault(module, set()).add(what)

    def _inside(self, given: Any) -> str | None:
        """The path relative to the project, None when it lies elsewhere or is of no interest."""
        if isinstance(given, bytes):
            given = os.fsdecode(given)
        if not isinstance(given, str) or not given:
            return None
        path = given
        if not os.path.isabs(path):
            try:
                path = os.path.join(os.getcwd(), path)
            except OSError:  # the current folder is gone
                return None
        if not path.startswith(self._prefix) or "/." in path or "//" in path:
            path = os.path.normpath(path)
        if path == self._root:
            return "."
        if not path.startswith(self._prefix) or path.endswith(".pyc"):
            return None
        return None if any(part in path for part in _SKIPPED) else path[len(self._prefix) :].rstrip("/")

    def _is_asked(self, frame: FrameType | None) -> bool:
        """Whether the project (or a library for it) wants this, not the import system, pytest or a traceback."""
        for _ in range(_DEEPEST):
            if frame is None:
                return False
            file = frame.f_code.co_filename
            if file.startswith("<frozen importlib") or any(part in file for part in _ORDINARY):
                return False
            standard = file.startswith((self._library, "<frozen")) and "site-packages" not in file
            if not standard:
                return True
            if os.path.basename(file) in _UNASKED:
                return False
            frame = frame.f_back
        return False

    def _importing(self, frame: FrameType | None) -> str | None:
        """The innermost module of the project that is being imported; else, outside tests, whoever of it is running."""
        running: str | None = None
        for _ in range(_DEEPEST):
            if frame is None:
                break
            file = frame.f_code.co_filename
            if file.startswith(self._prefix) and "site-packages" not in file:
                own = file[len(self._prefix) :]
                if frame.f_code.co_name == "<module>":
                    return own
                running = running or own
            frame = frame.f_back
        return None if self._context else running


def _is_reading(mode: Any, flags: Any) -> bool:
    if isinstance(mode, str):
        return "r" in mode or "+" in mode
    return isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR) != os.O_WRONLY
