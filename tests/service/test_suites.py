"""Runs are cut into batches by what their tests took; batches that disturb each other are not cut again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from augment.records import Fault, FaultKind, Outcome, Verdict
from augment.seams import Batch, BatchResult
from augment.service.suites import Suites

FILES = ("test_a.py", "test_b.py", "test_c.py", "code.py")


class Kept:
    """What was remembered last."""

    def __init__(self) -> None:
        self.data: Any = None

    def keep(self, data: Any) -> None:
        self.data = data


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def suites(tmp_path: Path, kept: Kept) -> Suites:
    for file in FILES:
        (tmp_path / file).write_text("def test_x(): pass\n")
    return Suites(tmp_path, lambda: 2, lambda: kept.data, kept.keep)


def whole(*nodeids: str) -> Batch:
    return Batch("whole", "/p", "/python", nodeids)


def passed(seconds: float, *nodeids: str) -> BatchResult:
    return BatchResult("b", tuple(Verdict(nodeid, Outcome.PASSED, seconds) for nodeid in nodeids))


def test_all_tests_are_cut_by_what_they_took_the_last_time(suites, kept):
    assert suites.cut(whole(), FILES) == [whole()]
    assert not suites.learn([passed(2.0, "test_a.py::x"), passed(1.0, "test_b.py::x", "test_c.py::x")])
    batches = suites.cut(whole(), FILES)
    assert [batch.share and batch.share.names for batch in batches] == [("test_a.py",), ("test_a.py",)]
    assert len({batch.id for batch in batches}) == 2


def test_chosen_tests_of_one_file_stay_together(suites):
    chosen = [
        f"test_{name}.py::test_{number}" for name, many in (("a", 20), ("b", 15), ("c", 5)) for number in range(many)
    ]
    parts = [batch.nodeids for batch in suites.cut(whole(*chosen), FILES)]
    assert sorted(map(len, parts)) == [20, 20]
    assert sorted(nodeid for part in parts for nodeid in part) == sorted(chosen)


def test_few_or_quick_tests_are_one_batch(suites):
    assert len(suites.cut(whole("test_a.py::x", "test_b.py::x"), FILES)) == 1
    many = [f"test_{name}.py::test_{number}" for name in "ab" for number in range(30)]
    suites.learn([passed(0.001, *many)])
    assert (
        len(suites.cut(whole(*(f"test_{name}.py::test_{number}" for name in "ab" for number in range(30))), FILES)) == 1
    )


def test_few_tests_that_take_long_are_cut(suites):
    suites.learn([passed(2.0, "test_a.py::x", "test_b.py::x")])
    assert len(suites.cut(whole("test_a.py::x", "test_b.py::x"), FILES)) == 2


def test_batches_that_disturbed_each_other_are_not_cut_again(suites, kept):
    suites.learn([passed(2.0, "test_a.py::x", "test_b.py::x")])
    assert len(suites.cut(whole(), FILES)) == 2
    hung = Verdict("test_b.py::x", Outcome.FAULT, 60.0, fault=Fault(FaultKind.TIMEOUT))
    results = [passed(2.0, "test_a.py::x"), BatchResult("c", (hung,))]
    assert not suites.learn(results, [hung])
    assert suites.learn(results, [Verdict("test_b.py::x", Outcome.PASSED, 1.0)])
    assert suites.cut(whole(), FILES) == [whole()]
    suites.learn([passed(2.0, "test_a.py::x", "test_b.py::x")])
    assert suites.cut(whole(), FILES) == [whole()]


def test_a_run_that_was_cut_short_teaches_nothing(suites, kept):
    suites.learn([passed(2.0, "test_a.py::x"), BatchResult("b", fault=Fault(FaultKind.SUPERSEDED))])
    suites.learn([BatchResult("b")])
    assert kept.data is None
