"""Reading each source of settings into assignments that remember where they came from."""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from augment.config.describe import FieldInfo, describe_fields
from augment.config.locate import FILES, MARKER
from augment.config.model import SECTIONS
from augment.errors import SettingsError

_ALIASES = {"budget": "generator.budget_seconds_per_module", "output": "generator.output_dir"}
"""Short flags of the command line for settings with long names."""

_NOT_FROM_PROJECT = frozenset(
    {"service.project", "service.address", "service.host", "service.config_dir"}
    | {"model.base_url", "model.api_key_variable", "model.endpoint_host", "model.engine_python"}
)
"""A project that was merely cloned may not open a port to the network, join a cluster, redirect its configuration, send
code and keys to a server of its choice, or name a program to be run with the user's rights."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """One value given to one setting. ``origin`` names the flag, variable or file; ``typed`` values are taken as they
    are, others (flags, variables) are converted from text."""

    key: str
    value: Any
    origin: str
    typed: bool


def from_flags(flags: Mapping[str, Any]) -> Iterator[Assignment]:
    """Assignments of flags that were given (None means not given). Names are field names or dotted keys.

    ``no_model=True`` stands for ``model.enabled=False``.
    """
    for name, value in flags.items():
        if value is None:
            continue
        if name == "no_model":
            if value:
                yield Assignment("model.enabled", False, "--no-model", typed=False)
            continue
        flag = "--" + name.rpartition(".")[2].replace("_", "-")
        key = _resolve(name, f"flag {flag}")
        given = _from_text(describe_fields()[key], value) if isinstance(value, str) else value
        yield Assignment(key, given, flag, typed=False)


def from_environment(environ: Mapping[str, str]) -> Iterator[Assignment]:
    """Assignments of ``AUGMENT_*`` variables. One that is nearly a setting's name is an error, others are not ours."""
    by_variable = {info.variable: info for info in describe_fields().values()}
    for name in sorted(environ):
        if not name.startswith("AUGMENT_"):
            continue
        info = by_variable.get(name)
        if info is not None:
            yield Assignment(info.key, _from_text(info, environ[name]), name, typed=False)
        elif near := difflib.get_close_matches(name, by_variable, n=1, cutoff=0.85):
            raise SettingsError(f"unknown variable {name} in the environment. Did you mean {near[0]}?")


def _from_text(info: FieldInfo, text: str) -> Any:
    stripped = text.strip()
    if info.nullable and stripped.lower() in {"", "null", "none"}:
        return None
    if info.takes_list:
        return [part.strip() for part in stripped.split(",") if part.strip()]
    return stripped


def from_project(root: Path) -> Iterator[Assignment]:
    """Assignments of ``[tool.augment]`` in the project's ``pyproject.toml``: keys, or tables named after sections."""
    path = root / "pyproject.toml"
    text = _read(path)
    if text is None:
        return
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not valid TOML: {error}") from error
    tool = document.get("tool", {})
    table = tool.get("augment", {}) if isinstance(tool, dict) else {}
    if not isinstance(table, dict):
        raise SettingsError(f"tool.augment in {path} must be a table, [tool.augment]")
    for key, value in _flatten(table, path):
        if key in _NOT_FROM_PROJECT:
            raise SettingsError(
                f"{key} in {path} is not taken from a project's own file: give it as a flag or variable"
            )
        yield Assignment(key, value, str(path), typed=True)


def _flatten(table: Mapping[str, Any], path: Path) -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if name in SECTIONS and isinstance(value, dict):
            for inner, inner_value in value.items():
                yield _resolve(f"{name}.{inner}", str(path)), inner_value
        else:
            yield _resolve(name, str(path)), value


def from_files(folder: Path) -> Iterator[Assignment]:
    """Assignments of the JSON files of the configuration folder. Missing files give none."""
    for section, name in FILES.items():
        path = folder / name
        text = _read(path)
        if text is None:
            continue
        for key, value in _parse_json(text, path).items():
            if key == MARKER:
                _check_marker(value, path)
                continue
            yield Assignment(_resolve(f"{section}.{key}", str(path)), value, str(path), typed=True)


def _parse_json(text: str, path: Path) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise SettingsError(
            f"{path} is not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from error
    if not isinstance(content, dict):
        raise SettingsError(f"{path} must hold one JSON object, like {{ ... }}")
    return content


def _check_marker(value: Any, path: Path) -> None:
    if value != 1 or isinstance(value, bool):
        raise SettingsError(f"{MARKER} in {path} is {json.dumps(value)}: this version of Augment reads format 1")


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not UTF-8 text (byte {error.start})") from error
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error


def _resolve(name: str, origin: str) -> str:
    """The dotted key for ``name``: itself, an alias, or the one field of that name. ``origin`` is for the error."""
    fields = describe_fields()
    if name in fields:
        return name
    if name in _ALIASES:
        return _ALIASES[name]
    if "." not in name:
        matches = [key for key, info in fields.items() if info.name == name]
        if len(matches) == 1:
            return matches[0]
    raise SettingsError(_unknown(name, origin, fields.values()))


def _unknown(name: str, origin: str, fields: Iterable[FieldInfo]) -> str:
    section, _, short = name.rpartition(".")
    here = [info.name for info in fields if not section or info.section == section]
    near = difflib.get_close_matches(short, here, n=1, cutoff=0.6)
    hint = f"Did you mean {near[0]}?" if near else f"Known keys: {', '.join(here)}."
    return f"unknown key {short!r} in {origin}. {hint}"
