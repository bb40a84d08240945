"""One runner at work on one order: its events taken in, its output kept, its limits watched from outside."""

from __future__ import annotations

import hmac
import json
import os
import selectors
import signal
import time
from dataclasses import dataclass

from augment.execution.blackbox import place_of, stacks_of
from augment.execution.ledger import Event, EventLedger
from augment.execution.plausible import ImplausibleEventError
from augment.execution.runner.blackbox import stack_signal
from augment.execution.runner.events import CODE, chained_codes
from augment.execution.source import Runner
from augment.execution.watch import Watch, kernel_kills
from augment.records import Fault, FaultKind
from augment.seams import Limits

_TICK_S = 0.05
_LOOK_EVERY_S = 0.1
_START_S = 60.0
"""How long an interpreter may take to import pytest, before the batch's own clock begins."""
_CHUNK = 1 << 16


class OutputTail:
    """What pytest and the tests print, up to a limit; what is beyond is counted and said."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept = bytearray()
        self._cut = 0

    def add(self, data: bytes) -> None:
        """Keep what there is room for."""
        room = max(0, self._limit - len(self._kept))
        self._kept += data[:room]
        self._cut += max(0, len(data) - room)

    def text(self) -> str:
        """All that was kept, and how much was not."""
        said = f"\n[output cut: {self._cut} more bytes]\n" if self._cut else ""
        return self._kept.decode("utf-8", "replace") + said


@dataclass(frozen=True, slots=True)
class Loss:
    """A runner that was lost. ``final`` ends the whole batch; otherwise only the test under way is lost."""

    fault: Fault
    final: bool = False


class RunnerUnusableError(Exception):
    """The interpreter lacks what the runner needs; the text says what."""


class Attempt:
    """Follows one runner until it is done or lost. ``wake`` is a descriptor that becomes readable on cancel."""

    def __init__(
        self,
        runner: Runner,
        ledger: EventLedger,
        limits: Limits,
        deadline: float,
        wake: int,
        output: OutputTail,
        key: bytes,
    ) -> None:
        self._runner = runner
        self._ledger = ledger
        self._limits = limits
        self._began = time.monotonic()
        self.deadline = deadline
        self._wake = wake
        self._output = output
        self._buffer = bytearray()
        self._code = chained_codes(key)
        self._test_began = 0.0
        self._next_look = 0.0
        self._watch = Watch(runner, limits)
        self._kernel_kills = kernel_kills()
        self._events_open = True
        self._cancelled = False
        self._forged = ""
        self._unconfined = ""

    @property
    def test_seconds(self) -> float:
        """How long the test under way has been running."""
        return time.monotonic() - self._test_began if self._ledger.running is not None else 0.0

    def follow(self) -> Loss | None:
        """Return None once the runner has told everything, else how it was lost."""
        with selectors.DefaultSelector() as selector:
            for descriptor in (self._runner.events, self._runner.output, self._wake):
                selector.register(descriptor, selectors.EVENT_READ)
            while not self._ledger.done:
                for key, _ in selector.select(_TICK_S):
                    self._read(selector, key.fd)
                loss = self._loss()
                if loss is not None:
                    self._drain_output()
                    return loss
            self._drain_output()
        return None

    def _read(self, selector: selectors.BaseSelector, descriptor: int) -> None:
        if descriptor == self._wake:
            self._cancelled = True
            return
        data = os.read(descriptor, _CHUNK)
        if not data:
            selector.unregister(descriptor)
            self._events_open = self._events_open and descriptor != self._runner.events
        elif descriptor == self._runner.output:
            self._output.add(data)
        else:
            self._take(data)

    def _take(self, data: bytes) -> None:
        self._buffer += data
        *lines, rest = self._buffer.split(b"\n")
        self._buffer = bytearray(rest)
        for line in lines:
            try:
                self._take_event(self._opened(bytes(line)))
            except (ValueError, KeyError, TypeError, IndexError) as error:
                # Test code can reach the pipe. Nothing after what it wrote can be told from forgery.
                self._forged = str(error) if isinstance(error, ImplausibleEventError) else "a line without its code"
                return
            self._ledger.tell()

    def _opened(self, line: bytes) -> Event:
        """The event of a line whose code fits. Before the order there is no key, and no code of the project has run."""
        if not self._ledger.ready:
            return _before_the_order(json.loads(line))
        code, event = line[:CODE], line[CODE + 1 :]
        if not hmac.compare_digest(code, self._code(event)):
            raise ValueError("the code does not fit")
        return json.loads(event)  # type: ignore[no-any-return]

    def _take_event(self, event: Event) -> None:
        if event["kind"] == "unusable":
            raise RunnerUnusableError(event["detail"])
        if event["kind"] == "unconfined":
            self._unconfined = event["detail"]
            return
        if event["kind"] == "ready":
            # The batch's clock stands still while an interpreter starts.
            self.deadline += time.monotonic() - self._began
        elif event["kind"] == "started":
            self._test_began = time.monotonic()
        self._ledger.take(event)

    def _drain_output(self) -> None:
        os.set_blocking(self._runner.output, False)
        for _ in range(1 + self._limits.output_bytes // _CHUNK):
            try:
                data = os.read(self._runner.output, _CHUNK)
            except BlockingIOError:
                return
            if not data:
                return
            self._output.add(data)

    # ------------------------------------------------------------------- limits

    def _loss(self) -> Loss | None:
        if self._ledger.done:
            return None
        if self._cancelled:
            return Loss(Fault(FaultKind.SUPERSEDED, "cancelled"), final=True)
        if self._forged:
            detail = f"the process sent events that its runner did not write ({self._forged}): the batch ends here"
            return Loss(Fault(FaultKind.CRASH, detail), final=True)
        if self._unconfined:
            detail = f"the process could not be confined, so nothing ran ({self._unconfined})"
            return Loss(Fault(FaultKind.WORKER_LOST, detail), final=True)
        if not self._events_open or not self._runner.alive():
            return self._crash()
        return self._too_long() or self._too_much()

    def _crash(self) -> Loss | None:
        status = self._runner.wait(2.0)
        if self._events_open:
            return None  # what it told last is still in the pipe
        if self._runner.lost:
            return Loss(Fault(FaultKind.WORKER_LOST, "the warm process that the tests were forked from was lost"))
        if status is not None and status == -signal.SIGXCPU:
            return Loss(Fault(FaultKind.TIMEOUT, f"used more than {self._limits.cpu_s} s of CPU time"))
        if status == -signal.SIGKILL and kernel_kills() > self._kernel_kills:
            # Of the whole machine: another process may have been meant, but this one was killed by someone too.
            return Loss(Fault(FaultKind.OUT_OF_MEMORY, "the process was killed when the machine ran out of memory"))
        return Loss(Fault(FaultKind.CRASH, _ended(status)))

    def _too_long(self) -> Loss | None:
        now = time.monotonic()
        if not self._ledger.ready:
            lost = now > self._began + _START_S
            return Loss(Fault(FaultKind.WORKER_LOST, "the interpreter did not get ready"), final=True) if lost else None
        if now > self.deadline:
            return Loss(self._timeout(f"the batch took longer than {self._limits.wall_s:g} s"), final=True)
        limit = self._limits.test_s
        if limit is not None and self._ledger.running is not None and self.test_seconds > limit:
            return Loss(self._timeout(f"the test took longer than {limit:g} s"))
        return None

    def _timeout(self, what: str) -> Fault:
        place = place_of(self._runner.black_box())
        where = f", in {place}" if place else ""
        return Fault(FaultKind.TIMEOUT, f"{what}{where}\n{self._stacks()}".rstrip())

    def _stacks(self) -> str:
        """Ask the runner where it is. Works while C code holds the interpreter lock, unlike a thread inside."""
        self._runner.signal(stack_signal())
        before = ""
        for _ in range(10):
            time.sleep(0.02)
            text = stacks_of(self._runner.black_box())
            if text and text == before:
                break
            before = text
        return before[:16_000]

    def _too_much(self) -> Loss | None:
        """Memory, number of processes and temporary files, looked at from outside now and then."""
        now = time.monotonic()
        if now < self._next_look:
            return None
        self._next_look = now + _LOOK_EVERY_S
        fault = self._watch.look()
        return None if fault is None else Loss(fault)


def _before_the_order(event: Event) -> Event:
    if event["kind"] not in ("ready", "unusable"):
        raise ValueError(f"{event['kind']} came before the order")
    return event


def _ended(status: int | None) -> str:
    if status is None:
        return "the process closed its side of the connection"
    if status < 0:
        try:
            name = signal.Signals(-status).name
        except ValueError:
            name = f"signal {-status}"
        return f"the process was ended by {name}"
    return f"the process exited with status {status}"
