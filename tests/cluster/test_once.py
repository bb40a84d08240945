"""``--once``: verdicts, one pass of generation, and pytest's exit code; on a Ray of its own, which it leaves behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from running import copy_of_example, free_port


def once(project: Path, logs: Path) -> subprocess.CompletedProcess[str]:
    """One round without a model."""
    command = [sys.executable, "-m", "augment.launch", str(project), "--once", "--no-model", "--address", "local"]
    places = ["--port", str(free_port()), "--log-dir", str(logs)]
    return subprocess.run([*command, *places], capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUGMENT_RESOURCE_THRESHOLD", "1.0")
    monkeypatch.setenv("AUGMENT_BUDGET_SECONDS_PER_MODULE", "15")


@pytest.mark.needs_sandbox
def test_a_job_ends_with_the_verdicts_and_what_one_pass_wrote(tmp_path: Path) -> None:
    project = copy_of_example(tmp_path)
    done = once(project, tmp_path / "logs")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "verdicts: 24 passed" in done.stdout
    after = done.stdout.partition("after a pass of generation: ")[2]
    assert int(after.split()[0]) >= 24
    assert list(project.glob("tests/augment/test_*_augment.py"))


def test_a_job_whose_tests_fail_ends_with_1(tmp_path: Path) -> None:
    project = copy_of_example(tmp_path)
    (project / "tests" / "test_wrong.py").write_text("def test_wrong():\n    assert False\n")
    done = once(project, tmp_path / "logs")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 failed" in done.stdout
