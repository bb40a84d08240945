"""What is read after a runner was killed: which phase and fixture it was in, and the stacks of its threads.

A file without a name, shared with Augment: a header of fixed size, then what faulthandler writes. Test code could write
to it; nothing but the text shown to a person comes from it.
"""

from __future__ import annotations

import faulthandler
import os
import signal
from collections.abc import Iterator
from typing import Any

HEADER = 256
"""Bytes of the header, padded with blanks."""


def stack_signal() -> int:
    """The signal that makes the runner write its stacks; one that test suites do not use."""
    return signal.SIGRTMIN + 13 if hasattr(signal, "SIGRTMIN") else signal.SIGUSR2


def dump_stacks_on_signal(descriptor: int) -> None:
    """Write every thread's stack when asked by signal, even while C code holds the interpreter lock."""
    os.lseek(descriptor, HEADER, os.SEEK_SET)
    faulthandler.register(stack_signal(), file=descriptor, all_threads=True)


class PlaceNotes:
    """Notes the phase and fixture a test is in; about 2 us a note."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._phase = ""

    def note(self, text: str) -> None:
        """Write ``text`` to the header."""
        os.pwrite(self._descriptor, text.encode("utf-8", "replace")[:HEADER].ljust(HEADER), 0)

    def enter(self, phase: str) -> None:
        """A phase begins; "" between tests."""
        self._phase = phase
        self.note(phase)

    def around_fixture(self, fixturedef: Any) -> Iterator[None]:
        """Note a fixture while it is set up, and have it noted when it is torn down."""
        name = f"fixture {fixturedef.argname!r}"
        self.note(f"set-up of {name}")
        yield
        self.note(self._phase)
        # Finalizers run last added first: this one runs before the fixture's own.
        fixturedef.addfinalizer(lambda: self.note(f"tear-down of {name}"))
