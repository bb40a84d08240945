"""Interpreters that lack what the runner needs, and of other versions than Augment's own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from execution_support import batch, other_interpreter, outcomes, snapshot

from augment.errors import ProjectError
from augment.execution import LocalExecutor, ensure_overlay, find_interpreter, probe_interpreter
from augment.execution.interpreter import InterpreterInfo


@pytest.fixture(scope="module")
def bare(tmp_path_factory) -> str:
    """An environment of Augment's own version with nothing in it."""
    folder = tmp_path_factory.mktemp("bare") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return str(folder / "bin" / "python")


def fake(version: tuple[int, int, int], **tools: str | None) -> InterpreterInfo:
    found = {"pytest": None, "coverage": None, "hypothesis": None} | tools
    return InterpreterInfo("/opt/py", version, "cpython", found, "/opt", "/opt/site-packages")


def test_the_interpreter_that_runs_augment_has_everything():
    info = probe_interpreter(sys.executable)
    assert info.version == sys.version_info[:3]
    assert info.missing == ()
    assert info.tools["pytest"] == pytest.__version__
    assert ensure_overlay(info) == ""


def test_a_bare_environment_lacks_everything(bare):
    assert probe_interpreter(bare).missing == ("pytest", "coverage", "hypothesis")


def test_what_cannot_be_started_is_one_clear_line(tmp_path):
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho no good >&2; exit 3\n")
    broken.chmod(0o755)
    with pytest.raises(ProjectError, match=r"does not work \(no good\)"):
        probe_interpreter(broken)
    with pytest.raises(ProjectError, match="cannot be started"):
        probe_interpreter(tmp_path / "nowhere")


def test_an_old_interpreter_is_refused():
    with pytest.raises(ProjectError, match=r"Python 3\.8.*3\.9 or newer"):
        probe_interpreter(other_interpreter(8))


def test_the_named_interpreter_wins_then_the_projects_then_ours(tmp_path, bare):
    assert find_interpreter(tmp_path) == sys.executable
    (tmp_path / "venv/bin").mkdir(parents=True)
    (tmp_path / "venv/bin/python").symlink_to(bare)
    assert find_interpreter(tmp_path) == str(tmp_path / "venv/bin/python")
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/python").symlink_to(bare)
    assert find_interpreter(tmp_path) == str(tmp_path / ".venv/bin/python")
    assert find_interpreter(tmp_path, bare) == bare
    assert find_interpreter(tmp_path, str(Path(bare).parent.parent)) == bare
    with pytest.raises(ProjectError, match="nowhere"):
        find_interpreter(tmp_path, "nowhere-python")


def test_a_bare_environment_is_served_by_an_overlay_and_stays_bare(make_project, run, bare):
    root = make_project(
        {
            "calc.py": "def sign(x):\n    if x < 0:\n        return -1\n    return 1\n",
            "test_it.py": """
                import calc, sys
                from hypothesis import given, strategies
                @given(strategies.integers(0, 9))
                def test_property(x): assert calc.sign(x) == 1
                def test_overlay_is_last():
                    import pytest
                    assert pytest.__file__.startswith(sys.path[-1])
            """,
        }
    )
    before = snapshot(Path(bare).parent.parent)
    result = run(root, interpreter=bare)
    assert set(outcomes(result).values()) == {"passed"}, result.output
    assert result.coverage.tests["test_it.py::test_property"]["calc.py"].branches == {(2, 4)}
    assert snapshot(Path(bare).parent.parent) == before
    assert probe_interpreter(bare).missing == ("pytest", "coverage", "hypothesis")


@pytest.mark.parametrize("minor", [12, 13])
def test_another_version_of_python_is_served_by_copies(make_project, run, minor):
    python = other_interpreter(minor)
    if "pytest" not in probe_interpreter(python).missing:
        pytest.skip("it has pytest of its own")
    root = make_project(
        {
            "calc.py": "def sign(x):\n    if x < 0:\n        return -1\n    return 1\n",
            "test_it.py": f"""
                import calc, sys
                def test_one(): assert calc.sign(1) == 1 and sys.version_info[:2] == (3, {minor})
                def test_two(): assert calc.sign(-1) == 1
            """,
        }
    )
    result = run(root, interpreter=python)
    assert outcomes(result) == {"test_one": "passed", "test_two": "failed"}, result.output
    assert result.coverage.tests["test_it.py::test_one"]["calc.py"].branches == {(2, 4)}
    assert result.coverage.tests["test_it.py::test_two"]["calc.py"].branches == {(2, 3)}


def test_where_no_copy_suits_one_line_says_so_and_the_way_out(tmp_path):
    with pytest.raises(ProjectError) as told:
        ensure_overlay(fake((3, 9, 18)), tmp_path)
    assert str(told.value).startswith("pytest and coverage are not installed in /opt/py (Python 3.9): ")
    assert "augment overlay --python /opt/py" in str(told.value)


def test_what_was_downloaded_is_used(tmp_path):
    folder = tmp_path / "overlays" / "cpython39-downloaded"
    folder.mkdir(parents=True)
    assert ensure_overlay(fake((3, 9, 18)), tmp_path) == str(folder)


def test_an_interpreter_that_lacks_only_hypothesis_is_used_as_it_is(tmp_path):
    assert ensure_overlay(fake((3, 9, 18), pytest="8.0", coverage="7.0"), tmp_path) == ""


def test_an_overlay_is_made_once(tmp_path, bare):
    info = probe_interpreter(bare)
    first = ensure_overlay(info, tmp_path)
    assert (Path(first) / "pytest" / "__init__.py").exists()
    assert list(Path(first).glob("hypothesis-*.dist-info/entry_points.txt"))
    assert not list(Path(first).glob("*.pth"))
    stamp = Path(first).stat().st_mtime_ns
    assert ensure_overlay(info, tmp_path) == first
    assert Path(first).stat().st_mtime_ns == stamp


def test_an_interpreter_without_pytest_is_refused_before_anything_runs(make_project, tmp_path, monkeypatch):
    python = other_interpreter(10)
    if "pytest" not in probe_interpreter(python).missing:
        pytest.skip("it has pytest of its own")
    executor = LocalExecutor(1, cache_dir=tmp_path / "cache")
    try:
        with pytest.raises(ProjectError, match=r"not installed in .*Python 3\.10"):
            executor.run(batch(make_project({"test_it.py": ""}), interpreter=python))
    finally:
        executor.close()
