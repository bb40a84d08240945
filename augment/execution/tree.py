"""A process and everything it started: what they use together, and how to end them all."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

import psutil


class ProcessTree:
    """One process group leader with its descendants. Remembers every descendant it has seen, also in other sessions."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._main: psutil.Process | None = None
        self._seen: dict[int, psutil.Process] = {}

    def resident_bytes(self) -> int:
        """Resident memory of all of them, in bytes; what they share is counted for each."""
        return self.usage()[0]

    def usage(self) -> tuple[int, int]:
        """As :meth:`resident_bytes`, and how many they are."""
        total = count = 0
        for process in self.look():
            with suppress(psutil.Error):
                total += process.memory_info().rss
                count += 1
        return total, count

    def proportional_bytes(self) -> int:
        """Memory of all of them with what is shared split among its users. Costs a millisecond a process and more."""
        total = 0
        for process in self.look():
            with suppress(psutil.Error):
                try:
                    total += process.memory_full_info().pss
                except psutil.AccessDenied:
                    total += process.memory_info().rss
        return total

    def look(self) -> list[psutil.Process]:
        """Those that live now, and those seen before."""
        try:
            if self._main is None:
                self._main = psutil.Process(self.pid)
        except psutil.Error:
            return list(self._seen.values())
        for pid in _descendants(self.pid):
            if pid not in self._seen:
                with suppress(psutil.Error):
                    self._seen[pid] = psutil.Process(pid)
        return [self._main, *self._seen.values()]

    def kill(self) -> None:
        """Kill the group and every descendant that left it."""
        self.look()  # before the kill: afterwards orphans have no parent that leads to them
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        for child in self._seen.values():
            with suppress(psutil.Error):
                child.kill()  # psutil checks the start time: a reused process id is left alone


def _descendants(pid: int) -> list[int]:
    """Process ids below ``pid``. The kernel's own lists cost 20 us a process; looking at every process some 10 ms."""
    if not Path(f"/proc/{pid}/task/{pid}/children").exists():
        try:
            return [child.pid for child in psutil.Process(pid).children(recursive=True)]
        except psutil.Error:
            return []
    found: list[int] = []
    waiting = [pid]
    while waiting:
        below = _children(waiting.pop())
        found += below
        waiting += below
    return found


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - called often, and a Path each time is slow
            with suppress(OSError), open(f"/proc/{pid}/task/{task}/children", "rb") as file:  # noqa: PTH123
                found += map(int, file.read().split())
    return found
