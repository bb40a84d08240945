"""``augment doctor``: what is well is said to be, what is broken is named with a way to mend it."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import sqlite3
import stat
import struct
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from augment import wiring
from augment.commands import doctor_checks
from augment.commands.doctor import register
from augment.commands.doctor_checks import Check, Status, Subject, has_wal_reset_bug
from augment.commands.doctor_project import check_project
from augment.config import load_settings
from augment.errors import ProjectError
from augment.execution import Sandbox, SandboxMode, Tier
from augment.serve import Hardware, find_model
from augment.serve.extras import missing_modules


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    register(app)
    return app


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that has nothing wrong, on a machine that has nothing of ours: no cache, no configuration."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "project"
    (root / "shop").mkdir(parents=True)
    (root / "shop" / "__init__.py").write_text("PRICE = 3\n")
    return root


def subject(root: Path, **flags: object) -> Subject:
    return Subject(root, load_settings(flags, root).settings)


def one(checks: Iterator[Check], name: str) -> Check:
    return next(check for check in checks if check.name == name)


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


# ------------------------------------------------------------------ the command


def test_a_good_project_without_a_model_passes(
    app: typer.Typer, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUGMENT_MODEL_ENABLED", "false")
    monkeypatch.setenv("AUGMENT_PORT", str(_free_port()))
    result = CliRunner().invoke(app, [str(project), "--python", sys.executable])
    assert result.exit_code == 0, result.output
    assert "FAIL" not in result.output


def test_what_is_missing_fails_and_says_how_to_mend_it(app: typer.Typer, project: Path) -> None:
    result = CliRunner().invoke(app, [str(project)])
    assert result.exit_code == 1
    assert "FAIL  model" in result.output
    assert "augment models fetch" in result.output


def test_json_holds_every_check(app: typer.Typer, project: Path) -> None:
    answer = json.loads(CliRunner().invoke(app, [str(project), "--json"]).output)
    assert answer["ok"] is False
    names = [check["name"] for check in answer["checks"]]
    assert {"settings", "interpreter", "ray", "model", "dashboard port", "sandbox", "sqlite", "disk", "project"} <= {
        *names
    }
    assert all(check["mend"] for check in answer["checks"] if check["status"] != "OK")


def test_a_wrong_setting_is_one_line_and_the_rest_is_still_examined(app: typer.Typer, project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.augment]\ntemperature = 9\n")
    result = CliRunner().invoke(app, [str(project)])
    assert result.exit_code == 1
    assert "generator.temperature" in result.output
    assert "imports" in result.output


def test_a_missing_project_is_an_error(app: typer.Typer, tmp_path: Path) -> None:
    assert isinstance(CliRunner().invoke(app, [str(tmp_path / "gone")]).exception, ProjectError)


def test_doctor_leaves_the_project_as_it_was(app: typer.Typer, project: Path) -> None:
    before = sorted(path.relative_to(project) for path in project.rglob("*"))
    CliRunner().invoke(app, [str(project)])
    assert sorted(path.relative_to(project) for path in project.rglob("*")) == before


# ------------------------------------------------------------------ single checks


def test_a_port_that_is_taken_fails(project: Path, busy_port: int) -> None:
    check = one(doctor_checks.check_ports(subject(project, port=busy_port)), "dashboard port")
    assert check.status is Status.FAIL
    assert str(busy_port) in check.detail
    assert "--port" in check.mend


def test_an_endpoint_port_that_is_taken_is_only_a_warning(project: Path, busy_port: int) -> None:
    flags = {"model.endpoint_port": busy_port, "port": _free_port()}
    assert one(doctor_checks.check_ports(subject(project, **flags)), "endpoint port").status is Status.WARN


def test_a_dead_ray_address_fails(project: Path) -> None:
    check = one(doctor_checks.check_ray(subject(project, address=f"127.0.0.1:{_free_port()}")), "ray cluster")
    assert check.status is Status.FAIL
    assert "--address" in check.mend


def test_a_ray_address_that_answers_is_well(project: Path, busy_port: int) -> None:
    check = one(doctor_checks.check_ray(subject(project, address=f"127.0.0.1:{busy_port}")), "ray cluster")
    assert check.status is Status.OK


def test_an_interpreter_without_the_engine_fails_with_the_command_that_installs_it(
    project: Path, tmp_path: Path
) -> None:
    venv.create(tmp_path / "empty", with_pip=False)
    python = tmp_path / "empty" / "bin" / "python"
    flags = {"model.engine_python": str(python)}
    check = one(doctor_checks.check_engine_python(subject(project, **flags)), "engine python")
    assert check.status is Status.FAIL
    assert f"{python} -m pip install filelock psutil openvino-genai" in check.detail
    assert list(doctor_checks.check_engine_python(subject(project))) == []


def test_a_model_file_that_was_cut_short_fails(project: Path) -> None:
    folder = doctor_checks.models_root() / find_model("Qwen2.5-Coder-1.5B-Instruct").folder
    folder.mkdir(parents=True)
    whole = b"GGUF weights"
    (folder / "weights.gguf").write_bytes(whole[:4])
    digest = hashlib.sha256(whole).hexdigest()
    files = [{"name": "weights.gguf", "bytes": len(whole), "sha256": digest, "mtime_ns": 0}]
    manifest = {"name": "x", "source": "hub", "format": "gguf", "main": "weights.gguf", "files": files}
    (folder / "model.json").write_text(json.dumps(manifest))
    check = one(doctor_checks.check_model(subject(project)), "model")
    assert check.status is Status.FAIL
    assert "weights.gguf" in check.detail
    (folder / "weights.gguf").write_bytes(whole)
    assert one(doctor_checks.check_model(subject(project)), "model").status is Status.OK


def test_the_engine_is_named_with_why_and_what_would_be_faster_and_memory_is_foreseen(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mine.gguf"
    file.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 0))
    flags = {"model.path": str(file)}
    for module in (doctor_checks, wiring):
        monkeypatch.setattr(module, "detect_hardware", lambda: Hardware(16 * 10**9, 8 * 10**9, 4))
    found = list(doctor_checks.check_model(subject(project, **flags)))
    assert one(iter(found), "engine").status is Status.OK
    assert "openvino: the fastest that is installed for the CPU" in one(iter(found), "engine").detail
    assert "GPU" in one(iter(found), "engine").mend
    assert (
        "will take about 1.7 GB (weights 0.0, attention cache 1.0, the engine 0.7)" in one(iter(found), "memory").detail
    )
    monkeypatch.setattr(doctor_checks, "detect_hardware", lambda: Hardware(10**9, 10**9, 1))
    assert one(doctor_checks.check_model(subject(project, **flags)), "memory").status is Status.FAIL
    if missing_modules("transformers"):
        check = one(doctor_checks.check_model(subject(project, engine="transformers", **flags)), "engine")
        assert check.status is Status.FAIL
        assert "pip install -e '.[transformers]'" in check.detail


def test_an_unknown_model_fails(project: Path) -> None:
    assert one(doctor_checks.check_model(subject(project, model_name="nonsense")), "model").status is Status.FAIL


def test_a_project_that_does_not_import_is_named(project: Path) -> None:
    (project / "shop" / "__init__.py").write_text("import no_such_module_anywhere\n")
    check = one(check_project(subject(project)), "imports")
    assert check.status is Status.FAIL
    assert "no_such_module_anywhere" in check.detail


def test_a_package_that_does_not_parse_is_told_and_stops_nothing(project: Path) -> None:
    (project / "shop" / "__init__.py").write_text("def broken(:\n")
    checks = list(check_project(subject(project)))
    assert one(iter(checks), "imports").status is Status.WARN
    assert one(iter(checks), "syntax").detail == "1 file does not parse: shop/__init__.py (line 1: invalid syntax)"


def test_what_pytest_lacks_there_comes_from_augments_own_copies(project: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare" / "bin" / "python"
    bare.parent.mkdir(parents=True)
    bare.write_text(f'#!/bin/sh\nexec {Path(sys.executable).resolve()} -I -S "$@"\n')
    bare.chmod(bare.stat().st_mode | stat.S_IXUSR)
    check = one(check_project(subject(project, python=str(bare))), "pytest")
    assert check.status is Status.OK
    assert "adds its own pytest and coverage and hypothesis, and installs nothing" in check.detail
    assert "hypothesis" in check.mend


def test_a_file_in_no_known_encoding_is_named(project: Path) -> None:
    (project / "shop" / "old.py").write_bytes(b"# -*- coding: no-such-thing -*-\n")
    check = one(check_project(subject(project)), "syntax")
    assert check.detail == "1 file does not parse: shop/old.py (cannot be read or decoded)"


def test_a_project_without_test_files_is_told_so(project: Path) -> None:
    assert one(check_project(subject(project)), "tests").status is Status.WARN
    (project / "test_shop.py").write_text("def test_nothing(): ...\n")
    check = one(check_project(subject(project)), "tests")
    assert (check.status, check.detail) == (Status.OK, "1 test file in the root folder")


def test_what_tests_need_and_is_not_installed_is_named(project: Path) -> None:
    (project / "tests").mkdir()
    (project / "tests" / "helpers.py").write_text("")
    (project / "tests" / "test_shop.py").write_text(
        "import json\nimport helpers, shop\nimport pytest\nimport no_such_package.inner\n"
        "try:\n    import no_such_extra\nexcept ImportError:\n    pass\n"
    )
    check = one(check_project(subject(project)), "test needs")
    assert check.status is Status.WARN
    assert check.detail.endswith(f"{sys.executable}: no_such_package (tests/test_shop.py)")


def test_an_interpreter_that_is_not_there_fails(project: Path) -> None:
    check = one(check_project(subject(project, python="/no/python")), "project")
    assert check.status is Status.FAIL
    assert "--python" in check.mend


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_fails(project: Path) -> None:
    project.chmod(0o500)
    assert one(doctor_checks.check_disk(subject(project)), "folder").status is Status.FAIL
    project.chmod(0o700)


@pytest.mark.parametrize(
    ("version", "buggy"),
    [
        ((3, 6, 23), False),
        ((3, 7, 0), True),
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 45, 0), True),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 52, 0), False),
    ],
)
def test_sqlite_versions_with_the_wal_reset_bug(version: tuple[int, ...], buggy: bool) -> None:
    assert has_wal_reset_bug(version) is buggy


def test_a_buggy_sqlite_is_a_warning(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 40, 1))
    assert one(doctor_checks.check_sqlite(subject(project)), "sqlite").status is Status.WARN


@pytest.mark.parametrize(
    ("found", "status", "mend"),
    [
        (Sandbox(Tier.NAMESPACES, landlock=7, bubblewrap_version="0.8.0"), Status.OK, ""),
        (Sandbox(Tier.NONE, reason="bubblewrap is not installed"), Status.WARN, "bubblewrap"),
        (Sandbox(Tier.NONE, mode=SandboxMode.OFF), Status.WARN, "auto"),
    ],
)
def test_the_sandbox_is_named_and_a_missing_one_can_be_mended(
    project: Path, monkeypatch: pytest.MonkeyPatch, found: Sandbox, status: Status, mend: str
) -> None:
    monkeypatch.setattr(doctor_checks, "find_sandbox", lambda mode: found)
    check = one(doctor_checks.check_sandbox(subject(project)), "sandbox")
    assert (check.status, check.detail) == (status, found.describe())
    assert mend in check.mend


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
