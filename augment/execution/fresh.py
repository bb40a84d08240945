"""Fresh runners: one new process a batch, the next one started ahead. Where forking is not safe or not possible."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from augment.execution.blackbox import BlackBox
from augment.execution.environment import make_scratch, runner_environment
from augment.execution.source import RunnerKind
from augment.execution.staleness import environment_stamp
from augment.execution.tree import ProcessTree

_MOST_IDLE = 4
"""Runners that wait, of all kinds together."""
MAIN = Path(__file__).parent / "runner" / "runner_main.py"


class FreshRunner:
    """A process that was started for one batch and has imported pytest."""

    lost = False
    exit_descriptor = None

    def __init__(self, kind: RunnerKind) -> None:
        self.kind = kind
        self.born = time.monotonic()
        self.scratch = make_scratch(None, kind)
        self.environment: Mapping[str, str] = runner_environment(kind, self.scratch)
        self._black_box = BlackBox()
        self.events, event_end = os.pipe()
        self.output, output_end = os.pipe()
        try:
            self._process = self._start(event_end, output_end)
        except OSError:
            self._release()
            raise
        finally:
            os.close(event_end)
            os.close(output_end)
        self.tree = ProcessTree(self._process.pid)

    def _start(self, event_end: int, output_end: int) -> subprocess.Popen[bytes]:
        box = self._black_box.descriptor
        command = [self.kind.interpreter, str(MAIN), "batch", str(event_end), str(box), self.kind.overlay]
        if self.kind.confinement is not None:
            command = self.kind.confinement.command(command, self.kind, self.scratch)
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=output_end,
            stderr=output_end,
            pass_fds=(event_end, box),
            env=dict(self.environment),
            cwd=self.scratch,
            start_new_session=True,
        )

    def order(self, line: bytes) -> None:
        """Hand over the batch. A runner that has died meanwhile shows as the end of its events."""
        with suppress(BrokenPipeError):
            assert self._process.stdin is not None
            self._process.stdin.write(line + b"\n")
            self._process.stdin.flush()

    def alive(self) -> bool:
        """Whether the process has not ended yet."""
        return self._process.poll() is None

    def wait(self, timeout_s: float) -> int | None:
        """The exit status (negative: the signal that ended it), or None when it is still there."""
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def signal(self, number: int) -> None:
        """Send a signal to the runner itself."""
        with suppress(ProcessLookupError):
            self._process.send_signal(number)

    def black_box(self) -> bytes:
        """What the runner noted last."""
        return self._black_box.read()

    def end(self) -> None:
        """Kill the runner, its group and every descendant that left the group; remove its temporary files."""
        self.tree.kill()
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()
        self._process.wait()
        self._release()

    def _release(self) -> None:
        for descriptor in (self.events, self.output):
            with suppress(OSError):
                os.close(descriptor)
        self._black_box.close()
        shutil.rmtree(self.scratch, ignore_errors=True)


class PrimedRunners:
    """Keeps up to ``depth`` started runners of each kind, with pytest imported, waiting for their order.

    An idle runner costs about 40 MB and is let go after ``idle_s`` seconds. Every process is started by one thread
    that lives as long as this object: Linux ties the death signal of a child to the *thread* that started it.
    """

    def __init__(self, depth: int = 1, idle_s: float = 300.0) -> None:
        self._depth = depth
        self._idle_s = idle_s
        self._idle: dict[RunnerKind, list[tuple[FreshRunner, str]]] = {}
        self._lock = threading.Lock()
        self._closed = False
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="augment-runners")
        self._timer: threading.Timer | None = None

    def take(self, kind: RunnerKind) -> FreshRunner:
        """A waiting runner of this kind, else a new one."""
        stamp = environment_stamp(kind)
        with self._lock:
            waiting = self._idle.get(kind, [])
            good = [entry for entry in waiting if entry[1] == stamp and entry[0].alive()]
            stale = [entry[0] for entry in waiting if entry not in good]
            self._idle[kind] = good[1:]
        for old in stale:
            old.end()
        return good[0][0] if good else self._starter.submit(FreshRunner, kind).result()

    def refill(self, kind: RunnerKind) -> None:
        """Start the next runner in the background, unless enough of them wait."""
        if kind.hash_seed is not None:
            return  # a seed is rarely asked for twice
        with self._lock:
            if self._closed or len(self._idle.get(kind, ())) >= self._depth:
                return
            stamp = environment_stamp(kind)
            started = self._starter.submit(FreshRunner, kind)
            self._schedule_expiry()
        # Outside the lock, which the callback takes: it is called at once where the process is there already.
        started.add_done_callback(lambda done: self._keep(kind, stamp, done))

    def learn(self, kind: RunnerKind, modules: Sequence[str]) -> None:
        """A fresh process imports what it needs itself."""

    def _keep(self, kind: RunnerKind, stamp: str, started: Future[FreshRunner]) -> None:
        if started.cancelled() or started.exception() is not None:
            return  # the next take starts one itself and tells its caller what is wrong
        runner = started.result()
        with self._lock:
            waiting = self._idle.setdefault(kind, [])
            keep = not self._closed and len(waiting) < self._depth
            if keep:
                waiting.append((runner, stamp))
            spare = self._too_many()
        for old in spare if keep else (runner, *spare):
            old.end()

    def _too_many(self) -> list[FreshRunner]:
        """Take the oldest runners beyond ``_MOST_IDLE`` out of the waiting ones."""
        entries = [(entry[0].born, kind, entry) for kind, waiting in self._idle.items() for entry in waiting]
        entries.sort(key=lambda found: found[0])
        spare = entries[: max(0, len(entries) - _MOST_IDLE)]
        for _, kind, entry in spare:
            self._idle[kind].remove(entry)
        return [entry[0] for _, _, entry in spare]

    def _schedule_expiry(self) -> None:
        if self._timer is None:
            self._timer = threading.Timer(self._idle_s / 4, self._expire)
            self._timer.daemon = True
            self._timer.start()

    def _expire(self) -> None:
        oldest = time.monotonic() - self._idle_s
        with self._lock:
            self._timer = None
            old = [runner for waiting in self._idle.values() for runner, _ in waiting if runner.born < oldest]
            self._idle = {
                kind: [entry for entry in waiting if entry[0] not in old] for kind, waiting in self._idle.items()
            }
            if any(self._idle.values()) and not self._closed:
                self._schedule_expiry()
        for runner in old:
            runner.end()

    def close(self) -> None:
        """End the waiting runners and the thread that starts them."""
        with self._lock:
            self._closed = True
            if self._timer is not None:
                self._timer.cancel()
        self._starter.shutdown(wait=True)
        with self._lock:
            waiting, self._idle = self._idle, {}
        for entries in waiting.values():
            for runner, _ in entries:
                runner.end()
