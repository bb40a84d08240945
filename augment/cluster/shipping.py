"""Sending revisions to another node: what differs from the last one that it has, and the contents that it lacks."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from augment.errors import ClusterError
from augment.records import Snapshot, content_hash
from augment.shipping import PIECE_BYTES, Needs, Parcel, RevisionGoneError


class Receiver(Protocol):
    """An executor on another node (:class:`augment.execution.Replica`, or its Ray shell)."""

    def offer(self, parcel: Parcel) -> Needs:
        """Take note of a revision; tells what is lacking."""

    def take(self, blobs: Mapping[str, bytes]) -> None:
        """Take contents, by hash."""


class BlobSource:
    """The contents of a revision's files, read from the project at ``root``."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def pieces(self, snapshot: Snapshot, wanted: Sequence[str]) -> Iterator[dict[str, bytes]]:
        """The contents with the hashes ``wanted``, in pieces of about ``PIECE_BYTES``.

        Raises RevisionGoneError when a file has other bytes by now.
        """
        paths = {digest: path for path, digest in snapshot.files.items()}
        piece: dict[str, bytes] = {}
        size = 0
        for digest in wanted:
            if digest not in paths:
                raise ClusterError(f"{digest} is no content of the revision {snapshot.revision}")
            data = self._read(paths[digest], digest)
            if piece and size + len(data) > PIECE_BYTES:
                yield piece
                piece, size = {}, 0
            piece[digest] = data
            size += len(data)
        if piece:
            yield piece

    def executable(self, paths: Sequence[str]) -> frozenset[str]:
        """Those of ``paths`` that may be run."""
        found = set()
        for path in paths:
            try:
                if (self._root / path).stat().st_mode & 0o100:
                    found.add(path)
            except OSError as error:
                raise RevisionGoneError(f"{path} is gone from the project") from error
        return frozenset(found)

    def _read(self, path: str, digest: str) -> bytes:
        try:
            data = (self._root / path).read_bytes()
        except OSError as error:
            raise RevisionGoneError(f"{path} is gone from the project") from error
        if content_hash(data) != digest:
            raise RevisionGoneError(f"{path} has changed since")
        return data


class Sender:
    """Sends revisions of one project to one receiver, each as what differs from the one before. Thread-safe."""

    def __init__(self, source: BlobSource, receiver: Receiver) -> None:
        self._source = source
        self._receiver = receiver
        self._last: Snapshot | None = None
        self._lock = threading.Lock()

    def send(self, snapshot: Snapshot) -> None:
        """Have the receiver hold ``snapshot``: its list of files, and every content that it lacks.

        Raises RevisionGoneError when the project has moved on, and what the receiver raises.
        """
        with self._lock:
            needs = self._receiver.offer(self._parcel(snapshot, self._last))
            if not needs.known:
                needs = self._receiver.offer(self._parcel(snapshot, None))
            self._last = snapshot
            for piece in self._source.pieces(snapshot, needs.blobs):
                self._receiver.take(piece)

    def _parcel(self, snapshot: Snapshot, base: Snapshot | None) -> Parcel:
        old = base.files if base is not None else {}
        changed = {path: digest for path, digest in snapshot.files.items() if old.get(path) != digest}
        return Parcel(
            revision=snapshot.revision,
            files=changed,
            executable=self._source.executable(tuple(changed)),
            base=base.revision if base is not None else "",
            gone=tuple(path for path in old if path not in snapshot.files),
        )
