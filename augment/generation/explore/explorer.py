"""Looks for the inputs that matter: runs sketches by the hundred, varies those that showed something new, and proposes
tests of those that cover what nothing covers or notice a mutant that nothing notices.

Guidance is that of greybox fuzzing (a sketch that runs a new arc is worth varying) with surviving mutants beside
coverage, as in search-based test generation (Fraser and Zeller, 2012).
"""

from __future__ import annotations

import random
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

from augment.analysis import TargetContext
from augment.exploring import Explored, Sight
from augment.generation.explore.pick import Known, Pick, pick
from augment.generation.explore.sketch import Sketch, opened, scenario_of
from augment.generation.explore.state import is_worth_stating, stated
from augment.generation.explore.vary import varied
from augment.generation.explore.words import words_in, words_of
from augment.generation.generator import Generator
from augment.generation.ledger import Ledger
from augment.generation.mutant_book import MutantBook
from augment.generation.replies import key_of
from augment.generation.trials import TrialRunner
from augment.mutants import Mutant
from augment.records import Candidate, TestKind, new_id

_SEEDS = 80
"""Calls of one target that the deterministic generator is asked for."""
_SEEDS_A_STEP = 24
_FIRST, _LARGEST, _SMALLEST = 120, 320, 20
"""Sketches a step: few at first, so that the first tests come soon. Time does not decide how many, or a fixed seed
would not give the same tests twice; only where calls are so slow that a step takes :data:`_TOO_LONG_S`, it has to.
"""
_TOO_LONG_S = 10.0
_TRIES = 4
"""Variations tried for each one wanted: many repeat what was seen."""
_POOL = 60
"""Sketches of one target that are varied; the oldest without offspring go."""
_OUTPUTS = 4
"""Results of each target that are passed on as inputs to the others: what one function writes another one reads."""
_SUBJECT = "subject"
"""What generators call the object whose method they call: it is looked at in the end, whatever else is."""
_STALE_STEPS = 6
"""A target whose last steps brought nothing new is left alone until others are done."""


@dataclass(slots=True)
class _Field:
    """What is known of one target: sketches waiting, those worth varying, and how long nothing new was seen."""

    context: TargetContext
    seeds: Iterator[Candidate]
    waiting: deque[Sketch] = field(default_factory=deque)
    pool: list[Known] = field(default_factory=list)
    stale: int = 0
    seeded: bool = False

    @property
    def is_spent(self) -> bool:
        """Whether nothing is left that has not been tried in vain."""
        return self.seeded and not self.waiting and (not self.pool or self.stale >= _STALE_STEPS)


@dataclass(frozen=True, slots=True)
class Proposed:
    """Tests to be judged, and the mutants that they may notice."""

    candidates: tuple[Candidate, ...]
    mutants: frozenset[str]


class Explorer:
    """Explores the targets of one module.

    ``seeds`` is the deterministic generator that proposes first calls (None where it is switched off). ``guided``
    says whether what showed something new is varied; ``source`` is the module's, for the words in it.
    """

    def __init__(
        self,
        contexts: Sequence[TargetContext],
        runner: TrialRunner,
        ledger: Ledger,
        book: MutantBook,
        seeds: Generator | None,
        seed: int,
        *,
        guided: bool = True,
        source: str = "",
    ) -> None:
        self._runner = runner
        self._ledger = ledger
        self._book = book
        self._guided = guided
        self._around = words_in(source)
        self._seed = seed
        self._rng = random.Random(seed)
        self._seen: set[str] = set()
        self._arcs: defaultdict[str, set[tuple[int, int]]] = defaultdict(set)
        self._all: list[Known] = []
        self._size = _FIRST
        self._calls = 0
        self._offset = 0
        self._direct: list[Candidate] = []
        self._outputs: defaultdict[str, deque[str]] = defaultdict(lambda: deque(maxlen=_OUTPUTS))
        self._fields = {
            context.target.id: _Field(context, _proposals(seeds, context, seed) if seeds is not None else iter(()))
            for context in contexts
        }

    def feed(self, candidates: Sequence[Candidate]) -> None:
        """Take in what others proposed for these targets: its inputs are tried, and varied, with any expected value."""
        for candidate in candidates:
            found = self._fields.get(candidate.target)
            if found is not None and candidate.kind is not TestKind.PROPERTY:
                found.waiting.extendleft(self._sketches(candidate))
                found.stale = 0

    def has_work(self, is_open: Callable[[TargetContext], bool], reserved: Collection[str] = ()) -> bool:
        """Whether a step could bring anything."""
        return any(
            (found.waiting if name in reserved else not found.is_spent) and is_open(found.context)
            for name, found in self._fields.items()
        )

    def step(
        self, is_open: Callable[[TargetContext], bool], reserved: Collection[str] = (), most: int = 24
    ) -> Proposed:
        """Run one batch of sketches of the open targets, and propose at most ``most`` tests of what it showed.

        Of ``reserved`` targets (ids) only what was fed is run. Beside the proposals stand those that only a whole test
        can run (they use fixtures of the project).
        """
        fields = [found for found in self._fields.values() if is_open(found.context)]
        sketches = self._next(fields, reserved)
        if sketches:
            self._look(sketches)
        picks = pick(self._all, self._missing(), [mutant.id for mutant in self._book.alive()], most)
        direct, self._direct = self._direct[:most], self._direct[most:]
        stated = [candidate for item in picks if (candidate := self._stated(item)) is not None]
        # What runs as a whole test only was not seen; it may notice what anything else has noticed.
        seen = self._all if direct else [item.known for item in picks]
        return Proposed((*direct, *stated), frozenset().union(*(known.noticed for known in seen)))

    # ------------------------------------------------------------------ what to run

    def _next(self, fields: Sequence[_Field], reserved: Collection[str]) -> list[Sketch]:
        """Waiting sketches first, then seeds, then variations, in turn for every target."""
        chosen: list[Sketch] = []
        active = [found for found in fields if found.waiting or not found.is_spent]
        share = max(4, self._size // max(1, len(active)))
        for found in active:
            own: list[Sketch] = []
            while found.waiting and len(own) < 2 * share:
                own.append(found.waiting.popleft())
            if found.context.target.id not in reserved:
                own += self._seeds_of(found, max(_SEEDS_A_STEP, share) - len(own))
                if self._guided:
                    own += self._variations(found, share - len(own))
            chosen += own
        self._rng.shuffle(chosen)
        return chosen[: 2 * _LARGEST]

    def _seeds_of(self, found: _Field, count: int) -> list[Sketch]:
        own: list[Sketch] = []
        while len(own) < count:
            candidate = next(found.seeds, None)
            if candidate is None:
                found.seeded = True
                break
            sketches = self._sketches(candidate)
            if candidate.origin.startswith("doctest") or opened(candidate.source) is None:
                # Documented results are judged as they stand, and so is what cannot run as a scenario.
                self._direct.append(candidate)
            own += sketches
        return own

    def _sketches(self, candidate: Candidate) -> list[Sketch]:
        """The sketch of a candidate, unless it was seen or cannot run as a scenario."""
        source = opened(candidate.source, watch=_SUBJECT)
        if source is None:
            return []
        return self._new(
            Sketch(
                id=candidate.id,
                target=candidate.target,
                source=source,
                generator=candidate.generator,
                kind=candidate.kind,
                origin=candidate.origin.removeprefix("doctest") or "example",
                model=candidate.model,
                seed=candidate.seed,
                parents=candidate.parents,
            )
        )

    def _new(self, sketch: Sketch) -> list[Sketch]:
        key = key_of(sketch.source)
        if key in self._seen:
            return []
        self._seen.add(key)
        return [sketch]

    def _variations(self, found: _Field, count: int) -> list[Sketch]:
        own: list[Sketch] = []
        if not found.pool or count <= 0:
            return own
        own_id = found.context.target.id
        outputs = [text for target, shown in self._outputs.items() if target != own_id for text in shown]
        words = words_of(found.context, [known.sketch.source for known in found.pool[-20:]], outputs, self._around)
        for _ in range(count * _TRIES):
            if len(own) >= count:
                break
            parent = self._parent(found)
            parent.varied += 1
            source = varied(parent.sketch.source, words, self._rng)
            if source is not None:
                parents = (*parent.sketch.parents, parent.sketch.id)[-3:]
                own += self._new(replace(parent.sketch, id=self._name(), source=source, parents=parents))
        return own

    def _parent(self, found: _Field) -> Known:
        """One of the pool, the seldom varied ones more often."""
        weights = [1.0 / (1 + known.varied / 8) for known in found.pool]
        return self._rng.choices(found.pool, weights)[0]

    def _name(self) -> str:
        self._calls += 1
        return f"cand-{self._seed:x}-{self._calls}"

    # ------------------------------------------------------------------ what it showed

    def _look(self, sketches: Sequence[Sketch]) -> None:
        files = sorted({found.context.target.file for found in self._fields.values()})
        mutants = self._in_turn(self._book.alive(files))
        explored, seconds = self._runner.explore([scenario_of(sketch) for sketch in sketches], files, mutants)
        self._size = max(_SMALLEST, self._size // 2) if seconds > _TOO_LONG_S else min(_LARGEST, self._size * 3 // 2)
        self._book.leave_out(explored.unapplied)
        noticed = _by_scenario(explored)
        by_id = {sketch.id: sketch for sketch in sketches}
        fresh: set[str] = set()
        for sight in explored.sights:
            sketch = by_id[sight.scenario]
            if not is_worth_stating(sight):
                self._note_arcs(sight)
                continue
            known = Known(sketch, sight, noticed.get(sketch.id, {}))
            is_new = self._note_arcs(sight)
            if is_new:
                shown = (leaf.text for leaf in sight.leaves[:1] if leaf.path == "{}" and len(leaf.text) > 3)
                self._outputs[sketch.target].extend(shown)
            if is_new or known.noticed or len(self._fields[sketch.target].pool) < 4:
                self._add(known)
            if is_new or known.noticed:
                fresh.add(sketch.target)
        for target in {sketch.target for sketch in sketches}:
            found = self._fields[target]
            found.stale = 0 if target in fresh else found.stale + 1

    def _in_turn(self, mutants: list[Mutant]) -> list[Mutant]:
        """Those that time did not suffice for the last time come first."""
        if not mutants:
            return mutants
        self._offset %= len(mutants)
        turned = mutants[self._offset :] + mutants[: self._offset]
        self._offset += len(mutants) // 2
        return turned

    def _note_arcs(self, sight: Sight) -> bool:
        """Whether a sight has arcs that no sight before had."""
        new = False
        for file, ran in sight.ran.items():
            beyond = ran.branches - self._arcs[file]
            new = new or bool(beyond)
            self._arcs[file] |= beyond
        return new

    def _add(self, known: Known) -> None:
        found = self._fields[known.sketch.target]
        found.pool.append(known)
        self._all.append(known)
        if len(found.pool) > _POOL:
            oldest = max(found.pool[:-10], key=lambda item: item.varied)
            found.pool.remove(oldest)

    # ------------------------------------------------------------------ what to propose

    def _missing(self) -> dict[str, set[object]]:
        missing: dict[str, set[object]] = {}
        for found in self._fields.values():
            target = found.context.target
            if self._ledger.knows(target.file):
                lines, branches = self._ledger.missing(target)
                missing.setdefault(target.file, set()).update(lines, branches)
            else:
                missing.setdefault(target.file, set()).update(range(target.lineno + 1, target.end_lineno + 1))
        return missing

    def _stated(self, item: Pick) -> Candidate | None:
        known = item.known
        known.tried = True
        sketch = known.sketch
        context = self._fields[sketch.target].context
        source = stated(sketch, known.sight, item.keys, context.call_name)
        if source is None:
            return None
        return Candidate(
            id=new_id("cand") if sketch.model else f"{sketch.id}-s",
            target=sketch.target,
            generator=sketch.generator,
            kind=sketch.kind,
            source=source,
            origin=sketch.origin,
            model=sketch.model,
            seed=sketch.seed,
            parents=(*sketch.parents, sketch.id),
            characterization=True,
        )


def _proposals(seeds: Generator, context: TargetContext, seed: int) -> Iterator[Candidate]:
    """First calls of one target, worked out when the first is wanted: a module may have hundreds of targets."""
    yield from seeds.propose(context, seed, _SEEDS)


def _by_scenario(explored: Explored) -> dict[str, dict[str, tuple[str, ...]]]:
    """Scenario -> mutant -> leaves that differ."""
    found: defaultdict[str, dict[str, tuple[str, ...]]] = defaultdict(dict)
    for mutant, by in explored.noticed.items():
        for scenario, keys in by.items():
            found[scenario][mutant] = keys
    return found
