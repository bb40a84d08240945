"""Sources of past revisions: captured at once, durable later, never wrong."""

from __future__ import annotations

from pathlib import Path

from augment.records import content_hash
from augment.service import Sources

TEXT = b"x = 1\n"
DIGEST = content_hash(TEXT)


def test_what_was_captured_can_be_read_at_once_and_after_a_restart_once_it_was_settled(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(TEXT)
    sources = Sources(tmp_path / "state")
    sources.capture(tmp_path, [("a.py", DIGEST)])
    (tmp_path / "a.py").write_bytes(b"x = 2\n")
    assert sources.read(DIGEST) == TEXT
    assert Sources(tmp_path / "state").read(DIGEST) is None
    sources.settle()
    assert Sources(tmp_path / "state").read(DIGEST) == TEXT


def test_bytes_that_are_not_those_of_the_revision_are_not_taken(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"x = 2\n")
    sources = Sources(tmp_path / "state")
    sources.capture(tmp_path, [("a.py", DIGEST), ("gone.py", DIGEST)])
    assert sources.read(DIGEST) is None


def test_contents_that_somebody_has_read_are_not_read_again(tmp_path: Path) -> None:
    sources = Sources(tmp_path / "state")
    sources.offer({DIGEST: TEXT})
    sources.capture(tmp_path, [("a.py", DIGEST)])  # there is no such file any more
    assert sources.read(DIGEST) == TEXT


def test_what_is_not_wanted_goes(tmp_path: Path) -> None:
    other = content_hash(b"y = 1\n")
    sources = Sources(tmp_path / "state")
    sources.offer({DIGEST: TEXT, other: b"y = 1\n"})
    sources.settle()
    sources.prune([other])
    assert Sources(tmp_path / "state").read(DIGEST) is None
    assert Sources(tmp_path / "state").read(other) == b"y = 1\n"


def test_a_damaged_file_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "sources.db").write_bytes(b"no database" * 1000)
    sources = Sources(tmp_path)
    sources.offer({DIGEST: TEXT})
    sources.settle()
    assert Sources(tmp_path).read(DIGEST) == TEXT
