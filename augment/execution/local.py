"""The executor for one machine: a batch is a process of its own, forked from a warm one, or several after faults."""

from __future__ import annotations

import json
import os
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from augment.errors import ProjectError
from augment.execution.attempt import Attempt, Loss, OutputTail, RunnerUnusableError
from augment.execution.environment import project_python_path
from augment.execution.explored import told_exploration
from augment.execution.forking import MOST_BYTES, ForkingRunners
from augment.execution.interpreter import InterpreterInfo, probe_interpreter
from augment.execution.ledger import EventLedger, Ledger, Rounds
from augment.execution.mutation.ledger import MutationLedger
from augment.execution.mutation.trial import Trial, superseded
from augment.execution.overlay import ensure_overlay
from augment.execution.sandbox import Confinements, SandboxMode
from augment.execution.shapes import CoverageBuilder, ShapeMemory
from augment.execution.source import Runner, RunnerKind, RunnerSource
from augment.execution.workspace import ProjectFiles, Workspaces
from augment.records import Fault, FaultKind, Lane
from augment.seams import Batch, BatchResult, MutantSink, MutationOrder, MutationResult, VerdictSink
from augment.shipping import RevisionGoneError

_VERDICT_OUTPUT = 64 * 1024
"""Characters kept of one test's output."""
_BACKGROUND_NICENESS = 19
"""Of batches that nobody waits for: 1.5 % of a core that somebody else wants. They still go before the model, which
runs on idle cores only and always has more to write: judging brings the tests."""
_KEY_BYTES = 32


@dataclass(slots=True)
class _Ticket:
    """One batch on its way. Writing to ``ring`` wakes whoever follows its runner."""

    wake: int
    ring: int
    cancelled: bool = False


@dataclass(slots=True)
class _Work:
    """What the attempts of one batch share."""

    batch: Batch
    ticket: _Ticket
    kind: RunnerKind
    cwd: str
    ledger: EventLedger
    coverage: CoverageBuilder
    output: OutputTail
    deadline: float
    args: list[str] = field(default_factory=list)
    mutate: dict[str, Any] | None = None
    """What ``runner/mutate.py`` takes, where mutants are to be tried."""
    explore: dict[str, Any] | None = None
    """What ``runner/explore.py`` takes, where scenarios are to be run."""


class LocalExecutor:
    """Runs batches on this machine, at most ``max_concurrent`` at once; further callers of :meth:`run` wait.

    ``cache_dir`` holds overlays (default: the user's cache folder), ``scratch_dir`` the private copies (default:
    ``.augment/work`` in the project). ``source`` gives runners; by default they are forked from warm processes
    of at most ``warm_bytes`` each.
    ``sandbox`` says how untrusted batches are confined, and with ``confine_own_tests`` all the others too. Where all
    that it runs is ``awaited`` by somebody, no batch steps back for other work.
    """

    def __init__(
        self,
        max_concurrent: int,
        cache_dir: Path | None = None,
        scratch_dir: Path | None = None,
        source: RunnerSource | None = None,
        sandbox: SandboxMode | str = SandboxMode.AUTO,
        confine_own_tests: bool = False,
        warm_bytes: int = MOST_BYTES,
        awaited: bool = False,
    ) -> None:
        self._max_concurrent = max(1, max_concurrent)
        self._cache_dir = cache_dir
        self._workspaces = Workspaces(scratch_dir)
        self._source = source or ForkingRunners(min(2, self._max_concurrent), most_bytes=warm_bytes)
        self._confinements = Confinements(sandbox, own_tests=confine_own_tests)
        self._background_niceness = 0 if awaited else _BACKGROUND_NICENESS
        self._shapes = ShapeMemory()
        self._interpreters: dict[str, tuple[InterpreterInfo, str]] = {}
        self._probing = threading.Lock()
        self._tickets: dict[str, _Ticket] = {}
        self._active = 0
        self._closed = False
        self._turn = threading.Condition()

    def prime(self, batch: Batch) -> None:
        """Get a runner ready, in the background, for batches like this one (same interpreter and trust)."""
        self._source.refill(self._kind(batch))

    def run(self, batch: Batch, on_verdict: VerdictSink | None = None) -> BatchResult:
        """Run ``batch`` and wait for it; ``on_verdict`` is called from this thread as each test ends.

        Raises :class:`ProjectError` when the interpreter or the private copy cannot be used, and
        :class:`SandboxError` when the batch is not trusted and cannot be confined.
        """
        began = time.monotonic()
        with self._ticket(batch.id) as ticket:
            if not self._await_turn(ticket):
                return BatchResult(batch.id, fault=Fault(FaultKind.SUPERSEDED, "cancelled before it began"))
            try:
                return self._run(batch, ticket, on_verdict, began)
            finally:
                with self._turn:
                    self._active -= 1
                    self._turn.notify()

    def mutate(self, order: MutationOrder, on_outcome: MutantSink | None = None) -> MutationResult:
        """Try the mutants of ``order``; ``on_outcome`` is called from this thread as each is decided.

        Raises :class:`ProjectError` like :meth:`run`.
        """
        with self._ticket(order.id) as ticket:
            if not self._await_turn(ticket):
                return superseded(order, "cancelled before it began")
            try:
                trial = Trial(order, on_outcome)
                return trial.run(
                    lambda batch, ledger, told: self._swap(batch, ledger, told, ticket),
                    lambda batch: self._run(batch, ticket, None, time.monotonic()),
                )
            finally:
                with self._turn:
                    self._active -= 1
                    self._turn.notify()

    def cancel(self, batch_id: str) -> None:
        """End a batch early; its run returns with a *superseded* fault. Unknown ids are ignored."""
        with self._turn:
            ticket = self._tickets.get(batch_id)
            if ticket is not None and not ticket.cancelled:
                ticket.cancelled = True
                os.write(ticket.ring, b"x")
                self._turn.notify_all()

    def close(self) -> None:
        """Cancel every batch, wait until none runs, end waiting runners, delete private copies. Idempotent."""
        with self._turn:
            self._closed = True
            batches = list(self._tickets)
        for batch_id in batches:
            self.cancel(batch_id)
        with self._turn:
            self._turn.notify_all()
            self._turn.wait_for(lambda: not self._active, timeout=10.0)
        self._source.close()
        self._workspaces.close()

    # -------------------------------------------------------------------- turns

    @contextmanager
    def _ticket(self, batch_id: str) -> Iterator[_Ticket]:
        ticket = _Ticket(*os.pipe())
        with self._turn:
            self._tickets[batch_id] = ticket
        try:
            yield ticket
        finally:
            with self._turn:
                if self._tickets.get(batch_id) is ticket:
                    del self._tickets[batch_id]
                os.close(ticket.wake)
                os.close(ticket.ring)

    def _await_turn(self, ticket: _Ticket) -> bool:
        with self._turn:
            self._turn.wait_for(lambda: ticket.cancelled or self._closed or self._active < self._max_concurrent)
            if ticket.cancelled or self._closed:
                return False
            self._active += 1
            return True

    # ---------------------------------------------------------------- one batch

    def _run(self, batch: Batch, ticket: _Ticket, on_verdict: VerdictSink | None, began: float) -> BatchResult:
        if not batch.private:
            return self._run_in(batch, str(Path(batch.root).absolute()), ticket, on_verdict, began)
        if batch.snapshot is None:
            raise ProjectError(f"The batch {batch.id} asks for a private copy and names no revision.")
        with self._workspaces.borrow(batch.root) as workspace:
            try:
                workspace.sync(ProjectFiles(Path(batch.root)), batch.snapshot, batch.files)
                workspace.touched = not self._confinements.confines(trusted=batch.trusted)
                return self._run_in(batch, str(workspace.folder.absolute()), ticket, on_verdict, began)
            except RevisionGoneError as gone:
                return BatchResult(batch.id, fault=Fault(FaultKind.SUPERSEDED, str(gone)))

    def _run_in(
        self, batch: Batch, cwd: str, ticket: _Ticket, on_verdict: VerdictSink | None, began: float
    ) -> BatchResult:
        kind = self._kind(batch)
        coverage = CoverageBuilder(batch.interpreter, self._shapes, trusted=batch.trusted)
        output = OutputTail(batch.limits.output_bytes)
        ledger = Ledger(batch, coverage, on_verdict)
        wanted, gone = _existing(batch, cwd)
        ledger.note_missing(gone)
        work = _Work(batch, ticket, kind, cwd, ledger, coverage, output, time.monotonic() + batch.limits.wall_s)
        work.args = _arguments(batch, cwd, wanted)
        if batch.explore is not None:
            work.explore = told_exploration(batch)
        if wanted or not batch.nodeids:
            self._attempts(work, ledger, wanted)
        return ledger.result(output.text(), time.monotonic() - began)

    def _swap(self, batch: Batch, ledger: MutationLedger, told: dict[str, Any], ticket: _Ticket) -> Fault | None:
        """One runner that tries mutants in memory; how it was lost, if it was."""
        assert batch.snapshot is not None
        with self._workspaces.borrow(batch.root) as workspace:
            try:
                workspace.sync(ProjectFiles(Path(batch.root)), batch.snapshot, batch.files)
            except RevisionGoneError as gone:
                return Fault(FaultKind.SUPERSEDED, str(gone))
            cwd = str(workspace.folder.absolute())
            wanted, gone_tests = _existing(batch, cwd)
            ledger.missing += gone_tests
            if not wanted:
                return None
            files = list(dict.fromkeys(nodeid.partition("::")[0] for nodeid in wanted))
            coverage = CoverageBuilder(batch.interpreter, self._shapes, trusted=batch.trusted)
            output = OutputTail(batch.limits.output_bytes)
            deadline = time.monotonic() + batch.limits.wall_s
            work = _Work(batch, ticket, self._kind(batch), cwd, ledger, coverage, output, deadline, mutate=told)
            work.args = _arguments(batch, cwd, files)
            loss, _ = self._attempt(work, [wanted])
            return None if loss is None else loss.fault

    def _attempts(self, work: _Work, ledger: Ledger, wanted: list[str]) -> None:
        """Runners one after the other: each that is lost costs one test, so there are no more of them than tests."""
        rounds = ledger.all_rounds()
        while rounds:
            loss, seconds = self._attempt(work, rounds)
            if loss is None:
                rounds = []
                missing = _named(ledger.missing, wanted, work.cwd)
                if missing:
                    # pytest runs nothing at all when one node id does not exist; the others still matter.
                    ledger.note_missing(missing)
                    ledger.missing.clear()
                    wanted = [nodeid for nodeid in wanted if nodeid not in missing]
                    work.args = _arguments(work.batch, work.cwd, wanted)
                    rounds = ledger.all_rounds() if wanted else []
            elif loss.final or not ledger.lose_running(loss.fault, seconds):
                ledger.give_up(loss.fault)
                rounds = []
            else:
                rounds = ledger.remaining_rounds()
        if ledger.imported:
            self._source.learn(work.kind, ledger.imported)
            self._source.refill(work.kind)

    def _attempt(self, work: _Work, rounds: Rounds) -> tuple[Loss | None, float]:
        work.ledger.next_attempt()
        with self._runner(work) as runner:
            key = secrets.token_bytes(_KEY_BYTES)
            nice = 0 if work.batch.lane is Lane.FAST else self._background_niceness
            runner.order(json.dumps(_order(work, rounds, runner, key, nice)).encode())
            attempt = Attempt(runner, work.ledger, work.batch.limits, work.deadline, work.ticket.wake, work.output, key)
            try:
                return attempt.follow(), attempt.test_seconds
            except RunnerUnusableError as error:
                self._interpreters.pop(work.batch.interpreter, None)
                raise ProjectError(
                    f"pytest cannot be imported by {work.batch.interpreter} ({error}): install it there."
                ) from error
            finally:
                work.deadline = attempt.deadline

    @contextmanager
    def _runner(self, work: _Work) -> Iterator[Runner]:
        try:
            taken = self._source.take(work.kind)
        except OSError as error:
            self._interpreters.pop(work.batch.interpreter, None)
            raise ProjectError(f"{work.batch.interpreter} cannot be started ({error}): check --python.") from error
        try:
            yield taken
        finally:
            taken.end()
            self._source.refill(work.kind)

    def _kind(self, batch: Batch) -> RunnerKind:
        info, overlay = self._interpreter(batch.interpreter)
        root = str(Path(batch.root).absolute())
        confinement = None
        if self._confinements.confines(trusted=batch.trusted):
            copies = self._workspaces.base(batch.root).absolute()
            confinement = self._confinements.of(info, overlay, copies, root, trusted=batch.trusted)
        return RunnerKind(
            interpreter=batch.interpreter,
            overlay=overlay,
            python_path=project_python_path(root) if batch.trusted else "",
            trusted=batch.trusted and confinement is None,
            hash_seed=batch.hash_seed,
            root=root,
            confinement=confinement,
        )

    def _interpreter(self, path: str) -> tuple[InterpreterInfo, str]:
        with self._probing:  # batches that begin together need one look, not one each
            known = self._interpreters.get(path)
            if known is None:
                info = probe_interpreter(path)
                known = self._interpreters[path] = (info, ensure_overlay(info, self._cache_dir))
            return known


def _existing(batch: Batch, cwd: str) -> tuple[list[str], list[str]]:
    """The node ids whose file or folder is there, and the others."""
    there: list[str] = []
    gone: list[str] = []
    for nodeid in batch.nodeids:
        path = Path(cwd) / nodeid.partition("::")[0]
        (there if path.exists() else gone).append(nodeid)
    return there, gone


def _named(reported: list[str], wanted: list[str], cwd: str) -> list[str]:
    """Which of the node ids asked for pytest did not find; it reports them with absolute paths."""
    found = {os.path.normpath(name.partition("::")[0]) + name[len(name.partition("::")[0]) :] for name in reported}
    return [nodeid for nodeid in wanted if _absolute(nodeid, cwd) in found]


def _absolute(nodeid: str, cwd: str) -> str:
    path, mark, rest = nodeid.partition("::")
    return os.path.normpath(Path(cwd) / path) + mark + rest


def _arguments(batch: Batch, cwd: str, nodeids: list[str]) -> list[str]:
    # --maxfail=0: a project's own -x would leave tests without a verdict. The cache goes with the batch.
    args = ["--color=no", "--maxfail=0", *batch.pytest_args]
    if batch.private:
        # The copy lies inside the project, whose own conftest.py must not be taken for one of the copy's.
        args += [f"--rootdir={cwd}", f"--confcutdir={cwd}"]
    return [*args, *nodeids]


def _varied(batch: Batch) -> dict[str, str]:
    """The variables of the environment that this batch has otherwise than usual."""
    wanted = {"TZ": batch.time_zone, "TMPDIR": batch.temp_folder}
    varied = {name: value for name, value in wanted.items() if value}
    if batch.visible_gpus is not None:
        varied["CUDA_VISIBLE_DEVICES"] = batch.visible_gpus
    return varied


def _order(work: _Work, rounds: Rounds, runner: Runner, key: bytes, nice: int) -> dict[str, Any]:
    batch = work.batch
    confinement = work.kind.confinement
    return {
        "key": key.hex(),
        "environment": {**runner.environment, **_varied(batch)},
        "sandbox": None if confinement is None else confinement.order(Path(work.cwd), runner.scratch, batch.limits),
        "args": [f"--override-ini=cache_dir={runner.scratch / 'cache'}", *work.args],
        "cwd": work.cwd,
        "project_root": str(Path(batch.root).absolute()),
        "source_roots": list(batch.source_roots),
        "private": batch.private,
        "rounds": rounds,
        "mutate": work.mutate,
        "explore": work.explore,
        "coverage": batch.coverage,
        "measure": list(batch.measure),
        "known": work.coverage.known if batch.coverage else [],
        "shuffle_seed": batch.shuffle_seed,
        "defer_gpu": batch.defer_gpu,
        "share": None if batch.share is None else asdict(batch.share),
        "output_limit": min(_VERDICT_OUTPUT, batch.limits.output_bytes),
        "learn": batch.trusted and not (work.mutate or work.explore),
        "nice": nice,
        "cpu_s": batch.limits.cpu_s,
        "file_bytes": batch.limits.file_bytes,
    }
