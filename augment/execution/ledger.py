"""What is known of a batch while its runners tell of it, and what is still to run when one of them is lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from augment.execution.explored import ExploredBuilder
from augment.execution.plausible import RoundOfTests
from augment.execution.shapes import CoverageBuilder
from augment.records import Fault, FaultKind, Outcome, Verdict
from augment.seams import Batch, BatchResult, Failure, FileFacts, Observation, VerdictSink

Event = Mapping[str, Any]
Rounds = list[list[str] | None]
"""For each round still to run, the node ids it is narrowed to, or None for all."""

NOT_FOUND = "not found"
"""What ``collection_errors`` says of a node id that was asked for and does not exist."""


class EventLedger(Protocol):
    """What follows a runner writes into one: a batch's or a mutation order's. ``running`` is the test under way."""

    running: str | None
    ready: bool
    done: bool

    def take(self, event: Event) -> None:
        """Note one event."""

    def tell(self) -> None:
        """Pass on what is new."""

    def next_attempt(self) -> None:
        """A new runner begins."""


class Ledger:
    """Takes the runner's events in order. ``running`` is the test under way, None between tests."""

    def __init__(self, batch: Batch, coverage: CoverageBuilder, on_verdict: VerdictSink | None) -> None:
        self.running: str | None = None
        self.ready = False
        self.done = False
        self.missing: list[str] = []
        self.imported: list[str] = []
        """Modules from outside the project that the batch imported, beyond those that the runner had."""
        self._batch = batch
        self._coverage = coverage
        self._sink = on_verdict
        self._untold: list[Verdict] = []
        self._verdicts: list[Verdict] = []
        self._errors: dict[str, str] = {}
        self._failures: list[Failure] = []
        self._observations: list[Observation] = []
        self._files: dict[str, FileFacts] = {}
        self._exit_code: int | None = None
        self._fault: Fault | None = None
        self._total_rounds = max(1, batch.repeat)
        self._offset = 0
        self._round = 0
        self._collected: dict[int, dict[str, None]] = {}
        self._gpu_tests: dict[str, None] = {}
        self._told: list[str] = []
        self._finished: dict[int, set[str]] = {}
        self._tests = RoundOfTests()
        self._handlers: dict[str, Callable[[Event], None]] = {
            "ready": self._on_ready,
            "round": self._on_round,
            "uncollectable": self._on_uncollectable,
            "not_found": self._on_not_found,
            "gpu_tests": self._on_gpu_tests,
            "collected": self._on_collected,
            "started": self._on_started,
            "verdict": self._on_verdict,
            "failure": self._on_failure,
            "observation": self._on_observation,
            "file": self._coverage.add,
            "inputs": self._coverage.add_inputs,
            "files": self._on_files,
            "imported": self._on_imported,
            "done": self._on_done,
        }
        self._explored = None if batch.explore is None else ExploredBuilder(batch.explore)
        if self._explored is not None:
            self._handlers.update(self._explored.handlers)

    def take(self, event: Event) -> None:
        """Note one event."""
        self._handlers[event["kind"]](event)

    # ------------------------------------------------------------- what is told

    def _on_ready(self, _event: Event) -> None:
        self.ready = True

    def _on_round(self, event: Event) -> None:
        self._end_interrupted()
        self._tests = RoundOfTests()
        self._round = self._offset + event["number"]

    def _on_uncollectable(self, event: Event) -> None:
        self._errors[event["file"]] = event["text"]

    def _on_not_found(self, event: Event) -> None:
        self.missing.extend(event["nodeids"])

    def _on_collected(self, event: Event) -> None:
        self._tests.collected(event["nodeids"])
        self._collected.setdefault(self._round, {}).update(dict.fromkeys(event["nodeids"]))

    def _on_gpu_tests(self, event: Event) -> None:
        self._gpu_tests.update(dict.fromkeys(event["nodeids"]))

    def _on_files(self, event: Event) -> None:
        self._files.update({file: FileFacts(tie, seconds) for file, (tie, seconds) in event["files"].items()})

    def _on_started(self, event: Event) -> None:
        self._tests.started(event["nodeid"])
        self.running = event["nodeid"]

    def _on_verdict(self, event: Event) -> None:
        self._tests.ended(event["nodeid"])
        self._told.append(event["nodeid"])
        fault = self._fault_of(event["refused"]) if event["refused"] else None
        outcome = Outcome(event["outcome"]) if fault is None else Outcome.FAULT
        self._add(Verdict(event["nodeid"], outcome, event["duration_s"], event["output"], fault))

    def _fault_of(self, refused: tuple[str, str]) -> Fault | None:
        """What a limit or the sandbox did to a test, as its process tells it."""
        kind, detail = refused
        if kind == "too big":
            limit = self._batch.limits.file_bytes
            return Fault(FaultKind.OUTPUT_LIMIT, f"the test wrote more than {limit} bytes to one file")
        if kind == "memory":
            return Fault(FaultKind.OUT_OF_MEMORY, detail)
        if kind == "full":
            limit = self._batch.limits.temporary_bytes
            return Fault(
                FaultKind.OUTPUT_LIMIT, f"the test filled its temporary folder of {limit} bytes {detail}".strip()
            )
        if kind == "processes":
            return Fault(FaultKind.PROCESS_LIMIT, detail)
        if kind == "absent":
            # Inside the sandbox nobody can tell a file that is kept out of sight from one that never was.
            return Fault(FaultKind.SANDBOX_DENIAL, f"access to {detail}") if _exists(detail) else None
        return Fault(FaultKind.SANDBOX_DENIAL, detail)

    def _on_failure(self, event: Event) -> None:
        self._failures.append(
            Failure(event["nodeid"], event["exception"], event["message"], event["test_lineno"], event["origin"])
        )

    def _on_observation(self, event: Event) -> None:
        self._observations.append(
            Observation(event["nodeid"], event["slot"], event["type"], event["repr"], event["literal"])
        )

    def _on_imported(self, event: Event) -> None:
        self.imported = [str(name) for name in event["modules"]]

    def _on_done(self, event: Event) -> None:
        self.done = True
        if self._batch.coverage:
            self._coverage.measured(self._told)
        self._exit_code = event["exit_code"]
        self._end_interrupted()

    def _end_interrupted(self) -> None:
        if self.running is not None:
            # KeyboardInterrupt or pytest.exit() raised by the test: pytest stops there without a verdict.
            self._add(Verdict(self.running, Outcome.ERROR, 0.0, "the test interrupted the whole run"))

    def _add(self, verdict: Verdict) -> None:
        self._verdicts.append(verdict)
        self._finished.setdefault(self._round, set()).add(verdict.nodeid)
        self.running = None
        self._untold.append(verdict)

    def tell(self) -> None:
        """Give new verdicts to whoever asked for them. Apart from :meth:`take`, whose errors are the runner's."""
        untold, self._untold = self._untold, []
        if self._sink is not None:
            for verdict in untold:
                self._sink(verdict)

    # -------------------------------------------------------------- what is lost

    def next_attempt(self) -> None:
        """A new runner begins."""
        self.ready = self.done = False
        self._told.clear()
        self.running = None

    def lose_running(self, fault: Fault, seconds: float) -> bool:
        """Give the test under way the fault that took its runner. False when no test was under way."""
        if self.running is None:
            return False
        self._add(Verdict(self.running, Outcome.FAULT, seconds, fault.detail, fault))
        self.tell()
        return True

    def give_up(self, fault: Fault) -> None:
        """The batch ends here: what was still to run in this round gets the fault."""
        self._fault = fault
        left = self._left()
        if self._round not in self._collected:
            left = [nodeid for nodeid in self._batch.nodeids if "::" in nodeid]
        for nodeid in left:
            self._add(Verdict(nodeid, Outcome.FAULT, 0.0, fault.detail, fault))
        self.tell()

    def _left(self) -> list[str]:
        finished = self._finished.get(self._round, set())
        return [nodeid for nodeid in self._collected.get(self._round, ()) if nodeid not in finished]

    def remaining_rounds(self) -> Rounds:
        """What a fresh runner has to do to complete the batch; empty when nothing is left."""
        left = self._left()
        whole: Rounds = [None] * (self._total_rounds - self._round - 1)
        self._offset = self._round if left else self._round + 1
        return ([left] if left else []) + whole

    def all_rounds(self) -> Rounds:
        """What the first runner has to do."""
        return [None] * self._total_rounds

    def note_missing(self, nodeids: list[str]) -> None:
        """Node ids that were asked for and do not exist."""
        self._errors.update(dict.fromkeys(nodeids, NOT_FOUND))

    def result(self, output: str, seconds: float) -> BatchResult:
        """All of it."""
        spoiled = self._fault is not None or any(verdict.fault is not None for verdict in self._verdicts)
        collected: dict[str, None] = {}
        for names in self._collected.values():
            collected.update(names)
        return BatchResult(
            batch_id=self._batch.id,
            verdicts=tuple(self._verdicts),
            collected=tuple(collected),
            gpu_tests=tuple(self._gpu_tests),
            collection_errors=dict(self._errors),
            files=dict(self._files),
            failures=tuple(self._failures),
            observations=tuple(self._observations),
            coverage=self._coverage.report(),
            fault=self._fault,
            output=output,
            exit_code=None if spoiled else self._exit_code,
            seconds=seconds,
            explored=None if self._explored is None else self._explored.result(),
        )


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):
        return False
