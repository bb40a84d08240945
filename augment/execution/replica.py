"""The project on a node that does not have it: each revision made from blobs, in a folder of one executor."""

from __future__ import annotations

import os
import shutil
import stat
import threading
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import psutil

from augment.errors import ProjectError
from augment.execution.blobs import BlobCache, BlobMissingError
from augment.execution.workspace import Workspace
from augment.records import Snapshot
from augment.seams import Batch, MutationOrder
from augment.shipping import Needs, Parcel, Received, RevisionGoneError

MOST_REVISIONS = 8
"""Lists of files that are remembered, so that the next revision can be told by what differs."""

W = TypeVar("W", Batch, MutationOrder)


@dataclass(frozen=True, slots=True)
class _Manifest:
    snapshot: Snapshot
    executable: frozenset[str]


class _FromBlobs:
    """The files of one revision, as :class:`Workspace` takes them."""

    def __init__(self, cache: BlobCache, manifest: _Manifest) -> None:
        self._cache = cache
        self._manifest = manifest

    def read(self, path: str, content: str) -> tuple[bytes, int]:
        try:
            data = self._cache.read(content)
        except BlobMissingError as missing:
            raise RevisionGoneError(f"{path} did not reach this node") from missing
        return data, 0o755 if path in self._manifest.executable else 0o644


class Replica:
    """What one executor on another node holds of a project.

    Lifecycle: ``home`` is shared by all executors of the project on this node; the blobs lie in it, and a folder for
    each process. :meth:`close` removes the process's folder, and the last one removes all. What processes left that
    were killed goes when the next one starts.
    """

    def __init__(self, home: Path, name: str, most_bytes: int) -> None:
        self._home = home
        self._own = home / str(os.getpid())
        self._cache = BlobCache(home / "blobs", most_bytes)
        self._manifests: OrderedDict[str, _Manifest] = OrderedDict()
        self._lock = threading.Lock()
        self._received = Received()
        if home.is_dir():
            _remove_orphans(home)
        for folder in (home.parent, home, self._own):
            _make_own(folder)
        self._tree = Workspace(self._own / "project" / name)

    @property
    def root(self) -> Path:
        """Where the project is made."""
        return self._tree.folder

    @property
    def scratch(self) -> Path:
        """For private copies."""
        return self._own / "work"

    @property
    def received(self) -> Received:
        """What has arrived here."""
        return self._received

    def offer(self, parcel: Parcel) -> Needs:
        """Take note of a revision; tells which blobs are lacking."""
        with self._lock:
            manifest = self._manifest_of(parcel)
            if manifest is None:
                return Needs(known=False)
            if parcel.revision not in self._manifests:
                self._received = replace(self._received, revisions=self._received.revisions + 1)
            self._manifests[parcel.revision] = manifest
            self._manifests.move_to_end(parcel.revision)
            while len(self._manifests) > MOST_REVISIONS:
                self._manifests.popitem(last=False)
        return Needs(known=True, blobs=self._cache.lacking(manifest.snapshot.files.values()))

    def take(self, blobs: Mapping[str, bytes]) -> None:
        """Take blobs that were lacking. Raises :class:`ProjectError` for a damaged one, or when there is no room."""
        size = sum(map(len, blobs.values()))
        with self._lock:
            self._cache.trim(size)
            for digest, data in blobs.items():
                self._cache.put(digest, data)
            had = self._received
            self._received = replace(had, blobs=had.blobs + len(blobs), bytes=had.bytes + size)

    def localise(self, work: W) -> W:
        """``work`` for this node, where exactly its revision is the project: what an earlier batch left is gone.

        Raises :class:`RevisionGoneError` where the revision, or a blob of it, is not here (any more).
        """
        revision = work.snapshot.revision if work.snapshot is not None else ""
        with self._lock:
            manifest = self._manifests.get(revision)
        if manifest is None:
            raise RevisionGoneError(f"the revision {revision or '(none)'} is not on this node")
        self._tree.sync(_FromBlobs(self._cache, manifest), manifest.snapshot, {})
        return replace(work, root=str(self.root), snapshot=manifest.snapshot)

    def close(self) -> None:
        """Remove what is this process's own, and the rest where no other process uses it. Idempotent."""
        shutil.rmtree(self._own, ignore_errors=True)
        _remove_orphans(self._home)

    def _manifest_of(self, parcel: Parcel) -> _Manifest | None:
        if not parcel.base:
            return _Manifest(_named(parcel.revision, parcel.files), parcel.executable)
        base = self._manifests.get(parcel.base)
        if base is None:
            return None
        changed = {*parcel.files, *parcel.gone}
        files = {path: digest for path, digest in base.snapshot.files.items() if path not in changed}
        executable = (base.executable - changed) | parcel.executable
        return _Manifest(_named(parcel.revision, {**files, **parcel.files}), executable)


def _named(revision: str, files: Mapping[str, str]) -> Snapshot:
    """The revision, which is named by its files: a list that was put together wrongly is noticed."""
    snapshot = Snapshot.of(files)
    if snapshot.revision != revision:
        raise ProjectError(f"The files that arrived are those of the revision {snapshot.revision}, not of {revision}.")
    return snapshot


def _make_own(folder: Path) -> None:
    """Make a folder for this user alone. Raises :class:`ProjectError` where somebody else has it: in a temporary folder
    that all users share anybody may have made it before.
    """
    try:
        folder.mkdir(mode=stat.S_IRWXU, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise ProjectError(f"{folder} cannot be made on this node: {error.strerror}.") from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise ProjectError(f"{folder} on this node belongs to somebody else: remove it, or set another TMPDIR there.")
    folder.chmod(stat.S_IRWXU)


def _remove_orphans(home: Path) -> None:
    """Remove the folders of processes that have ended, and everything where none is left."""
    living = False
    for folder in home.glob("[0-9]*"):
        if psutil.pid_exists(int(folder.name)):
            living = True
        else:
            shutil.rmtree(folder, ignore_errors=True)
    if not living:
        shutil.rmtree(home, ignore_errors=True)
        with suppress(OSError):  # another project's executors use the folder above it
            home.parent.rmdir()
