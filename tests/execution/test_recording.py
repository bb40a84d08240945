"""What each test runs and reads: by sys.monitoring as exactly as by tracing, shared fixtures and data included."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from execution_support import other_interpreter, outcomes

from augment.execution import ensure_overlay, probe_interpreter
from augment.records import PROCESSES, FileCoverage

HERE = Path(__file__).parent
RUNNER_PARENT = HERE.parents[1] / "augment" / "execution"


@pytest.fixture(params=[None, 12, 13], ids=["own", "3.12", "3.13"])
def python(request) -> str:
    return sys.executable if request.param is None else other_interpreter(request.param)


@pytest.mark.parametrize("minor", [12, 13, 14])
def test_the_monitor_finds_the_lines_and_branches_that_tracing_finds(minor, tmp_path):
    info = probe_interpreter(other_interpreter(minor))
    overlay = ensure_overlay(info, tmp_path)
    done = subprocess.run(
        [info.path, str(HERE / "compare_cores.py"), str(RUNNER_PARENT), *filter(None, [overlay])],
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    assert found["different"] == {}
    assert found["branches"] > 40


FILES = {
    "shop/__init__.py": "",
    "shop/rates.py": """
        import json
        from pathlib import Path
        RATES = json.loads((Path(__file__).parent / "rates.json").read_text())
        def rate(name): return RATES[name]
    """,
    "shop/rates.json": '{"a": 1}',
    "shop/connect.py": """
        def connect():
            return open_it()
        def open_it():
            return "db"
    """,
    "data/case.txt": "x",
    "data/more/deep.txt": "y",
    "conftest.py": """
        import pytest
        from shop.connect import connect
        @pytest.fixture(scope="session")
        def database():
            return connect()
        @pytest.fixture(scope="module")
        def table(database):
            return open("data/case.txt").read() + database
    """,
    "test_shop.py": """
        import os, subprocess, sys
        from shop.rates import rate
        def test_rate(): assert rate("a") == 1
        def test_first(table): assert table == "xdb"
        def test_second(table): assert table == "xdb"
        def test_direct(database): pass
        def test_by_name(request): assert request.getfixturevalue("table")
        def test_lists():
            assert os.listdir("data") and [*os.walk("data/more")]
        def test_text(): assert "def rate" in open("shop/rates.py").read()
        def test_writes(tmp_path):
            with open("data/out.txt", "w") as file: file.write("x")
            os.remove("data/out.txt")
            (tmp_path / "a").write_text("b")
        def test_missing(): assert not os.path.exists("data/none") and raises("data/none")
        def test_process(): subprocess.run([sys.executable, "-c", "pass"], check=True)
        def test_fails(): assert rate("a") == 2
        def raises(path):
            try: open(path)
            except OSError: return True
    """,
}


@pytest.fixture
def report(make_project, run, python):
    result = run(make_project(FILES), interpreter=python)
    assert outcomes(result).pop("test_fails") == "failed"
    assert {*outcomes(result).values()} == {"passed", "failed"}, result.output
    return result.coverage


def test_what_tests_and_modules_read_is_recorded(report):
    reads = {name.partition("::")[2] or name: found for name, found in report.reads.items()}
    assert (
        reads
        == {
            "shop/rates.py": {"shop/rates.json"},
            "test_rate": set(),
            "test_first": {"data/case.txt"},
            "test_second": {"data/case.txt"},
            "test_direct": set(),
            "test_by_name": {"data/case.txt"},
            "test_lists": {"data/", "data/more/"},
            "test_text": {"shop/rates.py"},
            "test_writes": set(),
            "test_missing": {"data/none"},
            "test_process": {PROCESSES},
            "test_fails": set(),
        }
        | {name: found for name, found in reads.items() if name == "conftest.py"}
        or "conftest.py" not in reads
    )


def test_every_user_of_a_shared_fixture_has_part_in_what_it_ran(report):
    connect = FileCoverage(frozenset({3, 5}), frozenset())
    users = {"test_first", "test_second", "test_direct", "test_by_name"}
    assert {
        name.partition("::")[2]: part["shop/connect.py"]
        for name, part in report.tests.items()
        if "shop/connect.py" in part
    } == dict.fromkeys(users, connect)


def test_lines_of_tests_and_conftests_are_kept_apart_from_the_project(report):
    assert all(file.startswith("shop/") for part in report.tests.values() for file in part)
    assert set(report.possible) == {"shop/__init__.py", "shop/rates.py", "shop/connect.py"}
    second = report.support["test_shop.py::test_second"]
    assert second["conftest.py"].lines == {6, 9}
    assert second["test_shop.py"].lines == {6}
    assert report.support[""]["conftest.py"].lines >= {2, 3}


def test_generated_tests_are_measured_without_what_only_selection_needs(make_project, run):
    root = make_project({"calc.py": "def f(): return 1\n", "test_it.py": "import calc\ndef test_f(): calc.f()\n"})
    report = run(root, measure=("calc.py",)).coverage
    assert (report.support, report.reads) == ({}, {})
