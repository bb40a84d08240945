"""Why tests were selected, what they read, and what controls found, across a restart and from an older file."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from store_samples import run

from augment.records import PROCESSES, Control, CoverageReport, Decision, FileCoverage
from augment.store import Store


def decision(number: int, run_id: str | None = None) -> Decision:
    return Decision(
        f"decision-{number}",
        f"r{number}",
        f"r{number - 1}",
        float(number),
        run_id,
        {"tests/test_a.py::test_x[\udc80]": "ran the changed lines of f in a.py"},
        {"a.py": ("f", "")},
    )


def test_decisions_come_back_newest_first_and_once(store: Store) -> None:
    assert store.put_decision(decision(1))
    assert not store.put_decision(decision(1))
    store.put_decision(decision(2, "run-2"))
    assert store.decisions() == [decision(2, "run-2"), decision(1)]
    assert store.decisions(limit=1) == [decision(2, "run-2")]


def test_a_run_shows_the_decision_that_it_carried_out(store: Store) -> None:
    store.start_run(run(1))
    store.start_run(run(2))
    store.put_decision(decision(1, "run-1"))
    found = store.run("run-1")
    assert found is not None
    assert found["selection"]["changes"] == {"a.py": ["f", ""]}
    other = store.run("run-2")
    assert other is not None
    assert other["selection"] is None


def test_what_tests_read_and_ran_of_the_tests_is_kept_with_their_coverage(store: Store) -> None:
    line = {"conftest.py": FileCoverage(frozenset({3}), frozenset())}
    report = CoverageReport(
        tests={"t": {}, "u": {}},
        support={"t": line, "": line},
        reads={"t": frozenset({"data/a.json", "data/"}), "u": frozenset({PROCESSES}), "shop/a.py": frozenset({"x"})},
    )
    store.put_coverage("r1", report)
    assert store.known_coverage() == report
    store.put_coverage("r2", CoverageReport(tests={"t": {}}, reads={"t": frozenset()}))
    assert store.known_coverage().reads["t"] == frozenset()
    assert store.known_coverage().support["t"] == line
    store.forget_tests(["t"])
    assert set(store.known_coverage().reads) == {"u", "shop/a.py"}


def test_controls_give_a_rate_with_its_interval(store: Store) -> None:
    assert store.control_summary()["rate"] is None
    good = [Control(f"t{number}", "r1", "run-1", 1.0, "passed", "passed") for number in range(20)]
    miss = Control("m", "r1", "run-1", 2.0, "passed", "failed")
    shaky = Control("s", "r1", "run-1", 2.0, "passed", "failed", stable=False)
    store.put_controls([*good, miss, shaky])
    store.put_controls([miss])
    found = store.control_summary()
    assert (found["controls"], found["misses"], found["unstable"]) == (22, 1, 1)
    assert found["rate"]["low"] < 1 / 22 < found["rate"]["high"] < 0.25
    assert [row["nodeid"] for row in found["recent_misses"]] == ["m"]
    assert store.controls_of("m")[0]["observed"] == "failed"
    assert store.summary()["selection"] == found


def test_a_file_from_before_there_were_decisions_is_brought_up(tmp_path: Path) -> None:
    path = tmp_path / "augment.db"
    Store(path).close()
    with sqlite3.connect(path) as raw:
        for table in ("decisions", "controls", "test_inputs"):
            raw.execute(f"DROP TABLE {table}")
        for table in ("runs", "verdicts"):
            raw.execute(f"ALTER TABLE {table} DROP COLUMN muted")
        raw.execute("UPDATE schema_version SET version = 1")
    raw.close()
    store = Store(path)
    assert store.put_decision(decision(1))
    assert store.known_coverage() == CoverageReport()
    store.close()
