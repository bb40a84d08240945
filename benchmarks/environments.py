"""Where the benchmarks keep what they install: virtual environments of their own and unpacked releases, in a cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "augment" / "benchmarks"


def environment(name: str, packages: Sequence[str], cache: Path = CACHE) -> Path:
    """The interpreter of a virtual environment with ``packages``, made when it is missing or they have changed."""
    digest = hashlib.sha256("\n".join(packages).encode()).hexdigest()[:8]
    folder = cache / f"{name}-{sys.version_info.major}.{sys.version_info.minor}-{digest}"
    python = folder / "bin" / "python"
    if not (folder / ".ready").exists():
        print(f"installing {', '.join(packages)} into {folder}", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *packages], check=True)
        (folder / ".ready").touch()
    return python


def source_release(name: str, version: str, cache: Path = CACHE) -> Path:
    """The unpacked source release ``name==version``; copy it before you change anything in it."""
    folder = cache / "releases" / f"{name}-{version}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
            subprocess.run([*command, "--dest", scratch, f"{name}=={version}"], check=True)
            (archive,) = Path(scratch).glob("*.tar.gz")
            with tarfile.open(archive) as packed:
                packed.extractall(scratch, filter="data")
            (unpacked,) = (path for path in Path(scratch).iterdir() if path.is_dir())
            unpacked.rename(folder)
    return folder


def copy_of(folder: Path, into: Path) -> Path:
    """A copy of a project in the new folder ``into``, without caches."""
    ignored = shutil.ignore_patterns("__pycache__", ".pytest_cache", ".augment", ".venv")
    return Path(shutil.copytree(folder, into, ignore=ignored))


def user_environ(**more: str) -> dict[str, str]:
    """The environment of a user's shell: without what a test runner or a build image sets, such as no bytecode."""
    ours = ("PYTEST_", "COV_", "PYTHONDONTWRITEBYTECODE")
    return {**{name: value for name, value in os.environ.items() if not name.startswith(ours)}, **more}


def median(values: Sequence[float]) -> float:
    """The middle value."""
    return quantile(values, 0.5)


def quantile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` of ``values`` do not exceed (nearest rank; nan without values)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered) + 0.5) - 1))] if ordered else float("nan")
