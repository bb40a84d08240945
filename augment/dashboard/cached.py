"""A reader that asks the one behind it at most twice a second for the same thing."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from augment.errors import AugmentError
from augment.seams import Event, ReportReader

T = TypeVar("T")

_ENTRIES = 256
_LARGE, _SETTLED = 4.0, 10.0


class ReporterUnavailableError(AugmentError):
    """The reporter did not answer; it may be restarting."""


@dataclass(slots=True)
class _Entry:
    lock: threading.Lock = field(default_factory=threading.Lock)
    expires_at: float = float("-inf")
    value: Any = None


class CachedReader:
    """A ReportReader over another one, for many dashboard clients at once.

    An answer is good for ``ttl_s``, and a few times as long where it is large and seldom changes (runs that are over,
    admissions, samples); clients that ask meanwhile share it, and only one of them asks again. Answers are shared, so
    callers must not change them. ``events`` passes straight through: only one broadcaster calls it. Whatever goes wrong
    on the way to the reader becomes a ReporterUnavailableError; an AugmentError of its own passes.
    """

    def __init__(self, reader: ReportReader, ttl_s: float = 0.5, clock: Callable[[], float] = time.monotonic) -> None:
        self._reader = reader
        self._ttl_s = ttl_s
        self._clock = clock
        self._entries: OrderedDict[tuple[Any, ...], _Entry] = OrderedDict()
        self._lock = threading.Lock()

    def clear(self) -> None:
        """Forget every answer: something was changed from here."""
        with self._lock:
            self._entries.clear()

    def _cached(
        self, key: tuple[Any, ...], ask: Callable[[], T], lifetime: Callable[[T], float] = lambda _answer: 1.0
    ) -> T:
        with self._lock:
            entry = self._entries.setdefault(key, _Entry())
            self._entries.move_to_end(key)
            if len(self._entries) > _ENTRIES:
                self._entries.popitem(last=False)
        with entry.lock:
            if self._clock() >= entry.expires_at:
                entry.value = _asked(ask)
                entry.expires_at = self._clock() + self._ttl_s * lifetime(entry.value)
            value: T = entry.value
            return value

    def health(self) -> dict[str, Any]:
        """See :class:`augment.seams.ReportReader`, as for all methods here."""
        return self._cached(("health",), self._reader.health)

    def summary(self) -> dict[str, Any]:
        """Totals, failing tests, new tests."""
        return self._cached(("summary",), self._reader.summary)

    def runs(self, limit: int = 50, after: str | None = None) -> list[dict[str, Any]]:
        """Runs, newest first."""
        return self._cached(("runs", limit, after), lambda: self._reader.runs(limit, after))

    def run(self, run_id: str) -> dict[str, Any] | None:
        """One run with its verdicts."""
        return self._cached(("run", run_id), lambda: self._reader.run(run_id), _lifetime_of_run)

    def tests(self) -> list[dict[str, Any]]:
        """Every known test."""
        return self._cached(("tests",), self._reader.tests)

    def flaky(self) -> list[dict[str, Any]]:
        """Tests that are flaky or muted."""
        return self._cached(("flaky",), self._reader.flaky)

    def attempts_of(self, nodeid: str, limit: int = 50) -> list[dict[str, Any]]:
        """Retries and reruns of one test."""
        return self._cached(("attempts", nodeid, limit), lambda: self._reader.attempts_of(nodeid, limit))

    def why(self, nodeid: str) -> dict[str, Any]:
        """Why a test was run or skipped of late."""
        return self._cached(("why", nodeid), lambda: self._reader.why(nodeid), lambda _answer: _LARGE)

    def admissions(self) -> list[dict[str, Any]]:
        """Every admission."""
        return self._cached(("admissions",), self._reader.admissions, lambda _answer: _LARGE)

    def stale(self) -> list[dict[str, Any]]:
        """Generated tests that no longer hold."""
        return self._cached(("stale",), self._reader.stale)

    def notes(self, limit: int = 50) -> list[dict[str, Any]]:
        """What became of kept tests."""
        return self._cached(("notes", limit), lambda: self._reader.notes(limit))

    def findings(self) -> list[dict[str, Any]]:
        """Every finding."""
        return self._cached(("findings",), self._reader.findings)

    def behaviour(self, limit: int = 50) -> list[dict[str, Any]]:
        """Calls that do something else since a save."""
        return self._cached(("behaviour", limit), lambda: self._reader.behaviour(limit))

    def rejections(self) -> dict[str, int]:
        """Counts of rejections by gate."""
        return self._cached(("rejections",), self._reader.rejections)

    def resources(self, since: float) -> list[dict[str, Any]]:
        """Resource samples since a time."""
        return self._cached(("resources", since), lambda: self._reader.resources(since), lambda _answer: _LARGE)

    def activities(self) -> list[dict[str, Any]]:
        """What each part is doing."""
        return self._cached(("activities",), self._reader.activities)

    def events(self, after: int, timeout_s: float) -> list[Event]:
        """Live events, not cached."""
        return _asked(lambda: self._reader.events(after, timeout_s))


def _lifetime_of_run(run: Mapping[str, Any] | None) -> float:
    """A run that is over changes only when one of its verdicts was delivered late."""
    over = run is not None and run["finished_at"] is not None and not run["interrupted"]
    return _SETTLED if over else 1.0


def _asked(ask: Callable[[], T]) -> T:
    try:
        return ask()
    except AugmentError as error:
        # An error that crossed a process may come wrapped, with the far traceback in its words and itself as the cause.
        original = getattr(error, "cause", None)
        if isinstance(original, AugmentError):
            raise original from error
        raise
    except Exception as error:  # the reader may be a Ray client, whose errors this folder does not know by name
        raise ReporterUnavailableError(
            f"the reporter does not answer ({type(error).__name__}); it may be restarting"
        ) from error
