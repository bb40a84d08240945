"""The stream of events to Augment: one JSON object a line, over a pipe of its own (test code prints freely).

From the order on each line begins with a code that only the holder of the batch's key can make, and that covers every
line before it: what is written beside the emitter, left out, repeated or moved does not fit. The key itself is kept
nowhere in Python: it went into the state of a hash object, in C memory, inside a closure. What remains: code that runs
in this process can call the emitter itself once it finds it (through frames or the garbage collector), and then it has
to get past the checks of the executor's ledger: a verdict is taken only of the test that is running, and only once.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable
from typing import Any

CODE = 32
"""Characters of the code at the start of a line."""


def clip(text: str, limit: int) -> str:
    """``text`` with its middle cut out, and the cut said, where it is longer than ``limit`` characters."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n[... {len(text) - 2 * half} characters cut ...]\n{text[-half:]}"


def chained_codes(key: bytes) -> Callable[[bytes], bytes]:
    """A function that gives the code of each line in turn (without its line end). Both ends make one from the key."""
    state = hashlib.blake2b(key=key, digest_size=CODE // 2)

    def code(line: bytes) -> bytes:
        state.update(line + b"\n")
        return state.hexdigest().encode("ascii")

    return code


class Emitter:
    """Writes events. Only the process that made it writes: a test that forks must not report twice."""

    def __init__(self, fd: int) -> None:
        # A high number, closed on exec: test code that closes or inherits low descriptors does not meet it by chance.
        self._fd = _move_high(fd)
        self._pid = os.getpid()
        self._code = None  # type: Any
        self._lock = threading.Lock()

    @property
    def descriptor(self) -> int:
        """Where events go."""
        return self._fd

    def move(self) -> None:
        """From now on this process writes, in the place of the one that made the emitter and is its parent."""
        self._pid = os.getpid()

    def authenticate(self, key: str) -> None:
        """From now on every line carries its code. ``key`` is hexadecimal."""
        self._code = chained_codes(bytes.fromhex(key))

    def send(self, kind: str, **data: Any) -> None:
        """Send one event; returns once the pipe has taken it."""
        if os.getpid() != self._pid:
            return
        data["kind"] = kind
        line = json.dumps(data).encode("ascii")
        with self._lock:  # values are observed in threads too
            if self._code is not None:
                line = self._code(line) + b" " + line
            view = memoryview(line + b"\n")
            while view:
                view = view[os.write(self._fd, view) :]


def _move_high(fd: int) -> int:
    import fcntl

    high = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 200)
    os.close(fd)
    return high
