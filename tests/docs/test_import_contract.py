"""The import contract holds, and would notice if it did not."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
FOLDERS = (
    *("actors", "analysis", "cluster", "commands", "config", "dashboard"),
    *("execution", "generation", "serve", "service", "store"),
)


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    code = (
        "import sys; sys.path.insert(0, ''); from importlinter.cli import lint_imports_command; lint_imports_command()"
    )
    return subprocess.run(
        [sys.executable, "-P", "-c", code, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.fixture
def skeleton(tmp_path: Path) -> Path:
    """A package with the same folders, the real contract, and nothing in it."""
    package = tmp_path / "augment"
    for folder in (package, *(package / name for name in FOLDERS)):
        folder.mkdir()
        (folder / "__init__.py").touch()
        (folder / "inner.py").touch()
    (package / "launch.py").touch()
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    return package


def test_the_package_keeps_the_contract() -> None:
    done = lint(REPOSITORY)
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_empty_skeleton_keeps_it_too(skeleton: Path) -> None:
    done = lint(skeleton.parent)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("place", ["actors/inner.py", "serve/inner.py", "cluster/__init__.py", "launch.py"])
def test_ray_may_be_imported_where_it_belongs(skeleton: Path, place: str) -> None:
    (skeleton / place).write_text("import ray\nfrom ray import serve\n")
    done = lint(skeleton.parent)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ("service/inner.py", "import ray"),
        ("dashboard/inner.py", "from ray import serve"),
        ("commands/inner.py", "import ray.util.metrics"),
        ("analysis/inner.py", "def f():\n    import ray"),
        ("generation/inner.py", "from augment.analysis.inner import x"),
        ("service/inner.py", "from augment.store import inner"),
        ("execution/inner.py", "from augment import actors"),
        ("store/inner.py", "import augment.dashboard"),
        ("dashboard/inner.py", "import augment.store"),
    ],
)
def test_an_import_through_a_wall_is_noticed(skeleton: Path, place: str, line: str) -> None:
    (skeleton / place).write_text(line + "\n")
    done = lint(skeleton.parent)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "BROKEN" in done.stdout
