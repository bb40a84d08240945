"""What a project's interpreter lacks of pytest, coverage and hypothesis, in a folder appended to its ``sys.path``.

Nothing is ever installed into the project's environment, and what it has itself wins. The overlay is made of copies
from Augment's own environment where they suit the interpreter, or was downloaded on request (``augment overlay``).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from augment.errors import ProjectError
from augment.execution.interpreter import TOOLS, InterpreterInfo

_REQUIRED = ("pytest", "coverage")
"""Nothing runs without these; without hypothesis only property tests do not."""

_RUNS_WITHOUT_COMPILED_PARTS = frozenset({"coverage"})
_COMPILED = (".so", ".pyd", ".dylib")


def default_cache() -> Path:
    """The user's cache folder for Augment (``XDG_CACHE_HOME`` or ``~/.cache``)."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "augment"


def ensure_overlay(info: InterpreterInfo, cache_dir: Path | None = None) -> str:
    """The folder to append for this interpreter, made on first need; "" when it lacks nothing.

    Raises :class:`ProjectError` when pytest or coverage is missing and no copy suits the interpreter.
    """
    if not info.missing:
        return ""
    cache = (cache_dir or default_cache()) / "overlays"
    downloaded = cache / _download_name(info)
    if downloaded.is_dir():
        return str(downloaded)
    copied = overlay_gives(info, cache_dir)
    unmet = [name for name in _REQUIRED if name in info.missing and name not in copied]
    if unmet:
        raise ProjectError(
            f"{' and '.join(unmet)} {'is' if len(unmet) == 1 else 'are'} not installed in {info}: "
            f"install pytest there, or run `augment overlay --python {info.path}`, which downloads what is missing "
            "into Augment's cache."
        )
    if not copied:
        return ""
    names = _with_dependencies(copied, info)
    return str(_copy_distributions(names, info, cache))


def overlay_gives(info: InterpreterInfo, cache_dir: Path | None = None) -> list[str]:
    """What the interpreter lacks and its overlay has, or would have once it is made."""
    if (cache_dir or default_cache()).joinpath("overlays", _download_name(info)).is_dir():
        return list(info.missing)
    return [name for name in info.missing if _suits(name, info)]


def download_overlay(info: InterpreterInfo, cache_dir: Path | None = None) -> Path:
    """Download pytest, coverage and hypothesis for this interpreter with its own pip, and return the folder.

    Raises :class:`ProjectError` when the interpreter has no pip or the download fails.
    """
    target = (cache_dir or default_cache()) / "overlays" / _download_name(info)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as temporary:
        fresh = Path(temporary) / "overlay"
        command = [info.path, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", str(fresh)]
        done = subprocess.run([*command, *TOOLS], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or ["pip failed"])[-1]
            raise ProjectError(f"The overlay for {info} could not be downloaded: {last}")
        if target.exists():
            target.rename(Path(temporary) / "old")
        fresh.rename(target)
    return target


def _download_name(info: InterpreterInfo) -> str:
    return f"{info.implementation}{info.version[0]}{info.version[1]}-downloaded"


# ------------------------------------------------------------------------------ copies


def _suits(name: str, info: InterpreterInfo) -> bool:
    try:
        return all(_file_suits(found, info) for found in _with_dependencies([name], info))
    except metadata.PackageNotFoundError:
        return False


def _file_suits(name: str, info: InterpreterInfo) -> bool:
    distribution = metadata.distribution(name)
    allowed = SpecifierSet(_requires_python(distribution))
    if not allowed.contains(".".join(map(str, info.version)), prereleases=True):
        return False
    if _same_abi(info) or name in _RUNS_WITHOUT_COMPILED_PARTS:
        return True
    return not any(str(file).endswith(_COMPILED) for file in distribution.files or ())


def _requires_python(distribution: metadata.Distribution) -> str:
    found = distribution.metadata.get_all("Requires-Python")
    return str(found[0]) if found else ""


def _same_abi(info: InterpreterInfo) -> bool:
    return info.minor == sys.version_info[:2] and info.implementation == sys.implementation.name


def _with_dependencies(names: Iterable[str], info: InterpreterInfo) -> list[str]:
    """``names`` and everything they need on that interpreter. Raises PackageNotFoundError for what is not here."""
    environment = {
        "python_version": f"{info.version[0]}.{info.version[1]}",
        "python_full_version": ".".join(map(str, info.version)),
        "implementation_name": info.implementation,
        "extra": "",
    }
    found: dict[str, None] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found[name] = None
        for text in metadata.distribution(name).requires or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate(environment):
                waiting.append(requirement.name)
    return list(found)


def _copy_distributions(names: list[str], info: InterpreterInfo, cache: Path) -> Path:
    """Copies rather than links: what tests do to an overlay must not reach Augment's own environment."""
    versions = sorted(f"{name}-{metadata.version(name)}" for name in names)
    digest = hashlib.sha256("\n".join(versions).encode()).hexdigest()[:10]
    target = cache / f"{info.implementation}{info.version[0]}{info.version[1]}-{digest}"
    if target.is_dir():
        return target
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as temporary:
        fresh = Path(temporary) / "overlay"
        for name in names:
            _copy_distribution(metadata.distribution(name), fresh, compiled=_same_abi(info))
        try:
            fresh.rename(target)
        except OSError:
            if not target.is_dir():  # else another process was faster, with the same content
                raise
    return target


def _copy_distribution(distribution: metadata.Distribution, target: Path, *, compiled: bool) -> None:
    for file in distribution.files or ():
        skipped = ".." in file.parts or "__pycache__" in file.parts or file.suffix == ".pth"
        if skipped or (not compiled and str(file).endswith(_COMPILED)):
            continue
        place = target / file
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(str(file.locate()), place)
