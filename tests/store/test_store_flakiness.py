"""Attempts, evidence and mutes in the store."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from store_samples import F, P, run, verdict

from augment.records import Attempt, Conditions, Evidence, Fault, FaultKind, Outcome
from augment.store import Store, UnknownTestError

NAME = "test_a.py::test_a"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    opened = Store(tmp_path / "augment.db", wait_s=0.0, clock=clock)
    yield opened
    opened.close()


def broken(store: Store, number: int = 1, *, times: int = 1) -> None:
    for more in range(times):
        store.start_run(run(number + more))
        store.record_verdicts(f"run-{number + more}", [verdict(NAME, F, "E   boom"), verdict("test_a.py::test_b")])
        store.finish_run(f"run-{number + more}", 2000.0)


def attempt(number: int = 1, outcome: Outcome = P, batch: str = "b1", round_: int = 0) -> Attempt:
    fault = Fault(FaultKind.TIMEOUT, "slow") if outcome is Outcome.FAULT else None
    conditions = Conditions("shuffled", 3, 1, "UTC", "clean", round_)
    return Attempt(
        NAME,
        "rev1",
        batch,
        number,
        "rerun",
        outcome,
        0.5,
        9.0,
        "executor-1",
        4,
        "E   why\nt.py:1: boom",
        fault,
        conditions,
    )


def flaky_evidence() -> Evidence:
    return Evidence(
        NAME,
        passes=9,
        failures=3,
        revision="rev1",
        here=(9, 3),
        mixed=True,
        tallies={"as usual": (4, 0), "hash seed 1": (5, 3)},
        tried={"varied 1": 2},
        failing=Conditions("shuffled", 3, 1),
        failing_outcome="failed",
        before=("x", "y"),
        suspects=("hash seed 1",),
        score=0.25,
        low=0.1,
        high=0.4,
        is_flaky=True,
    )


def test_every_attempt_is_kept_once_and_comes_back_newest_first(store: Store) -> None:
    attempts = [attempt(1), attempt(2, F, round_=1), attempt(3, Outcome.FAULT, batch="b2")]
    store.add_attempts(attempts)
    store.add_attempts(attempts)
    found = store.attempts_of(NAME)
    assert [(one["number"], one["outcome"], one["batch_id"]) for one in found] == [
        (3, "fault", "b2"),
        (2, "failed", "b1"),
        (1, "passed", "b1"),
    ]
    assert found[0]["fault"] == {"kind": "timeout", "detail": "slow"}
    assert found[1]["conditions"] == {
        "order": "shuffled",
        "shuffle_seed": 3,
        "hash_seed": 1,
        "time_zone": "UTC",
        "temp": "clean",
        "round": 1,
    }
    assert (found[2]["executor"], found[2]["revision"], found[2]["purpose"]) == ("executor-1", "rev1", "rerun")
    assert found[0]["message"] == "why"
    assert store.attempts_of(NAME, limit=1) == found[:1]
    assert store.attempts_of("other") == []


def test_attempts_make_no_verdict(store: Store) -> None:
    broken(store)
    store.add_attempts([attempt(1, P)])
    assert store.latest_outcomes()[NAME] == "failed"


def test_evidence_comes_back_as_it_was(store: Store) -> None:
    broken(store)
    store.add_attempts([attempt()], [flaky_evidence()])
    assert store.evidence() == [flaky_evidence()]
    store.forget_tests([NAME])
    assert store.evidence() == []


def test_a_muted_failure_is_shown_apart_and_counts_as_muted(store: Store) -> None:
    broken(store)
    assert [test["nodeid"] for test in store.summary()["failing"]] == [NAME]
    assert store.mute(NAME, 5000.0, "augment")
    summary = store.summary()
    assert summary["failing"] == []
    assert [test["nodeid"] for test in summary["muted"]] == [NAME]
    assert summary["muted"][0]["muted_until"] == 5000.0
    assert summary["muted_broken"] == 1
    assert summary["tests"]["failed"] == 1
    store.start_run(run(2))
    recorded = store.record_verdicts("run-2", [verdict(NAME, F), verdict("test_a.py::test_b", F)])
    assert recorded.muted == {NAME}
    assert (recorded.run["counts"]["failed"], recorded.run["muted"]) == (2, 1)
    found = store.run("run-2")
    assert found is not None
    assert {one["nodeid"]: one["muted"] for one in found["verdicts"]} == {NAME: True, "test_a.py::test_b": False}


def test_a_muted_test_that_passes_is_no_muted_failure(store: Store) -> None:
    broken(store)
    store.mute(NAME, 5000.0, "user")
    store.start_run(run(2))
    assert store.record_verdicts("run-2", [verdict(NAME, F)]).run["muted"] == 1
    assert store.record_verdicts("run-2", [verdict(NAME, P)]).run["muted"] == 0
    assert store.summary()["muted"] == []


def test_a_mute_ends_by_itself(store: Store, clock: Clock) -> None:
    broken(store)
    store.mute(NAME, 5000.0, "augment")
    clock.now = 5001.0
    assert [test["nodeid"] for test in store.summary()["failing"]] == [NAME]
    assert store.flaky() == []


def test_a_change_ends_the_mute_and_the_evidence_but_not_the_memory_that_it_was_flaky(store: Store) -> None:
    broken(store)
    store.add_attempts([], [flaky_evidence()])
    store.mute(NAME, 5000.0, "user")
    assert store.content_changed(["test_other.py", "test_a.py::test_b"]) == []
    assert store.content_changed(["test_a.py"]) == [NAME]
    assert store.evidence() == [Evidence(NAME, was_flaky=True)]
    assert store.flaky() == []
    assert [test["nodeid"] for test in store.summary()["failing"]] == [NAME]


def test_the_file_of_a_test_is_not_taken_for_one_of_a_similar_name(store: Store) -> None:
    broken(store)
    store.mute(NAME, 5000.0, "user")
    assert store.content_changed(["test_%.py", "test_a", "_est_a.py"]) == []


def test_a_users_word_stands_against_augments(store: Store) -> None:
    broken(store)
    assert store.mute(NAME, 5000.0, "augment")
    assert not store.mute(NAME, 9000.0, "augment")
    assert store.unmute(NAME)
    assert not store.unmute(NAME)
    assert not store.mute(NAME, 9000.0, "augment")
    assert store.mute(NAME, 7000.0, "user")
    (row,) = store.flaky()
    assert (row["muted"], row["muted_until"], row["muted_by"]) == (True, 7000.0, "user")
    store.content_changed([NAME])
    assert store.mute(NAME, 9000.0, "augment")


@pytest.mark.parametrize("act", ["mute", "unmute"])
def test_a_test_that_never_ran_cannot_be_muted(store: Store, act: str) -> None:
    with pytest.raises(UnknownTestError, match="no test is called 'nothing'"):
        store.mute("nothing", 1.0, "user") if act == "mute" else store.unmute("nothing")


def test_the_list_has_the_worst_first_and_what_only_seems_flaky_too(store: Store) -> None:
    broken(store)
    mild = replace(flaky_evidence(), nodeid="test_a.py::test_b", score=0.01, is_flaky=False)
    store.add_attempts([], [mild, flaky_evidence()])
    rows = store.flaky()
    assert [row["nodeid"] for row in rows] == [NAME, "test_a.py::test_b"]
    assert (rows[0]["attempts"], rows[0]["outcome"], rows[0]["muted"]) == (12, "failed", False)
    assert store.summary()["flaky"] == 1
    assert [test["flaky"] for test in store.tests()] == [True, False]


def test_the_fault_that_stands_after_its_retries_says_so(store: Store) -> None:
    store.start_run(run())
    first = replace(verdict(NAME, Outcome.FAULT), fault=Fault(FaultKind.CRASH, "gone"))
    store.record_verdicts("run-1", [first])
    again = replace(first, fault=Fault(FaultKind.CRASH, "gone\nthe same on each of 2 attempts"))
    assert store.record_verdicts("run-1", [again]).fresh == (again,)
    assert store.record_verdicts("run-1", [again]).fresh == ()
    assert store.record_verdicts("run-1", [verdict(NAME)]).run["counts"]["passed"] == 1
    assert store.record_verdicts("run-1", [first]).fresh == ()


def test_a_file_from_before_is_brought_up_with_its_verdicts(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    old = Store(path)
    broken(old)
    old.close()
    with sqlite3.connect(path) as raw:
        for table in ("attempts", "attempt_batches", "flaky"):
            raw.execute(f"DROP TABLE {table}")
        for table in ("runs", "verdicts"):
            raw.execute(f"ALTER TABLE {table} DROP COLUMN muted")
        raw.execute("UPDATE schema_version SET version = 2")
    raw.close()
    store = Store(path)
    assert store.run("run-1") is not None
    assert store.mute(NAME, 1e12, "user")
    assert store.summary()["muted_broken"] == 1
    store.close()


def test_tests_that_lately_had_two_outcomes_on_one_revision_are_named(store: Store) -> None:
    broken(store)
    assert store.mixed_tests() == []
    store.start_run(replace(run(2), revision=run(1).revision))
    store.record_verdicts("run-2", [verdict(NAME, P), verdict("test_a.py::test_b", Outcome.SKIPPED)])
    store.start_run(run(3))
    store.record_verdicts("run-3", [verdict("test_a.py::test_b", F)])
    assert store.mixed_tests() == [NAME]
