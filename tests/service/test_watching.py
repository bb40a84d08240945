"""The watcher turns whatever editors and git do into revisions, at once and without repeats."""

from __future__ import annotations

import queue
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from augment.analysis import Snapshots
from augment.records import Snapshot
from augment.service import Watcher
from augment.service.watching import is_worth_a_look

Seen = "queue.Queue[Snapshot]"


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[tuple[Path, queue.Queue[Snapshot]]]:
    (tmp_path / "a.py").write_text("x = 1\n")
    seen: queue.Queue[Snapshot] = queue.Queue()
    watcher = Watcher(tmp_path, Snapshots(tmp_path), seen.put)
    watcher.start()
    seen.get(timeout=10)  # the tree as it is at start
    yield tmp_path, seen
    watcher.stop()


def test_a_save_becomes_a_revision_with_the_new_content(watched: tuple[Path, queue.Queue[Snapshot]]) -> None:
    root, seen = watched
    before = Snapshots(root).take()
    (root / "a.py").write_text("x = 2\n")
    after = seen.get(timeout=10)
    assert after.files["a.py"] != before.files["a.py"]
    assert after.revision != before.revision


def test_an_atomic_save_by_rename_is_one_revision(watched: tuple[Path, queue.Queue[Snapshot]]) -> None:
    root, seen = watched
    (root / ".a.py.swp").write_text("probe")
    (root / ".a.py.tmp~").write_text("x = 3\n")
    (root / ".a.py.tmp~").rename(root / "a.py")
    (root / ".a.py.swp").unlink()
    latest = seen.get(timeout=10)
    assert set(latest.files) == {"a.py"}


def test_a_touch_without_a_change_is_no_revision(watched: tuple[Path, queue.Queue[Snapshot]]) -> None:
    root, seen = watched
    (root / "a.py").write_text("x = 1\n")
    with pytest.raises(queue.Empty):
        seen.get(timeout=0.7)


def test_a_new_folder_and_a_deleted_file_are_noticed(watched: tuple[Path, queue.Queue[Snapshot]]) -> None:
    root, seen = watched
    (root / "pkg" / "deep").mkdir(parents=True)
    (root / "pkg" / "deep" / "b.py").write_text("y = 1\n")
    _wait_for(seen, lambda files: "pkg/deep/b.py" in files)
    shutil.rmtree(root / "pkg")
    _wait_for(seen, lambda files: "pkg/deep/b.py" not in files)


def test_many_files_at_once_coalesce(watched: tuple[Path, queue.Queue[Snapshot]]) -> None:
    root, seen = watched
    for number in range(500):
        (root / f"m{number}.py").write_text(f"n = {number}\n")
    _wait_for(seen, lambda files: len(files) == 501)
    assert seen.qsize() < 100


@pytest.mark.parametrize(
    ("event", "path", "worth"),
    [
        ("closed", "src/a.py", True),
        ("moved", "src/a.py", True),
        ("closed_no_write", "src/a.py", False),
        ("opened", "src/a.py", False),
        ("closed", ".git/index.lock", False),
        ("closed", ".augment/augment.db-wal", False),
        ("created", "pkg/__pycache__/a.cpython-311.pyc", False),
    ],
)
def test_which_events_are_worth_a_scan(event: str, path: str, worth: bool) -> None:
    assert is_worth_a_look(event, f"/project/{path}", Path("/project")) is worth


def _wait_for(seen: queue.Queue[Snapshot], wanted: object) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if wanted(seen.get(timeout=10).files):  # type: ignore[operator]
            return
    pytest.fail("the revision never came")
