"""One SQLite file with one writing connection, and errors in words for people.

SQLite up to 3.51.2 can corrupt a WAL file that two or more connections write to, and 3.40 is what many systems ship: so
there is exactly one writing connection, guarded by a lock in the process and by a lock file between processes.
``synchronous=FULL`` costs 0.2 ms a transaction and makes an acknowledged verdict survive a power cut as well as a
``kill -9``.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, exc, text
from sqlalchemy.pool import QueuePool, StaticPool

from augment.errors import AugmentError
from augment.store import schema

_QUICK_CHECK_BYTES = 32 * 2**20  # checking 32 MiB takes about 0.1 s; a larger file is checked as it is read

_BUSY_S = 2.0  # how long to wait for a program that reads the file beside us, such as a backup


class StoreError(AugmentError):
    """The store cannot be opened, read or written."""


class _LockFile:
    """A file locked for as long as this process lives and holds it; the kernel lets go of it after a ``kill -9``."""

    def __init__(self, path: Path, wait_s: float) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            self._acquire(path, time.monotonic() + wait_s)
        except BaseException:
            os.close(self._fd)
            raise
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def _acquire(self, path: Path, deadline: float) -> None:
        while True:
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    holder = os.pread(self._fd, 32, 0).decode(errors="replace").strip() or "unknown"
                    raise StoreError(
                        f"{path.with_suffix('')} is in use by another Augment (process {holder}); "
                        "stop it with `augment stop` first"
                    ) from None
                time.sleep(0.05)
            else:
                return

    def release(self) -> None:
        os.close(self._fd)


class Database:
    """An open store file. ``write()`` gives the one writing connection, ``read()`` one of a few reading ones.

    ``wait_s`` is how long to wait for another process to let go of the file: a restarted actor may come up while
    the one before it is still dying.
    """

    def __init__(self, path: Path, *, wait_s: float = 2.0) -> None:
        self.path = path
        self._mutex = threading.RLock()
        self._closed = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = _LockFile(path.with_name(path.name + ".lock"), wait_s)
        except OSError as error:
            raise StoreError(f"cannot write to {path.parent}: {error.strerror}; make the folder writable") from error
        self._writer = _engine(path, writing=True)
        self._readers = _engine(path, writing=False)
        try:
            with self.write() as conn:
                if path.stat().st_size <= _QUICK_CHECK_BYTES:
                    self._check(conn)
                schema.prepare(conn, str(path))
        except BaseException:
            self.close()
            raise

    def _check(self, conn: Connection) -> None:
        verdict = conn.execute(text("PRAGMA quick_check(1)")).scalar_one()
        if verdict != "ok":
            raise StoreError(_damaged(self.path, str(verdict)))

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that is on disk when the block ends, or undone when it raises."""
        with self._mutex, self._translated(), self._writer.begin() as conn:
            yield conn

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent view of what has been committed. Never waits for the writer."""
        with self._translated(), self._readers.connect() as conn:
            yield conn

    @contextmanager
    def _translated(self) -> Iterator[None]:
        if self._closed:
            raise StoreError(f"{self.path} is closed")
        try:
            yield
        except exc.DatabaseError as error:
            reason = _explain(self.path, error)
            if reason is None:
                raise
            raise StoreError(reason) from error

    def close(self) -> None:
        """Let go of the file. Idempotent."""
        with self._mutex:
            if self._closed:
                return
            self._closed = True
            self._readers.dispose()
            self._writer.dispose()
            self._lock.release()


def _engine(path: Path, *, writing: bool) -> Engine:
    pool: dict[str, Any] = (
        {"poolclass": StaticPool} if writing else {"poolclass": QueuePool, "pool_size": 4, "max_overflow": 12}
    )
    engine = create_engine(f"sqlite:///{path}", connect_args={"check_same_thread": False, "timeout": _BUSY_S}, **pool)
    pragmas = (
        ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "wal_autocheckpoint=1000")
        if writing
        else ("query_only=ON", "wal_autocheckpoint=0")
    )
    event.listen(engine, "connect", _configure(pragmas))
    event.listen(engine, "begin", _begin("BEGIN IMMEDIATE" if writing else "BEGIN"))
    return engine


def _configure(pragmas: tuple[str, ...]) -> Callable[[sqlite3.Connection, object], None]:
    def on_connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # transactions begin where we say so, not where the driver guesses
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    return on_connect


def _begin(statement: str) -> Callable[[Connection], None]:
    def on_begin(conn: Connection) -> None:
        conn.exec_driver_sql(statement)

    return on_begin


def _damaged(path: Path, detail: str) -> str:
    return f"{path} is damaged ({detail}); move it away to start afresh, nothing else depends on it"


def _explain(path: Path, error: exc.DatabaseError) -> str | None:
    """What went wrong in words, or None where it is our own mistake and a traceback serves better."""
    detail = str(error.orig)
    if "malformed" in detail or "not a database" in detail:
        return _damaged(path, detail)
    if "locked" in detail:
        return f"{path} is locked by another program; close it and try again"
    if "full" in detail:
        return f"no space left for {path}; free some disk space"
    if "readonly" in detail or "unable to open" in detail or "disk I/O" in detail:
        return f"cannot write {path} ({detail}); check its owner and permissions"
    return None
