"""Batches of the fast lane: how a plan is cut into them, and how a newer save ends them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from augment.analysis import PackageChange, ProjectChange, Selection
from augment.records import Fault, FaultKind, Lane, Outcome, Project, Snapshot, Verdict, new_id
from augment.seams import Batch, BatchResult, Executor, Limits
from augment.service.planning import missing_tests

RECORDED_WITH_VERDICTS = 200
"""From so many tests on they are recorded while they give their verdicts: to run them all twice would cost more than
the verdicts gain. Below it recording follows behind: importing and collecting under a tracer takes longer than one
narrow test and all that is around it (boltons, Python 3.11: 214 ms of CPU against 80 to the first verdict)."""

MOST_DELAY = 0.1
"""The share of a run's time by which recording may delay its verdicts."""

USUAL_RATIO = 1.35
"""How many times as long tests take when recorded, in the median (``benchmarks/recording.py``)."""

_FIXED_S = 1.0
"""What a run of many tests takes beside them (planning, imports, collection, writing down), about."""

SUITE_LIMITS = 12
"""So many times the limit of a batch has one that runs all tests, or hundreds of them: an hour by default."""

Cut = Callable[[Batch, Mapping[str, str]], Sequence[Batch]]
"""One batch and the files of its revision -> the batches to run side by side instead."""

VerdictsSink = Callable[[Sequence[Verdict]], None]


def delay_of_recording(expected_s: float, ratio: float = USUAL_RATIO) -> float:
    """The share of its time by which a run of tests that take ``expected_s`` is delayed when it records them."""
    return expected_s * (ratio - 1.0) / (_FIXED_S + expected_s)


def limits_for(limits: Limits, count: int) -> Limits:
    """The limits of a batch of so many chosen tests, 0 for all there are.

    A suite that takes longer than a batch may is no hang: its tests have a limit each. Past a batch's own the rest of a
    suite of minutes would be faults, too many of them to be tried again.
    """
    many = count == 0 or count >= RECORDED_WITH_VERDICTS
    return replace(limits, wall_s=limits.wall_s * SUITE_LIMITS) if many else limits


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What one run will do. ``nodeids`` empty means everything pytest collects."""

    reason: str
    nodeids: tuple[str, ...]
    whole: frozenset[str]
    """Those of ``nodeids`` that stand for many tests: files, and functions whose parameters may differ."""
    change: ProjectChange | None = None
    selections: tuple[Selection, ...] = ()
    packages: PackageChange = field(default_factory=PackageChange)

    expected_s: float = 0.0
    """What the tests took last time, as far as that is known."""

    @property
    def recorded_behind(self) -> bool:
        """Whether the verdicts come first and what the tests run is recorded by running them once more."""
        few = len(self.nodeids) < RECORDED_WITH_VERDICTS
        return self.change is not None and (few or delay_of_recording(self.expected_s) > MOST_DELAY)


@dataclass
class _InFlight:
    """The batches of the revision under test, so that a newer one can end them."""

    batches: set[str] = field(default_factory=set)
    superseded: bool = False
    yielding: bool = False


class Batches:
    """Runs the batches of one revision at a time. :meth:`cancel` may be called from any thread."""

    def __init__(self, project: Project, executor: Executor, limits: Limits, cut: Cut) -> None:
        self._project = project
        self._executor = executor
        self._limits = limits
        self._cut = cut
        self._in_flight = _InFlight()
        self._lock = threading.Lock()

    def begin(self) -> None:
        """A new revision is taken up: what was cancelled before concerns another one."""
        with self._lock:
            self._in_flight = _InFlight()

    def cancel(self) -> None:
        """End what is running for this revision, and whatever would still be run."""
        with self._lock:
            self._in_flight.superseded = True
            batches = tuple(self._in_flight.batches)
        for batch_id in batches:
            self._executor.cancel(batch_id)

    @property
    def superseded(self) -> bool:
        """Whether :meth:`cancel` was called for this revision."""
        with self._lock:
            return self._in_flight.superseded

    @property
    def yielding(self) -> bool:
        """Whether all verdicts are out, and only retries or recordings run: any newer revision goes before those."""
        with self._lock:
            return self._in_flight.yielding

    def run(self, plan: RunPlan, snapshot: Snapshot, on_verdicts: VerdictsSink) -> list[BatchResult]:
        """Run the tests of a plan; ``on_verdicts`` is told each as it ends, from the threads that run batches."""

        def one(batch: Batch) -> BatchResult:
            result = self._run(batch, lambda verdict: on_verdicts([verdict]))
            # Repeating what was streamed is harmless (same run, same test) and covers a stream that was cut.
            on_verdicts([*result.verdicts, *_collection_verdicts(result)])
            return result

        return self._each(one, self._batch(snapshot, plan.nodeids, coverage=not plan.recorded_behind), snapshot)

    def record(self, plan: RunPlan, snapshot: Snapshot) -> list[BatchResult]:
        """Run the tests of a plan again, for what they run and read; their verdicts are known."""
        self._yield()
        return self._each(self._run, self._batch(snapshot, plan.nodeids), snapshot)

    def again(self, nodeids: Sequence[str], snapshot: Snapshot, avoid: str) -> BatchResult:
        """Run tests once more, on another executor than ``avoid``."""
        self._yield()
        return self._run(replace(self._batch(snapshot, nodeids), avoid=avoid))

    def _yield(self) -> None:
        with self._lock:
            self._in_flight.yielding = True

    def _each(self, run: Callable[[Batch], BatchResult], batch: Batch, snapshot: Snapshot) -> list[BatchResult]:
        batches = self._cut(batch, snapshot.files)
        if len(batches) == 1:
            return [run(batches[0])]
        with ThreadPoolExecutor(len(batches)) as pool:
            return list(pool.map(run, batches))

    def _run(self, batch: Batch, on_verdict: Callable[[Verdict], None] | None = None) -> BatchResult:
        with self._lock:
            self._in_flight.batches.add(batch.id)
            superseded = self._in_flight.superseded
        if superseded:
            return BatchResult(batch.id, fault=Fault(FaultKind.SUPERSEDED, "a newer save came"))
        return self._executor.run(batch, on_verdict)

    def _batch(self, snapshot: Snapshot, nodeids: Sequence[str], *, coverage: bool = True) -> Batch:
        return Batch(
            id=new_id("batch"),
            root=self._project.root,
            interpreter=self._project.interpreter,
            nodeids=tuple(nodeids),
            lane=Lane.FAST,
            snapshot=snapshot,
            source_roots=self._project.source_roots,
            coverage=coverage,
            limits=limits_for(self._limits, len(nodeids)),
        )


def is_superseded(results: Sequence[BatchResult]) -> bool:
    """Whether a newer save cut a batch short."""
    return any(result.fault is not None and result.fault.kind is FaultKind.SUPERSEDED for result in results)


def _collection_verdicts(result: BatchResult) -> list[Verdict]:
    """A file that cannot be collected is an error of the file, as pytest reports it."""
    reported = {verdict.nodeid for verdict in result.verdicts} | missing_tests([result])
    return [
        Verdict(file, Outcome.ERROR, 0.0, error)
        for file, error in result.collection_errors.items()
        if file not in reported
    ]
