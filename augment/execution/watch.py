"""What a batch uses, watched from outside where the kernel sets no limit: memory, processes, temporary files."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

from augment.execution.source import Runner
from augment.records import Fault, FaultKind
from augment.seams import Limits

MOST_PROCESSES = 512
"""Of a batch that is not trusted, where its limits name no number."""
_MOST_FILES = 100_000
_FILES_EVERY_S = 0.5
_MIB = 2**20


def kernel_kills() -> int:
    """How often the kernel has killed a process of this machine for want of memory; 0 where it does not say."""
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


class Watch:
    """Looks at one runner. Temporary files count where a confined runner has no file system of limited size."""

    def __init__(self, runner: Runner, limits: Limits) -> None:
        self._runner = runner
        self._limits = limits
        confinement = runner.kind.confinement
        self._processes = limits.processes or (None if runner.kind.trusted else MOST_PROCESSES)
        self._files = confinement is not None and not confinement.limits_files
        self._next_files = 0.0

    def look(self) -> Fault | None:
        """The fault of a limit that is exceeded, or None."""
        return self._too_many_processes() or self._too_many_files()

    def _too_many_processes(self) -> Fault | None:
        limit = self._limits.memory_bytes
        if limit is None and self._processes is None:
            return None
        used, count = self._runner.tree.usage()
        if self._processes is not None and count > self._processes:
            return Fault(FaultKind.PROCESS_LIMIT, f"{count} processes; the limit is {self._processes}")
        if limit is None or used <= limit:
            return None
        # Children share much with the process they were forked from: counted once, it may be within the limit.
        used = self._runner.tree.proportional_bytes()
        if used <= limit:
            return None
        detail = f"used {used / _MIB:.0f} MiB of memory; the limit is {limit / _MIB:.0f} MiB"
        return Fault(FaultKind.OUT_OF_MEMORY, detail)

    def _too_many_files(self) -> Fault | None:
        now = time.monotonic()
        if not self._files or now < self._next_files:
            return None
        size, count = folder_size(self._runner.scratch, _MOST_FILES)
        self._next_files = now + _FILES_EVERY_S
        if size <= self._limits.temporary_bytes and count <= _MOST_FILES:
            return None
        limit = self._limits.temporary_bytes / _MIB
        detail = f"{count} temporary files of {size / _MIB:.0f} MiB; the limits are {_MOST_FILES} and {limit:.0f} MiB"
        return Fault(FaultKind.OUTPUT_LIMIT, detail)


def folder_size(folder: Path, most: int) -> tuple[int, int]:
    """Bytes on disk and number of entries below ``folder``; stops a little beyond ``most`` entries. Follows no link."""
    size = count = 0
    waiting = [str(folder)]
    while waiting and count <= most:
        with suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                count += 1
                with suppress(OSError):
                    size += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
    return size, count
