"""What stands in the way is one clear line, before anything is started."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from augment.errors import AugmentError, ProjectError
from augment.records import Project
from augment.service import preflight


def test_a_port_in_use_is_named_with_the_flag_that_helps() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(AugmentError, match=rf"127.0.0.1:{port} .*--port"):
            preflight.check_port("127.0.0.1", port)
        assert preflight.free_port("127.0.0.1", port) != port
    assert preflight.free_port("127.0.0.1", port) == port


def test_a_project_that_imports_is_fine(project: Project) -> None:
    assert preflight.check_imports(project) == []


def test_where_nothing_imports_for_a_missing_module_the_way_out_is_named(project: Project, root: Path) -> None:
    (root / "shop" / "__init__.py").write_text("import surely_not_installed\n")
    with pytest.raises(ProjectError, match=r"shop does not import \(.*surely_not_installed") as error:
        preflight.check_imports(project)
    assert "--python" in str(error.value)
    assert "\n" not in str(error.value)


def test_nobody_is_told_to_install_into_augments_own_interpreter() -> None:
    assert "Augment's own" in preflight.way_to_modules(sys.executable)
    assert "install" not in preflight.way_to_modules(sys.executable)
    assert "install it there" in preflight.way_to_modules("/project/.venv/bin/python")


def test_a_syntax_error_is_told_and_stops_nothing(project: Project, root: Path) -> None:
    (root / "shop" / "__init__.py").write_text("def broken(:\n")
    (problem,) = preflight.check_imports(project)
    assert str(problem).startswith("shop does not import (SyntaxError: ")
    assert not problem.lacks_module


def test_a_package_that_lacks_a_module_does_not_stop_the_rest(project: Project, root: Path) -> None:
    (root / "release").mkdir()
    (root / "release" / "__init__.py").write_text("print('[\"noise\"]')\nimport surely_not_installed\n")
    (problem,) = preflight.check_imports(replace(project, packages=("release", "shop")))
    assert (problem.package, problem.lacks_module) == ("release", True)


def test_a_module_beside_packages_may_be_a_script_and_is_not_run(project: Project, root: Path) -> None:
    (root / "deploy.py").write_text("open('deployed', 'w').close()\nimport surely_not_installed\n")
    assert preflight.check_imports(replace(project, packages=("deploy", "shop"))) == []
    assert not (root / "deployed").exists()


def test_a_package_that_wants_its_application_set_up_first_is_no_error(project: Project, root: Path) -> None:
    (root / "shop" / "__init__.py").write_text("raise RuntimeError('configure me first')\n")
    assert preflight.check_imports(project) == []


def test_an_interpreter_that_is_not_there_is_named(project: Project) -> None:
    with pytest.raises(ProjectError, match="/no/python"):
        preflight.check_imports(replace(project, interpreter="/no/python"))


def test_a_folder_that_cannot_be_written_to_is_named(root: Path) -> None:
    (root / ".augment").write_text("in the way")
    with pytest.raises(ProjectError, match="cannot write to"):
        preflight.check_folder(root)


def test_a_full_disk_is_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "MIN_FREE_BYTES", 2**60)
    with pytest.raises(ProjectError, match="are free on the disk"):
        preflight.check_folder(root)


def test_a_running_service_is_found_and_a_dead_one_is_not(root: Path) -> None:
    preflight.check_folder(root)
    assert preflight.read_service(root) is None
    preflight.write_service(root, "http://127.0.0.1:8080", "127.0.0.1:6379", "n")
    record = preflight.read_service(root)
    assert record is not None
    assert record.pid == os.getpid()
    with pytest.raises(AugmentError, match="augment stop"):
        preflight.check_not_running(root)
    preflight.clear_service(root)
    preflight.check_not_running(root)


def test_a_record_whose_pid_now_belongs_to_another_process_counts_for_nothing(root: Path) -> None:
    preflight.check_folder(root)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        record = {
            "pid": other.pid,
            "created": psutil.Process(other.pid).create_time() - 500,
            "url": "",
            "started_at": 0,
        }
        preflight.service_file(root).write_text(json.dumps(record))
        assert preflight.read_service(root) is None
        other.kill()


@pytest.mark.parametrize("text", ["", "{", '{"pid": "x"}', "[]", '{"unknown": 1}'])
def test_a_damaged_record_counts_for_nothing(root: Path, text: str) -> None:
    preflight.check_folder(root)
    preflight.service_file(root).write_text(text)
    assert preflight.read_service(root) is None
