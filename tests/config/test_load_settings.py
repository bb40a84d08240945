"""Settings: the order of their sources, where each value came from, and what is said of a wrong one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from augment.config import GENERATOR_FILE, MODEL_FILE, LoadedSettings, Settings, describe_fields, load_settings
from augment.errors import SettingsError
from augment.records import TestKind


class Place:
    """A project and a configuration folder to fill, and what is loaded from them."""

    def __init__(self, root: Path, environ: dict[str, str]) -> None:
        self.project = root / "project"
        self.config = root / "config"
        self.environ = environ
        self.flags: dict[str, object] = {}
        for folder in (self.project, self.config):
            folder.mkdir()

    def json(self, content: object, name: str = GENERATOR_FILE) -> None:
        (self.config / name).write_text(content if isinstance(content, str) else json.dumps(content))

    def toml(self, text: str) -> None:
        (self.project / "pyproject.toml").write_text(text)

    def load(self) -> LoadedSettings:
        return load_settings(self.flags, self.project, self.config, self.environ)

    def error(self) -> str:
        with pytest.raises(SettingsError) as caught:
            self.load()
        return str(caught.value)


@pytest.fixture
def place(tmp_path: Path, environ: dict[str, str]) -> Place:
    return Place(tmp_path, environ)


def test_without_any_source_every_value_is_a_default(place: Place) -> None:
    loaded = place.load()
    assert loaded.settings == Settings()
    assert {origin.source for origin in loaded.origins.values()} == {"default"}
    assert loaded.origins.keys() == describe_fields().keys()


def test_each_source_overrules_the_next(place: Place) -> None:
    def now() -> tuple[float, str]:
        origin = place.load().origins["generator.temperature"]
        return origin.value, origin.source

    place.json({"temperature": 0.1})
    assert now() == (0.1, str(place.config / GENERATOR_FILE))
    place.toml("[tool.augment]\ntemperature = 0.2\n")
    assert now() == (0.2, str(place.project / "pyproject.toml"))
    place.environ["AUGMENT_TEMPERATURE"] = "0.4"
    assert now() == (0.4, "AUGMENT_TEMPERATURE")
    place.flags["temperature"] = 0.5
    assert now() == (0.5, "--temperature")


def test_a_flag_that_was_not_given_overrules_nothing(place: Place) -> None:
    place.environ["AUGMENT_PORT"] = "9000"
    place.flags["port"] = None
    assert place.load().settings.service.port == 9000


def test_no_model_switches_the_model_off(place: Place) -> None:
    place.flags["no_model"] = True
    loaded = place.load()
    assert loaded.settings.model.enabled is False
    assert loaded.origins["model.enabled"].source == "--no-model"


def test_no_model_false_changes_nothing(place: Place) -> None:
    place.flags["no_model"] = False
    assert place.load().origins["model.enabled"].source == "default"


def test_short_flags_stand_for_long_names(place: Place) -> None:
    place.flags.update(budget=15, output="tests/generated")
    settings = place.load().settings.generator
    assert settings.budget_seconds_per_module == 15
    assert settings.output_dir == "tests/generated"


def test_a_flag_may_hold_a_list_as_text(place: Place) -> None:
    place.flags["test_types"] = "unit, property"
    assert place.load().settings.generator.test_types == (TestKind.UNIT, TestKind.PROPERTY)


def test_paths_given_as_flags_are_taken(place: Place) -> None:
    place.flags["python"] = Path("/usr/bin/python3")
    assert place.load().settings.service.python == "/usr/bin/python3"


def test_the_model_file_holds_the_model_section(place: Place) -> None:
    place.json({"augment_config": 1, "kv_cache_gb": 3}, MODEL_FILE)
    assert place.load().settings.model.kv_cache_gb == 3.0


def test_a_project_may_use_tables_named_after_sections(place: Place) -> None:
    place.toml('[tool.augment.model]\nthreads = 3\n[tool.augment.generator]\ntest_types = ["unit"]\n')
    settings = place.load().settings
    assert settings.model.threads == 3
    assert settings.generator.test_types == (TestKind.UNIT,)


def test_variables_hold_lists_numbers_flags_and_null(place: Place) -> None:
    place.environ.update(
        AUGMENT_TEST_TYPES="unit, property",
        AUGMENT_MAX_CONCURRENT="null",
        AUGMENT_MERGE="yes",
        AUGMENT_MODEL_THREADS="4",
    )
    settings = place.load().settings
    assert settings.generator.test_types == (TestKind.UNIT, TestKind.PROPERTY)
    assert settings.generator.max_concurrent is None
    assert settings.generator.merge is True
    assert settings.model.threads == 4


def test_a_model_named_by_a_flag_replaces_the_file_that_the_configuration_gives(place: Place) -> None:
    place.json({"model_name": "mine", "source": "path", "path": "/models/mine.gguf"}, MODEL_FILE)
    assert place.load().settings.model.path == "/models/mine.gguf"
    place.flags["model_name"] = "Qwen/Qwen2-1.5B-Instruct"
    loaded = place.load()
    assert (loaded.settings.model.path, loaded.settings.model.source) == (None, "auto")
    assert "--model-name" in loaded.origins["model.path"].source


def test_settings_cannot_be_changed(place: Place) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        place.load().settings.generator.temperature = 1.0  # type: ignore[misc]


# ------------------------------------------------------------------ wrong input, each one clear line


def test_an_unknown_key_of_a_file_is_named_with_the_nearest_known_one(place: Place) -> None:
    place.json({"temprature": 0.3})
    message = place.error()
    assert "'temprature'" in message
    assert str(place.config / GENERATOR_FILE) in message
    assert "Did you mean temperature?" in message


def test_an_unknown_key_that_resembles_nothing_lists_the_known_ones(place: Place) -> None:
    place.json({"zzz": 1}, MODEL_FILE)
    message = place.error()
    assert "kv_cache_gb" in message
    assert "temperature" not in message


def test_an_unknown_key_of_the_project_names_its_file(place: Place) -> None:
    place.toml("[tool.augment.generator]\nsample = 3\n")
    message = place.error()
    assert str(place.project / "pyproject.toml") in message
    assert "samples" in message


def test_an_unknown_flag_is_named(place: Place) -> None:
    place.flags["max_lenght"] = 3
    assert "--max-lenght" in place.error()


def test_a_misspelt_variable_is_named(place: Place) -> None:
    place.environ["AUGMENT_TEMPRATURE"] = "1"
    assert "Did you mean AUGMENT_TEMPERATURE?" in place.error()


def test_variables_of_other_programs_are_let_be(place: Place) -> None:
    place.environ["AUGMENT_QUUX_TOKEN_FILE"] = "x"
    assert place.load().settings == Settings()


@pytest.mark.parametrize(
    ("content", "key", "allowed"),
    [
        ({"temperature": 3}, "generator.temperature", "at least 0 and at most 2"),
        ({"temperature": "0.3"}, "generator.temperature", "a number"),
        ({"temperature": None}, "generator.temperature", "a number"),
        ({"resource_threshold": 0}, "generator.resource_threshold", "above 0 and at most 1"),
        ({"accept": "always"}, "generator.accept", "one of auto, review"),
        ({"test_types": ["unit", "e2e"]}, "generator.test_types", "unit, integration, property"),
        ({"test_types": "unit"}, "generator.test_types", "a list of"),
        ({"test_types": []}, "generator.test_types", "a list of"),
        ({"merge": 1}, "generator.merge", "true or false"),
        ({"max_concurrent": 1.5}, "generator.max_concurrent", "a whole number, at least 1"),
        ({"output_dir": "/etc"}, "generator.output_dir", "inside the project"),
        ({"output_dir": "tests/../../x"}, "generator.output_dir", "inside the project"),
    ],
)
def test_a_wrong_value_names_key_file_value_and_what_is_allowed(
    place: Place, content: dict[str, object], key: str, allowed: str
) -> None:
    place.json(content)
    message = place.error()
    assert key in message
    assert str(place.config / GENERATOR_FILE) in message
    assert json.dumps(next(iter(content.values()))) in message
    assert allowed in message


def test_a_wrong_value_is_an_error_even_where_a_stronger_source_overrules_it(place: Place) -> None:
    place.json({"temperature": 99})
    place.flags["temperature"] = 0.5
    assert "generator.temperature" in place.error()


def test_broken_json_gives_its_line(place: Place) -> None:
    place.json('{\n  "temperature": 0.3,\n  "samples" 2\n}')
    message = place.error()
    assert str(place.config / GENERATOR_FILE) in message
    assert "line 3" in message


def test_json_that_is_no_object_is_refused(place: Place) -> None:
    place.json([1, 2])
    assert "one JSON object" in place.error()


def test_broken_toml_gives_its_line(place: Place) -> None:
    place.toml("[tool.augment]\ntemperature = \n")
    message = place.error()
    assert "pyproject.toml" in message
    assert "line 2" in message


def test_tool_augment_must_be_a_table(place: Place) -> None:
    place.toml("[tool]\naugment = 3\n")
    assert "[tool.augment]" in place.error()


def test_a_file_of_a_newer_format_is_refused(place: Place) -> None:
    place.json({"augment_config": 2})
    assert "format 1" in place.error()


def test_bytes_that_are_no_text_are_refused(place: Place) -> None:
    (place.config / GENERATOR_FILE).write_bytes(b'{"a": "\xff"}')
    assert "UTF-8" in place.error()


@pytest.mark.parametrize("key", ["host", "address", "config_dir"])
def test_a_project_may_not_open_ports_or_join_clusters(place: Place, key: str) -> None:
    place.toml(f'[tool.augment]\n{key} = "0.0.0.0"\n')
    message = place.error()
    assert f"service.{key}" in message
    assert "flag or variable" in message


@pytest.mark.parametrize("key", ["base_url", "api_key_variable"])
def test_a_project_that_was_cloned_names_no_server_for_code_and_keys(place: Place, key: str) -> None:
    place.toml(f'[tool.augment.model]\n{key} = "http://example.org/v1"\n')
    assert f"model.{key}" in place.error()


def test_a_project_that_was_cloned_names_no_program_to_run(place: Place) -> None:
    place.toml('[tool.augment.model]\nengine_python = "./evil"\n')
    assert "model.engine_python" in place.error()


def test_a_server_elsewhere_needs_an_address(place: Place) -> None:
    place.json({"engine": "openai"}, MODEL_FILE)
    assert "set model.base_url" in place.error()


def test_source_path_needs_a_path(place: Place) -> None:
    place.json({"source": "path"}, MODEL_FILE)
    assert "model.path" in place.error()


def test_the_two_ports_must_differ(place: Place) -> None:
    place.flags["port"] = 8000
    assert "--port" in place.error()


def test_every_error_is_one_line(place: Place) -> None:
    place.json("{")
    assert "\n" not in place.error()
