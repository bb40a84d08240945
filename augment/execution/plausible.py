"""What a runner may tell of its tests, and when: the second line of defence behind the codes of its events.

Code in the runner's process that finds the emitter can make lines whose code fits. It cannot make a verdict for a test
that is not running, nor a second one, nor one for a test that was not collected.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable


class ImplausibleEventError(ValueError):
    """Told by something else than pytest; the text says what is wrong."""


class RoundOfTests:
    """The tests of one round of pytest. A node id that was collected twice may run twice."""

    def __init__(self) -> None:
        self._left: Counter[str] = Counter()
        self._running: str | None = None

    def collected(self, nodeids: Iterable[str]) -> None:
        """These are about to run."""
        if self._running is not None:
            raise ImplausibleEventError(f"tests were collected while {self._running} ran")
        self._left.update(nodeids)

    def started(self, nodeid: str) -> None:
        """A test begins."""
        if self._running is not None:
            raise ImplausibleEventError(f"{nodeid} began while {self._running} ran")
        if self._left[nodeid] <= 0:
            raise ImplausibleEventError(f"{nodeid} began, which was not to run, or not again")
        self._left[nodeid] -= 1
        self._running = nodeid

    def ended(self, nodeid: str) -> None:
        """A test has its verdict."""
        if nodeid != self._running:
            raise ImplausibleEventError(f"a verdict for {nodeid} came while {self._running or 'no test'} ran")
        self._running = None
