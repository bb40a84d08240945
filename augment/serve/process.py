"""What a process that runs a model does to itself before it starts."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable

from augment.priority import lower_session


def end_with_parent() -> None:
    """Have the kernel end this process when its parent dies, even by ``kill -9``. Linux only; elsewhere a no-op."""
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None, use_errno=True).prctl(set_parent_death_signal, signal.SIGKILL)


def end_with_family() -> None:
    """For a process that an engine starts: end with the one that started it, at once where that is gone already.

    A worker leads a session of its own, so a parent outside the session is not the one that started this process.
    """
    end_with_parent()
    if os.getsid(os.getppid()) != os.getsid(0):
        os._exit(1)


def be_nice(niceness: int) -> None:
    """Raise this process's niceness to ``niceness``, where the system lets us; it is never lowered.

    At 19 it runs only while nobody else wants the core, where the system knows such a thing, and so does the session
    that it leads.
    """
    if niceness >= 19:
        lower_session(19)
    with contextlib.suppress(OSError):
        os.nice(max(0, niceness - os.nice(0)))
        if niceness >= 19 and hasattr(os, "SCHED_IDLE"):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def forget_telemetry() -> None:
    """Keep OpenVINO from importing its telemetry package: it then uses its own stub, and nothing is ever sent."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]


class Overheard:
    """What this process and those it starts print from now on: passed on to where it went, and the last of it kept.

    The process that runs out of memory is a child's child; whoever started it learns no more than that it ended.
    """

    _KEPT_LINES = 400
    _SETTLE_S = 0.5

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=self._KEPT_LINES)
        reading, writing = os.pipe()
        self._onward = os.dup(2)
        self._print_to(writing)
        os.close(writing)
        threading.Thread(target=self._pass_on, args=(reading,), name="overheard", daemon=True).start()

    def only_children(self) -> None:
        """Let this process print to where it did before, so that its last words are not lost in between."""
        self._print_to(self._onward)

    @staticmethod
    def _print_to(descriptor: int) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)

    def _pass_on(self, reading: int) -> None:
        with os.fdopen(reading, "rb") as stream:
            for line in stream:
                self._lines.append(line.decode("utf-8", "replace").rstrip())
                with contextlib.suppress(OSError):  # nobody listens any more
                    os.write(self._onward, line)

    def error(self) -> str:
        """The last exception that was printed, as ``type: message``; "" where none was."""
        time.sleep(self._SETTLE_S)  # the last lines may be on their way
        return last_exception(list(self._lines))


_EXCEPTION = re.compile(r"(?:^|[\s\].])(\w*(?:Error|Exception): \S.*)")


def last_exception(lines: Iterable[str]) -> str:
    """The last line of those that ends a traceback, without what a logger writes before it; "" where none does."""
    found = [match[1] for line in lines if (match := _EXCEPTION.search(line))]
    return found[-1] if found else ""
