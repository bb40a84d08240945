"""Leaving the processor to whatever a person waits for."""

from __future__ import annotations

import errno
import os
import time
from contextlib import suppress
from pathlib import Path

_TRIES = 5
_PAUSE_S = 0.12
"""Without privileges the kernel takes one such change in a tenth of a second, of all processes together."""


def lower_session(niceness: int) -> bool:
    """Lower this process's whole session against the other sessions of the machine; True where that was done.

    Desktop and many server kernels share the cores out by session first (``sched_autogroup_enabled``) and look at the
    niceness of a process within its session only: a session of its own at nice 19 gets as much as a user's build. The
    session's own niceness has to be set beside it. See sched(7), "The autogroup feature".
    """
    group = Path("/proc/self/autogroup")
    for _ in range(_TRIES):
        try:
            group.write_text(str(niceness))
        except OSError as error:
            if error.errno != errno.EAGAIN:
                return False  # no such feature, or a kernel that does not let us
            time.sleep(_PAUSE_S)
        else:
            return True
    return False


def own_session() -> bool:
    """Make this process the leader of a session of its own; True where it is one now.

    A leader of a process group may not begin a session, so it joins its parent's group first.
    """
    if os.getsid(0) == os.getpid():
        return True
    with suppress(OSError):
        if os.getpgrp() == os.getpid():
            os.setpgid(0, os.getpgid(os.getppid()))
        os.setsid()
    return os.getsid(0) == os.getpid()
