"""What a change to existing functions changed of what they do: old code and new code on the same calls."""

from __future__ import annotations

import itertools
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from augment.analysis import Change, ContextBuilder, project_sources
from augment.behaviour import BehaviourChange, Compared, Edit
from augment.generation.difference.calls import called
from augment.generation.difference.inputs import Inputs
from augment.generation.difference.reading import Seen, likeliest, worth_reading
from augment.generation.difference.renaming import in_old_names
from augment.generation.difference.running import BothSides, CannotCompareError, Case, Showing
from augment.generation.difference.sights import Difference, differences, is_same
from augment.generation.difference.targets import changed_by, lines_replaced, sources_before
from augment.generation.explore.sketch import Sketch, scenario_of
from augment.generation.generator import Generator
from augment.generation.trials import FIRST_SEED
from augment.records import FaultKind, Lane, Project
from augment.seams import Executor

log = logging.getLogger("augment.generation")

MOST_FILES = 50
"""An edit of more Python files, as a switch of branches brings, is not compared: it is not one change."""
MOST_TARGETS = 8
_MOST_CALLS = 120
"""Of one target."""
_MOST_UNCHANGED = 16
"""Calls of one target that did the same, offered to be pinned."""
_FEW_CALLS = 4
"""Of one target, tried where all of them took too long."""
_SEARCHED = 3
"""Targets without a difference that a second round of calls is spent on."""
_SCENARIO_S = 0.5
_CONFIRMING_S = 2.0


@dataclass(slots=True)
class _Round:
    """What was seen so far."""

    found: defaultdict[str, list[Seen]] = field(default_factory=lambda: defaultdict(list))
    unchanged: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    shown: defaultdict[str, list[Showing]] = field(default_factory=lambda: defaultdict(list))
    calls: int = 0

    def take(self, showings: Iterable[Showing]) -> None:
        """Sort what two sides showed into changed, unchanged and neither."""
        for showing in showings:
            target = showing.case.sketch.target
            self.calls += 1
            if seen := differences(showing.case.now.source, showing.before, showing.after):
                self.found[target].append((showing.case, seen))
                continue
            self.shown[target].append(showing)
            if is_same(showing.before, showing.after) and len(self.unchanged[target]) < _MOST_UNCHANGED:
                self.unchanged[target].append(showing.case.sketch.source)


class Comparison:
    """Compares what an edit's changed targets did and do. :meth:`cancel` may be called from any thread.

    ``seeds`` is the deterministic generator that proposes calls. Nothing of the project is run here: everything goes
    through ``executor``.
    """

    def __init__(
        self,
        project: Project,
        executor: Executor,
        *,
        output: str = "tests/augment",
        seeds: Generator | None = None,
        seed: int = 0,
        lane: Lane = Lane.WRITE,
        most_targets: int = MOST_TARGETS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._project = project
        self._seeds = seeds or _search()
        self._seed = seed
        self._most_targets = most_targets
        self._clock = clock
        self._sides = BothSides(project, executor, output, lane)

    def cancel(self) -> None:
        """End what runs; the comparison comes back superseded."""
        self._sides.cancel()

    def run(self, edit: Edit, wanted: Callable[[Change], bool] = lambda _change: True) -> Compared:
        """Compare the targets that ``edit`` changed and ``wanted`` names, at most ``most_targets`` of them."""
        began = time.monotonic()
        if len(edit.replaced) > MOST_FILES:
            return Compared(problem=f"{len(edit.replaced)} files changed at once: behaviour was not compared")
        found = [change for change in changed_by(edit, self._project) if wanted(change)]
        left_out = len(found) - self._most_targets
        changes = {change.target.id: change for change in found[: self._most_targets]}
        if not changes:
            return Compared()
        try:
            compared = self._compare(edit, changes)
        except CannotCompareError as error:
            superseded = error.fault.kind is FaultKind.SUPERSEDED
            return Compared(targets=len(changes), problem=f"behaviour was not compared: {error}", superseded=superseded)
        return replace(
            compared,
            targets=len(changes),
            hashes={target: change.target.hash for target, change in changes.items()},
            seconds=time.monotonic() - began,
            problem=f"{left_out} more changed targets were not compared" if left_out > 0 else "",
        )

    # ----------------------------------------------------------------- running

    def _compare(self, edit: Edit, changes: Mapping[str, Change]) -> Compared:
        inputs = self._inputs(edit)
        seen = _Round()
        cases = [case for change in changes.values() for case in _cases(inputs.of(change)[:_MOST_CALLS], change)]
        seen.take(self._all_or_few(edit, cases))
        self._look_closer(edit, changes, inputs, seen)
        steady = self._confirmed(edit, seen.found)
        told: list[BehaviourChange] = []
        for target in changes:
            said = {(item.setup, item.call) for item in told}
            told += self._told(edit, changes, target, steady.get(target, ()), said)
        return Compared(
            tuple(told), {target: tuple(sources) for target, sources in seen.unchanged.items()}, calls=seen.calls
        )

    def _inputs(self, edit: Edit) -> Inputs:
        sources = project_sources(self._project, edit.snapshot)
        old = sources_before(edit, sources)
        return Inputs(
            ContextBuilder(self._project, sources), ContextBuilder(self._project, old), sources, self._seeds, self._seed
        )

    def _all_or_few(self, edit: Edit, cases: Sequence[Case]) -> list[Showing]:
        """All cases; a few of each target where they take too long together, as when every call hangs now."""
        try:
            return self._sides.run(edit, cases, FIRST_SEED, _SCENARIO_S)
        except CannotCompareError as error:
            if error.fault.kind is not FaultKind.TIMEOUT:
                raise
        by_target = itertools.groupby(cases, key=lambda case: case.sketch.target)
        few = [case for _, group in by_target for case in itertools.islice(group, _FEW_CALLS)]
        return self._sides.run(edit, few, FIRST_SEED, _SCENARIO_S)

    def _look_closer(self, edit: Edit, changes: Mapping[str, Change], inputs: Inputs, seen: _Round) -> None:
        """Vary the calls that ran the changed lines, where no difference has shown yet."""
        still = [target for target in changes if not seen.found.get(target) and seen.shown.get(target)]
        cases: list[Case] = []
        for target in still[:_SEARCHED]:
            change = changes[target]
            assert change.previous is not None
            lines = lines_replaced(edit, change.previous, self._project)
            sketches = inputs.closer(change, _reaching(seen.shown[target], change, lines), _MOST_CALLS)
            cases += _cases(sketches, change)
        try:
            seen.take(self._sides.run(edit, cases, FIRST_SEED, _SCENARIO_S))
        except CannotCompareError as error:
            if error.fault.kind is FaultKind.SUPERSEDED:
                raise
            log.info("a second round of calls was lost: %s", error)

    def _confirmed(self, edit: Edit, found: Mapping[str, Sequence[Seen]]) -> dict[str, list[Difference]]:
        """The differences that show once more under another hash seed: neither addresses nor orders of sets."""
        wanted = {case.sketch.id: (case, seen) for pairs in found.values() for case, seen in likeliest(pairs)}
        again = self._sides.run(edit, [case for case, _ in wanted.values()], FIRST_SEED + 1, _CONFIRMING_S)
        steady: defaultdict[str, list[Difference]] = defaultdict(list)
        for showing in again:
            sketch, varied = showing.case.sketch, showing.case.is_varied
            once_more = differences(showing.case.now.source, showing.before, showing.after)
            steady[sketch.target] += [
                replace(item, odd=item.odd + varied) for item in wanted[sketch.id][1] if item in once_more
            ]
        return steady

    # ----------------------------------------------------------------- telling

    def _told(
        self,
        edit: Edit,
        changes: Mapping[str, Change],
        target: str,
        seen: Sequence[Difference],
        said: set[tuple[tuple[str, ...], str]],
    ) -> list[BehaviourChange]:
        """The changes of one target that nobody has told yet, the ones to read first in front.

        What a class shows only through a changed method of its own is told of that method.
        """
        change = changes[target]
        methods = {name.rpartition(".")[2] for name in changes if name.startswith(f"{target}.")}
        fresh = [item for item in seen if (item.setup, item.call) not in said and called(item.call) not in methods]
        was = change.previous.id if change.previous is not None and change.previous.id != target else ""
        at = self._clock()
        return [
            BehaviourChange(
                target=target,
                call=item.call,
                before=item.before,
                after=item.after,
                revision=edit.snapshot.revision,
                previous=edit.previous,
                at=at,
                setup=item.setup,
                path=item.path,
                was=was,
                imports=item.imports,
            )
            for item in worth_reading(fresh)
        ]


def _cases(sketches: Iterable[Sketch], change: Change) -> list[Case]:
    scenarios = [(sketch, scenario_of(sketch)) for sketch in sketches]
    return [Case(sketch, now, replace(now, source=in_old_names(now.source, change))) for sketch, now in scenarios]


def _reaching(showings: Sequence[Showing], change: Change, lines: set[int]) -> list[str]:
    """The sources of those calls that ran one of these ``lines`` of the old code; of all where none did."""
    assert change.previous is not None
    reaching = [
        showing.case.sketch.source
        for showing in showings
        if (ran := showing.before.ran.get(change.previous.file)) is not None and not lines.isdisjoint(ran.lines)
    ]
    return reaching or [showing.case.sketch.source for showing in showings]


def _search() -> Generator:
    """The deterministic generator; imported when something is compared, for it is large."""
    from augment.generation.search import SearchGenerator

    return SearchGenerator()
