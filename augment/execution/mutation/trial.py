"""One mutation order from begin to end: mutants swapped in memory first, then those that need a fresh run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from augment.execution.mutation.ledger import MutationLedger, outcome_of
from augment.execution.mutation.mutants import apply_mutant
from augment.execution.mutation.telling import RevisionTexts, told_mutants
from augment.mutants import Mutant, MutantOutcome, MutantPlace, MutantVerdict
from augment.records import Fault, FaultKind, Outcome
from augment.seams import Batch, BatchResult, Limits, MutantSink, MutationOrder, MutationResult
from augment.shipping import RevisionGoneError

_FAILED = (Outcome.FAILED, Outcome.ERROR)
_CLEAN = (Outcome.PASSED, Outcome.XFAILED)
_DETAIL = 500

Swap = Callable[[Batch, MutationLedger, dict[str, Any]], Fault | None]
"""Runs one runner on what the runner's side of mutation takes, up to its end; returns how it was lost, if it was."""

Fresh = Callable[[Batch], BatchResult]


class Trial:
    """Tries the mutants of ``order``."""

    def __init__(self, order: MutationOrder, on_outcome: MutantSink | None) -> None:
        self._order = order
        self._texts = RevisionTexts(order.root, order.snapshot, dict(order.files))
        self._ledger = MutationLedger(order, on_outcome)
        self._began = time.monotonic()

    def run(self, swap: Swap, fresh: Fresh) -> MutationResult:
        """All of it. A fault that says nothing of a mutant ends the order."""
        for mutant in self._order.mutants:
            if not self._order.tests.get(mutant.id):
                self._ledger.add(MutantVerdict(mutant.id, MutantOutcome.NO_TESTS))
            elif mutant.id in self._order.fresh or mutant.place is MutantPlace.DECORATOR:
                self._ledger.unapplied[mutant.id] = "needs a fresh run"
        self._ledger.tell()
        try:
            fault = self._swapped(swap) or self._freshly(fresh)
        except RevisionGoneError as gone:
            fault = Fault(FaultKind.SUPERSEDED, str(gone))
        return self._ledger.result(fault, time.monotonic() - self._began)

    # ------------------------------------------------------------------ in memory

    def _swapped(self, swap: Swap) -> Fault | None:
        """Runners one after the other: each that is lost decides one mutant, so there are no more than mutants."""
        gone: set[str] = set()
        while left := self._ledger.left():
            wanted = [nodeid for nodeid in self._wanted(left) if nodeid not in gone]
            if not wanted:
                self._give_up(left, "its tests do not exist any more")
                return None
            self._ledger.next_attempt()
            fault = swap(self._batch(wanted), self._ledger, self._orders(left, gone))
            if fault is not None and not self._ledger.lose_trying(fault):
                return fault
            if fault is None and len(self._ledger.left()) == len(left):
                missing = {nodeid for nodeid in wanted if _is_named(nodeid, self._ledger.missing)}
                if not missing:
                    self._give_up(left, self._why_nothing_ran())
                    return None
                gone |= missing
        return None

    def _give_up(self, mutants: Iterable[Mutant], why: str) -> None:
        for mutant in mutants:
            self._ledger.add(MutantVerdict(mutant.id, MutantOutcome.NOT_APPLICABLE, detail=why))
        self._ledger.tell()

    def _why_nothing_ran(self) -> str:
        for file, text in self._ledger.uncollectable.items():
            return f"{file} cannot be collected: {text[-_DETAIL:]}"
        return "pytest ran nothing"

    def _wanted(self, mutants: Iterable[Mutant]) -> list[str]:
        return list(dict.fromkeys(nodeid for mutant in mutants for nodeid in self._order.tests[mutant.id]))

    def _batch(self, nodeids: Iterable[str]) -> Batch:
        order = self._order
        return Batch(
            id=order.id,
            root=order.root,
            interpreter=order.interpreter,
            nodeids=tuple(nodeids),
            lane=order.lane,
            snapshot=order.snapshot,
            private=True,
            files=order.files,
            source_roots=order.source_roots,
            trusted=order.trusted,
            coverage=False,
            pytest_args=order.pytest_args,
            limits=order.limits,
        )

    def _orders(self, mutants: Iterable[Mutant], gone: set[str]) -> dict[str, Any]:
        """What the runner's side takes (``runner/mutate.py``)."""
        units, told = told_mutants(list(mutants), self._texts.read)
        for one in told:
            one["tests"] = [nodeid for nodeid in self._order.tests[one["id"]] if nodeid not in gone]
        order = self._order
        return {
            "units": units,
            "mutants": told,
            "seconds": dict(order.seconds),
            "factor": order.timeout_factor,
            "cpu_floor_s": order.cpu_floor_s,
            "wall_floor_s": order.wall_floor_s,
        }

    # --------------------------------------------------------------------- freshly

    def _freshly(self, fresh: Fresh) -> Fault | None:
        """One batch a mutant, with its changed file in the private copy, and one before them without any."""
        mutants = self._ledger.undecided()
        if not mutants:
            return None
        before = fresh(self._batch(self._wanted(mutants)))
        if before.fault is not None and outcome_of(before.fault) is None:
            return before.fault
        clean = {verdict.nodeid for verdict in before.verdicts if verdict.outcome in _CLEAN}
        for mutant in mutants:
            tests = [nodeid for nodeid in self._order.tests[mutant.id] if nodeid in clean]
            fault = self._fresh_one(mutant, tests, fresh)
            if fault is not None:
                return fault
        return None

    def _fresh_one(self, mutant: Mutant, tests: list[str], fresh: Fresh) -> Fault | None:
        if not tests:
            self._ledger.add(MutantVerdict(mutant.id, MutantOutcome.NO_TESTS))
            self._ledger.tell()
            return None
        began = time.monotonic()
        files = {**self._order.files, mutant.file: apply_mutant(self._texts.read(mutant.file), mutant)}
        batch = replace(self._batch(tests), files=files, pytest_args=(*self._order.pytest_args, "--maxfail=1"))
        result = fresh(replace(batch, limits=self._limits(tests)))
        verdict = _read_result(mutant, result, time.monotonic() - began)
        if verdict is None:
            return result.fault
        self._ledger.add(verdict)
        self._ledger.tell()
        return None

    def _limits(self, tests: list[str]) -> Limits:
        order = self._order
        longest = max(order.seconds.get(nodeid, 1.0) for nodeid in tests)
        return replace(order.limits, test_s=order.wall_floor_s + order.timeout_factor * longest)


def _read_result(mutant: Mutant, result: BatchResult, seconds: float) -> MutantVerdict | None:
    """What a fresh run says of its mutant; None where a fault says nothing of it."""
    for file, text in result.collection_errors.items():
        return MutantVerdict(mutant.id, MutantOutcome.KILLED, None, seconds, f"{file}: {text[-_DETAIL:]}")
    for verdict in result.verdicts:
        if verdict.outcome in _FAILED:
            return MutantVerdict(mutant.id, MutantOutcome.KILLED, verdict.nodeid, seconds)
        if verdict.fault is not None and (outcome := outcome_of(verdict.fault)):
            detail = f"{verdict.fault.kind.value}: {verdict.fault.detail}"[:_DETAIL]
            return MutantVerdict(mutant.id, outcome, verdict.nodeid, seconds, detail)
    if result.fault is not None:
        found = outcome_of(result.fault)
        return None if found is None else MutantVerdict(mutant.id, found, None, seconds, result.fault.detail[:_DETAIL])
    return MutantVerdict(mutant.id, MutantOutcome.SURVIVED, None, seconds)


def _is_named(nodeid: str, reported: Iterable[str]) -> bool:
    """Whether pytest reports this node id, with its own absolute path, as one that it does not find."""
    return any(name == nodeid or name.endswith("/" + nodeid) for name in reported)


def superseded(order: MutationOrder, why: str) -> MutationResult:
    """The result of an order that was cancelled before it began."""
    return MutationResult(order.id, fault=Fault(FaultKind.SUPERSEDED, why))
