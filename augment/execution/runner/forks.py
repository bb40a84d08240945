"""Forks of the runner that work through a list and tell of each piece; a fork that hangs or dies costs one of them."""

from __future__ import annotations

import builtins
import contextlib
import json
import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

_PIPE = 190
"""The descriptor that a fork tells by: high, so that nothing else has it."""


class Pipe:
    """The child's end: one JSON object a line."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def tell(self, message: dict[str, Any]) -> None:
        """Write one message."""
        view = memoryview(json.dumps(message).encode("ascii") + b"\n")
        while view:
            view = view[os.write(self._descriptor, view) :]


class Fork:
    """A child process that does ``work`` and tells of it."""

    def __init__(self, work: Callable[[Pipe], None]) -> None:
        self._reading, writing = os.pipe()
        self._child = os.fork()
        self._hung = False
        if self._child == 0:
            os.close(self._reading)
            _live_and_die(writing, work)
        os.close(writing)

    def messages(self, patience: float) -> Iterator[dict[str, Any]]:
        """What it tells, until it ends or is silent for ``patience`` seconds."""
        buffer = b""
        deadline = time.monotonic() + patience
        while True:
            ready, _, _ = select.select([self._reading], [], [], 0.25)
            if not ready:
                if os.waitid(os.P_PID, self._child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
                    return
                if time.monotonic() > deadline:
                    self._hung = True
                    return
                continue
            data = os.read(self._reading, 1 << 16)
            if not data:
                return
            deadline = time.monotonic() + patience
            *lines, buffer = (buffer + data).split(b"\n")
            for line in lines:
                yield json.loads(line.decode("ascii"))

    def end(self) -> str:
        """End it with all that it started; how it ended, in words."""
        os.close(self._reading)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._child, signal.SIGKILL) if self._hung else None
        _, status = os.waitpid(self._child, 0)
        if self._hung:
            return "hung"
        if os.WIFSIGNALED(status):
            return f"the process was ended by signal {os.WTERMSIG(status)}"
        return f"the process exited with status {os.WEXITSTATUS(status)}"


def _live_and_die(writing: int, work: Callable[[Pipe], None]) -> None:
    status = 1
    try:
        os.setpgid(0, 0)
        # Descriptors that a scenario closes or hands on by their numbers do not meet this pipe by chance.
        pipe = os.dup2(writing, _PIPE, inheritable=False) if writing != _PIPE else writing
        if hasattr(builtins, "__augment_observe__"):
            del builtins.__augment_observe__
        work(Pipe(pipe))
        status = 0
    finally:
        os._exit(status)
