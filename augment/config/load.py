"""Merging the sources into settings, each value with its origin."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from os import environ as process_environ
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import to_jsonable_python

from augment.config import sources
from augment.config.describe import FieldInfo, describe_fields
from augment.config.locate import find_config_dir
from augment.config.model import GeneratorSettings, ModelSettings, ServiceSettings, Settings
from augment.errors import SettingsError


class Origin(NamedTuple):
    """A value and where it came from: ``--flag``, ``AUGMENT_VARIABLE``, a file's path, or ``default``."""

    value: Any
    source: str


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """Settings, the origin of each by dotted key, and the configuration folder that was read."""

    settings: Settings
    origins: Mapping[str, Origin]
    config_dir: Path


def load_settings(
    flags: Mapping[str, Any] | None = None,
    project_root: Path | None = None,
    config_dir: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> LoadedSettings:
    """Read every source and merge them: flags, environment, ``[tool.augment]``, JSON files, defaults.

    ``flags`` maps field names (``temperature``, or dotted ``generator.temperature``) to values; None means not given.
    ``project_root`` is where ``pyproject.toml`` is looked for; None skips it. ``environ`` defaults to the process's.
    Raises SettingsError naming the key, its source and the allowed values.
    """
    flags = dict(flags or {})
    environ = process_environ if environ is None else environ
    given = flags.get("config_dir")
    folder = find_config_dir(Path(given) if config_dir is None and given else config_dir, environ)
    # Weakest first, so that a stronger source overwrites; every source is validated even where it is overruled.
    layers = [
        sources.from_files(folder),
        sources.from_project(project_root) if project_root is not None else (),
        sources.from_environment(environ),
        sources.from_flags(flags),
    ]
    origins = _merge(layers)
    settings = _build(origins)
    _check_together(settings, origins)
    return LoadedSettings(settings, origins, folder)


def _merge(layers: Iterable[Iterable[sources.Assignment]]) -> dict[str, Origin]:
    fields = describe_fields()
    origins = {key: Origin(info.default, "default") for key, info in fields.items()}
    for layer in layers:
        given = {item.key: Origin(_validated(fields[item.key], item), item.origin) for item in layer}
        if "model.model_name" in given:
            _forget_weaker_model(origins, given["model.model_name"].source)
        origins.update(given)
    return origins


def _forget_weaker_model(origins: dict[str, Origin], named_by: str) -> None:
    """A model named by a stronger source replaces the file that a weaker one gave, else the file would win over it."""
    reset = f"default, as {named_by} names another model"
    if origins["model.path"].value is not None:
        origins["model.path"] = Origin(None, reset)
    if origins["model.source"].value == "path":
        origins["model.source"] = Origin("auto", reset)


def _validated(info: FieldInfo, assignment: sources.Assignment) -> Any:
    """The value in the setting's type. Files are read strictly (``"0.3"`` is no number), flags are text."""
    try:
        if assignment.typed:
            return info.adapter.validate_json(json.dumps(assignment.value), strict=True)
        return info.adapter.validate_python(_plain(assignment.value))
    except (ValidationError, TypeError, ValueError) as error:
        raise SettingsError(
            f"{info.key} in {assignment.origin} is {_shown(assignment.value)}; it must be {info.allowed}"
            + (f" ({info.unit})" if info.unit else "")
        ) from error


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    return value.value if isinstance(value, Enum) else value


def _shown(value: Any) -> str:
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 80 else text[:77] + "..."


def _build(origins: Mapping[str, Origin]) -> Settings:
    def section(name: str) -> dict[str, Any]:
        return {key.partition(".")[2]: origin.value for key, origin in origins.items() if key.startswith(f"{name}.")}

    return Settings(
        generator=GeneratorSettings(**section("generator")),
        model=ModelSettings(**section("model")),
        service=ServiceSettings(**section("service")),
    )


def _check_together(settings: Settings, origins: Mapping[str, Origin]) -> None:
    """Rules that concern two settings at once."""
    if settings.model.source == "path" and not settings.model.path:
        raise SettingsError(
            f'model.source in {origins["model.source"].source} is "path"; set model.path to a GGUF file or model folder'
        )
    if settings.model.engine == "openai" and not settings.model.base_url:
        raise SettingsError(
            f'model.engine in {origins["model.engine"].source} is "openai"; set model.base_url to its address, '
            "such as http://127.0.0.1:11434/v1"
        )
    if settings.service.port == settings.model.endpoint_port:
        named = sorted({origins["service.port"].source, origins["model.endpoint_port"].source} - {"default"})
        raise SettingsError(
            f"service.port and model.endpoint_port are both {settings.service.port} "
            f"({', '.join(named)}): give each its own"
        )


def as_json(value: Any) -> Any:
    """``value`` of a setting as JSON-ready data."""
    return to_jsonable_python(value)
