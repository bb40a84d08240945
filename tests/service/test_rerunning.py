"""Which tests are rerun how, and what their outcomes amount to."""

from __future__ import annotations

from dataclasses import replace

from augment.records import Attempt, Conditions, Evidence, Fault, FaultKind, Outcome
from augment.service.flakiness import Prior
from augment.service.rerunning import (
    AGAIN,
    ALONE,
    GIVEN,
    ORDER,
    RECIPES,
    REPEATED,
    SHUFFLED,
    TOGETHER,
    USUAL,
    KnownTest,
    next_rerun,
    only,
    suspects_of,
    suspicion,
    updated,
)

NAME = "t.py::t"
AS_USUAL = Conditions()
VARIED = Conditions(SHUFFLED, 7, 1, "Pacific/Kiritimati", "clean")


def attempt(outcome: Outcome, conditions: Conditions = AS_USUAL, revision: str = "rev1") -> Attempt:
    return Attempt(NAME, revision, "b", 1, "rerun", outcome, 0.1, 1.0, conditions=conditions)


def after(*attempts: Attempt, standing: tuple[str, str] = ("passed", "rev0"), before: tuple[str, ...] = ()) -> Evidence:
    evidence = Evidence(NAME)
    for one in attempts:
        evidence = updated(evidence, [one], before, USUAL, standing)
    return evidence


# --------------------------------------------------------------------------- evidence


def test_two_outcomes_on_one_revision_are_mixed_and_on_two_are_not() -> None:
    good, bad = attempt(Outcome.PASSED), attempt(Outcome.FAILED)
    assert after(good, bad).mixed
    assert not after(good, replace(bad, revision="rev2")).mixed
    assert not after(good, good).mixed


def test_the_standing_verdict_counts_on_its_own_revision_only() -> None:
    assert after(attempt(Outcome.ERROR), standing=("passed", "rev1")).mixed
    assert not after(attempt(Outcome.ERROR), standing=("passed", "rev0")).mixed
    assert after(attempt(Outcome.PASSED), standing=("failed", "rev1")).mixed
    # An outcome of unknown conditions shows that something flips; it is no attempt.
    assert after(attempt(Outcome.PASSED), standing=("failed", "rev1")).failures == 0


def test_skips_and_faults_say_nothing_but_count_as_tried() -> None:
    lost = replace(attempt(Outcome.FAULT), fault=Fault(FaultKind.TIMEOUT))
    evidence = after(attempt(Outcome.SKIPPED), lost, attempt(Outcome.PASSED))
    assert (evidence.attempts, evidence.silent, evidence.mixed) == (1, 2, False)
    assert evidence.tried == {USUAL: 3}


def test_passes_and_failures_are_counted_by_condition() -> None:
    evidence = after(attempt(Outcome.PASSED), attempt(Outcome.FAILED, VARIED), attempt(Outcome.PASSED, VARIED))
    assert evidence.tallies[USUAL] == (1, 0)
    assert evidence.tallies["time zone Pacific/Kiritimati"] == (1, 1)
    assert evidence.tallies["hash seed 1"] == (1, 1)


def test_a_flip_names_its_suspects_one_by_one_and_last_together() -> None:
    evidence = after(attempt(Outcome.PASSED), attempt(Outcome.FAILED, VARIED), before=("t.py::other",))
    assert evidence.failing == VARIED
    assert evidence.before == ("t.py::other",)
    assert evidence.suspects == (
        ORDER,
        "hash seed 1",
        "time zone Pacific/Kiritimati",
        "clean temporary folder",
        TOGETHER,
    )


def test_the_failure_is_remembered_that_came_before_the_first_pass() -> None:
    evidence = after(attempt(Outcome.FAILED, VARIED), attempt(Outcome.PASSED))
    assert evidence.failing == VARIED
    assert evidence.suspects[-1] == TOGETHER


def test_a_failure_after_a_flip_that_only_the_standing_verdict_showed_has_suspects_too() -> None:
    evidence = after(attempt(Outcome.PASSED), standing=("failed", "rev1"))
    assert evidence.mixed
    assert evidence.suspects == ()
    later = updated(evidence, [attempt(Outcome.FAILED)], ("a", "b"), USUAL, ("failed", "rev1"))
    assert later.suspects == (ORDER,)


def test_a_suspect_is_tried_with_everything_else_as_usual() -> None:
    assert only("hash seed 1", VARIED) == Conditions(order=ALONE, hash_seed=1)
    assert only(ORDER, VARIED) == Conditions(order=REPEATED)
    assert only(AGAIN, Conditions(round=1)) == Conditions(round=1)
    assert only(TOGETHER, VARIED).time_zone == "Pacific/Kiritimati"
    assert suspects_of(Conditions(), ()) == (USUAL,)


# --------------------------------------------------------------------------- planning


def known(number: int, seconds: float = 0.01, file: str = "t.py", runs: int = 50) -> KnownTest:
    return KnownTest(f"{file}::test_{number}", seconds, "passed", "rev1", runs)


def tried(nodeid: str, recipes: int, attempts: int | None = None) -> Evidence:
    names = {recipe.name: 1 for recipe in RECIPES[:recipes]}
    return Evidence(nodeid, passes=recipes if attempts is None else attempts, tried=names)


def plan(tests: list[KnownTest], evidence: list[Evidence] = [], budget_s: float = 5.0, seed: int = 1):  # noqa: B006
    return next_rerun(tests, {one.nodeid: one for one in evidence}, Prior(), budget_s, seed)


def test_the_ways_of_rerunning_take_turns() -> None:
    tests = [known(number) for number in range(3)]
    used = []
    for done in range(len(RECIPES)):
        work = plan(tests, [tried(test.nodeid, done) for test in tests])
        assert work is not None
        used.append(work.recipe.name)
    assert used == [recipe.name for recipe in RECIPES]


def test_hash_seeds_change_when_a_recipe_comes_round_again() -> None:
    (test,) = tests = [known(1)]
    again = replace(tried(test.nodeid, 0), tried={recipe.name: 1 for recipe in RECIPES})
    first, second = plan(tests), plan(tests, [again])
    assert first is not None
    assert second is not None
    assert first.recipe.name == second.recipe.name
    assert first.recipe.hash_seed != second.recipe.hash_seed


def test_new_and_suspicious_tests_go_first_and_slow_ones_last() -> None:
    plain, new = known(1), known(2, runs=1)
    slow, unsteady = known(3, seconds=2.0), replace(known(4), unsteady=True)
    assert suspicion(unsteady, Evidence("")) > suspicion(new, Evidence("")) > suspicion(plain, Evidence(""))
    assert suspicion(plain, Evidence("", was_flaky=True)) > suspicion(unsteady, Evidence(""))
    asked = [plain, new, slow, unsteady]
    seen = [replace(tried(test.nodeid, 5), tried={USUAL: 1}) for test in asked]
    work = plan(asked, seen, budget_s=0.05)
    assert work is not None
    assert work.nodeids[0].endswith("test_4")
    assert not any(nodeid.endswith("test_3") for nodeid in work.nodeids)


def test_a_shuffled_batch_takes_others_along_for_company() -> None:
    done = [known(number) for number in range(10)]
    work = plan([known(99), *done], [tried(test.nodeid, 6, attempts=100) for test in done])
    assert work is not None
    assert work.recipe.order == SHUFFLED
    assert len(work.nodeids) == 11


def test_the_budget_bounds_a_piece_of_work() -> None:
    work = plan([known(number, seconds=1.0) for number in range(20)], budget_s=3.5)
    assert work is not None
    assert len(work.nodeids) == 3


def test_in_the_given_order_whole_files_run() -> None:
    tests = [known(1), known(2), known(3, file="u.py")]
    work = plan(tests, [tried(test.nodeid, 1) for test in tests])
    assert work is not None
    assert work.recipe.order == GIVEN
    assert work.nodeids == ("t.py", "u.py")


def test_where_everything_was_tried_enough_there_is_nothing_to_do() -> None:
    tests = [known(number) for number in range(3)]
    assert plan(tests, [tried(test.nodeid, 6, attempts=60) for test in tests]) is None
    assert plan([]) is None
