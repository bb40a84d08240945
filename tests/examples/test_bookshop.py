"""The example project: passes under plain pytest, needs nothing, and leaves Augment plenty to do."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BOOKSHOP = Path(__file__).parents[2] / "examples" / "bookshop"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example as it is in a clone: without tests that Augment wrote while it watched it here."""
    root = tmp_path_factory.mktemp("example") / "bookshop"
    ignored = shutil.ignore_patterns("augment", ".augment", "__pycache__", ".*_cache")
    return Path(shutil.copytree(BOOKSHOP, root, ignore=ignored))


def run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "PYTHON", "COV_"))}
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=root, env=environ, capture_output=True, text=True, check=False
    )


def test_passes_under_plain_pytest(copy: Path) -> None:
    done = run(copy, "pytest", "-q")
    assert done.returncode == 0, done.stdout
    assert "24 passed" in done.stdout


def test_the_examples_in_its_documentation_are_true(copy: Path) -> None:
    done = run(copy, "pytest", "-q", "--doctest-modules", "bookshop")
    assert done.returncode == 0, done.stdout


def test_imports_nothing_but_the_standard_library() -> None:
    allowed = sys.stdlib_module_names | {"bookshop"}
    for path in (BOOKSHOP / "bookshop").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert {name.partition(".")[0] for name in names} <= allowed, path


def test_leaves_clear_gaps_to_fill(copy: Path) -> None:
    run(copy, "coverage", "run", "--branch", "--source=bookshop", "-m", "pytest", "-q")
    run(copy, "coverage", "json", "-o", "coverage.json")
    files = json.loads((copy / "coverage.json").read_text(encoding="utf-8"))["files"]
    functions = [
        entry for file in files.values() for name, entry in file["functions"].items() if name and entry["summary"]
    ]
    open_ones = [entry for entry in functions if entry["missing_lines"] or entry["missing_branches"]]
    assert len(open_ones) >= 35
    assert len(functions) - len(open_ones) >= 10


def test_the_line_that_the_readme_asks_to_break_breaks_a_test(copy: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(copy, tmp_path / "bookshop"))
    module = root / "bookshop" / "dates.py"
    text = module.read_text(encoding="utf-8")
    assert text.count("day.weekday() >= 5") == 1
    module.write_text(text.replace("day.weekday() >= 5", "day.weekday() > 5"), encoding="utf-8")
    assert "FAILED tests/test_dates.py::test_saturday_and_sunday_are_the_weekend" in run(root, "pytest", "-q").stdout


def test_what_augment_writes_there_is_ignored_by_git_but_not_by_augment() -> None:
    written = ["tests/augment/test_x_augment.py", "TASKS.md", ".augment/augment.db"]
    done = subprocess.run(["git", "check-ignore", *written], cwd=BOOKSHOP, capture_output=True, text=True, check=False)
    assert done.stdout.split() == written
    # What a project ignores is no part of it, and so its tests would not be run.
    assert "/tests/augment/" not in (BOOKSHOP / ".gitignore").read_text().splitlines()
