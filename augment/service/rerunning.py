"""Reruns in idle time: which tests, under what conditions, and what their outcomes add to the evidence. Pure.

No single condition shows every kind of flaky test (measured on ten planted ones: the same process three kinds, a fresh
one two, order with hash seed and time zone five, alone two, a dirty temporary folder two), so the ways of rerunning
take turns, each varying several conditions at once; what a flip was due to is isolated afterwards.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from augment.records import Attempt, Conditions, Evidence, Outcome
from augment.service.flakiness import Prior, gain, is_worth

USUAL = "as usual"
GIVEN, SHUFFLED, REPEATED, ALONE = "given", "shuffled", "repeated", "alone"
CLEAN, DIRTY = "clean", "dirty"

_BUDGET_TESTS = 300
_OVERHEAD_S = 0.02
"""What a test costs beside its own time in a batch of many."""
_PROCESS_S = 0.3
"""What a process of its own costs."""
_FEW_RUNS = 5


@dataclass(frozen=True, slots=True)
class Recipe:
    """One way of rerunning. ``repeat`` is how often in the same process. The hash seeds are few, because each needs a
    process of its own that waits warm.
    """

    name: str
    order: str = GIVEN
    hash_seed: int | None = None
    time_zone: str = ""
    temp: str = ""
    repeat: int = 1

    def conditions(self, shuffle_seed: int | None, round_: int = 0) -> Conditions:
        """What is recorded with each attempt."""
        seed = shuffle_seed if self.order == SHUFFLED else None
        return Conditions(self.order, seed, self.hash_seed, self.time_zone, self.temp, round_)


RECIPES = (
    # Ahead of all others in time, behind all others, and half an hour off with a summer time of its own.
    Recipe("varied 1", SHUFFLED, 1, "Pacific/Kiritimati", CLEAN),
    Recipe(USUAL),
    Recipe("varied 2", SHUFFLED, 2, "Pacific/Pago_Pago", DIRTY),
    Recipe("twice in one process", repeat=2),
    Recipe("varied 3", SHUFFLED, 3, "America/St_Johns", DIRTY),
    Recipe("alone", ALONE),
)
_HASH_CYCLES = 3
"""How often the varied recipes get other hash seeds before they come round again: nine seeds in all."""


@dataclass(frozen=True, slots=True)
class KnownTest:
    """What is known of a test beside its evidence. ``seconds`` is its last duration, ``outcome`` its newest and
    ``revision`` where that was; ``runs`` counts all its verdicts, ``unsteady`` that both happened on one revision.
    """

    nodeid: str
    seconds: float = 0.0
    outcome: str = ""
    revision: str = ""
    runs: int = 0
    unsteady: bool = False


@dataclass(frozen=True, slots=True)
class Rerun:
    """One short piece of work: tests (or whole files) to run once more, each alone where the recipe says so."""

    recipe: Recipe
    nodeids: tuple[str, ...]
    shuffle_seed: int


def suspicion(test: KnownTest, evidence: Evidence) -> float:
    """In flips believed beforehand: more for what was flaky or failed and passed again, some for what is new."""
    seen = test.unsteady or evidence.mixed
    return 2.0 * evidence.was_flaky + 1.0 * seen + 0.3 * (test.runs <= _FEW_RUNS)


def next_rerun(
    tests: Sequence[KnownTest], evidence: Mapping[str, Evidence], prior: Prior, budget_s: float, seed: int
) -> Rerun | None:
    """The piece of work that is expected to tell most per second; None when nothing is worth its time.

    The test that promises most decides the recipe: the one tried least on it. Others of which the same holds come
    along as far as ``budget_s`` goes, and where the order is shuffled any others too, for company.
    """
    ranked = _ranked(tests, evidence, prior)
    if not ranked:
        return None
    first = evidence.get(ranked[0].nodeid)
    recipe = _least_tried(first)
    same = [test for test in ranked if _least_tried(evidence.get(test.nodeid)) is recipe]
    if recipe.order == SHUFFLED:
        chosen = {test.nodeid for test in same}
        company = [test for test in tests if test.nodeid not in chosen]
        random.Random(seed).shuffle(company)
        same += company
    fitting = _within(same, recipe, budget_s)
    nodeids = tuple(test.nodeid for test in fitting)
    if recipe.order == GIVEN:
        nodeids = _whole_files(nodeids, tests, budget_s / recipe.repeat)
    return Rerun(_in_cycle(recipe, first), nodeids, seed)


def _ranked(tests: Sequence[KnownTest], evidence: Mapping[str, Evidence], prior: Prior) -> list[KnownTest]:
    rated = []
    for test in tests:
        known = evidence.get(test.nodeid) or Evidence(test.nodeid)
        expected, seconds = gain(known, prior, suspicion(test, known)), test.seconds + _OVERHEAD_S
        if is_worth(expected, test.seconds):
            rated.append((-expected / seconds, test.nodeid, test))
    return [test for _, _, test in sorted(rated, key=lambda entry: entry[:2])]


def _least_tried(evidence: Evidence | None) -> Recipe:
    tried = evidence.tried if evidence is not None else {}
    return min(RECIPES, key=lambda recipe: tried.get(recipe.name, 0))


def _in_cycle(recipe: Recipe, evidence: Evidence | None) -> Recipe:
    """The recipe with a hash seed that was not used on this test lately."""
    if recipe.hash_seed is None or evidence is None:
        return recipe
    cycle = evidence.tried.get(recipe.name, 0) % _HASH_CYCLES
    return replace(recipe, hash_seed=recipe.hash_seed + 3 * cycle)


def _within(tests: Sequence[KnownTest], recipe: Recipe, budget_s: float) -> list[KnownTest]:
    extra = _PROCESS_S if recipe.order == ALONE else _OVERHEAD_S
    fitting: list[KnownTest] = []
    spent = 0.0
    for test in tests[:_BUDGET_TESTS]:
        cost = test.seconds * recipe.repeat + extra
        if not fitting or spent + cost <= budget_s:
            fitting.append(test)
            spent += cost
    return fitting


def _whole_files(nodeids: Sequence[str], tests: Sequence[KnownTest], budget_s: float) -> tuple[str, ...]:
    """The files of ``nodeids`` where they fit the budget, for only a whole file runs in the order it was written in."""
    files = dict.fromkeys(nodeid.partition("::")[0] for nodeid in nodeids)
    cost = sum(test.seconds + _OVERHEAD_S for test in tests if test.nodeid.partition("::")[0] in files)
    return tuple(sorted(files)) if cost <= budget_s else tuple(nodeids)


# --------------------------------------------------------------------------- evidence


def updated(
    known: Evidence, attempts: Sequence[Attempt], before: Sequence[str], recipe: str, standing: tuple[str, str]
) -> Evidence:
    """``known`` with more attempts of its test. ``before`` ran in front of it in the same process.

    ``standing`` is the test's newest outcome and the revision of that: on the same revision it counts as seen too.
    """
    evidence = known
    for attempt in attempts:
        if attempt.outcome in (Outcome.PASSED, Outcome.FAILED, Outcome.ERROR):
            evidence = _with_one(evidence, attempt, before, standing)
        else:  # a skip or a fault says nothing of whether the verdict stands
            evidence = replace(evidence, silent=evidence.silent + 1)
    if attempts:
        evidence = replace(evidence, tried={**evidence.tried, recipe: evidence.tried.get(recipe, 0) + 1})
    return evidence


def _with_one(known: Evidence, attempt: Attempt, before: Sequence[str], standing: tuple[str, str]) -> Evidence:
    passed = attempt.outcome is Outcome.PASSED
    here = known.here if known.revision == attempt.revision else _seen(standing, attempt.revision)
    here = (here[0] + passed, here[1] + (not passed))
    tallies = dict(known.tallies)
    for words in words_of(attempt.conditions):
        passes, failures = tallies.get(words, (0, 0))
        tallies[words] = (passes + passed, failures + (not passed))
    evidence = replace(
        known,
        passes=known.passes + passed,
        failures=known.failures + (not passed),
        revision=attempt.revision,
        here=here,
        tallies=tallies,
        mixed=known.mixed or min(here) > 0,
    )
    if not passed and (known.failing is None or not known.mixed):
        evidence = replace(
            evidence, failing=attempt.conditions, failing_outcome=attempt.outcome.value, before=tuple(before)
        )
    if evidence.mixed and evidence.failing is not None and (not known.mixed or known.failing is None):
        evidence = replace(evidence, suspects=suspects_of(evidence.failing, evidence.before))
    return evidence


def _seen(standing: tuple[str, str], revision: str) -> tuple[int, int]:
    outcome, where = standing
    if where != revision:
        return 0, 0
    return int(outcome == Outcome.PASSED.value), int(outcome in (Outcome.FAILED.value, Outcome.ERROR.value))


def words_of(conditions: Conditions) -> list[str]:
    """What was varied, in words, each of which is counted apart; ``as usual`` where nothing was."""
    words = [suspect for suspect, _ in _deviations(conditions)]
    if conditions.order == ALONE:
        words.append("alone in its process")
    return words or [USUAL]


def _deviations(conditions: Conditions) -> Iterator[tuple[str, Conditions]]:
    """Each condition that differs from the usual, in words, and the conditions with this one alone."""
    if conditions.round:
        yield AGAIN, Conditions(round=1)
    if conditions.order in (SHUFFLED, REPEATED):
        yield ORDER, Conditions(order=REPEATED)
    if conditions.hash_seed is not None:
        yield f"hash seed {conditions.hash_seed}", Conditions(order=ALONE, hash_seed=conditions.hash_seed)
    if conditions.time_zone:
        yield f"time zone {conditions.time_zone}", Conditions(order=ALONE, time_zone=conditions.time_zone)
    if conditions.temp:
        yield f"{conditions.temp} temporary folder", Conditions(order=ALONE, temp=conditions.temp)


ORDER = "order of the tests"
AGAIN = "again in the same process"
TOGETHER = "several conditions together"


def suspects_of(failing: Conditions, before: Sequence[str]) -> tuple[str, ...]:
    """What may have made an attempt fail, to be tried one at a time, and last all of it together."""
    words = [words for words, _ in _deviations(failing)]
    if before and ORDER not in words:
        words.append(ORDER)
    return (*words, TOGETHER) if len(words) > 1 else tuple(words) or (USUAL,)


def only(suspect: str, failing: Conditions) -> Conditions:
    """The usual conditions, alone in a process, but for one ``suspect`` of ``failing``."""
    if suspect == TOGETHER:
        return replace(failing, order=REPEATED, shuffle_seed=None, round=0)
    return dict(_deviations(failing)).get(suspect, Conditions(order=REPEATED))
