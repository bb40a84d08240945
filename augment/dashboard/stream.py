"""The event stream: one thread asks the reporter, any number of browsers listen."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections import deque
from collections.abc import AsyncIterator
from itertools import takewhile

from augment.dashboard.cached import CachedReader
from augment.errors import AugmentError
from augment.seams import Event

_LOG = logging.getLogger(__name__)
_KEPT = 10_000
_AT_ONCE = 500
_POLL_S = 10.0
_LONGEST_PAUSE_S = 5.0
HEARTBEAT_S = 10.0
"""How often a silent stream says that it is alive, so that proxies and clients do not give it up."""


class Broadcaster:
    """Repeats the reporter's events to every open stream, so that fifty browsers cost it one call.

    Its thread begins with the first listener and ends with ``close()``. It keeps the newest 10,000 events for clients
    that come back with a Last-Event-ID.
    """

    def __init__(self, reader: CachedReader) -> None:
        self._reader = reader
        self._events: deque[Event] = deque(maxlen=_KEPT)
        self._lock = threading.Lock()
        self._listeners: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def close(self) -> None:
        """End the thread and every open stream. Idempotent."""
        self._closed.set()
        self._wake()

    def start(self) -> None:
        """Fetch what the reporter still holds and go on listening. Idempotent; blocks for the first answer."""
        with self._lock:
            if self._thread is not None or self._closed.is_set():
                return
            self._fetch_backlog()
            self._thread = threading.Thread(target=self._listen, name="augment-dashboard-events", daemon=True)
            self._thread.start()

    def _fetch_backlog(self) -> None:
        try:
            while batch := self._reader.events(self._newest(), 0.0):
                self._events.extend(batch)
        except AugmentError as error:
            _LOG.warning("event stream: %s", error)

    def _newest(self) -> int:
        return self._events[-1].seq if self._events else 0

    def _listen(self) -> None:
        pause_s = 0.0
        while not self._closed.wait(pause_s):
            try:
                batch = self._reader.events(self._newest(), _POLL_S)
            except AugmentError as error:
                # For as long as the page is served: the reporter comes back, or launch ends us both.
                pause_s = min(_LONGEST_PAUSE_S, pause_s * 2 or 0.5)
                _LOG.warning("event stream: %s", error)
                continue
            pause_s = 0.0
            if batch:
                with self._lock:
                    self._events.extend(batch)
                self._wake()

    def _wake(self) -> None:
        with self._lock:
            listeners = list(self._listeners)
        for loop, ready in listeners:
            if not loop.is_closed():
                loop.call_soon_threadsafe(ready.set)

    def _after(self, seq: int) -> list[Event]:
        with self._lock:
            newer = list(takewhile(lambda event: event.seq > seq, reversed(self._events)))
        return newer[: -_AT_ONCE - 1 : -1]

    def _missed(self, seq: int) -> bool:
        with self._lock:
            return bool(self._events) and self._events[0].seq > seq + 1

    async def subscribe(self, last_id: int | None) -> AsyncIterator[bytes]:
        """The stream of one client, from the event after ``last_id``, or from now on.

        Begins with a comment, so that the client knows it is connected. A ``gap`` event says that events after
        ``last_id`` are no longer held: read the state anew.
        """
        ready = asyncio.Event()
        listener = (asyncio.get_running_loop(), ready)
        await asyncio.to_thread(self.start)
        position = self._newest() if last_id is None else last_id
        with self._lock:
            self._listeners.add(listener)
        try:
            yield b"retry: 2000\n: connected\n\n"
            if last_id is not None and self._missed(position):
                yield _frame("gap", {"after": last_id}, None)
            while not self._closed.is_set():
                ready.clear()
                for event in self._after(position):
                    position = event.seq
                    yield _frame(event.name, event.data, event.seq)
                if not self._after(position) and not await _happens(ready, HEARTBEAT_S):
                    yield b": alive\n\n"
        finally:
            with self._lock:
                self._listeners.discard(listener)


async def _happens(ready: asyncio.Event, within_s: float) -> bool:
    try:
        await asyncio.wait_for(ready.wait(), within_s)
    except TimeoutError:
        return False
    return True


def _frame(name: str, data: object, seq: int | None) -> bytes:
    # ASCII JSON holds no line break, so one data line is always enough.
    number = f"id: {seq}\n" if seq is not None else ""
    return f"{number}event: {name}\ndata: {json.dumps(data)}\n\n".encode("ascii")
