"""Private copies of a revision: tests that Augment writes run there, and what they leave behind is undone."""

from __future__ import annotations

import os
import re
import shutil
import socket
import stat
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Protocol

import psutil

from augment.errors import ProjectError
from augment.records import Snapshot, content_hash
from augment.shipping import RevisionGoneError

_Mark = tuple[int, int, int, int, int]
"""Size, modification and change time, inode and mode: a test cannot set the change time back."""


_READABLE = stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH


class Files(Protocol):
    """Where the bytes of a revision come from."""

    def read(self, path: str, content: str) -> tuple[bytes, int]:
        """The file's bytes, which have this content hash, and its mode. Raises RevisionGoneError without them."""


class ProjectFiles:
    """The project itself, which may have changed since the revision."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, path: str, content: str) -> tuple[bytes, int]:
        """See :class:`Files`."""
        source = self._root / path
        try:
            data = source.read_bytes()
            mode = stat.S_IMODE(source.stat().st_mode)
        except OSError as error:
            raise RevisionGoneError(f"{path} is gone from the project") from error
        if content_hash(data) != content:
            raise RevisionGoneError(f"{path} has changed since")
        return data, mode


class Workspace:
    """One folder that holds a copy of a revision, brought up to date between batches."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.touched = True
        """Whether something else than :meth:`sync` may have written there since; a confined batch cannot."""
        self._laid: set[str] = set()
        self._held: dict[str, tuple[str, _Mark]] = {}

    def sync(self, files: Files, snapshot: Snapshot, laid_over: Mapping[str, str]) -> None:
        """Make the folder exactly ``snapshot`` with ``laid_over`` (path -> text) on top.

        Only what differs is written; whatever else is found there is removed. Raises :class:`RevisionGoneError` when
        ``files`` has other bytes by now, and :class:`ProjectError` when the folder cannot be written.
        """
        try:
            if not self.folder.exists():  # or somebody has deleted it meanwhile
                self._held.clear()
                self._laid.clear()
            _make_folder(self.folder.parent, 0o700)  # the files in it are readable for the users that batches become
            _make_folder(self.folder)
            wanted = snapshot.files.keys() - laid_over.keys()
            if self.touched:
                self._clean(wanted)
            else:
                self._remove((self._held.keys() | self._laid) - wanted)
            for path, content in snapshot.files.items():
                if path not in laid_over and self._held.get(path, ("",))[0] != content:
                    self._held.pop(path, None)
                    self._copy(files, path, content)
            for path, text in laid_over.items():
                self._held.pop(path, None)
                self._write(path, text.encode())
            self._laid = set(laid_over)
        except OSError as error:
            raise ProjectError(f"The private copy in {self.folder} cannot be written: {error}.") from error

    def _clean(self, wanted: set[str]) -> None:
        """Remove what is not wanted and forget what was changed. Links are removed, never followed."""
        intact: set[str] = set()
        self._clean_folder(self.folder, "", wanted, intact)
        self._held = {path: entry for path, entry in self._held.items() if path in intact}

    def _remove(self, paths: set[str]) -> None:
        """Remove these files, and the folders that this leaves empty."""
        for path in paths:
            self._held.pop(path, None)
            (self.folder / path).unlink(missing_ok=True)
            for parent in (self.folder / path).parents:
                if parent == self.folder or not parent.is_dir() or any(parent.iterdir()):
                    break
                parent.rmdir()

    def _clean_folder(self, folder: Path, prefix: str, wanted: set[str], intact: set[str]) -> bool:
        kept = False
        with os.scandir(folder) as entries:
            for entry in list(entries):
                path = prefix + entry.name
                if entry.is_dir(follow_symlinks=False):
                    Path(entry.path).chmod(0o755)
                    inside = self._clean_folder(Path(entry.path), f"{path}/", wanted, intact)
                    if not inside:
                        Path(entry.path).rmdir()
                    kept |= inside
                elif path in wanted and self._unchanged(path, entry):
                    intact.add(path)
                    kept = True
                else:
                    Path(entry.path).unlink()
        return kept

    def _unchanged(self, path: str, entry: os.DirEntry[str]) -> bool:
        held = self._held.get(path)
        return held is not None and held[1] == _mark(entry.stat(follow_symlinks=False))

    def _copy(self, files: Files, path: str, content: str) -> None:
        data, mode = files.read(path, content)
        target = self._target(path)
        target.write_bytes(data)
        target.chmod(mode | stat.S_IWUSR | _READABLE)
        self._held[path] = (content, _mark(target.lstat()))

    def _write(self, path: str, data: bytes) -> None:
        target = self._target(path)
        if target.is_symlink() or target.exists():
            target.unlink()
        target.write_bytes(data)
        target.chmod(stat.S_IWUSR | _READABLE)

    def _target(self, path: str) -> Path:
        parts = PurePosixPath(path)
        if parts.is_absolute() or ".." in parts.parts:
            raise ProjectError(f"The path {path!r} leads out of the project.")
        target = self.folder / parts
        _make_folder(target.parent)
        return target

    def remove(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _make_folder(folder: Path, mode: int = 0o755) -> None:
    """Make a folder and those above it, whatever the umask is."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    folder.chmod(mode)


def _mark(found: os.stat_result) -> _Mark:
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_mode


class Workspaces:
    """One workspace for each batch that runs at the same time, kept for the next batch of the same project."""

    def __init__(self, scratch_dir: Path | None) -> None:
        self._scratch_dir = scratch_dir
        self._free: dict[str, list[Workspace]] = {}
        self._all: list[Workspace] = []
        self._lock = threading.Lock()

    @contextmanager
    def borrow(self, root: str) -> Iterator[Workspace]:
        """A workspace for the project at ``root`` that nobody else uses meanwhile."""
        with self._lock:
            free = self._free.setdefault(root, [])
            workspace = free.pop() if free else self._make(root)
        try:
            yield workspace
        finally:
            with self._lock:
                free.append(workspace)

    def base(self, root: str) -> Path:
        """The folder of the copies of the project at ``root``."""
        return self._scratch_dir or Path(root) / ".augment" / "work"

    def _make(self, root: str) -> Workspace:
        base = self.base(root)
        _remove_orphans(base)
        # Machine and process keep executors on one project apart, on a shared file system too.
        workspace = Workspace(base / f"{_machine()}-{os.getpid()}-{len(self._all)}" / Path(root).name)
        self._all.append(workspace)
        return workspace

    def close(self) -> None:
        """Delete every copy."""
        with self._lock:
            for workspace in self._all:
                workspace.remove()
                shutil.rmtree(workspace.folder.parent, ignore_errors=True)
            self._all.clear()
            self._free.clear()


def _machine() -> str:
    return re.sub(r"[^A-Za-z0-9.]", "_", socket.gethostname())


def _remove_orphans(base: Path) -> None:
    """Delete the copies of executors on this machine that were killed before they could."""
    for folder in base.glob(f"{_machine()}-*-*"):
        process = folder.name.split("-")[-2]
        if process.isdigit() and not psutil.pid_exists(int(process)):
            shutil.rmtree(folder, ignore_errors=True)
