"""The live stream: a ring of the newest events that any number of readers can wait on; a bell for who only waits."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

from augment.seams import Event

_AT_ONCE = 1_000


class EventHub:
    """Keeps the newest ``capacity`` events and wakes those who wait for the next.

    Numbers start at the time in milliseconds, so that they still grow after the process was replaced: a reader that
    resumes from an old number misses what happened while nobody published, and never sees a number twice.
    """

    def __init__(self, capacity: int = 10_000, clock: Callable[[], float] = time.time) -> None:
        self._events: deque[Event] = deque(maxlen=capacity)
        self._seq = int(clock() * 1000)
        self._changed = threading.Condition()
        self._closed = False

    def publish(self, name: str, data: Mapping[str, Any]) -> None:
        """Append one event."""
        with self._changed:
            self._seq += 1
            self._events.append(Event(self._seq, name, data))
            self._changed.notify_all()

    def after(self, seq: int, timeout_s: float) -> list[Event]:
        """Up to 1,000 events numbered above ``seq``, waiting up to ``timeout_s`` for the first; -1: from now on."""
        with self._changed:
            # A number from the future comes from a process whose clock was ahead: that reader starts afresh.
            floor = self._seq if seq < 0 else seq if seq <= self._seq else 0
            self._changed.wait_for(lambda: self._closed or self._seq > floor, timeout_s)
            return self._newer(floor)

    def _newer(self, floor: int) -> list[Event]:
        if not self._events or self._events[-1].seq <= floor:
            return []
        # Numbers are consecutive, so the position follows from the number.
        first = max(0, floor + 1 - self._events[0].seq)
        return list(islice(self._events, first, first + _AT_ONCE))

    def close(self) -> None:
        """Wake everybody; later waits return at once."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class Bell:
    """Wakes those who wait for anything to happen. Counts from the time in milliseconds, as :class:`EventHub` does."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._count = int(clock() * 1000)
        self._changed = threading.Condition()
        self._closed = False

    def ring(self) -> None:
        """Something happened."""
        with self._changed:
            self._count += 1
            self._changed.notify_all()

    def wait(self, seen: int, timeout_s: float) -> int:
        """The count, waiting up to ``timeout_s`` for another than ``seen``."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._count != seen, timeout_s)
            return self._count

    def close(self) -> None:
        """Wake everybody; later waits return at once."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
