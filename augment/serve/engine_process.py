"""An engine in a process of its own, seen from outside: submit, stream, cancel, and what state it is in."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import queue
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from augment.errors import ModelError
from augment.seams import Completion, Request
from augment.serve import interpreter, wire
from augment.serve.engine import WORK_FOLDER_VARIABLE, Delta, EngineSpec

LOST = "lost"
"""Finish reason of a request whose engine process ended; it may be asked again."""
_RESTARTS = 3
_RESTART_WINDOW_S = 600.0
_CLOSE_WAIT_S = 2.0

Sink = Callable[[Delta], None]


@dataclass(frozen=True, slots=True)
class EngineState:
    """``phase`` is loading, ready, failed or closed; ``text`` says why it failed."""

    phase: str
    text: str = ""


class Handle:
    """One request under way, for a caller that may block."""

    def __init__(self, cancel: Callable[[], None]) -> None:
        self._cancel = cancel
        self._news: queue.Queue[Delta] = queue.Queue()
        self._started = time.monotonic()

    def deltas(self, timeout_s: float | None = None) -> Iterator[Delta]:
        """Each piece as it is written; the last has a finish reason. Raises ModelError when none comes in time."""
        while True:
            try:
                delta = self._news.get(timeout=timeout_s)
            except queue.Empty:
                self.cancel()
                raise ModelError(f"The model wrote nothing for {timeout_s:.0f} s.") from None
            yield delta
            if delta.finish_reason is not None:
                return

    def result(self, timeout_s: float | None = None) -> Completion:
        """The whole answer. ``timeout_s`` limits the wait for each piece. Raises ModelError for a refused request."""
        return completion_of(list(self.deltas(timeout_s)), time.monotonic() - self._started)

    def cancel(self) -> None:
        """Stop the request; it finishes as *cancelled* with the text that it has."""
        self._cancel()


def completion_of(deltas: list[Delta], seconds: float) -> Completion:
    """A finished request's answer. Raises ModelError for one that was refused."""
    last = deltas[-1]
    if last.finish_reason == "error":
        raise ModelError(f"The model refused a request: {last.error}.")
    text = "".join(delta.text for delta in deltas)
    return Completion(text, last.prompt_tokens, last.completion_tokens, last.finish_reason or LOST, seconds)


class EngineProcess:
    """Runs :mod:`augment.serve.worker`, and runs it again when it dies, three times in ten minutes at most.

    Requests that are submitted while the model loads wait for it. Requests that are under way when the process dies
    finish as *lost*. Every method may be called from any thread, and none blocks on the model.
    """

    def __init__(self, spec: EngineSpec) -> None:
        self.spec = spec
        self._ids = itertools.count(1)
        self._lock = threading.Condition()
        self._state = EngineState("loading")
        self._sinks: dict[int, Sink] = {}
        self._outbox: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._process: subprocess.Popen[str] | None = None
        self._stderr: deque[str] = deque(maxlen=30)
        # This thread starts the process and lives as long: the kernel ties a child's life to the thread that made it.
        self._thread = threading.Thread(target=self._supervise, name="engine", daemon=True)
        self._thread.start()

    @property
    def state(self) -> EngineState:
        """Where the engine stands now."""
        with self._lock:
            return self._state

    @property
    def pid(self) -> int | None:
        """The process that runs the model."""
        process = self._process
        return process.pid if process is not None else None

    @property
    def active(self) -> int:
        """Requests under way or waiting."""
        with self._lock:
            return len(self._sinks)

    def wait_ready(self, timeout_s: float) -> None:
        """Wait until the model answers. Raises ModelError when it cannot be loaded, or not in time."""
        with self._lock:
            self._lock.wait_for(lambda: self._state.phase != "loading", timeout_s)
            state = self._state
        if state.phase == "loading":
            raise ModelError(f"{self.spec.model} was not loaded within {timeout_s:.0f} s.")
        if state.phase != "ready":
            raise ModelError(state.text or f"The engine of {self.spec.model} is closed.")

    def submit(self, request: Request) -> Handle:
        """Begin a request. Raises ModelError when the engine has failed or is closed."""
        handle = Handle(lambda: self.cancel(request_id))
        request_id = self.submit_to(request, handle._news.put)
        return handle

    def submit_to(self, request: Request, sink: Sink) -> int:
        """Begin a request whose pieces go to ``sink``, called on the engine's thread; returns its id for ``cancel``."""
        with self._lock:
            if self._state.phase in ("failed", "closed"):
                raise ModelError(self._state.text or "The engine is closed.")
            request_id = next(self._ids)
            self._sinks[request_id] = sink
            self._outbox.put(wire.add_command(request_id, request))
        return request_id

    def cancel(self, request_id: int) -> None:
        """Stop a request. One that is finished, or not known, is ignored."""
        with self._lock:
            if request_id in self._sinks:
                self._outbox.put({"op": "cancel", "id": request_id})

    def close(self) -> None:
        """End the process, within two seconds. Requests under way finish as *lost*. Idempotent."""
        with self._lock:
            self._state = EngineState("closed")
            self._outbox.put(None)
            process = self._process
            self._lock.notify_all()
        if process is not None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_CLOSE_WAIT_S)
            process.kill()
        self._thread.join(_CLOSE_WAIT_S)

    # ------------------------------------------------------------------ the engine's thread

    def _supervise(self) -> None:
        try:
            interpreter.check_interpreter(self.spec)
            self._keep_running()
        except ModelError as error:
            self._become("failed", str(error))
        finally:
            # Whatever ended this thread, nobody may go on waiting for an answer from it.
            if self.state.phase not in ("failed", "closed"):
                self._become("failed", "The thread that watches the model's process ended; see the log.")
            self._lose_requests()

    def _keep_running(self) -> None:
        deaths: deque[float] = deque(maxlen=_RESTARTS)
        while self._run_once():
            self._lose_requests()
            now = time.monotonic()
            if len(deaths) == _RESTARTS and now - deaths[0] < _RESTART_WINDOW_S:
                self._become("failed", f"The model's process keeps dying: {self._last_words()}")
                return
            deaths.append(now)
            self._become("loading")

    def _run_once(self) -> bool:
        """Start the process and follow it to its end, unless the engine has failed or is closed."""
        with tempfile.TemporaryDirectory(prefix="augment-model-", ignore_cleanup_errors=True) as folder:
            if not self._start(folder):
                return False
            self._follow_events()
            return True

    def _start(self, folder: str) -> bool:
        with self._lock:
            if self._state.phase in ("failed", "closed"):
                return False
            shown = json.dumps(asdict(replace(self.spec, key="")))
            self._process = subprocess.Popen(
                [*interpreter.command(self.spec), shown],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                env=interpreter.environment(self.spec, {**os.environ, WORK_FOLDER_VARIABLE: folder}),
                start_new_session=True,  # Ctrl-C in a terminal is for the launcher to handle, in order
            )
        return True

    def _follow_events(self) -> None:
        process = self._process
        assert process is not None
        assert process.stdout is not None
        words = threading.Thread(target=self._listen, args=(process,), daemon=True)
        words.start()
        for line in process.stdout:
            self._follow(json.loads(line), process)
        process.wait()
        words.join(1.0)

    def _follow(self, event: Mapping[str, Any], process: subprocess.Popen[str]) -> None:
        kind = event["event"]
        if kind == "ready":
            threading.Thread(target=self._send, args=(process,), name="engine-send", daemon=True).start()
            self._become("ready")
        elif kind == "failed":
            self._become("failed", event["text"])
        else:
            for delta in wire.deltas_from(event):
                self._deliver(delta)

    def _deliver(self, delta: Delta) -> None:
        with self._lock:
            sink = self._sinks.get(delta.id)
            if delta.finish_reason is not None:
                self._sinks.pop(delta.id, None)
        if sink is not None:
            sink(delta)

    def _send(self, process: subprocess.Popen[str]) -> None:
        """Write commands to the process until it is gone. A full pipe blocks this thread and no caller."""
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError, ValueError):
            while process.poll() is None:
                try:
                    command = self._outbox.get(timeout=1.0)
                except queue.Empty:
                    continue
                if command is None:
                    return
                wire.write(process.stdin, command)

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        for line in process.stderr:
            self._stderr.append(line.strip())

    def _lose_requests(self) -> None:
        with self._lock:
            lost = dict(self._sinks)
            self._sinks.clear()
            self._outbox = queue.Queue()
        for request_id, sink in lost.items():
            sink(Delta(request_id, finish_reason=LOST, error=self._last_words()))

    def _last_words(self) -> str:
        said = [line for line in self._stderr if line]
        code = self._process.returncode if self._process is not None else None
        return f"{said[-1][:200]} (exit {code})" if said else f"exit {code}"

    def _become(self, phase: str, text: str = "") -> None:
        with self._lock:
            if self._state.phase != "closed":
                self._state = EngineState(phase, text)
            self._lock.notify_all()
