"""Runs and verdicts: what is counted, what the newest word on a test is, and what survives a repeated delivery."""

from __future__ import annotations

import pytest
from store_samples import E, F, P, S, X, fault, run, verdict

from augment.store import Store, UnknownRunError


def counts(store: Store, run_id: str = "run-1") -> dict[str, int]:
    found = store.run(run_id)
    assert found is not None
    return {name: count for name, count in found["counts"].items() if count}


def test_a_run_counts_each_outcome(store: Store) -> None:
    store.start_run(run())
    outcomes = {"a": P, "b": P, "c": F, "d": E, "e": S, "f": X}
    store.record_verdicts("run-1", [verdict(name, outcome) for name, outcome in outcomes.items()])
    store.record_verdicts("run-1", [fault("g")])
    assert counts(store) == {"passed": 2, "failed": 1, "error": 1, "skipped": 1, "xfailed": 1, "fault": 1}


def test_everything_delivered_twice_counts_once(store: Store) -> None:
    for _ in range(2):
        store.start_run(run())
        recorded = store.record_verdicts("run-1", [verdict("a"), verdict("b", F, "boom"), fault("c")])
        store.finish_run("run-1", 1002.0)
    assert recorded.fresh == ()
    assert counts(store) == {"passed": 1, "failed": 1, "fault": 1}
    assert [known["counts"]["failed"] for known in store.tests()] == [0, 1, 0]
    assert len(store.runs()) == 1


def test_a_retried_fault_gives_way_to_the_verdict_but_never_the_other_way(store: Store) -> None:
    store.start_run(run())
    store.record_verdicts("run-1", [fault("a")])
    store.record_verdicts("run-1", [verdict("a", F, "boom")])
    store.record_verdicts("run-1", [fault("a")])
    assert counts(store) == {"failed": 1}
    (test,) = store.tests()
    assert (test["outcome"], test["counts"]["fault"], test["fault"]) == ("failed", 0, None)


def test_a_fault_does_not_hide_that_a_test_was_failing(store: Store) -> None:
    for number, found in ((1, verdict("a", F)), (2, fault("a"))):
        store.start_run(run(number))
        store.record_verdicts(f"run-{number}", [found])
    (test,) = store.tests()
    assert test["outcome"] == "failed"
    assert test["fault"] == {"kind": "timeout", "detail": "killed after 60 s"}
    assert test["run_id"] == "run-1"


def test_a_late_verdict_of_an_older_run_does_not_become_the_newest(store: Store) -> None:
    store.start_run(run(1))
    store.start_run(run(2))
    store.record_verdicts("run-2", [verdict("a", P)])
    store.record_verdicts("run-1", [verdict("a", F)])
    assert store.latest_outcomes() == {"a": "passed"}
    assert [entry["outcome"] for entry in store.history("a")] == ["passed", "failed"]


def test_verdicts_need_a_run(store: Store) -> None:
    with pytest.raises(UnknownRunError, match="run-9"):
        store.record_verdicts("run-9", [verdict()])
    with pytest.raises(UnknownRunError, match="run-9"):
        store.finish_run("run-9", 1.0)
    assert store.tests() == []


def test_runs_are_paged_newest_first(store: Store) -> None:
    for number in range(1, 8):
        store.start_run(run(number))
    first = store.runs(limit=3)
    second = store.runs(limit=3, after=first[-1]["id"])
    assert [entry["id"] for entry in first + second] == [f"run-{number}" for number in (7, 6, 5, 4, 3, 2)]
    with pytest.raises(UnknownRunError):
        store.runs(after="run-99")


def test_a_run_keeps_the_whole_output_of_its_tests(store: Store) -> None:
    output = "line\n" * 10_000 + "\x00 \x1b[31mred\x1b[0m \ud800 end"
    store.start_run(run())
    store.record_verdicts("run-1", [verdict("a", F, output)])
    found = store.run("run-1")
    assert found is not None
    assert found["verdicts"][0]["output"] == output.replace("\ud800", "?")
    assert store.run("run-9") is None


def test_the_essence_of_a_failure_is_kept_with_the_test(store: Store) -> None:
    store.start_run(run())
    store.record_verdicts("run-1", [verdict("a", F, "> assert 1 == 2\nE   assert 1 == 2\n\nt.py:3: AssertionError")])
    assert store.summary()["failing"][0]["message"] == "assert 1 == 2"


def test_forgotten_tests_leave_the_list_and_keep_their_history(store: Store) -> None:
    store.start_run(run())
    store.record_verdicts("run-1", [verdict("a", F), verdict("b")])
    store.forget_tests(["a", "never seen"])
    assert store.latest_outcomes() == {"b": "passed"}
    assert store.summary()["tests"]["failed"] == 0
    assert len(store.history("a")) == 1
    store.start_run(run(2))
    store.record_verdicts("run-2", [verdict("a")])
    assert store.latest_outcomes() == {"a": "passed", "b": "passed"}


def test_old_outputs_are_pruned_except_those_behind_the_newest_word(tmp_path) -> None:
    store = Store(tmp_path / "s.db", keep_output_runs=2)
    for number in range(1, 7):
        store.start_run(run(number))
        store.record_verdicts(f"run-{number}", [verdict("a", F, f"output {number}")])
    store.record_verdicts("run-1", [verdict("only here", F, "still the newest")])
    assert store.prune() == 4
    outputs = [store.run(f"run-{number}")["verdicts"][0]["output"] for number in range(1, 7)]
    assert outputs == ["", "", "", "", "output 5", "output 6"]
    assert store.run("run-1")["verdicts"][1]["output"] == "still the newest"
    assert store.run("run-1")["counts"]["failed"] == 2
    store.close()


def test_names_that_utf8_cannot_hold_are_kept_escaped(store: Store) -> None:
    store.start_run(run())
    store.record_verdicts("run-1", [verdict("t.py::a[\udc80]")])
    store.record_verdicts("run-1", [verdict("t.py::a[\udc80]")])
    assert store.latest_outcomes() == {"t.py::a[\\udc80]": "passed"}
    store.forget_tests(["t.py::a[\udc80]"])
    assert store.latest_outcomes() == {}
