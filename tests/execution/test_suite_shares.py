"""Whole suites are cut into shares of equal time; every test runs in exactly one of them."""

from __future__ import annotations

import sys

import pytest
from execution_support import outcomes

from augment.execution import SuiteHistory, share_out
from augment.execution.suite import FileHistory
from augment.records import Outcome, Verdict
from augment.seams import BatchResult, FileFacts, Share

SIZES = {"a.py": 100, "b.py": 100, "c.py": 100}


def history(**seconds: float) -> SuiteHistory:
    return SuiteHistory({f"{name}.py": FileHistory(taken, tests=1) for name, taken in seconds.items()})


def result(*verdicts: tuple[str, float], tie: str = "test") -> BatchResult:
    files = {nodeid.partition("::")[0]: FileFacts(tie, 0.5) for nodeid, _ in verdicts}
    return BatchResult(
        "b", tuple(Verdict(nodeid, Outcome.PASSED, seconds) for nodeid, seconds in verdicts), files=files
    )


def test_shares_take_about_as_long_as_each_other_and_one_has_the_rest():
    assert share_out(history(a=3, b=2, c=1), SIZES, 2) == [Share(("a.py",)), Share(("a.py",), rest=True)]


def test_what_is_over_soon_is_not_cut():
    assert share_out(history(a=0.1, b=0.1, c=0.1), SIZES, 2) == [None]
    assert share_out(history(a=3, b=2, c=1), SIZES, 1) == [None]


def test_a_file_that_was_never_run_is_reckoned_by_its_size():
    shares = share_out(history(a=1, b=1), SIZES | {"new.py": 300}, 2)
    assert shares == [Share(("new.py",)), Share(("new.py",), rest=True)]
    assert len(share_out(SuiteHistory(), {"a.py": 100_000, "b.py": 100_000}, 2)) == 2


def test_what_is_gone_or_never_collected_counts_for_nothing():
    learned = SuiteHistory.of([result(("a.py::x", 1.0), ("b.py::x", 1.0))], ["a.py", "b.py", "examples.py"])
    assert share_out(learned, {"a.py": 9, "b.py": 9, "examples.py": 10**6}, 2) == [
        Share(("a.py",)),
        Share(("a.py",), rest=True),
    ]
    assert share_out(learned, {"a.py": 9}, 2) == [None]


def test_a_dominating_file_is_cut_where_nothing_ties_its_tests():
    tests = [(f"big.py::test_{number}[{case}]", 0.5) for number in range(4) for case in "xy"]
    learned = SuiteHistory.of([result(*tests, ("small.py::x", 0.1))])
    few, rest = share_out(learned, {"big.py": 1, "small.py": 1}, 2)
    assert few == Share(("big.py::test_0", "big.py::test_1"))
    assert rest == Share(few.names, rest=True)


def test_a_class_with_a_fixture_of_its_own_is_not_cut():
    tests = [(f"big.py::{name}::test_{number}", 0.5) for name in ("A", "B") for number in range(4)]
    shares = share_out(SuiteHistory.of([result(*tests, tie="class")]), {"big.py": 1}, 2)
    assert shares == [Share(("big.py::A",)), Share(("big.py::A",), rest=True)]


def test_a_module_with_a_fixture_of_its_own_is_not_cut():
    learned = SuiteHistory.of([result(*((f"big.py::test_{number}", 0.5) for number in range(8)), tie="file")])
    assert share_out(learned, {"big.py": 1}, 2) == [None]


def test_what_was_learned_survives_as_json_and_rubbish_is_nothing():
    learned = SuiteHistory.of([result(("a.py::x", 1.0), ("a.py::y", 1.0))], ["b.py"])
    assert SuiteHistory.from_json(learned.to_json()) == learned
    assert (learned.tests, learned.seconds_of("a.py"), learned.seconds_of("b.py::x")) == (2, 2.502, None)
    for rubbish in (None, [], {"files": 3}, {"files": {"a.py": {"seconds": "x"}}}):
        assert SuiteHistory.from_json(rubbish) == SuiteHistory()


@pytest.fixture
def suite(make_project):
    return make_project(
        {
            "pytest.ini": "[pytest]\npython_files = test_*.py check.py\naddopts = --doctest-modules\n",
            "conftest.py": "def pytest_ignore_collect(collection_path): return collection_path.name == 'test_no.py'\n",
            "test_no.py": "def test_no(): pass\n",
            "lib/__init__.py": "",
            "lib/code.py": '"""\n>>> 1 + 1\n2\n"""\n',
            "test_big.py": """
                import pytest, sys
                sys.modules.setdefault("_seen", []).append(__name__)
                @pytest.mark.parametrize("x", ["a::b", "[c]"])
                def test_first(x): pass
                class TestMore:
                    def test_second(self): pass
                def test_third(): assert 0
            """,
            "test_other.py": """
                import pytest, sys
                sys.modules.setdefault("_seen", []).append(__name__)
                @pytest.fixture(scope="module")
                def base(): pass
                def test_it(base): assert "test_big" not in sys.modules["_seen"]
            """,
            "sub/check.py": """
                class TestNew:
                    @classmethod
                    def setup_class(cls): pass
                    def test_new(self): pass
            """,
        }
    )


def test_each_test_runs_once_and_files_of_others_are_not_imported(suite, run, monkeypatch):
    whole = run(suite, coverage=False)
    names = ("test_big.py::test_first", "test_big.py::TestMore")
    rest = run(suite, coverage=False, share=Share((*names, "test_other.py"), rest=True))
    few = run(suite, coverage=False, share=Share(names))
    other = run(suite, coverage=False, share=Share(("test_other.py",)))
    found = [verdict for part in (rest, few, other) for verdict in part.verdicts]
    assert sorted(verdict.nodeid for verdict in found) == sorted(verdict.nodeid for verdict in whole.verdicts)
    assert len(whole.verdicts) == 7
    assert outcomes(other) == {"test_it": "passed"}, other.output
    assert set(outcomes(rest)) == {"lib.code", "TestNew::test_new", "test_third"}


def test_what_ties_the_tests_of_a_file_is_told(suite, run):
    ties = {file: facts.tie for file, facts in run(suite, coverage=False).files.items()}
    assert ties == {"lib/code.py": "test", "sub/check.py": "class", "test_big.py": "test", "test_other.py": "file"}


def test_an_empty_share_is_no_error(suite, run):
    assert run(suite, coverage=False, interpreter=sys.executable, share=Share(("nowhere.py",))).exit_code == 5
