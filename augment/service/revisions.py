"""Sources of past revisions, by content hash, so that a change can be compared with what it replaced."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from augment.files import write_atomically
from augment.records import content_hash


def state_folder(root: Path) -> Path:
    """``<root>/.augment``, made when missing, with an ignore file that keeps it out of the user's repository."""
    folder = root / ".augment"
    folder.mkdir(exist_ok=True)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        write_atomically(ignore, b"*\n")
    return folder


class Sources:
    """A content-addressed folder of source files. What is missing reads as None and is simply unknown."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def keep(self, root: Path, files: Collection[tuple[str, str]]) -> None:
        """Keep the files (relative path, content hash) whose bytes on disk still have that hash."""
        for path, digest in files:
            kept = self._folder / digest
            if kept.exists():
                continue
            try:
                data = (root / path).read_bytes()
            except OSError:
                continue
            if content_hash(data) == digest:
                write_atomically(kept, data)

    def read(self, digest: str) -> bytes | None:
        """The bytes with that hash, or None."""
        try:
            return (self._folder / digest).read_bytes()
        except FileNotFoundError:
            return None

    def prune(self, wanted: Collection[str]) -> None:
        """Let go of everything whose hash is not ``wanted``."""
        keep = set(wanted)
        for entry in self._folder.iterdir():
            if entry.name not in keep and not entry.name.startswith("."):
                entry.unlink(missing_ok=True)
