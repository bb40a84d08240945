"""Runner processes: starting one, keeping the next one ready, ending one with all that it started."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psutil

from augment.execution.environment import batch_environment

_MOST_IDLE = 4
"""Runners that wait, of all kinds together."""
_MAIN = Path(__file__).parent / "runner" / "runner_main.py"


@dataclass(frozen=True, slots=True)
class RunnerKind:
    """What must be decided when a runner starts; runners of one kind can stand in for each other."""

    interpreter: str
    overlay: str
    python_path: str
    """PYTHONPATH: what the user set, as far as it lies in the project."""
    trusted: bool
    hash_seed: int | None = None


class Runner:
    """One process of the project's interpreter, in a session of its own, good for one batch."""

    def __init__(self, kind: RunnerKind) -> None:
        self.kind = kind
        self.born = time.monotonic()
        self.scratch = Path(tempfile.mkdtemp(prefix="augment-"))
        environment = batch_environment(kind.interpreter, self.scratch, trusted=kind.trusted)
        if kind.python_path:
            environment["PYTHONPATH"] = kind.python_path
        if kind.hash_seed is not None:
            environment["PYTHONHASHSEED"] = str(kind.hash_seed)
        self.events, event_end = os.pipe()
        self.output, output_end = os.pipe()
        try:
            self._process = subprocess.Popen(
                [kind.interpreter, str(_MAIN), str(event_end), kind.overlay],
                stdin=subprocess.PIPE,
                stdout=output_end,
                stderr=output_end,
                pass_fds=(event_end,),
                env=environment,
                cwd=self.scratch,
                start_new_session=True,
            )
        except OSError:
            self._release()
            raise
        finally:
            os.close(event_end)
            os.close(output_end)
        self._seen: dict[int, psutil.Process] = {}

    @property
    def pid(self) -> int:
        """The process id, which is also its group's."""
        return self._process.pid

    @property
    def stack_file(self) -> Path:
        """Where the runner writes its stacks when asked by signal."""
        return self.scratch / "stacks.txt"

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

    def resident_bytes(self) -> int:
        """Resident memory of the runner and everything it started, in bytes."""
        total = 0
        for process in self._tree():
            with suppress(psutil.Error):
                total += process.memory_info().rss
        return total

    def _tree(self) -> list[psutil.Process]:
        with suppress(psutil.Error):
            main = psutil.Process(self._process.pid)
            for child in main.children(recursive=True):
                self._seen.setdefault(child.pid, child)
            return [main, *self._seen.values()]
        return list(self._seen.values())

    def end(self) -> None:
        """Kill the runner, its group and every descendant that left the group; remove its temporary files."""
        with suppress(psutil.Error):
            self._tree()  # looked at before the kill: afterwards orphans have no parent that leads to them
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        for child in self._seen.values():
            with suppress(psutil.Error):
                child.kill()  # psutil checks the start time: a reused process id is left alone
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()
        self._process.wait()
        self._release()

    def _release(self) -> None:
        for descriptor in (self.events, self.output):
            with suppress(OSError):
                os.close(descriptor)
        shutil.rmtree(self.scratch, ignore_errors=True)


class RunnerSource(Protocol):
    """Where runners come from. A forking source can take the place of the priming one."""

    def take(self, kind: RunnerKind) -> Runner:
        """A runner for one batch, as ready as can be."""

    def refill(self, kind: RunnerKind) -> None:
        """Get the next runner of this kind ready, in the background."""

    def close(self) -> None:
        """End the runners that wait. Idempotent."""


class PrimedRunners:
    """Keeps up to ``depth`` started runners of each kind, with pytest imported, waiting for their order.

    An idle runner costs about 40 MB and is let go after ``idle_s`` seconds. Every process is started by one thread
    that lives as long as this object: Linux ties the death signal of a child to the *thread* that started it.
    """

    def __init__(self, depth: int = 1, idle_s: float = 300.0) -> None:
        self._depth = depth
        self._idle_s = idle_s
        self._idle: dict[RunnerKind, list[tuple[Runner, int]]] = {}
        self._lock = threading.Lock()
        self._closed = False
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="augment-runners")
        self._timer: threading.Timer | None = None

    def take(self, kind: RunnerKind) -> Runner:
        """A waiting runner of this kind, else a new one."""
        stamp = _environment_stamp(kind.interpreter)
        with self._lock:
            waiting = self._idle.get(kind, [])
            good = [entry for entry in waiting if entry[1] == stamp and entry[0].alive()]
            stale = [entry[0] for entry in waiting if entry not in good]
            self._idle[kind] = good[1:]
        for old in stale:
            old.end()
        return good[0][0] if good else self._starter.submit(Runner, kind).result()

    def refill(self, kind: RunnerKind) -> None:
        """Start the next runner in the background, unless enough of them wait."""
        if kind.hash_seed is not None:
            return  # a seed is rarely asked for twice
        with self._lock:
            if self._closed or len(self._idle.get(kind, ())) >= self._depth:
                return
            started = self._starter.submit(Runner, kind)
            started.add_done_callback(lambda done: self._keep(kind, done))
            self._schedule_expiry()

    def _keep(self, kind: RunnerKind, started: Future[Runner]) -> None:
        if started.cancelled() or started.exception() is not None:
            return  # the next take starts one itself and tells its caller what is wrong
        runner = started.result()
        with self._lock:
            waiting = self._idle.setdefault(kind, [])
            keep = not self._closed and len(waiting) < self._depth
            if keep:
                waiting.append((runner, _environment_stamp(kind.interpreter)))
            spare = self._too_many()
        for old in spare if keep else (runner, *spare):
            old.end()

    def _too_many(self) -> list[Runner]:
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


def _environment_stamp(interpreter: str) -> int:
    """Changes when a package is installed or removed: paths are read once, when an interpreter starts."""
    stamp = 0
    for site in (Path(interpreter).parent.parent / "lib").glob("python3*/site-packages"):
        stamp = max(stamp, site.stat().st_mtime_ns)
    return stamp
