"""What every actor shell can do."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from typing import Any

import ray

from augment.priority import lower_session, own_session

log = logging.getLogger("augment.actors")


def grouped(**groups: int) -> Any:
    """``ray.remote`` for a class with concurrency groups (name=threads), which Ray's own type hints do not know."""
    remote: Any = ray.remote
    return remote(concurrency_groups=groups)


def end_with_threads() -> None:
    """End this process when one of its threads ends by an error nobody expected.

    An actor whose loop has died would look alive and do nothing. Ended, it is started again by Ray, a limited number of
    times, and goes on from the store.
    """

    def end(died: threading.ExceptHookArgs) -> None:
        name = died.thread.name if died.thread is not None else "a thread"
        failure = (died.exc_type, died.exc_value, died.exc_traceback)
        log.critical("%s ended by an error; the actor starts again", name, exc_info=failure)  # type: ignore[arg-type]
        logging.shutdown()
        os._exit(1)

    threading.excepthook = end


def step_back() -> None:
    """Have this actor leave the processor to whatever a person waits for.

    Its process gets a session of its own, lowered against all others; within it the calling thread, and threads that it
    starts, yield to those that answer calls.
    """
    if own_session():
        lower_session(19)
    with contextlib.suppress(OSError):
        os.nice(19 - os.nice(0))


class Shell:
    """Base of the actor classes."""

    def pid(self) -> int:
        """The process id; answering also shows that the actor is up."""
        return os.getpid()


def cause_of(error: BaseException) -> str:
    """The last line of what Ray says of an error, which is the actor's own."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
