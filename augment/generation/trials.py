"""Runs candidates, scenarios and mutants through an executor: many in one process, each in a file of its own."""

from __future__ import annotations

import logging
import posixpath
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from augment.analysis import take_snapshot
from augment.execution import audit_mutants, plan_orders
from augment.exploring import Exploration, Explored, Scenario
from augment.generation.paths import conftest_files, mutant_conftest, trial_conftest, trial_file
from augment.mutants import Mutant, MutantVerdict
from augment.records import (
    Candidate,
    Coverage,
    CoverageReport,
    FaultKind,
    Lane,
    Outcome,
    Project,
    Snapshot,
    content_hash,
    merge_coverage,
    new_id,
)
from augment.seams import Batch, BatchResult, Executor, Failure, Limits, MutationOrder, Observation

log = logging.getLogger("augment.generation")

_MAX_SPLITS = 5
"""How often a batch that faulted is halved in search of the culprit: 2**5 covers a full batch."""
_AT_ONCE = 2
_MUTANTS_S = 8.0
"""Wall-clock time that the mutants of one exploration may take; the next one begins with those left over."""
_SHORTEST_S = 0.05
FIRST_SEED = 0
"""The hash seed of every first run: warm processes are kept by it."""
_NARROWEST = 8
"""Tests of the project's own that one mutant is tried on."""
_GUESSED_S = 0.2
"""How long a test of the project's is taken to last, for its time limit under a mutant."""
_CODE = (".py", ".pyi", ".toml", ".cfg", ".ini")
"""What decides what a project's code and its tests are; everything else is data."""
_HOLDER = "def test_nothing():\n    pass\n"
"""What an exploration collects, for the sake of the conftest files around it."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of one candidate in one batch.

    ``outcomes`` has one entry a round. ``error`` is what pytest showed of the first failure or of the failed
    collection. ``coverage`` is what ran during the test, ``imports`` what ran while the batch's modules were imported.
    """

    outcomes: tuple[Outcome, ...] = ()
    error: str = ""
    collection_error: bool = False
    fault: str | None = None
    failure: Failure | None = None
    observations: tuple[Observation, ...] = ()
    coverage: Coverage = field(default_factory=dict)
    duration_s: float = 0.0
    nodeids: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every round passed."""
        return bool(self.outcomes) and all(outcome is Outcome.PASSED for outcome in self.outcomes)


@dataclass(frozen=True, slots=True)
class Variation:
    """How a batch differs from another of the same candidates."""

    repeat: int = 1
    hash_seed: int | None = 0
    shuffle_seed: int | None = None
    coverage: bool = False
    time_zone: str = ""


@dataclass(frozen=True, slots=True)
class BatchTrial:
    """The trials of one batch by candidate id, and what ran while modules were imported."""

    trials: Mapping[str, Trial]
    imports: Coverage
    possible: Coverage


class TrialRunner:
    """Lays candidates over a private copy of the project and runs them."""

    def __init__(
        self,
        project: Project,
        snapshot: Snapshot,
        executor: Executor,
        output: str,
        test_wall_s: float,
        lane: Lane = Lane.WRITE,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self._project = project
        self._snapshot = _without(snapshot, output)
        self._lane = lane
        self._executor = executor
        self._output = output
        self._test_wall_s = test_wall_s
        self._should_stop = should_stop
        self._conftest = conftest_files(project, output)
        self.superseded = False
        """Set when the project no longer holds the revision: whatever follows would be about other code."""

    def run(self, candidates: Sequence[Candidate], variation: Variation) -> BatchTrial:
        """Run ``candidates`` in one fresh process; when that process is lost, again in halves to find the culprit."""
        return self._run(list(candidates), variation, _MAX_SPLITS)

    def run_several(self, jobs: Sequence[tuple[Sequence[Candidate], Variation]]) -> list[BatchTrial]:
        """Several independent batches, two at once."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return list(pool.map(lambda job: self.run(*job), jobs))

    def explore(
        self, scenarios: Sequence[Scenario], files: Sequence[str], mutants: Sequence[Mutant]
    ) -> tuple[Explored, float]:
        """Run ``scenarios`` in halves side by side, against ``mutants``; what came of it, and the seconds it took."""
        began = time.monotonic()
        halves = [part for part in (scenarios[::2], scenarios[1::2]) if part]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            parts = list(pool.map(lambda part: self._explore(part, files, mutants), halves))
        noticed: dict[str, dict[str, tuple[str, ...]]] = {}
        for part in parts:
            for name, by in part.noticed.items():
                noticed.setdefault(name, {}).update(by)
        unapplied = {name: why for part in parts for name, why in part.unapplied.items()}
        sights = tuple(sight for part in parts for sight in part.sights)
        return Explored(sights, noticed, unapplied), time.monotonic() - began

    def _explore(self, scenarios: Sequence[Scenario], files: Sequence[str], mutants: Sequence[Mutant]) -> Explored:
        if self.superseded or self._should_stop():
            return Explored()
        holder = posixpath.join(self._output, "test_exploration.py")
        wanted = Exploration(tuple(scenarios), tuple(files), tuple(mutants), mutants_s=_MUTANTS_S)
        result = self._batch(
            {**self._conftest, holder: _HOLDER},
            (holder,),
            Variation(hash_seed=FIRST_SEED),
            len(scenarios),
            explore=wanted,
        )
        if result.fault is not None:
            log.info("an exploration was lost: %s", result.fault.detail)
        return result.explored or Explored()

    def mutate(
        self, tried: Mapping[Candidate, Trial], mutants: Sequence[Mutant], imports: Coverage, possible: Coverage
    ) -> list[MutantVerdict]:
        """Try ``mutants`` on the tests of ``tried``, the first of them first."""
        if self.superseded or self._should_stop() or not tried or not mutants:
            return []
        coverage = CoverageReport(
            {nodeid: trial.coverage for trial in tried.values() for nodeid in trial.nodeids}, imports, possible
        )
        files = {trial_file(self._output, candidate.id): candidate.source for candidate in tried}
        rank = {nodeid: number for number, nodeid in enumerate(coverage.tests)}
        template = MutationOrder(
            id="",
            root=self._project.root,
            interpreter=self._project.interpreter,
            snapshot=self._snapshot,
            mutants=(),
            tests={},
            # Rounded up: small differences decide which of two tests is tried first, and would do so by chance.
            seconds={
                nodeid: max(_SHORTEST_S, round(trial.duration_s + 0.05, 1))
                for trial in tried.values()
                for nodeid in trial.nodeids
            },
            files={**mutant_conftest(self._conftest, self._output, files), **files},
            lane=self._lane,
            source_roots=self._project.source_roots,
            trusted=False,
            limits=Limits(wall_s=120.0, test_s=None, memory_bytes=2 * 2**30),
            wall_floor_s=2.0,
        )
        orders = plan_orders(template, mutants, coverage, _AT_ONCE)
        ranked = [
            replace(order, fresh=frozenset(), tests={name: _ranked(tests, rank) for name, tests in order.tests.items()})
            for order in orders
        ]
        return audit_mutants(self._executor, ranked, _AT_ONCE)

    def nodeid(self, candidate: Candidate, name: str) -> str:
        """Where the test called ``name`` of a candidate is found while it is on trial."""
        return f"{trial_file(self._output, candidate.id)}::{name}"

    def noticed_by(self, known: CoverageReport, mutants: Sequence[Mutant], seconds: float) -> set[str]:
        """Which of ``mutants`` the tests that exist already notice; of each only the narrowest tests are tried."""
        if not any(known.tests.values()) or not mutants or seconds <= 0:
            return set()
        own = {name.partition("::")[0] for name in known.tests if name.startswith(self._output)}
        files = {
            file: path.read_text(encoding="utf-8") for file in own if (path := Path(self._project.root, file)).exists()
        }
        template = MutationOrder(
            id="",
            root=self._project.root,
            interpreter=self._project.interpreter,
            snapshot=self._snapshot,
            mutants=(),
            tests={},
            seconds=dict.fromkeys(known.tests, _GUESSED_S),
            files={**self._conftest, **files},
            lane=self._lane,
            source_roots=self._project.source_roots,
            trusted=False,
            limits=Limits(wall_s=max(5.0, seconds), test_s=None, memory_bytes=2 * 2**30),
            wall_floor_s=2.0,
        )
        # One order an executor, side by side, each with all of the time: orders one after the other took a multiple of
        # it where tests are slow to collect, and nothing was left of the module's budget.
        deadline = time.monotonic() + seconds
        orders = plan_orders(template, mutants, known, _AT_ONCE, each=1)
        narrow = [
            replace(
                order,
                fresh=frozenset(),
                tests={name: () if name in order.fresh else tests[:_NARROWEST] for name, tests in order.tests.items()},
            )
            for order in orders
        ]
        verdicts = audit_mutants(
            self._executor, narrow, _AT_ONCE, may_begin=lambda: not self._should_stop() and time.monotonic() < deadline
        )
        return {verdict.mutant for verdict in verdicts if verdict.outcome.noticed}

    def run_files(self, files: Mapping[str, str]) -> BatchResult:
        """Run whole test files as they would be written."""
        return self._batch({**self._conftest, **files}, tuple(sorted(files)), Variation(hash_seed=1), len(files) * 20)

    def _run(self, candidates: list[Candidate], variation: Variation, splits: int) -> BatchTrial:
        if not candidates or self.superseded or self._should_stop():
            return BatchTrial({}, {}, {})
        files = {trial_file(self._output, candidate.id): candidate.source for candidate in candidates}
        seed = None if variation.coverage else variation.hash_seed
        conftest = trial_conftest(self._conftest, self._output, files, seed)
        result = self._batch({**conftest, **files}, tuple(files), variation, len(files))
        trials = {candidate.id: self._trial(candidate, result) for candidate in candidates}
        imports, possible = result.coverage.imports, result.coverage.possible
        for part in self._again(candidates, trials, result, variation, splits):
            again = self._run(part, variation, splits - 1)
            trials.update(again.trials)
            imports = merge_coverage([imports, again.imports])
            possible = {**possible, **again.possible}
        return BatchTrial(trials, imports, possible)

    def _again(
        self,
        candidates: Sequence[Candidate],
        trials: Mapping[str, Trial],
        result: BatchResult,
        variation: Variation,
        splits: int,
    ) -> list[list[Candidate]]:
        """What has to run again after a fault: the others without the culprit, or halves while it is not known.

        A process that is killed takes the coverage of the tests before with it.
        """
        faulted = [item for item in candidates if trials[item.id].fault is not None]
        if not faulted or splits <= 0 or self.superseded or len(candidates) == 1:
            return []
        innocent = [item for item in candidates if item not in faulted]
        if result.fault is None:
            return [innocent] if innocent and variation.coverage else []
        middle = max(1, len(faulted) // 2)
        halves = [faulted[:middle], faulted[middle:]] if len(faulted) > 1 else []
        return [part for part in (*halves, innocent if variation.coverage else []) if part]

    def _batch(
        self,
        files: Mapping[str, str],
        nodeids: tuple[str, ...],
        variation: Variation,
        tests: int,
        explore: Exploration | None = None,
    ) -> BatchResult:
        wall = min(120.0, 20.0 + tests * variation.repeat * 2.0)
        batch = Batch(
            id=new_id("batch"),
            root=self._project.root,
            interpreter=self._project.interpreter,
            nodeids=nodeids,
            lane=self._lane,
            snapshot=self._snapshot,
            private=True,
            files=files,
            source_roots=self._project.source_roots,
            trusted=False,
            coverage=variation.coverage,
            repeat=variation.repeat,
            hash_seed=variation.hash_seed,
            shuffle_seed=variation.shuffle_seed,
            time_zone=variation.time_zone,
            limits=Limits(wall_s=wall, test_s=self._test_wall_s, memory_bytes=2 * 2**30),
            explore=explore,
        )
        result = self._executor.run(batch)
        if _is_gone(result) and self._is_still_the_same_code(batch):
            result = self._executor.run(replace(batch, id=new_id("batch"), snapshot=self._snapshot))
        if _is_gone(result):
            log.info("the revision under work is gone: %s", result.fault.detail if result.fault else "")
            self.superseded = True
        return result

    def _is_still_the_same_code(self, batch: Batch) -> bool:
        """Whether nothing but data differs from the revision, such as a log that a running program writes into the
        project; the revision then goes on with what is there now.
        """
        if self._should_stop():
            return False
        now = _without(take_snapshot(self._project.root), self._output)
        before = batch.snapshot.files if batch.snapshot is not None else {}
        differing = [path for path in before.keys() | now.files.keys() if before.get(path) != now.files.get(path)]
        if not differing or any(path.endswith(_CODE) for path in differing):
            return False
        log.info("data has changed: %s", ", ".join(sorted(differing)[:3]))
        self._snapshot = now
        return True

    def changed(self, file: str) -> None:
        """Take note that ``file`` was written by us: the revision goes on with its new bytes."""
        if file in self._snapshot.files:
            data = Path(self._project.root, file).read_bytes()
            self._snapshot = Snapshot.of({**self._snapshot.files, file: content_hash(data)})

    def _trial(self, candidate: Candidate, result: BatchResult) -> Trial:
        file = trial_file(self._output, candidate.id)
        error = next((text for path, text in result.collection_errors.items() if path.startswith(file)), None)
        if error is not None:
            return Trial(error=error, collection_error=True)
        verdicts = [verdict for verdict in result.verdicts if verdict.nodeid.startswith(file + "::")]
        fault = next((verdict.fault for verdict in verdicts if verdict.fault is not None), None)
        if fault is None and result.fault is not None and not verdicts:
            fault = result.fault
        if not verdicts and fault is None:
            return Trial(error=f"pytest collected no test\n{result.output[-400:]}", collection_error=True)
        nodeids = {verdict.nodeid for verdict in verdicts}
        bad = next((verdict for verdict in verdicts if verdict.outcome is not Outcome.PASSED), None)
        return Trial(
            outcomes=tuple(verdict.outcome for verdict in verdicts),
            error=bad.output if bad is not None else "",
            fault=f"{fault.kind}: {fault.detail.strip()[:200]}" if fault is not None else None,
            failure=next((failure for failure in result.failures if failure.nodeid in nodeids), None),
            observations=tuple(item for item in result.observations if item.nodeid in nodeids),
            coverage=merge_coverage(result.coverage.tests.get(nodeid, {}) for nodeid in nodeids),
            duration_s=max((verdict.duration_s for verdict in verdicts), default=0.0),
            nodeids=tuple(dict.fromkeys(verdict.nodeid for verdict in verdicts)),
        )


def _ranked(tests: Sequence[str], rank: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(sorted((nodeid for nodeid in tests if nodeid in rank), key=rank.__getitem__))


def _is_gone(result: BatchResult) -> bool:
    return result.fault is not None and result.fault.kind is FaultKind.SUPERSEDED


def _without(snapshot: Snapshot, output: str) -> Snapshot:
    """The revision without Augment's own tests: they change while a pass runs, and no candidate needs them."""
    prefix = output.rstrip("/") + "/"
    return Snapshot.of({file: content for file, content in snapshot.files.items() if not file.startswith(prefix)})
