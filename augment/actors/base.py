"""What every actor shell can do."""

from __future__ import annotations

import os


class Shell:
    """Base of the actor classes."""

    def pid(self) -> int:
        """The process id; answering also shows that the actor is up."""
        return os.getpid()
