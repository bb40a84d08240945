"""Control samples: drawn by revision and seed within a budget; a differing control is a miss only when it is steady."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pytest

from augment.analysis import Snapshots
from augment.records import Attempt, Decision, Lane, Outcome, Run, Snapshot, Verdict
from augment.service.controls import ControlPolicy, Controls, draw_sample, pieces_of
from augment.service.rerun_batches import Order
from augment.store import Reporter

PASSED, FAILED = Outcome.PASSED, Outcome.FAILED


class Batches:
    """Gives each test its next outcome; None where a save ended the batch."""

    def __init__(self, outcomes: Mapping[str, Sequence[Outcome]], ended: bool = False) -> None:
        self._outcomes = {name: list(given) for name, given in outcomes.items()}
        self._ended = ended
        self.orders: list[tuple[str, ...]] = []

    def run(self, order: Order, should_stop: Callable[[], bool]) -> list[Attempt] | None:
        self.orders.append(order.nodeids)
        if self._ended:
            return None
        return [
            Attempt(name, order.revision, "b", 1, order.purpose, self._outcomes[name].pop(0), 0.01, 1.0)
            for name in order.nodeids
        ]


TESTS = [f"t.py::test_{number}" for number in range(6)]
ALL_PASS = {name: [PASSED] for name in TESTS}


@pytest.fixture
def known(reporter: Reporter) -> Reporter:
    """Six tests passed on an old revision, one of them also on the newest."""
    for number, revision in enumerate(("old", "new")):
        run = Run(f"run-{number}", Lane.FAST, "saved", revision, float(number))
        reporter.run_started(run)
        names = TESTS if revision == "old" else TESTS[:1]
        reporter.verdicts(run.id, [Verdict(name, PASSED, 0.1) for name in names])
        reporter.run_finished(run.id, number + 0.5)
    reporter.decided(Decision("d", "new", "old", 1.0, "run-1", {TESTS[0]: "ran it"}))
    return reporter


def never() -> bool:
    return False


NEW = Snapshot("new", {})


def test_only_what_the_revision_did_not_run_is_drawn_and_the_seed_decides(known: Reporter) -> None:
    rows = known.tests()
    drawn = [row["nodeid"] for row in draw_sample(rows, "new", ControlPolicy(tests=3))]
    assert len(drawn) == 3
    assert TESTS[0] not in drawn
    assert drawn == [row["nodeid"] for row in draw_sample(rows, "new", ControlPolicy(tests=3))]
    others = {
        tuple(row["nodeid"] for row in draw_sample(rows, "new", ControlPolicy(3, seed=seed))) for seed in range(9)
    }
    assert len(others) > 1
    assert len(draw_sample(rows, "new", ControlPolicy(seconds=0.25))) == 2


def test_a_muted_test_is_no_control(known: Reporter) -> None:
    known.mute(TESTS[1], 1e12)
    assert TESTS[1] not in [row["nodeid"] for row in draw_sample(known.tests(), "new", ControlPolicy())]


def test_a_sample_is_cut_into_short_batches() -> None:
    rows = [{"nodeid": name, "duration_s": 1.0} for name in TESTS]
    assert [len(piece) for piece in pieces_of(rows, 3.0)] == [2, 2, 2]
    assert [len(piece) for piece in pieces_of(rows, 0.1)] == [1] * 6
    assert pieces_of([], 3.0) == []


def test_controls_that_agree_are_counted_and_their_verdicts_known(known: Reporter) -> None:
    batches = Batches(ALL_PASS)
    chore = Controls(known, batches)
    assert chore.step(NEW, never) == "5 controls run, none missed by the selection (5 passed)"
    assert chore.step(NEW, never) == ""
    summary = known.summary()["selection"]
    assert (summary["controls"], summary["misses"]) == (5, 0)
    assert {row["revision"] for row in known.tests()} == {"new"}
    newest = known.runs()[0]
    assert (newest["lane"], newest["reason"]) == ("idle", "control sample: 5 tests that no save selected of late")


def test_a_control_that_fails_twice_is_a_miss_and_known_as_failing(known: Reporter) -> None:
    batches = Batches(ALL_PASS | {TESTS[2]: [FAILED, FAILED]})
    told = Controls(known, batches).step(NEW, never)
    assert told.startswith(f"5 controls run: selection missed {TESTS[2]}")
    assert batches.orders[1:] == [(TESTS[2],)]
    summary = known.summary()
    assert [row["nodeid"] for row in summary["selection"]["recent_misses"]] == [TESTS[2]]
    assert [row["nodeid"] for row in summary["failing"]] == [TESTS[2]]
    assert summary["selection"]["rate"]["low"] > 0


def test_a_control_that_fails_once_is_not_steady_and_no_miss(known: Reporter) -> None:
    batches = Batches(ALL_PASS | {TESTS[2]: [FAILED, PASSED]})
    Controls(known, batches).step(NEW, never)
    summary = known.summary()["selection"]
    assert (summary["misses"], summary["unstable"]) == (0, 1)


def test_a_save_in_between_leaves_no_control(known: Reporter) -> None:
    chore = Controls(known, Batches({}, ended=True))
    assert chore.step(NEW, never) == ""
    assert known.summary()["selection"]["controls"] == 0


def test_nothing_is_controlled_before_anything_was_deselected(reporter: Reporter, root) -> None:
    assert Controls(reporter, Batches({})).step(Snapshots(root).take(), never) == ""
