"""A folder of file contents by hash, from which a node that does not have the project makes its files."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from augment.errors import ProjectError
from augment.records import content_hash

IN_USE_S = 600.0
"""A blob that was asked for within this time is not let go of: a batch may be about to need it."""


class BlobMissingError(Exception):
    """The cache does not have a blob, or has it damaged; the text is its hash."""


class BlobCache:
    """Contents by hash, at most about ``most_bytes`` of them; those asked for longest ago go first.

    Several processes may share the folder: each blob appears whole or not at all, and is checked against its hash when
    it arrives and when it is read. It is a cache, so nothing is forced to the disk.
    """

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder = folder
        self._most_bytes = most_bytes

    def lacking(self, hashes: Iterable[str]) -> tuple[str, ...]:
        """Which of ``hashes`` are not there. The others are in use from now on."""
        lacking = []
        for digest in dict.fromkeys(hashes):
            try:
                os.utime(self._path(digest))
            except OSError:
                lacking.append(digest)
        return tuple(lacking)

    def put(self, digest: str, data: bytes) -> None:
        """Take one blob. Raises :class:`ProjectError` when it is not what its hash says or cannot be written."""
        if content_hash(data) != digest:
            raise ProjectError(f"The content {digest} arrived damaged on this node; nothing was run on it.")
        path = self._path(digest)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
            try:
                with os.fdopen(descriptor, "wb") as stream:
                    stream.write(data)
                Path(name).replace(path)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise ProjectError(f"The cache of revisions in {self._folder} cannot be written: {error}.") from error

    def read(self, digest: str) -> bytes:
        """The blob. Raises :class:`BlobMissingError`; one that is damaged is removed, so that it is sent again."""
        path = self._path(digest)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise BlobMissingError(digest) from error
        if content_hash(data) != digest:
            path.unlink(missing_ok=True)
            raise BlobMissingError(digest)
        return data

    def trim(self, arriving: int = 0) -> None:
        """Make room for ``arriving`` bytes by letting go of blobs that are not in use.

        Raises :class:`ProjectError` when what is in use leaves no room.
        """
        found = sorted(self._blobs())
        total = sum(size for _, size, _ in found) + arriving
        oldest_in_use = time.time() - IN_USE_S
        for used, size, path in found:
            if total <= self._most_bytes:
                return
            if used < oldest_in_use:
                path.unlink(missing_ok=True)
                total -= size
        if total > self._most_bytes:
            raise ProjectError(
                f"The revision does not fit into the {self._most_bytes / 2**20:.0f} MiB that this node may keep of it "
                "(node_cache_mb)."
            )

    def _blobs(self) -> Iterable[tuple[float, int, Path]]:
        for path in self._folder.glob("??/*"):
            with suppress(OSError):  # another process lets go of it
                info = path.stat()
                yield info.st_mtime, info.st_size, path

    def _path(self, digest: str) -> Path:
        if not digest.isalnum():
            raise ProjectError(f"{digest!r} is no content hash.")
        return self._folder / digest[:2] / digest
