"""Which tests can tell a mutant from the code, and trying many mutants on several executors at once."""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from augment.mutants import Mutant, MutantOutcome, MutantPlace, MutantVerdict
from augment.records import CoverageReport, FileCoverage, new_id
from augment.seams import Executor, MutantSink, MutationOrder, MutationResult

_SMALLEST, _LARGEST = 20, 250
"""Mutants an order: a few seconds of work, so that cancelling and leases mean something. To begin one costs 0.2 s."""
_ORDERS_EACH = 3
"""Orders an executor at least: the last ones end at about the same time."""


@dataclass(frozen=True, slots=True)
class Score:
    """How many mutants came to each end."""

    killed: int = 0
    survived: int = 0
    timeout: int = 0
    no_tests: int = 0
    not_applicable: int = 0

    @classmethod
    def of(cls, verdicts: Iterable[MutantVerdict]) -> Score:
        """Count the outcomes of ``verdicts``."""
        tally = {outcome.name.lower(): 0 for outcome in MutantOutcome}
        for verdict in verdicts:
            tally[verdict.outcome.name.lower()] += 1
        return cls(**tally)

    @property
    def tried(self) -> int:
        """Mutants with an answer; those without tests count as not noticed."""
        return self.killed + self.survived + self.timeout + self.no_tests

    @property
    def share(self) -> float:
        """The part of them that the tests notice, from 0 to 1; 1 where there are none."""
        return (self.killed + self.timeout) / self.tried if self.tried else 1.0


def plan_orders(
    template: MutationOrder,
    mutants: Sequence[Mutant],
    coverage: CoverageReport,
    at_once: int = 1,
    each: int = _ORDERS_EACH,
) -> list[MutationOrder]:
    """Orders like ``template`` that together try ``mutants``, for ``at_once`` executors with about ``each`` of them.

    ``coverage`` says which tests reach which line, and ``template.seconds`` how long each takes: only tests named there
    are run, as they are known to pass. A mutant in a function that runs while modules are imported is tried against all
    of them, in fresh runs.
    """
    reach = _Reach(coverage, template.seconds)
    tests = {mutant.id: reach.tests(mutant) for mutant in mutants}
    fresh = frozenset(mutant.id for mutant in mutants if reach.at_import(mutant))
    size = max(_SMALLEST, min(_LARGEST, -(-len(mutants) // max(1, at_once * each))))
    return [
        replace(
            template,
            id=new_id("mutants"),
            mutants=tuple(chunk),
            tests={mutant.id: tests[mutant.id] for mutant in chunk},
            fresh=fresh & {mutant.id for mutant in chunk},
        )
        for chunk in _chunks(mutants, size)
    ]


def audit_mutants(
    executor: Executor,
    orders: Sequence[MutationOrder],
    at_once: int = 1,
    on_outcome: MutantSink | None = None,
    may_begin: Callable[[], bool] = lambda: True,
) -> list[MutantVerdict]:
    """Try all orders, ``at_once`` side by side; a verdict for each mutant, in the order of the mutants.

    What the infrastructure ended comes back as not applicable, with the reason, and so do the mutants of an order that
    ``may_begin`` kept from its turn. ``on_outcome`` is called from several threads.
    """

    def tried(order: MutationOrder) -> MutationResult:
        return executor.mutate(order, on_outcome) if may_begin() else MutationResult(order.id)

    with ThreadPoolExecutor(max(1, at_once)) as pool:
        running = [pool.submit(tried, order) for order in orders]
        try:
            results = [one.result() for one in running]
        except BaseException:
            for waiting in running:
                waiting.cancel()
            for order in orders:
                executor.cancel(order.id)
            raise
    return [verdict for order, result in zip(orders, results, strict=True) for verdict in _complete(order, result)]


def _complete(order: MutationOrder, result: MutationResult) -> list[MutantVerdict]:
    known = {verdict.mutant: verdict for verdict in result.verdicts}
    why = "no answer" if result.fault is None else f"{result.fault.kind.value}: {result.fault.detail}"
    return [
        known.get(mutant.id) or MutantVerdict(mutant.id, MutantOutcome.NOT_APPLICABLE, detail=why)
        for mutant in order.mutants
    ]


def _chunks(mutants: Sequence[Mutant], size: int) -> list[list[Mutant]]:
    """Mutants of one file together: their tests are collected once."""
    files: defaultdict[str, list[Mutant]] = defaultdict(list)
    for mutant in mutants:
        files[mutant.file].append(mutant)
    chunks: list[list[Mutant]] = []
    for group in files.values():
        if chunks and len(chunks[-1]) + len(group) <= size:
            chunks[-1] += group
        else:
            parts = -(-len(group) // size)
            chunks += [group[len(group) * part // parts : len(group) * (part + 1) // parts] for part in range(parts)]
    return chunks


class _Reach:
    """Which tests reach a line. Tests that run little of the project come first, the fast ones among equals."""

    def __init__(self, coverage: CoverageReport, seconds: Mapping[str, float]) -> None:
        self._coverage = coverage
        width = {
            nodeid: sum(len(part.lines) for part in files.values())
            for nodeid, files in coverage.tests.items()
            if nodeid in seconds
        }
        self._all = sorted(seconds, key=lambda nodeid: (width.get(nodeid, 0), seconds[nodeid]))
        self._lines: dict[str, defaultdict[int, list[str]]] = {}
        for nodeid in self._all:
            for file, part in coverage.tests.get(nodeid, {}).items():
                lines = self._lines.setdefault(file, defaultdict(list))
                for line in part.lines:
                    lines[line].append(nodeid)
        self._statements = {file: sorted(part.lines) for file, part in coverage.possible.items()}

    def at_import(self, mutant: Mutant) -> bool:
        """Whether the function runs while modules are imported or tests are collected."""
        ran = self._coverage.imports.get(mutant.file, FileCoverage()).lines
        return any(mutant.body_lineno <= line <= mutant.end_lineno for line in ran)

    def tests(self, mutant: Mutant) -> tuple[str, ...]:
        """The tests that could tell this mutant."""
        lines: Mapping[int, list[str]] = self._lines.get(mutant.file, {})
        if mutant.place is MutantPlace.BODY:
            near = list(lines.get(self._statement(mutant), ()))
        else:
            body = (
                nodeid for line in range(mutant.body_lineno, mutant.end_lineno + 1) for nodeid in lines.get(line, ())
            )
            wanted = set(body)
            near = [nodeid for nodeid in self._all if nodeid in wanted]
        if self.at_import(mutant):
            first = set(near)
            near += [nodeid for nodeid in self._all if nodeid not in first]
        return tuple(near)

    def _statement(self, mutant: Mutant) -> int:
        """The first line of the statement that a mutant changes; coverage knows statements by it."""
        statements = self._statements.get(mutant.file, [])
        position = bisect.bisect_right(statements, mutant.lineno)
        return statements[position - 1] if position else mutant.lineno
