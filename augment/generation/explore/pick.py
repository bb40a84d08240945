"""Which of the scenarios become tests: a greedy cover of what nothing covers and of the mutants that nothing notices.

Chvátal's heuristic for set cover (1979): take what adds most, again and again. Among equals the shorter one, as people
are to read it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from augment.exploring import OUTCOME, Sight
from augment.generation.explore.sketch import Sketch

_LONG = 600
"""Characters beyond which a test has to bring more to be worth reading."""


@dataclass(slots=True)
class Known:
    """A scenario that was run: what it showed, and the mutants that it notices, each with the leaves that differ.

    ``tried`` once it was proposed as a test; ``varied`` counts how often it was varied.
    """

    sketch: Sketch
    sight: Sight
    noticed: dict[str, tuple[str, ...]]
    tried: bool = False
    varied: int = 0


@dataclass(frozen=True, slots=True)
class Pick:
    """A scenario to be stated, the leaves that do the noticing, and the mutants that it is taken for."""

    known: Known
    keys: frozenset[str]
    mutants: frozenset[str]


def pick(
    pool: Iterable[Known], missing: Mapping[str, Collection[object]], alive: Collection[str], most: int
) -> list[Pick]:
    """At most ``most`` of the ``pool``. ``missing`` has for each file the lines and branches that nothing covers."""
    living = set(alive)
    left = {file: set(items) for file, items in missing.items()}
    waiting = [known for known in pool if not known.tried]
    picks: list[Pick] = []

    def worth(known: Known) -> tuple[float, int]:
        gained = len(living & known.noticed.keys()) + len(_gain(known.sight, left))
        return gained / (1.0 + len(known.sketch.source) / _LONG), -len(known.sketch.source)

    while waiting and len(picks) < most:
        best = max(waiting, key=worth)
        if worth(best)[0] <= 0:
            break
        waiting.remove(best)
        mutants = living & best.noticed.keys()
        picks.append(Pick(best, leaves_for({name: best.noticed[name] for name in mutants}), frozenset(mutants)))
        living -= mutants
        for file, item in _gain(best.sight, left):
            left[file].discard(item)
    return picks


def leaves_for(noticed: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """The fewest leaves, about, of which one differs for each mutant; what ends otherwise needs none."""
    open_mutants = {name: set(keys) for name, keys in noticed.items() if OUTCOME not in keys}
    chosen: set[str] = {OUTCOME} if len(open_mutants) < len(noticed) else set()
    while open_mutants:
        counts: dict[str, int] = {}
        for keys in open_mutants.values():
            for key in keys:
                counts[key] = counts.get(key, 0) + 1
        best = max(counts, key=lambda key: (counts[key], -len(key), key))
        chosen.add(best)
        open_mutants = {name: keys for name, keys in open_mutants.items() if best not in keys}
    return frozenset(chosen)


def _gain(sight: Sight, left: Mapping[str, set[object]]) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for file, ran in sight.ran.items():
        open_items = left.get(file)
        if open_items:
            found += [(file, item) for item in ran.lines if item in open_items]
            found += [(file, item) for item in ran.branches if item in open_items]
    return found
