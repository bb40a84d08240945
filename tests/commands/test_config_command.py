"""``augment config show``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from augment.commands.config import app
from augment.config import describe_fields
from augment.errors import ProjectError, SettingsError


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "project"
    root.mkdir()
    (root / "pyproject.toml").write_text("[tool.augment]\nsamples = 3\n")
    return root


def test_shows_every_setting_with_its_value_and_source(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUGMENT_PORT", "9999")
    result = CliRunner().invoke(app, ["show", str(project)])
    assert result.exit_code == 0
    lines = {line.split()[0]: line for line in result.output.splitlines() if line.strip()}
    assert describe_fields().keys() <= lines.keys()
    assert lines["generator.samples"].split()[1:] == ["3", str(project / "pyproject.toml")]
    assert lines["service.port"].split()[1:] == ["9999", "AUGMENT_PORT"]
    assert lines["generator.accept"].split()[1:] == ['"auto"', "default"]


def test_shows_the_same_as_json(project: Path) -> None:
    result = CliRunner().invoke(app, ["show", str(project), "--json"])
    settings = json.loads(result.output)["settings"]
    assert settings.keys() == describe_fields().keys()
    assert settings["generator.test_types"] == {"value": ["unit", "integration", "property"], "source": "default"}


def test_reads_the_folder_that_is_named(project: Path, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "model_config.json").write_text('{"threads": 7}')
    result = CliRunner().invoke(app, ["show", str(project), "--config-dir", str(folder), "--json"])
    assert json.loads(result.output)["settings"]["model.threads"]["value"] == 7


def test_a_missing_project_is_an_error(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["show", str(tmp_path / "gone")])
    assert isinstance(result.exception, ProjectError)


def test_a_wrong_setting_is_an_error_for_the_user(project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.augment]\nsamples = 0\n")
    result = CliRunner().invoke(app, ["show", str(project)])
    assert isinstance(result.exception, SettingsError)
