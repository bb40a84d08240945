"""Whether a waiting process still is what a new one would be: variables, installed packages, loaded files.

What else pytest takes from a project (its configuration, ``-p``, ``pytest_plugins``, conftest files) is read anew by
every batch: a waiting process has seen none of it, so it cannot be stale by it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from augment.execution.environment import runner_environment
from augment.execution.source import RunnerKind

_NO_SCRATCH = Path("/augment-scratch")

FileTime = Sequence[int | str]
"""A path and its modification time in ns."""


def environment_stamp(kind: RunnerKind) -> str:
    """Changes with the packages and with the variables that a runner of this kind would see (about 1 ms)."""
    variables = runner_environment(kind, _NO_SCRATCH)
    return _digest([packages_stamp(kind), *(f"{name}={value}" for name, value in sorted(variables.items()))])


def packages_stamp(kind: RunnerKind) -> str:
    """Changes when a package is installed, upgraded or removed, and with the interpreter. The same in all processes."""
    prefix = Path(kind.interpreter).parent.parent
    marks = _marks([kind.interpreter, str(prefix / "pyvenv.cfg"), kind.overlay])
    for site in sorted((prefix / "lib").glob("python3*/site-packages")):
        marks += _marks([str(site)])
        with suppress(OSError), os.scandir(site) as entries:
            # A package that is replaced in place leaves the folder's own time; pip always writes a new dist-info.
            marks += sorted(mark for entry in entries for mark in _entry_marks(entry))
    return _digest(marks)


def _entry_marks(entry: os.DirEntry[str]) -> Iterable[str]:
    if entry.name.endswith((".pth", ".dist-info", ".egg-link")):
        with suppress(OSError):
            yield f"{entry.path} {entry.stat().st_mtime_ns}"


def _marks(paths: Iterable[str]) -> list[str]:
    found: list[str] = []
    for path in paths:
        with suppress(OSError):
            status = os.stat(path)  # noqa: PTH116 - called often
            found.append(f"{path} {status.st_mtime_ns} {status.st_ino}")
    return found


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()[:32]


def any_changed(files: Iterable[FileTime]) -> bool:
    """Whether a file is not what it was; about 1 ms for 700 files."""
    for path, time_ns in files:
        try:
            if os.stat(path).st_mtime_ns != time_ns:  # noqa: PTH116 - called often
                return True
        except OSError:
            return True
    return False
