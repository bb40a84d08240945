"""What every actor shell can do."""

from __future__ import annotations

import os
from typing import Any

import ray


def grouped(**groups: int) -> Any:
    """``ray.remote`` for a class with concurrency groups (name=threads), which Ray's own type hints do not know."""
    remote: Any = ray.remote
    return remote(concurrency_groups=groups)


class Shell:
    """Base of the actor classes."""

    def pid(self) -> int:
        """The process id; answering also shows that the actor is up."""
        return os.getpid()


def cause_of(error: BaseException) -> str:
    """The last line of what Ray says of an error, which is the actor's own."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
