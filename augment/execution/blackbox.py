"""Augment's side of the black box: a file without a name that a runner writes where it is, so that it can be read
however the runner ended. ``runner/blackbox.py`` is the other side."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import suppress

from augment.execution.runner.blackbox import HEADER

_MOST = 64 * 1024


class BlackBox:
    """The file. ``descriptor`` is handed to the runner."""

    def __init__(self) -> None:
        self.descriptor = _unnamed_file()
        os.write(self.descriptor, b" " * HEADER)

    def read(self) -> bytes:
        """The header, and the stacks if any were asked for."""
        return os.pread(self.descriptor, _MOST, 0)

    def close(self) -> None:
        """Let go of the file."""
        with suppress(OSError):
            os.close(self.descriptor)


def place_of(content: bytes) -> str:
    """Which phase, and which fixture, the runner was in; "" between tests."""
    return content[:HEADER].decode("utf-8", "replace").strip()


def stacks_of(content: bytes) -> str:
    """The stacks of all threads that the runner wrote when it was asked to."""
    return content[HEADER:].decode("utf-8", "replace")


def _unnamed_file() -> int:
    if sys.platform.startswith("linux"):
        return os.memfd_create("augment-black-box")
    descriptor, path = tempfile.mkstemp(prefix="augment-")
    os.unlink(path)  # noqa: PTH108 - mkstemp gives a plain string
    return descriptor
