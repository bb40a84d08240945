"""``augment why``: from the store, or from the service that owns it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from augment.commands.why import told
from augment.records import Control, CoverageReport, Decision, FileCoverage, Lane, Outcome, Run, Verdict
from augment.store import Reporter, Store

TEST = "tests/test_a.py::test_double[1]"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "a.py").write_text("def double(x):\n    return 2 * x\n")
    folder = tmp_path / ".augment"
    folder.mkdir()
    reporter = Reporter(Store(folder / "augment.db"), tmp_path, folder / "results", None)
    reporter.run_started(Run("run-1", Lane.FAST, "saved a.py", "r2", 1.0))
    reporter.verdicts("run-1", [Verdict(TEST, Outcome.PASSED, 0.1)])
    line = {"a.py": FileCoverage(frozenset({2}))}
    reporter.coverage("r2", CoverageReport({TEST: line}, support={TEST: {}}, reads={TEST: frozenset({"data/x.json"})}))
    reporter.decided(Decision("d1", "r2", "r1", 1.0, "run-1", {TEST: "ran the changed lines of double in a.py"}))
    reporter.decided(Decision("d2", "r3", "r2", 2.0, None, {}, {"b.py": ("f",)}))
    reporter.controlled([Control(TEST, "r3", "run-2", 3.0, "passed", "failed")])
    reporter.close()
    return tmp_path


def why(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "augment", "why", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_each_save_is_explained_and_what_would_select_the_test(root: Path) -> None:
    done = why(TEST, str(root))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[1].startswith("  last ran: passed on revision r2")
    assert "  r3  skipped  runs nothing of b.py and does not import what changed in it" in lines
    assert "  r2  run      ran the changed lines of double in a.py" in lines
    assert "  a.py: double" in lines
    assert "  data it reads: data/x.json" in lines
    assert any("passed before, failed then: a miss" in line for line in lines)
    assert any("1 misses in 1 controls" in line for line in lines)
    as_data = json.loads(why(TEST, str(root), "--json").stdout)
    assert [decision["selected"] for decision in as_data["decisions"]] == [False, True]


def test_an_unknown_test_is_one_line_with_near_names(root: Path) -> None:
    done = why("tests/test_a.py::test_doble[1]", str(root))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"augment: no test is called 'tests/test_a.py::test_doble[1]'; near: {TEST}\n"


def test_a_project_that_was_never_watched_says_how_to_start(tmp_path: Path) -> None:
    done = why("t.py::test_a", str(tmp_path))
    assert done.returncode == 2
    assert "Augment has never run on" in done.stderr
    assert why("t.py::test_a", str(tmp_path / "none")).returncode == 2


def test_a_test_that_is_not_recorded_yet_runs_at_every_save() -> None:
    found = {
        "nodeid": "t", "known": True, "last": None, "recorded": False, "decisions": [], "runs": {}, "support": {},
        "reads": [], "starts_processes": False, "controls": [], "selection": {"rate": None},
    }  # fmt: skip
    assert told(found, 0.0)[1:] == [
        "  last ran: never",
        "at the last saves, the newest first:",
        "  no save was decided yet",
        "it would be run at every save: what it runs is not recorded yet",
    ]
