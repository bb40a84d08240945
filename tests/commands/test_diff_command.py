"""``augment diff``: the working tree against git."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

OLD = "def double(x):\n    return 2 * x\n\n\ndef half(x):\n    return x / 2\n"


def git(root: Path, *arguments: str) -> None:
    named = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    subprocess.run(["git", "-C", str(root), *named, *arguments], check=True, capture_output=True)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/__init__.py").write_text("")
    (tmp_path / "shop/pricing.py").write_text(OLD)
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\npythonpath = ['.']\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "one")
    return tmp_path


def diff(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "augment", "diff", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.needs_sandbox
def test_the_working_tree_is_compared_with_the_last_commit_or_another(root: Path) -> None:
    (root / "shop/pricing.py").write_text(OLD.replace("2 * x", "3 * x").replace("x / 2", "x / 4"))
    done = diff(str(root))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "shop.pricing:double"
    assert "  `double(2)` was 4, is 6" in lines
    assert "shop.pricing:half" in lines
    assert "calls of 2 changed targets compared in" in lines[-1]
    assert (root / "shop/pricing.py").read_text().startswith("def double(x):\n    return 3")

    git(root, "commit", "-qam", "two")
    assert diff(str(root)).stdout == "no function that was there at HEAD has changed\n"
    one = json.loads(diff(str(root), "shop.pricing:half", "--since", "HEAD~1", "--json").stdout)
    assert {change["target"] for change in one["changes"]} == {"shop.pricing:half"}
    assert {float(change["before"]) / float(change["after"]) for change in one["changes"]} == {2.0}
    assert (one["since"], one["targets"], one["problem"]) == ("HEAD~1", 1, "")


def test_what_git_does_not_know_is_one_line(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    done = diff(str(root), "--since", "gone")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"augment: --since gone: git knows no such revision in {root}.\n"
    nothing = diff(str(root / "shop/none"))
    assert (nothing.returncode, nothing.stderr.count("\n")) == (2, 1)
