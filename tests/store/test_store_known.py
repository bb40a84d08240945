"""A reader's copy of what is known is the same as what the store has, whatever has happened meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from augment.records import CoverageReport, FileCoverage, Lane, Outcome, Run, Verdict
from augment.store import ChangeLog, KnownCopy, Reporter, Store


@pytest.fixture
def reporter(tmp_path: Path) -> Reporter:
    return Reporter(Store(tmp_path / "augment.db"), tmp_path, tmp_path / "results", None)


def covers(*lines: int) -> dict[str, FileCoverage]:
    return {"a.py": FileCoverage(frozenset(lines))}


def assert_same(copy: KnownCopy, reporter: Reporter) -> None:
    copy.take(reporter.known_since(copy.mark))
    assert copy.coverage() == reporter.known_coverage()
    assert copy.outcomes() == reporter.latest_outcomes()


def test_a_copy_follows_verdicts_coverage_and_tests_that_go(reporter: Reporter) -> None:
    copy = KnownCopy()
    assert_same(copy, reporter)
    reporter.run_started(Run("run-1", Lane.FAST, "", "r", 1.0))
    reporter.verdicts("run-1", [Verdict("t.py::a", Outcome.PASSED, 0.1), Verdict("t.py::b", Outcome.FAILED, 0.1)])
    reads = {"t.py::a": frozenset({"data.json"})}
    report = CoverageReport(
        {"t.py::a": covers(1), "t.py::b": covers(2)}, covers(1), covers(1, 2, 3), {"t.py::a": covers(9)}, reads
    )
    reporter.coverage("r", report)
    assert_same(copy, reporter)
    reporter.coverage("r", CoverageReport({"t.py::a": covers(1, 3)}, covers(1, 2)))
    reporter.forget_tests(["t.py::b"])
    assert_same(copy, reporter)
    assert set(copy.outcomes()) == {"t.py::a"}


def test_only_what_changed_is_given(reporter: Reporter) -> None:
    reporter.coverage("r", CoverageReport({"t.py::a": covers(1), "t.py::b": covers(2)}))
    mark = reporter.known_since("").mark
    reporter.coverage("r", CoverageReport({"t.py::b": covers(3)}))
    changes = reporter.known_since(mark)
    assert not changes.whole
    assert set(changes.coverage.tests) == {"t.py::b"}
    assert reporter.known_since(changes.mark).names == frozenset()


def test_what_was_given_out_does_not_change_afterwards(reporter: Reporter) -> None:
    copy = KnownCopy()
    reporter.coverage("r", CoverageReport({"t.py::a": covers(1)}))
    copy.take(reporter.known_since(copy.mark))
    before = copy.coverage()
    reporter.coverage("r", CoverageReport({"t.py::a": covers(2)}))
    copy.take(reporter.known_since(copy.mark))
    assert before.tests["t.py::a"] == covers(1)


def test_a_mark_of_another_process_and_too_many_changes_mean_everything() -> None:
    log = ChangeLog()
    mark = log.since("").mark
    assert ChangeLog().since(mark).names is None
    log.note(f"t.py::{number}" for number in range(5_000))
    assert log.since(mark).names is None
