"""``augment test``: exits like pytest and writes its reports."""

from __future__ import annotations

import json
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import typer

from augment.commands import test as command
from augment.commands.running import run_app
from augment.records import CoverageReport, FileCoverage, Lane, Outcome, Run, Verdict
from augment.store import Store


@pytest.fixture
def augment(capsys, monkeypatch):
    """Run the command line; returns exit code, standard output and standard error."""
    monkeypatch.setenv("COLUMNS", "160")
    app = typer.Typer()
    command.register(app)
    app.callback()(lambda: None)

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            run_app(app, ["test", *map(str, arguments)])
        told = capsys.readouterr()
        return ended.value.code, told.out, told.err

    return run


@pytest.fixture
def shop(tmp_path) -> Path:
    root = tmp_path / "shop"
    root.mkdir()
    (root / "price.py").write_text("def tax(x):\n    return x * 2\n")
    (root / "stock.py").write_text("def left(x):\n    return x - 1\n")
    (root / "test_price.py").write_text("import price\ndef test_tax(): assert price.tax(1) == 2\n")
    (root / "test_stock.py").write_text("import stock\ndef test_left(): assert stock.left(1) == 0\n")
    return root


def test_all_pass(augment, shop):
    code, out, _ = augment(shop)
    assert code == 0
    assert "2 passed" in out


def test_a_failure_is_shown_and_exits_with_1_and_the_reports_agree(augment, shop, tmp_path):
    (shop / "test_price.py").write_text("import price\ndef test_tax(): assert price.tax(1) == 3\n")
    code, out, _ = augment(shop, "--json", tmp_path / "out.json", "--junit", tmp_path / "out.xml")
    assert code == 1
    assert "test_price.py::test_tax (failed)" in out
    assert "1 passed, 1 failed" in out
    report = json.loads((tmp_path / "out.json").read_text())
    assert report["counts"]["failed"] == 1
    assert {item["nodeid"]: item["outcome"] for item in report["verdicts"]} == {
        "test_price.py::test_tax": "failed",
        "test_stock.py::test_left": "passed",
    }
    assert set(report["verdicts"][0]) == {"nodeid", "outcome", "duration_s", "output", "fault", "muted"}
    assert set(report) == {"run", "counts", "verdicts", "attempts", "collection_errors", "seconds"}
    suite = ET.parse(tmp_path / "out.xml").getroot().find("testsuite")
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")


def test_a_fault_exits_with_1_and_is_named(augment, shop):
    (shop / "test_price.py").write_text("import os\ndef test_tax(): os._exit(0)\n")
    code, out, _ = augment(shop)
    assert code == 1
    assert "test_price.py::test_tax (fault: crash)" in out
    assert "1 passed, 1 fault" in out
    assert "the same on each of 2 attempts" in out


def test_a_fault_that_does_not_come_back_becomes_a_verdict_and_is_told(augment, shop, tmp_path):
    (shop / "test_price.py").write_text(
        "import os, pathlib\ndef test_tax():\n    mark = pathlib.Path('seen.txt')\n"
        "    if not mark.exists():\n        mark.write_text('x')\n        os._exit(3)\n"
    )
    code, out, _ = augment(shop, "--json", tmp_path / "out.json")
    assert code == 0
    assert "test_price.py::test_tax: passed at attempt 2, after a fault" in out
    report = json.loads((tmp_path / "out.json").read_text())
    assert [(one["number"], one["outcome"]) for one in report["attempts"]] == [(1, "fault"), (2, "passed")]


def test_node_ids_choose(augment, shop):
    code, out, _ = augment(shop, "test_price.py::test_tax")
    assert code == 0
    assert "1 passed" in out


def test_a_node_id_that_does_not_exist_is_one_line_and_4(augment, shop):
    code, _, err = augment(shop, "test_price.py::test_gone")
    assert code == 4
    assert err.strip() == (
        "augment: No such test: test_price.py::test_gone; node ids are relative to the project's root."
    )


def test_no_tests_is_5_and_a_broken_file_2(augment, shop, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "code.py").write_text("x = 1\n")
    assert augment(empty)[0] == 5
    (shop / "test_price.py").write_text("import nowhere_to_be_found\n")
    code, out, _ = augment(shop)
    assert code == 2
    assert "test_price.py cannot be collected" in out
    assert "that is Augment's own, as the project has no .venv; name the project's interpreter with --python" in out


def test_a_node_id_in_a_broken_file_is_not_said_to_be_missing(augment, shop):
    (shop / "test_price.py").write_text("import nowhere_to_be_found\n")
    code, out, err = augment(shop, "test_price.py::test_anything")
    assert code != 0
    assert "nowhere_to_be_found" in out
    assert "No such test" not in err


def test_what_the_tests_took_is_kept_and_cuts_the_next_run_for_two(augment, shop):
    for number in range(2):
        (shop / f"test_slow_{number}.py").write_text("import time\ndef test_it(): time.sleep(0.6)\n")
    for _ in range(2):
        code, out, _ = augment(shop, "--all", "--jobs", 2)
        assert code == 0
        assert "4 passed" in out
    kept = json.loads((shop / ".augment/durations.json").read_text())["files"]
    assert kept["test_slow_0.py"]["seconds"] > 0.6 > kept["test_price.py"]["seconds"]
    assert (shop / ".augment/.gitignore").read_text() == "*\n"
    augment(shop, "test_price.py")
    assert json.loads((shop / ".augment/durations.json").read_text())["files"] == kept


def test_a_missing_project_is_one_line(augment, tmp_path):
    code, _, err = augment(tmp_path / "nowhere")
    assert code == 2
    assert "There is no folder" in err


def _git(root: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=ada", "-c", "user.email=ada@example.org"]
    subprocess.run(["git", "-C", str(root), *identity, *arguments], check=True, capture_output=True)


def test_changes_since_a_revision_choose_the_tests_that_ran_the_changed_files(augment, shop):
    _git(shop, "init", "-q")
    _git(shop, "add", ".")
    _git(shop, "commit", "-qm", "first")
    (shop / "price.py").write_text("# a new line above\n\ndef tax(x):\n    return x + x\n")
    code, out, _ = augment(shop, "--changed-since", "HEAD")
    assert code == 0
    assert "no coverage is recorded" in out
    assert "2 passed" in out
    _record(shop)
    code, out, _ = augment(shop, "--changed-since", "HEAD")
    assert code == 0
    assert "1 files changed since HEAD" in out or "2 files changed since HEAD" in out
    assert "1 passed" in out


def test_a_renamed_module_touches_the_tests_that_ran_it(augment, shop):
    _git(shop, "init", "-q")
    _git(shop, "add", ".")
    _git(shop, "commit", "-qm", "first")
    _record(shop)
    _git(shop, "mv", "price.py", "cost.py")
    code, out, _ = augment(shop, "--changed-since", "HEAD")
    assert code not in (0, 5)
    assert "test_price.py cannot be collected" in out


def test_an_unknown_revision_is_one_line(augment, shop):
    _git(shop, "init", "-q")
    code, _, err = augment(shop, "--changed-since", "nowhere")
    assert code == 2
    assert "--changed-since nowhere" in err


def _record(root: Path) -> None:
    (root / ".augment").mkdir(exist_ok=True)
    (root / ".augment" / ".gitignore").write_text("*\n")
    store = Store(root / ".augment" / "augment.db")
    body = FileCoverage(frozenset({2}))
    store.put_coverage(
        "r1",
        CoverageReport(
            tests={"test_price.py::test_tax": {"price.py": body}, "test_stock.py::test_left": {"stock.py": body}},
            imports={"price.py": FileCoverage(frozenset({1})), "stock.py": FileCoverage(frozenset({1}))},
        ),
    )
    store.start_run(Run("run-1", Lane.FAST, "test", "r1", 1.0))
    names = ("test_price.py::test_tax", "test_stock.py::test_left")
    store.record_verdicts("run-1", [Verdict(name, Outcome.PASSED, 0.1) for name in names])
    store.finish_run("run-1", 2.0)
    store.close()


def test_a_muted_failure_is_told_apart_and_does_not_count(augment, shop, tmp_path):
    (shop / "test_price.py").write_text("import price\ndef test_tax(): assert price.tax(1) == 3\n")
    store = Store(shop / ".augment" / "augment.db")
    store.start_run(Run("run-1", Lane.FAST, "first", "rev1", 1.0))
    store.record_verdicts("run-1", [Verdict("test_price.py::test_tax", Outcome.FAILED, 0.1)])
    store.mute("test_price.py::test_tax", 4e9, "augment")
    store.close()
    code, out, _ = augment(shop, "--json", tmp_path / "out.json", "--junit", tmp_path / "out.xml")
    assert code == 0
    assert "test_price.py::test_tax (failed, muted as flaky)" in out
    assert "1 passed, 1 failed (1 of them muted as flaky, which does not count)" in out
    report = json.loads((tmp_path / "out.json").read_text())
    assert {item["nodeid"]: item["muted"] for item in report["verdicts"]}["test_price.py::test_tax"]
    suite = ET.parse(tmp_path / "out.xml").getroot().find("testsuite")
    assert [suite.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["2", "0", "0", "1"]
    muted = suite.find("testcase[@name='test_tax']/properties/property")
    assert (muted.get("name"), muted.get("value")) == ("muted", "flaky, until 2096-10-02T07:06+00:00")
    (shop / "test_stock.py").write_text("def test_left(): assert False\n")
    assert augment(shop)[0] == 1


def test_a_database_that_cannot_be_read_costs_no_verdict(augment, shop, tmp_path):
    (shop / ".augment").mkdir(exist_ok=True)
    (shop / ".augment" / "augment.db").write_bytes(b"this is not a database" * 50)
    code, out, _ = augment(shop, "--json", tmp_path / "out.json")
    assert code == 0
    assert "which tests are muted is not known" in out
    assert json.loads((tmp_path / "out.json").read_text())["counts"]["passed"]
