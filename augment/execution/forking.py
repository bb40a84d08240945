"""Where runners come from by default: children of warm processes, or fresh processes where that is not safe."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from augment.execution.fresh import PrimedRunners
from augment.execution.source import Runner, RunnerKind
from augment.execution.staleness import environment_stamp
from augment.execution.zygote import UnsafeForkError, Zygote, ZygoteLostError

log = logging.getLogger("augment.runners")

_MOST_ZYGOTES = 6
_TRIES = 2


@dataclass(slots=True)
class _Warm:
    """A warm process that is ready or getting ready, and what it was started for."""

    stamp: int
    zygote: Future[Zygote]


class ForkingRunners:
    """Keeps one warm process a kind, rebuilt when it is stale, let go after ``idle_s`` seconds without work.

    ``on_unsafe`` is told once a kind why forking is not safe; :class:`PrimedRunners` take over for it. Every process
    is started by one thread that lives as long as this object: Linux ties the death signal of a child to the *thread*
    that started it.
    """

    def __init__(
        self,
        depth: int = 1,
        idle_s: float = 300.0,
        most: int = _MOST_ZYGOTES,
        on_unsafe: Callable[[RunnerKind, str], None] | None = None,
    ) -> None:
        self._idle_s = idle_s
        self._most = most
        self._on_unsafe = on_unsafe or _log_unsafe
        self._fresh = PrimedRunners(depth, idle_s)
        self._warm: dict[RunnerKind, _Warm] = {}
        self._unsafe: dict[RunnerKind, int] = {}
        self._lock = threading.Lock()
        self._closed = False
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="augment-zygotes")
        self._waiter = ThreadPoolExecutor(2, thread_name_prefix="augment-zygotes-ready")
        self._timer: threading.Timer | None = None

    def take(self, kind: RunnerKind) -> Runner:
        """A child of the warm process of this kind, which is started if need be."""
        for _ in range(_TRIES):
            warm = self._warm_for(kind)
            if warm is None:
                break
            try:
                return warm.zygote.result().fork()
            except UnsafeForkError as unsafe:
                self._give_up(kind, warm, str(unsafe))
            except ZygoteLostError:
                self._drop(kind, warm)
        return self._fresh.take(kind)

    def refill(self, kind: RunnerKind) -> None:
        """Start the warm process of this kind in the background, where there is none or it is stale."""
        if self._warm_for(kind) is None:
            self._fresh.refill(kind)

    def learn(self, kind: RunnerKind, modules: Sequence[str]) -> None:
        """Take note of what batches import."""

    def _warm_for(self, kind: RunnerKind) -> _Warm | None:
        if not sys.platform.startswith("linux") or (kind.confinement is not None and not kind.confinement.forks):
            return None
        stamp = environment_stamp(kind)
        with self._lock:
            if self._closed or self._unsafe.get(kind) == stamp:
                return None
            warm = self._warm.get(kind)
            if warm is not None and warm.stamp == stamp and _usable(warm.zygote):
                return warm
            fresh = self._warm[kind] = _Warm(stamp, self._begin(kind))
            spare = [warm] if warm is not None else []
            spare += self._too_many(kind)
            self._schedule_expiry()
        for old in spare:
            old.zygote.add_done_callback(_retire)
        return fresh

    def _begin(self, kind: RunnerKind) -> Future[Zygote]:
        started = self._starter.submit(Zygote, kind)
        return self._waiter.submit(_ready, started)

    def _too_many(self, wanted: RunnerKind) -> list[_Warm]:
        """Take the warm processes that were used longest ago out, beyond the most that may be."""
        ready = [(_last_used(warm), kind) for kind, warm in self._warm.items() if kind != wanted]
        ready.sort(key=lambda entry: entry[0])
        return [self._warm.pop(kind) for _, kind in ready[: max(0, len(self._warm) - self._most)]]

    def _give_up(self, kind: RunnerKind, warm: _Warm, why: str) -> None:
        with self._lock:
            told = kind in self._unsafe
            self._unsafe[kind] = warm.stamp
        self._drop(kind, warm)
        if not told:
            self._on_unsafe(kind, why)

    def _drop(self, kind: RunnerKind, warm: _Warm) -> None:
        with self._lock:
            if self._warm.get(kind) is warm:
                del self._warm[kind]
        warm.zygote.add_done_callback(_retire)

    # ----------------------------------------------------------------- expiry

    def _schedule_expiry(self) -> None:
        if self._timer is None and not self._closed:
            self._timer = threading.Timer(self._idle_s / 4, self._expire)
            self._timer.daemon = True
            self._timer.start()

    def _expire(self) -> None:
        oldest = time.monotonic() - self._idle_s
        with self._lock:
            self._timer = None
            old = [kind for kind, warm in self._warm.items() if _last_used(warm) < oldest]
            spare = [self._warm.pop(kind) for kind in old]
            if self._warm:
                self._schedule_expiry()
        for warm in spare:
            warm.zygote.add_done_callback(_retire)

    def close(self) -> None:
        """End the warm processes and what waits. Children that still run keep theirs until they are let go."""
        with self._lock:
            self._closed = True
            if self._timer is not None:
                self._timer.cancel()
            warm, self._warm = list(self._warm.values()), {}
        self._waiter.shutdown(wait=True)
        for each in warm:
            _retire(each.zygote)
        self._starter.shutdown(wait=True)
        self._fresh.close()


def _ready(started: Future[Zygote]) -> Zygote:
    zygote = started.result()
    try:
        zygote.await_ready()
    except (UnsafeForkError, OSError):
        zygote.retire()
        raise
    return zygote


def _usable(zygote: Future[Zygote]) -> bool:
    return not zygote.done() or (zygote.exception() is None and zygote.result().alive())


def _last_used(warm: _Warm) -> float:
    if not warm.zygote.done() or warm.zygote.exception() is not None:
        return time.monotonic()
    return warm.zygote.result().used


def _retire(zygote: Future[Zygote]) -> None:
    if not zygote.cancelled() and zygote.exception() is None:
        with suppress(OSError):
            zygote.result().retire()


def _log_unsafe(kind: RunnerKind, why: str) -> None:
    log.warning("tests of %s run in fresh processes, which takes longer: %s", kind.interpreter, why)
