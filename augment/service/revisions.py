"""Sources of past revisions, by content hash, so that a change can be compared with what it replaced."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from augment.errors import AugmentError
from augment.files import write_atomically
from augment.records import content_hash

log = logging.getLogger(__name__)

FILE = "sources.db"


class SourcesError(AugmentError):
    """The sources of past revisions cannot be kept."""


def state_folder(root: Path) -> Path:
    """``<root>/.augment``, made when missing, with an ignore file that keeps it out of the user's repository."""
    folder = root / ".augment"
    folder.mkdir(exist_ok=True)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        write_atomically(ignore, b"*\n")
    return folder


class Sources:
    """Source files by content. What is missing reads as None and is simply unknown.

    :meth:`capture` only reads, so that a run can begin at once; :meth:`settle` makes what was captured durable while
    the run is under way. One SQLite file, because 10,000 files of their own take ten seconds to write and this 0.2; it
    is a cache: one that is damaged is made anew. Thread-safe. Raises SourcesError when it cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / FILE
        self._lock = threading.Lock()
        self._captured: dict[str, bytes] = {}
        try:
            self._open()
        except sqlite3.DatabaseError as error:
            log.warning("%s is made anew: %s", self._path, error)
            self._path.unlink(missing_ok=True)
            self._open()

    def _open(self) -> None:
        self._db = sqlite3.connect(self._path, check_same_thread=False)
        # Contents are checked by their hash when they are read: a torn write is only something unknown.
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.execute("CREATE TABLE IF NOT EXISTS sources (digest TEXT PRIMARY KEY, data BLOB) WITHOUT ROWID")
        self._kept = {digest for (digest,) in self._db.execute("SELECT digest FROM sources")}

    def offer(self, contents: Mapping[str, bytes]) -> None:
        """Take contents, by hash, that somebody has read already."""
        with self._lock:
            self._captured.update((digest, data) for digest, data in contents.items() if digest not in self._kept)

    def capture(self, root: Path, files: Iterable[tuple[str, str]]) -> None:
        """Read the files (relative path, content hash) that are not known and whose bytes still have that hash."""
        with self._lock:
            unknown = [(path, digest) for path, digest in files if not self._has(digest)]
        for path, digest in unknown:
            try:
                data = (root / path).read_bytes()
            except OSError:
                continue
            if content_hash(data) == digest:
                with self._lock:
                    self._captured[digest] = data

    def _has(self, digest: str) -> bool:
        return digest in self._kept or digest in self._captured

    def settle(self) -> None:
        """Make what was captured durable."""
        with self._lock, self._told():
            self._db.executemany("INSERT OR IGNORE INTO sources VALUES (?, ?)", self._captured.items())
            self._db.commit()
            self._kept.update(self._captured)
            self._captured.clear()

    def read(self, digest: str) -> bytes | None:
        """The bytes with that hash, or None."""
        with self._lock, self._told():
            if digest in self._captured:
                return self._captured[digest]
            if digest not in self._kept:
                return None
            row = self._db.execute("SELECT data FROM sources WHERE digest = ?", (digest,)).fetchone()
        return row[0] if row is not None and content_hash(row[0]) == digest else None

    def prune(self, wanted: Collection[str]) -> None:
        """Let go of everything whose hash is not ``wanted``."""
        keep = set(wanted)
        with self._lock, self._told():
            gone = self._kept - keep
            if gone:
                self._db.executemany("DELETE FROM sources WHERE digest = ?", [(digest,) for digest in gone])
                self._db.commit()
            self._kept -= gone
            self._captured = {digest: data for digest, data in self._captured.items() if digest in keep}

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise SourcesError(
                f"cannot keep sources in {self._path} ({error}); check the disk, or delete it"
            ) from error
