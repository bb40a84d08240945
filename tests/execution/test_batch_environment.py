"""What a test process sees of the environment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from execution_support import batch, outcomes

from augment.execution.environment import batch_environment, project_python_path
from augment.records import Lane

OUTER = {
    "PATH": "/bin",
    "LANG": "C.UTF-8",
    "HOME": "/home/ada",
    "DJANGO_SETTINGS_MODULE": "shop.settings",
    "GITHUB_TOKEN": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "DB_PASSWORD": "x",
    "OPENAI_API_KEY": "x",
    "GOOGLE_APPLICATION_CREDENTIALS": "x",
    "SSH_AUTH_SOCK": "x",
    "RAY_ADDRESS": "x",
    "AUGMENT_HOME": "x",
    "PYTHONPATH": "/srv/shop/lib:/opt/ray",
    "COVERAGE_PROCESS_START": "x",
    "AUTHOR": "ada",
    "PYTEST_ADDOPTS": "-v",
    "PYTEST_CURRENT_TEST": "x",
}


def test_trusted_tests_keep_the_users_environment_less_its_secrets(tmp_path):
    seen = batch_environment("/usr/bin/python3", tmp_path, trusted=True, outer=OUTER)
    assert seen["DJANGO_SETTINGS_MODULE"] == "shop.settings"
    assert seen["HOME"] == "/home/ada"
    assert seen["AUTHOR"] == "ada"
    assert set(OUTER) - set(seen) == {
        "GITHUB_TOKEN",
        "AWS_SECRET_ACCESS_KEY",
        "DB_PASSWORD",
        "OPENAI_API_KEY",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "SSH_AUTH_SOCK",
        "RAY_ADDRESS",
        "AUGMENT_HOME",
        "PYTHONPATH",
        "COVERAGE_PROCESS_START",
        "PYTEST_CURRENT_TEST",
    }


def test_generated_tests_get_an_allow_list_and_a_home_of_their_own(tmp_path):
    seen = batch_environment("/usr/bin/python3", tmp_path, trusted=False, outer=OUTER)
    assert seen["LANG"] == "C.UTF-8"
    assert Path(seen["HOME"]).is_relative_to(tmp_path)
    assert seen["TMPDIR"] == str(tmp_path)
    assert "DJANGO_SETTINGS_MODULE" not in seen


def test_commands_find_the_projects_interpreter_first(tmp_path):
    (tmp_path / "venv/bin").mkdir(parents=True)
    (tmp_path / "venv/pyvenv.cfg").touch()
    seen = batch_environment(str(tmp_path / "venv/bin/python"), tmp_path, trusted=True, outer=OUTER)
    assert seen["PATH"] == f"{tmp_path}/venv/bin:/bin"
    assert seen["VIRTUAL_ENV"] == str(tmp_path / "venv")


def test_only_the_projects_part_of_pythonpath_is_kept():
    assert project_python_path("/srv/shop", OUTER) == "/srv/shop/lib"
    assert project_python_path("/elsewhere", OUTER) == ""


def test_secrets_are_not_visible_to_tests(make_project, run, monkeypatch):
    monkeypatch.setenv("SOME_TOKEN", "s3cret-value")
    monkeypatch.setenv("HARMLESS", "1")
    root = make_project(
        {
            "test_it.py": """
                import os, pathlib
                def test_ok():
                    assert "s3cret-value" not in os.environ.values()
                    assert b"s3cret-value" not in pathlib.Path("/proc/self/environ").read_bytes()
            """
        }
    )
    assert outcomes(run(root, hash_seed=1)) == {"test_ok": "passed"}


@pytest.mark.parametrize(("lane", "expected"), [(Lane.FAST, 0), (Lane.WRITE, 19), (Lane.IDLE, 19)])
def test_only_verdicts_that_somebody_waits_for_keep_their_priority(tmp_path, executor, lane, expected):
    own = os.nice(0)
    (tmp_path / "test_nice.py").write_text(
        f"import os\n\n\ndef test_nice():\n    assert os.nice(0) == {max(own, expected)}\n"
    )
    assert outcomes(executor.run(batch(tmp_path, lane=lane))) == {"test_nice": "passed"}
