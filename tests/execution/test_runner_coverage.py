"""Coverage per test: exact statements and branches, the imports apart, tests themselves left out."""

from __future__ import annotations

from execution_support import outcomes

from augment.records import FileCoverage

CALC = """\
LIMIT = 3


def sign(x):
    if x < 0:
        return -1
    return (
        1
    )


def unused(x):
    while x:
        x -= 1
"""


def covered(lines, branches=()):
    return FileCoverage(frozenset(lines), frozenset(branches))


def test_statements_and_branches_of_each_test(make_project, run):
    root = make_project(
        {
            "calc.py": CALC,
            "unseen.py": "X = 1\n",
            "tests/helper.py": "Y = 1\n",
            "tests/test_calc.py": """
                import calc, helper
                def test_negative(): assert calc.sign(-1) == -1
                def test_positive(): assert calc.sign(1) == 1
                def test_neither(): pass
                def test_fails(): assert calc.sign(1) == 5
            """,
        }
    )
    report = run(root).coverage
    assert report.tests == {
        "tests/test_calc.py::test_negative": {"calc.py": covered({5, 6}, {(5, 6)})},
        "tests/test_calc.py::test_positive": {"calc.py": covered({5, 7}, {(5, 7)})},
        "tests/test_calc.py::test_neither": {},
        "tests/test_calc.py::test_fails": {"calc.py": covered({5, 7}, {(5, 7)})},
    }
    assert report.imports == {"calc.py": covered({1, 4, 12})}
    assert report.possible == {"calc.py": covered({1, 4, 5, 6, 7, 12, 13, 14}, {(5, 6), (5, 7), (13, 14), (13, -12)})}


def test_fixtures_and_late_imports_count_to_the_test_that_ran_them(make_project, run):
    root = make_project(
        {
            "calc.py": CALC,
            "test_calc.py": """
                import pytest
                @pytest.fixture
                def sign():
                    from calc import sign
                    yield sign
                    sign(-1)
                def test_late(sign): pass
            """,
        }
    )
    report = run(root).coverage
    assert report.tests == {"test_calc.py::test_late": {"calc.py": covered({1, 4, 5, 6, 12}, {(5, 6)})}}
    assert report.imports == {}


def test_measure_names_the_files_and_brings_in_those_that_were_not_imported(make_project, run):
    root = make_project(
        {
            "app/one.py": CALC,
            "app/two.py": "X = 1\n",
            "other.py": "X = 1\n",
            "test_it.py": "import app.one, other\ndef test_ok(): app.one.sign(1)\n",
        }
    )
    report = run(root, measure=("app",)).coverage
    assert set(report.possible) == {"app/one.py", "app/two.py"}
    assert report.tests == {"test_it.py::test_ok": {"app/one.py": covered({5, 7}, {(5, 7)})}}
    assert set(run(root, measure=("app/two.py",)).coverage.possible) == {"app/two.py"}


def test_a_second_batch_gives_the_same_though_shapes_are_remembered(make_project, run):
    root = make_project({"calc.py": CALC, "test_it.py": "import calc\ndef test_ok(): calc.sign(1)\n"})
    first = run(root).coverage
    assert run(root).coverage == first
    (root / "calc.py").write_text("# moved down\n" + CALC)
    moved = run(root).coverage
    assert moved.tests == {"test_it.py::test_ok": {"calc.py": covered({6, 8}, {(6, 8)})}}


def test_a_project_with_its_own_coverage_settings_is_not_disturbed(make_project, run):
    root = make_project(
        {
            "calc.py": CALC,
            ".coveragerc": "[run]\nsource = nowhere\nparallel = true\n[report]\nfail_under = 100\n",
            "setup.cfg": "[tool:pytest]\naddopts = --cov=calc --cov-fail-under=100\n",
            "conftest.py": """
                class Cov:
                    def pytest_addoption(self, parser): pass
                def pytest_addoption(parser):
                    parser.addoption("--cov", dest="cov_source", action="append", default=[])
                    parser.addoption("--cov-fail-under")
                    parser.addoption("--no-cov", dest="no_cov", action="store_true")
                def pytest_configure(config):
                    config.stash_no_cov = config.getoption("no_cov")
            """,
            "test_it.py": "import calc\ndef test_ok(): calc.sign(1)\n",
        }
    )
    result = run(root)
    assert outcomes(result) == {"test_ok": "passed"}
    assert result.coverage.tests == {"test_it.py::test_ok": {"calc.py": covered({5, 7}, {(5, 7)})}}
    assert not list(root.glob(".coverage*/*")) + list(root.glob(".coverage.*"))


def test_threads_and_generated_code_are_no_trouble(make_project, run):
    root = make_project(
        {
            "calc.py": CALC,
            "test_it.py": """
                import threading, calc
                def test_thread():
                    thread = threading.Thread(target=calc.sign, args=(1,)); thread.start(); thread.join()
                def test_generated(tmp_path, monkeypatch):
                    exec(compile("x = 1", "made_up.py", "exec"))
            """,
        }
    )
    result = run(root)
    assert set(outcomes(result).values()) == {"passed"}
    assert result.coverage.tests["test_it.py::test_thread"] == {"calc.py": covered({5, 7}, {(5, 7)})}


def test_without_coverage_nothing_is_measured(make_project, run):
    root = make_project({"calc.py": CALC, "test_it.py": "import calc, sys\ndef test_ok(): assert not sys.gettrace()\n"})
    result = run(root, coverage=False)
    assert outcomes(result) == {"test_ok": "passed"}
    assert not result.coverage.possible
