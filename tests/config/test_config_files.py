"""Where the configuration files are looked for, and how the defaults are written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from augment.config import (
    GENERATOR_FILE,
    MODEL_FILE,
    Settings,
    describe_fields,
    find_config_dir,
    load_settings,
    write_default_config,
)
from augment.errors import SettingsError


def test_the_flag_wins_over_the_variable(tmp_path: Path, environ: dict[str, str]) -> None:
    variable = tmp_path / "from_variable"
    variable.mkdir()
    environ["AUGMENT_CONFIG_DIR"] = str(variable)
    assert find_config_dir(tmp_path, environ) == tmp_path
    assert find_config_dir(None, environ) == variable


def test_a_named_folder_that_is_not_there_is_an_error(tmp_path: Path, environ: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=r"--config-dir names .*nowhere"):
        find_config_dir(tmp_path / "nowhere", environ)
    environ["AUGMENT_CONFIG_DIR"] = str(tmp_path / "nowhere")
    with pytest.raises(SettingsError, match=r"AUGMENT_CONFIG_DIR names .*nowhere"):
        find_config_dir(None, environ)


def test_a_config_folder_that_carries_the_marker_is_ours(tmp_path: Path, environ: dict[str, str]) -> None:
    write_default_config(tmp_path / "config")
    assert find_config_dir(None, environ, cwd=tmp_path) == tmp_path / "config"


def test_a_config_folder_of_a_machine_learning_project_is_not_ours(tmp_path: Path, environ: dict[str, str]) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / MODEL_FILE).write_text('{"hidden_size": 768}')
    assert find_config_dir(None, environ, cwd=tmp_path) == Path(environ["XDG_CONFIG_HOME"]) / "augment"


def test_a_broken_file_of_ours_is_not_passed_over_in_silence(tmp_path: Path, environ: dict[str, str]) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / MODEL_FILE).write_text('{"augment_config": 1,')
    assert find_config_dir(None, environ, cwd=tmp_path) == tmp_path / "config"


def test_without_xdg_the_home_folder_is_taken(tmp_path: Path) -> None:
    assert find_config_dir(None, {"HOME": "/home/ann"}, cwd=tmp_path) == Path("/home/ann/.config/augment")


def test_written_defaults_load_as_the_defaults(tmp_path: Path, environ: dict[str, str]) -> None:
    written = write_default_config(tmp_path / "config")
    assert [path.name for path in written] == [GENERATOR_FILE, MODEL_FILE]
    assert load_settings({}, None, tmp_path / "config", environ).settings == Settings()


def test_written_defaults_hold_every_setting_of_their_section(tmp_path: Path) -> None:
    write_default_config(tmp_path)
    for section, name in (("generator", GENERATOR_FILE), ("model", MODEL_FILE)):
        keys = {info.name for info in describe_fields().values() if info.section == section}
        assert json.loads((tmp_path / name).read_text()).keys() == keys | {"augment_config"}


def test_an_edited_file_is_never_overwritten(tmp_path: Path) -> None:
    edited = tmp_path / GENERATOR_FILE
    edited.write_text('{"temperature": 1.0}')
    assert write_default_config(tmp_path) == [tmp_path / MODEL_FILE]
    assert edited.read_text() == '{"temperature": 1.0}'
    assert write_default_config(tmp_path) == []


def test_nothing_but_the_files_is_left_behind(tmp_path: Path) -> None:
    write_default_config(tmp_path)
    write_default_config(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {GENERATOR_FILE, MODEL_FILE}


def test_the_model_that_was_chosen_is_written(tmp_path: Path, environ: dict[str, str]) -> None:
    write_default_config(tmp_path, model="acme/tiny")
    assert load_settings({}, None, tmp_path, environ).settings.model.model_name == "acme/tiny"


def test_a_local_model_is_written_as_a_path(tmp_path: Path, environ: dict[str, str]) -> None:
    weights = tmp_path / "weights.gguf"
    weights.touch()
    write_default_config(tmp_path / "config", model=str(weights))
    model = load_settings({}, None, tmp_path / "config", environ).settings.model
    assert (model.source, model.path) == ("path", str(weights))


@pytest.mark.parametrize("tier", ["tiny", "small", "medium", "large"])
def test_a_tier_picks_the_catalogue_s_default_of_that_tier(tmp_path: Path, environ: dict[str, str], tier: str) -> None:
    from augment.serve import default_model, find_model

    write_default_config(tmp_path, tier=tier)
    name = load_settings({}, None, tmp_path, environ).settings.model.model_name
    assert find_model(name) == default_model(tier)


def test_an_unknown_tier_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="small, medium, large"):
        write_default_config(tmp_path, tier="huge")


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="cannot write the configuration"):
        write_default_config(tmp_path / "file" / "config")


def test_every_setting_can_be_named_in_one_way_and_says_what_it_is() -> None:
    fields = describe_fields().values()
    assert len({info.name for info in fields}) == len(fields)
    assert len({info.variable for info in fields}) == len(fields)
    for info in fields:
        assert info.description.endswith((".", "`.")), info.key
        assert info.allowed, info.key
