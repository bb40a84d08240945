"""The scripts: valid shell, help without doing anything, and one clear line for what is wrong."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
SCRIPTS = sorted([*REPOSITORY.glob("scripts/*.sh"), REPOSITORY / ".ci" / "run"])


def shell(*command: str | Path, cwd: Path | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, **environ},
    )


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A fresh clone as far as the scripts go: without .venv."""
    root = tmp_path / "clone"
    shutil.copytree(REPOSITORY / "scripts", root / "scripts")
    shutil.copytree(REPOSITORY / ".ci", root / ".ci")
    (root / "examples" / "bookshop").mkdir(parents=True)
    (root / "pyproject.toml").touch()
    return root


def only_line(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line for line in done.stderr.splitlines() if "error:" in line]
    assert len(lines) == 1, done.stderr
    return lines[0]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_is_valid_shell(script: Path) -> None:
    assert shell("bash", "-n", script).returncode == 0


@pytest.mark.parametrize("name", ["run_background_tests.sh", "test.sh", "setup_huggingface_models.sh"])
def test_help_says_how_it_is_used_and_sets_up_nothing(clone: Path, name: str) -> None:
    done = shell(clone / "scripts" / name, "--help")
    assert done.returncode == 0
    assert "usage" in done.stdout.lower()
    assert not (clone / ".venv").exists()


def test_a_missing_project_is_one_line_and_sets_up_nothing(clone: Path) -> None:
    done = shell(clone / "scripts" / "run_background_tests.sh", "nowhere", cwd=clone)
    assert done.returncode == 2
    assert "nowhere" in only_line(done)
    assert not (clone / ".venv").exists()


def test_a_project_is_found_from_where_the_user_stands(clone: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    done = shell(clone / "scripts" / "run_background_tests.sh", "mine", "--no-model", cwd=tmp_path, PYTHON="no-python")
    assert "no interpreter 'no-python'" in only_line(done)


def test_a_flag_without_its_value_is_one_line(clone: Path) -> None:
    done = shell(clone / "scripts" / "run_background_tests.sh", "--model-name")
    assert done.returncode == 2
    assert "--model-name needs a value" in only_line(done)


def test_an_interpreter_that_is_not_there_is_one_line(clone: Path) -> None:
    done = shell(clone / "scripts" / "run_background_tests.sh", "--no-model", PYTHON="no-python")
    assert done.returncode == 2
    assert "install Python 3.11" in only_line(done)


def test_an_interpreter_that_is_too_old_is_one_line(clone: Path, tmp_path: Path) -> None:
    old = tmp_path / "python3"
    # Answers like Python 3.9: prints its version, and fails the comparison.
    old.write_text('#!/bin/sh\ncase "$2" in *print*) echo 3.9 ;; *) exit 1 ;; esac\n')
    old.chmod(0o755)
    done = shell(clone / "scripts" / "test.sh", PYTHON=str(old))
    assert done.returncode == 2
    assert "is Python 3.9, Augment needs 3.11" in only_line(done)
    assert not (clone / ".venv").exists()


def test_ci_runs_the_command_that_people_run(clone: Path) -> None:
    (clone / "scripts" / "test.sh").write_text('#!/bin/sh\necho "test.sh $*"\nexit 5\n')
    done = shell(clone / ".ci" / "run", "-x", cwd=clone.parent)
    assert done.stdout == "test.sh -x\n"
    assert done.returncode == 5


PYTHON = f"""
case "$*" in
  *hashlib*) echo stamp ;;
  *scripts/total.py*) exec "{sys.executable}" "$@" ;;
  *pytest*)
    for word; do case "$word" in --junitxml=*)
      echo '<testsuites><testsuite tests="4" failures="1" errors="0" skipped="0"/></testsuites>' > "${{word#*=}}" ;;
    esac; done
    echo "1 passed in 0.01s" ;;
esac
"""
"""Stands for the interpreter: says that one test passed, and reports four, of which one failed."""


class FakeTools:
    """A clone whose .venv holds stand-ins that only say their names, to see what the scripts do with them."""

    def __init__(self, clone: Path) -> None:
        self.clone = clone
        self.bin = clone / ".venv" / "bin"
        self.bin.mkdir(parents=True)
        for name in ("ruff", "mypy", "lint-imports"):
            self.tool(name)
        self.tool("python", PYTHON)
        for stamp in (".augment-installed", ".augment-installed-dev"):
            (clone / ".venv" / stamp).write_text("stamp\n")
        self.script("setup_huggingface_models.sh", 'echo "setup $*" >&2')
        self.tool("chromium", folder=clone / "bin")
        self.tool("ip", folder=clone / "bin")

    def tool(self, name: str, body: str = "exit 0", folder: Path | None = None) -> None:
        path = (folder or self.bin) / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def script(self, name: str, body: str) -> None:
        self.tool(name, body, self.clone / "scripts")

    def run(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        path = f"{self.clone / 'bin'}:{os.environ['PATH']}"
        return shell(self.clone / "scripts" / name, *arguments, PATH=path)


@pytest.fixture
def tools(clone: Path) -> FakeTools:
    return FakeTools(clone)


def test_the_last_line_counts_the_tests_of_all_runs(tools: FakeTools) -> None:
    done = tools.run("test.sh")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "total: 9 passed, 3 failed, 0 skipped"


def test_some_tests_are_one_run_and_the_last_line_is_pytest_s(tools: FakeTools) -> None:
    done = tools.run("test.sh", "tests/config", "-k", "origin")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "1 passed in 0.01s"


@pytest.mark.parametrize("tool", ["ruff", "mypy", "lint-imports"])
def test_a_check_that_fails_fails_the_whole_and_is_named_before_the_tests(tools: FakeTools, tool: str) -> None:
    tools.tool(tool, "exit 1")
    done = tools.run("test.sh")
    assert done.returncode == 1
    assert "FAILED before the tests" in done.stderr
    assert "1 passed in 0.01s" in done.stdout


@pytest.mark.parametrize("status", [1, 2, 5])
def test_whatever_pytest_answers_is_the_answer(tools: FakeTools, status: int) -> None:
    tools.tool("python", f'case "$*" in *hashlib*) echo stamp ;; *pytest*) exit {status} ;; esac')
    assert tools.run("test.sh").returncode == status


def test_a_set_up_that_fails_stops_everything(tools: FakeTools) -> None:
    tools.script("setup_huggingface_models.sh", "exit 3")
    done = tools.run("test.sh")
    assert done.returncode == 3
    assert "passed" not in done.stdout


def test_launch_gets_the_example_the_configuration_and_the_flags(tools: FakeTools) -> None:
    tools.tool("python", 'case "$*" in *hashlib*) echo stamp ;; *launch*) echo "$@" ;; esac')
    done = tools.run("run_background_tests.sh", "--port", "9000", "--model-name", "acme/tiny")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [
        *("-m", "augment.launch", "examples/bookshop", "--config-dir", str(tools.clone / "config")),
        *("--port", "9000", "--model-name", "acme/tiny"),
    ]
    assert "setup --model acme/tiny" in done.stderr


def test_without_a_model_none_is_set_up(tools: FakeTools) -> None:
    done = tools.run("run_background_tests.sh", "--no-model")
    assert done.returncode == 0
    assert "setup" not in done.stderr


MAKES_ENVIRONMENTS = """case "$*" in
  *hashlib*) echo stamp ;;
  *"-m venv"*)
    mkdir -p .venv-engines/bin
    echo "exit $PIP" > .venv-engines/bin/python
    chmod +x .venv-engines/bin/python ;;
  *pytest*) echo "1 passed in 0.01s" ;;
esac"""


def test_the_packages_of_heavy_engines_are_installed_once_into_an_environment_of_their_own(
    tools: FakeTools, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools.tool("python", MAKES_ENVIRONMENTS)
    monkeypatch.setenv("PIP", "0")
    assert "installing vLLM" in tools.run("test.sh").stderr
    assert "installing vLLM" not in tools.run("test.sh", "tests/engines").stderr


def test_where_they_cannot_be_installed_it_is_said_and_the_rest_is_tested(
    tools: FakeTools, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools.tool("python", MAKES_ENVIRONMENTS)
    monkeypatch.setenv("PIP", "1")
    done = tools.run("test.sh")
    assert done.returncode == 0
    assert "tests of vLLM and transformers will be skipped" in done.stderr
    assert "installing vLLM" in tools.run("test.sh").stderr


def test_tests_of_other_folders_do_not_wait_for_them(tools: FakeTools) -> None:
    assert "installing vLLM" not in tools.run("test.sh", "tests/config", "-k", "origin").stderr
