"""The stream of events to Augment: one JSON object a line, over a pipe of its own (test code prints freely)."""

from __future__ import annotations

import json
import os
from typing import Any


def clip(text: str, limit: int) -> str:
    """``text`` with its middle cut out, and the cut said, where it is longer than ``limit`` characters."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n[... {len(text) - 2 * half} characters cut ...]\n{text[-half:]}"


class Emitter:
    """Writes events. Only the process that made it writes: a test that forks must not report twice."""

    def __init__(self, fd: int) -> None:
        # A high number, closed on exec: test code that closes or inherits low descriptors does not meet it by chance.
        self._fd = _move_high(fd)
        self._pid = os.getpid()

    def send(self, kind: str, **data: Any) -> None:
        """Send one event; returns once the pipe has taken it."""
        if os.getpid() != self._pid:
            return
        data["kind"] = kind
        view = memoryview(json.dumps(data).encode("ascii") + b"\n")
        while view:
            view = view[os.write(self._fd, view) :]


def _move_high(fd: int) -> int:
    import fcntl

    high = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 200)
    os.close(fd)
    return high
