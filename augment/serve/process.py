"""What a process that runs a model does to itself before it starts."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys

from augment.priority import lower_session


def end_with_parent() -> None:
    """Have the kernel end this process when its parent dies, even by ``kill -9``. Linux only; elsewhere a no-op."""
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None, use_errno=True).prctl(set_parent_death_signal, signal.SIGKILL)


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
