"""Whether a waiting process still is what a new one would be: installed packages and environment variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from augment.execution.environment import runner_environment
from augment.execution.source import RunnerKind

_NO_SCRATCH = Path("/augment-scratch")


def environment_stamp(kind: RunnerKind) -> int:
    """Changes when a package is installed or removed, or a variable that the runner would see is set: both are read
    once, when an interpreter starts. Costs less than a millisecond."""
    return hash((tuple(sorted(_variables(kind).items())), tuple(_site_marks(kind.interpreter))))


def _variables(kind: RunnerKind) -> Mapping[str, str]:
    return runner_environment(kind, _NO_SCRATCH)


def _site_marks(interpreter: str) -> list[tuple[str, int, int]]:
    marks: list[tuple[str, int, int]] = []
    prefix = Path(interpreter).parent.parent
    marks += _marks([prefix / "pyvenv.cfg"])
    for site in sorted((prefix / "lib").glob("python3*/site-packages")):
        marks += _marks([site])
        with os.scandir(site) as entries:
            # A package that is replaced in place leaves the folder's own time; pip always writes a new dist-info.
            marks += _marks([Path(entry.path) for entry in entries if entry.name.endswith((".pth", ".dist-info"))])
    return sorted(marks)


def _marks(paths: list[Path]) -> list[tuple[str, int, int]]:
    found: list[tuple[str, int, int]] = []
    for path in paths:
        try:
            status = path.stat()
        except OSError:
            continue
        found.append((str(path), status.st_mtime_ns, status.st_ino))
    return found
