"""The models folder that all projects of a user share: one folder a model, complete once its manifest is written."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from augment.errors import ModelError
from augment.serve.catalogue import ModelEntry

MANIFEST = "model.json"
Progress = Callable[[str, int, int], None]
"""Called with a phrase for what is done, bytes done, bytes in all."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a model. ``mtime_ns`` is as it was when the hash was last seen to be right."""

    name: str
    bytes: int
    sha256: str
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model on this machine. ``main`` is what an engine opens: a GGUF file, or the folder itself.

    ``work`` is a folder in the cache where an engine may keep its own form of the weights.
    """

    name: str
    folder: Path
    format: str
    main: Path
    source: str
    work: Path
    files: tuple[ModelFile, ...] = ()

    @property
    def bytes(self) -> int:
        """Size of the fetched files."""
        return sum(file.bytes for file in self.files)


def models_root() -> Path:
    """``$XDG_CACHE_HOME/augment/models``, by default below ``~/.cache``."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "augment" / "models"


def model_folder(entry: ModelEntry) -> Path:
    """Where ``entry`` lies, or will lie, in the cache."""
    return models_root() / entry.folder


def cached(entry: ModelEntry) -> ModelFiles | None:
    """The complete model in the cache, or None. Its files are not looked at; see :func:`check_files`."""
    folder = model_folder(entry)
    return read_manifest(folder) if (folder / MANIFEST).exists() else None


def read_manifest(folder: Path) -> ModelFiles:
    """The model that was fetched into ``folder``. Raises ModelError."""
    try:
        data = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        files = tuple(ModelFile(**item) for item in data["files"])
        main = folder / data["main"] if data["main"] else folder
        return ModelFiles(data["name"], folder, data["format"], main, data["source"], folder, files)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{folder / MANIFEST} cannot be read ({error}). {way_out(folder.name)}") from error


def way_out(name: str) -> str:
    """What a user does about a model file that is not as it should be."""
    return f"Fetch it again: augment models fetch {name} --force"


def write_manifest(files: ModelFiles) -> None:
    """Declare the model complete, atomically."""
    main = "" if files.main == files.folder else files.main.name
    data = {
        "name": files.name,
        "source": files.source,
        "format": files.format,
        "main": main,
        "files": [asdict(file) for file in files.files],
    }
    target = files.folder / MANIFEST
    temporary = target.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    temporary.replace(target)


def sha256_of(path: Path, progress: Progress | None = None, label: str = "checking") -> str:
    """SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    total, done = path.stat().st_size, 0
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 22):
            digest.update(chunk)
            done += len(chunk)
            if progress is not None:
                progress(label, done, total)
    return digest.hexdigest()


def record(path: Path, folder: Path, sha256: str) -> ModelFile:
    """A manifest line for ``path``, whose hash is known to be ``sha256``."""
    stat = path.stat()
    return ModelFile(path.relative_to(folder).as_posix(), stat.st_size, sha256, stat.st_mtime_ns)


def check_files(files: ModelFiles, *, rehash: bool = False, progress: Progress | None = None) -> None:
    """Raise ModelError naming the first file that is not what was fetched.

    Without ``rehash`` only a file whose size or time of change differs is hashed: an untouched file costs a ``stat``.
    """
    for file in files.files:
        path = files.folder / file.name
        if not path.is_file():
            raise ModelError(f"Model file {path} is missing. {way_out(files.name)}")
        stat = path.stat()
        if stat.st_size != file.bytes:
            raise _corrupt(path, files.name, f"{stat.st_size} bytes instead of {file.bytes}")
        touched = stat.st_mtime_ns != file.mtime_ns
        if (rehash or touched) and sha256_of(path, progress, f"checking {file.name}") != file.sha256:
            raise _corrupt(path, files.name, "its SHA-256 is not the one that was fetched")


def _corrupt(path: Path, name: str, how: str) -> ModelError:
    return ModelError(f"Model file {path} is corrupt: {how}. {way_out(name)}")


@contextlib.contextmanager
def exclusive(folder: Path, *, timeout_s: float, doing: str) -> Iterator[None]:
    """Hold the model's lock, so that two fetches or conversions do not collide.

    Raises ModelError when another process holds it for longer than ``timeout_s``. The system drops the lock of a
    process that dies.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(str(folder) + ".lock")
        with lock.acquire(timeout=timeout_s):
            yield
    except Timeout:
        raise ModelError(f"Another process is {doing} in {folder} for over {timeout_s:.0f} s; try later.") from None
    except OSError as error:
        raise ModelError(f"The models folder {folder.parent} cannot be used: {error.strerror or error}.") from error
