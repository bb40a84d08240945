"""Which files belong to a project, and content-addressed snapshots of them."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pathspec import GitIgnoreSpec

from augment.records import Snapshot, content_hash

SKIPPED_FOLDERS = frozenset(
    {
        ".git", ".hg", ".svn", ".augment", ".venv", "__pycache__", "node_modules", "site-packages", ".tox", ".nox",
        ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".eggs", ".idea", ".ipynb_checkpoints",
    }
)  # fmt: skip
OUTPUT_FOLDERS = frozenset({"build", "dist", "logs", "htmlcov"})
"""Skipped too, unless they are packages: a project may well have a package named ``build``."""

SKIPPED_SUFFIXES = (".tmp", ".pyc", ".pyo", ".swp", ".swx", "~", ".egg-info")
SKIPPED_FILES = frozenset({"TASKS.md", ".coverage"})
"""In the root only. Augment itself writes TASKS.md; counting it would make every report a new revision."""

CONTENTS_BYTES = 4 * 2**20

RACY_NS = 50_000_000
"""A file written this shortly before it was read may change again without a new time stamp, so it is read again."""


@dataclass
class IgnoreFile:
    """One ``.gitignore`` and what it said of each path so far (matching 10,000 paths costs more than reading them)."""

    text: str
    spec: GitIgnoreSpec
    said: dict[str, bool | None] = field(default_factory=dict)

    def verdict(self, path: str) -> bool | None:
        """True to ignore, False to keep, None without an opinion. ``path`` is relative to the file's folder."""
        if path not in self.said:
            self.said[path] = self.spec.check_file(path).include
        return self.said[path]


_Rules = tuple[tuple[str, IgnoreFile], ...]
_Stamp = tuple[int, int, int, int]


@dataclass
class SnapshotCache:
    """What an earlier look found: lets an unchanged file be told by its stat alone."""

    hashes: dict[str, tuple[_Stamp, str]] = field(default_factory=dict)
    ignores: dict[str, IgnoreFile] = field(default_factory=dict)
    folders: dict[str, _Rules] = field(default_factory=dict)
    """The folders that belong to the project, as of the last full look, with the ignore files that count there."""
    contents: dict[str, bytes] = field(default_factory=dict)
    """Python sources that were read by the last look, by hash, as far as there is room."""
    room: int = 0

    def forget_contents(self) -> None:
        """Before a new look."""
        self.contents, self.room = {}, CONTENTS_BYTES


@dataclass(frozen=True)
class _Folder:
    """A folder to look into; ``rules`` are the ignore files above it, the deepest last, with their folders."""

    path: str
    rules: _Rules


def list_files(root: Path | str) -> list[str]:
    """Every file of the project that is not ignored, relative to ``root``, sorted.

    Nested ``.gitignore`` files count, the deepest deciding. Virtual environments of any name, caches, build output and
    Augment's own folders are left out; links to folders are not followed, so there are no loops.
    """
    return sorted(path for path, _ in _walk(Path(root), SnapshotCache()))


def take_snapshot(root: Path | str, cache: SnapshotCache | None = None) -> Snapshot:
    """The project's files by content. ``cache`` is used and brought up to date, so keep it between calls."""
    cache = cache if cache is not None else SnapshotCache()
    base, now = Path(root), time.time_ns()
    fresh: dict[str, tuple[_Stamp, str]] = {}
    files: dict[str, str] = {}
    cache.forget_contents()
    for path, info in _walk(base, cache):
        entry = _entry_of(base, path, info, cache)
        if entry is None:
            continue
        files[path] = entry[1]
        if _is_settled(info, now):
            fresh[path] = entry
    cache.hashes = fresh
    return Snapshot.of(files)


class Snapshots:
    """Snapshots of one project, each quick where little changed since the last."""

    def __init__(self, root: Path | str) -> None:
        self._root = Path(root)
        self._cache = SnapshotCache()
        self._last: Snapshot | None = None

    def take(self) -> Snapshot:
        """The project as it is now."""
        return self._keep(take_snapshot(self._root, self._cache))

    def look(self, paths: Collection[str]) -> Snapshot:
        """The project as it is now, where only these files (relative paths) may have changed since the last look.

        Costs a stat and a read of each of them. Falls back to a full look where a path is a folder or decides which
        files belong to the project.
        """
        if self._last is None or any(self._reshapes(path) for path in paths):
            return self.take()
        files = dict(self._last.files)
        self._cache.forget_contents()
        for path in paths:
            self._look_at(path, files)
        return self._last if files == self._last.files else self._keep(Snapshot.of(files))

    def contents(self) -> dict[str, bytes]:
        """Python sources that the last look has read, by hash, at most 4 MiB: they are of exactly its revision."""
        return self._cache.contents

    def _keep(self, snapshot: Snapshot) -> Snapshot:
        self._last = snapshot
        return snapshot

    def _reshapes(self, path: str) -> bool:
        folder, _, name = path.rpartition("/")
        if name in (".gitignore", "pyvenv.cfg") or path in self._cache.folders:
            return True
        if name == "__init__.py" and folder.rpartition("/")[2] in OUTPUT_FOLDERS:
            return True
        return (self._root / path).is_dir() and _is_wanted_folder(name)

    def _look_at(self, path: str, files: dict[str, str]) -> None:
        folder, _, name = path.rpartition("/")
        rules = self._cache.folders.get(folder)
        files.pop(path, None)
        if rules is None or not _is_wanted(name, path) or _ignored(path, rules):
            return
        info = _regular(self._root / path)
        entry = None if info is None else _entry_of(self._root, path, info, self._cache)
        if info is None or entry is None:
            return
        files[path] = entry[1]
        self._cache.hashes.pop(path, None)
        if _is_settled(info, time.time_ns()):
            self._cache.hashes[path] = entry


def _entry_of(root: Path, path: str, info: os.stat_result, cache: SnapshotCache) -> tuple[_Stamp, str] | None:
    """Stamp and content hash of a file, from the cache where it is unchanged; None when it cannot be read."""
    stamp = (info.st_mtime_ns, info.st_size, info.st_ino, info.st_ctime_ns)
    known = cache.hashes.get(path)
    if known is not None and known[0] == stamp:
        return known
    try:
        data = (root / path).read_bytes()
    except OSError:  # it vanished, or may not be read
        return None
    digest = content_hash(data)
    if path.endswith((".py", ".pyi")) and len(data) <= cache.room:
        cache.contents[digest] = data
        cache.room -= len(data)
    return stamp, digest


def _is_settled(info: os.stat_result, now_ns: int) -> bool:
    return now_ns - max(info.st_mtime_ns, info.st_ctime_ns) > RACY_NS


def _regular(path: Path) -> os.stat_result | None:
    try:
        info = path.stat()
    except OSError:
        return None
    return info if stat.S_ISREG(info.st_mode) else None


def _walk(root: Path, cache: SnapshotCache) -> Iterator[tuple[str, os.stat_result]]:
    pending = [_Folder("", ())]
    cache.folders = {}
    while pending:
        folder = pending.pop()
        entries = _entries(root / folder.path)
        names = {entry.name for entry in entries}
        if folder.path and _is_foreign(folder.path, names):
            continue
        rules = cache.folders[folder.path] = _rules_of(root, folder, names, cache)
        for entry in entries:
            path = f"{folder.path}/{entry.name}" if folder.path else entry.name
            if _is_folder(entry):
                if _is_wanted_folder(entry.name) and not _ignored(f"{path}/", rules):
                    pending.append(_Folder(path, rules))
            elif _is_wanted(entry.name, path) and not _ignored(path, rules):
                info = _stat_of(entry)
                if info is not None:
                    yield path, info


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What lies in the folder; nothing when it was removed meanwhile or may not be read."""
    try:
        with os.scandir(folder) as scan:
            return list(scan)
    except OSError:
        return []


def _is_foreign(path: str, names: set[str]) -> bool:
    """Whether the folder is a virtual environment or build output."""
    if "pyvenv.cfg" in names or "conda-meta" in names:
        return True
    return path.rpartition("/")[2] in OUTPUT_FOLDERS and "__init__.py" not in names


def _is_wanted_folder(name: str) -> bool:
    return name not in SKIPPED_FOLDERS and not name.endswith(".egg-info")


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _stat_of(entry: os.DirEntry[str]) -> os.stat_result | None:
    """The stat of a regular file (links to files are followed), None for anything else."""
    try:
        info = entry.stat()
    except OSError:
        return None
    return info if stat.S_ISREG(info.st_mode) else None


def _is_wanted(name: str, path: str) -> bool:
    if name.endswith(SKIPPED_SUFFIXES) or name.startswith((".#", ".coverage.")):
        return False
    return path not in SKIPPED_FILES


def _rules_of(root: Path, folder: _Folder, names: set[str], cache: SnapshotCache) -> _Rules:
    """The ignore files that count in ``folder``, its own included."""
    if ".gitignore" not in names:
        return folder.rules
    try:
        text = (root / folder.path / ".gitignore").read_text("utf-8", errors="replace")
    except OSError:
        return folder.rules
    known = cache.ignores.get(folder.path)
    if known is None or known.text != text:
        known = IgnoreFile(text, GitIgnoreSpec.from_lines(text.splitlines()))
        cache.ignores[folder.path] = known
    return (*folder.rules, (folder.path, known))


def _ignored(path: str, rules: _Rules) -> bool:
    for folder, rule in reversed(rules):
        verdict = rule.verdict(path[len(folder) + 1 :] if folder else path)
        if verdict is not None:
            return verdict
    return False
