"""Where runners come from by default: children of warm processes, or fresh processes where that is not safe."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace

from augment.execution.fresh import PrimedRunners
from augment.execution.preloads import Preloads
from augment.execution.source import Runner, RunnerKind
from augment.execution.staleness import environment_stamp, packages_stamp
from augment.execution.zygote import UnsafeForkError, Zygote, ZygoteLostError

log = logging.getLogger("augment.runners")

MOST_ZYGOTES = 6
MOST_BYTES = 1 << 30
_TRIES = 2
_BETTER_AFTER_S = 1.0
_LOOK_EVERY_S = 5.0
_USERS_LONGER = 12
_MANY_MODULES = 50
"""So many more modules are worth another warm process after one batch (pandas has 425); fewer after the second."""


_Key = tuple[RunnerKind, tuple[str, ...]]
"""What decides whether one warm process can stand in for another: the kind without its project, and what is imported
ahead. Projects that need the same share one."""


@dataclass(slots=True)
class _Warm:
    """A warm process that is ready or getting ready, and the state of the environment it was started in."""

    stamp: str
    zygote: Future[Zygote]


@dataclass(slots=True)
class _Project:
    """What is known of one kind of runner of one project."""

    ahead: tuple[str, ...]
    """What its batches find imported."""
    batches: int = 0
    better: threading.Timer | None = None
    told: bool = False


class ForkingRunners:
    """Keeps warm processes, rebuilt when they are stale, let go after ``idle_s`` seconds without work (those of the
    user's own tests after twelve times that: the next save may come after lunch).

    What batches import from outside the project is learned, and a warm process that has it takes the place of the one
    before, built behind the scenes; one that would hold more than ``most_bytes`` is not used. At most ``most`` are
    kept. ``on_unsafe`` is told once a kind why forking is not safe; :class:`PrimedRunners` take over for it. Every
    process is started by one thread that lives as long as this object: Linux ties the death signal of a child to the
    *thread* that started it.
    """

    def __init__(
        self,
        depth: int = 1,
        idle_s: float = 300.0,
        most: int = MOST_ZYGOTES,
        most_bytes: int = MOST_BYTES,
        on_unsafe: Callable[[RunnerKind, str], None] | None = None,
    ) -> None:
        self._idle_s = idle_s
        self._most = most
        self._most_bytes = most_bytes
        self._on_unsafe = on_unsafe or _log_unsafe
        self._fresh = PrimedRunners(depth, idle_s)
        self._preloads = Preloads()
        self._warm: dict[_Key, _Warm] = {}
        self._projects: dict[RunnerKind, _Project] = {}
        self._asked: Counter[RunnerKind] = Counter()
        self._unsafe: dict[RunnerKind, str] = {}
        self._lock = threading.Lock()
        self._closed = False
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="augment-zygotes")
        self._waiter = ThreadPoolExecutor(8, thread_name_prefix="augment-zygotes-ready")
        self._timer: threading.Timer | None = None

    def take(self, kind: RunnerKind) -> Runner:
        """A child of the warm process of this kind, which is started if need be."""
        for _ in range(_TRIES if self._is_worth_warmth(kind) else 0):
            warm = self._warm_for(kind)
            if warm is None:
                break
            try:
                return warm.zygote.result().fork()
            except UnsafeForkError as unsafe:
                self._give_up(kind, warm, str(unsafe))
            except ZygoteLostError:
                self._drop(warm)
        return self._fresh.take(kind)

    def refill(self, kind: RunnerKind) -> None:
        """Start the warm process of this kind in the background, where there is none, or a better one is called for."""
        if self._asked[_anywhere(kind)] < 2 and kind.hash_seed is not None:
            return
        if self._warm_for(kind) is None:
            self._fresh.refill(kind)
        else:
            self._plan_better(kind)

    def learn(self, kind: RunnerKind, modules: Sequence[str]) -> None:
        """Take note of what batches import; the next :meth:`refill` acts on it."""
        self._preloads.learn(kind, modules)
        with self._lock:
            self._project(kind).batches += 1

    def _is_worth_warmth(self, kind: RunnerKind) -> bool:
        """A hash seed that is asked for once is not: most are not asked for again."""
        with self._lock:
            self._asked[_anywhere(kind)] += 1
            return kind.hash_seed is None or self._asked[_anywhere(kind)] > 1

    def _warm_for(self, kind: RunnerKind) -> _Warm | None:
        if not sys.platform.startswith("linux") or (kind.confinement is not None and not kind.confinement.forks):
            return None
        stamp = environment_stamp(kind)
        with self._lock:
            if self._closed or self._unsafe.get(_anywhere(kind)) == stamp:
                return None
            key = (_anywhere(kind), self._project(kind).ahead)
            warm = self._warm.get(key)
            if warm is not None and warm.stamp == stamp and _usable(warm.zygote):
                return warm
            spare = [] if warm is None else [self._warm.pop(key)]
            # Changed packages may bring other effects: what is imported ahead has to be tried again.
            key = (_anywhere(kind), self._renewed(kind))
            fresh = self._warm[key] = self._begin(kind, key[1], stamp)
            spare += self._too_many(key)
            self._schedule_look()
        for old in spare:
            old.zygote.add_done_callback(_retire)
        return fresh

    def _project(self, kind: RunnerKind) -> _Project:
        if kind not in self._projects:
            self._projects[kind] = _Project(())
            self._renewed(kind)
        return self._projects[kind]

    def _renewed(self, kind: RunnerKind) -> tuple[str, ...]:
        packages, preload = packages_stamp(kind), self._preloads.of(kind)
        self._projects[kind].ahead = preload.wanted(packages) if preload.vetted(packages) else ()
        return self._projects[kind].ahead

    def _begin(self, kind: RunnerKind, ahead: tuple[str, ...], stamp: str) -> _Warm:
        started = self._starter.submit(Zygote, kind, ahead)
        return _Warm(stamp, self._waiter.submit(_ready, started))

    def _too_many(self, wanted: _Key) -> list[_Warm]:
        """Take the warm processes that were used longest ago out, beyond the most that may be."""
        others = sorted((key for key in self._warm if key != wanted), key=lambda key: _last_used(self._warm[key]))
        return [self._warm.pop(key) for key in others[: max(0, len(self._warm) - self._most)]]

    def _give_up(self, kind: RunnerKind, warm: _Warm, why: str) -> None:
        self._drop(warm)
        with self._lock:
            project = self._projects[kind]
            if project.ahead:
                # What was harmless once is not any longer; without it forking may be safe.
                self._preloads.tried(kind, self._preloads.of(kind), {"": why}, packages_stamp(kind))
                project.ahead = ()
                return
            told, project.told = project.told, True
            self._unsafe[_anywhere(kind)] = warm.stamp
        if not told:
            self._on_unsafe(kind, why)

    def _drop(self, warm: _Warm) -> None:
        with self._lock:
            self._warm = {key: entry for key, entry in self._warm.items() if entry is not warm}
        warm.zygote.add_done_callback(_retire)

    # ----------------------------------------------------------------- better

    def _plan_better(self, kind: RunnerKind) -> None:
        """Build a process with more imported ahead, a moment later, where one is called for and likely to be used."""
        wanted = self._preloads.of(kind).wanted(packages_stamp(kind))
        with self._lock:
            project = self._project(kind)
            fresh = len(set(wanted) - set(project.ahead))
            worth = fresh >= _MANY_MODULES or (fresh and project.batches > 1)
            if worth and project.better is None and not self._closed:
                project.better = threading.Timer(_BETTER_AFTER_S, self._build_better, (kind,))
                project.better.daemon = True
                project.better.start()

    def _build_better(self, kind: RunnerKind) -> None:
        stamp, packages = environment_stamp(kind), packages_stamp(kind)
        preload = self._preloads.of(kind)
        done: Future[Zygote] = Future()
        try:
            wanted = preload.wanted(packages)
            zygote = _ready(self._starter.submit(Zygote, kind, wanted, vetted=preload.vetted(packages)))
            refused = self._refused(zygote)
            done.set_result(zygote)
        except (UnsafeForkError, OSError, RuntimeError) as error:  # RuntimeError: the starter was shut down meanwhile
            refused = {"": str(error)}
            done.set_exception(error)
        self._preloads.tried(kind, preload, refused, packages)
        if refused:
            log.info("not imported ahead for %s: %s", kind.root, "; ".join(f"{n}: {w}" for n, w in refused.items()))
        self._put(kind, _Warm(stamp, done), preload.but(refused))

    def _refused(self, zygote: Zygote) -> dict[str, str]:
        refused = dict(zygote.refused)
        if zygote.resident_bytes() > self._most_bytes:
            refused[""] = f"the process that has all of it takes more than {self._most_bytes / 2**20:.0f} MiB"
        return refused

    def _put(self, kind: RunnerKind, better: _Warm, ahead: tuple[str, ...]) -> None:
        """Let ``better`` serve from now on; with nothing ahead the one before stays."""
        with self._lock:
            project = self._projects[kind]
            project.better = None
            if ahead and not self._closed:
                old, project.ahead = (_anywhere(kind), project.ahead), ahead
                shared = any((_anywhere(k), p.ahead) == old for k, p in self._projects.items())
                spare = None if shared else self._warm.pop(old, None)
                self._warm[_anywhere(kind), ahead] = better
            else:
                spare = better
        if spare is not None:
            spare.zygote.add_done_callback(_retire)

    # ------------------------------------------------------------------- looks

    def _schedule_look(self) -> None:
        if self._timer is None and not self._closed:
            self._timer = threading.Timer(min(self._idle_s / 4, _LOOK_EVERY_S), self._look)
            self._timer.daemon = True
            self._timer.start()

    def _look(self) -> None:
        """Let go of what nobody asks for, and rebuild what is stale before somebody asks."""
        now = time.monotonic()
        with self._lock:
            self._timer = None
            old = [key for key, warm in self._warm.items() if now - _last_used(warm) > self._may_idle(key[0])]
            spare = [self._warm.pop(key) for key in old]
            kept = [kind for kind, project in self._projects.items() if (_anywhere(kind), project.ahead) in self._warm]
            if self._warm:
                self._schedule_look()
        for warm in spare:
            warm.zygote.add_done_callback(_retire)
        for kind in kept:
            if _is_users(kind) and self._warm_for(kind) is not None:
                self._plan_better(kind)  # after new packages: what is imported ahead was not tried with them

    def _may_idle(self, kind: RunnerKind) -> float:
        return self._idle_s * (_USERS_LONGER if _is_users(kind) else 1)

    def close(self) -> None:
        """End the warm processes and what waits. Children that still run keep theirs until they are let go."""
        with self._lock:
            self._closed = True
            timers = [self._timer, *(project.better for project in self._projects.values())]
            warm, self._warm = list(self._warm.values()), {}
        for timer in timers:
            if timer is not None:
                timer.cancel()
        self._waiter.shutdown(wait=True)
        for each in warm:
            _retire(each.zygote)
        self._starter.shutdown(wait=True)
        self._fresh.close()


def _is_users(kind: RunnerKind) -> bool:
    return kind.trusted and kind.hash_seed is None


def _anywhere(kind: RunnerKind) -> RunnerKind:
    """The kind without its project."""
    return replace(kind, root="")


def _ready(started: Future[Zygote]) -> Zygote:
    zygote = started.result()
    try:
        zygote.await_ready()
    except (UnsafeForkError, OSError):
        zygote.retire()
        raise
    return zygote


def _usable(zygote: Future[Zygote]) -> bool:
    if not zygote.done():
        return True
    return zygote.exception() is None and zygote.result().alive() and not zygote.result().stale()


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
