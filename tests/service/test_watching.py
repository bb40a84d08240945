"""The watcher turns whatever editors and git do into revisions, at once and without repeats."""

from __future__ import annotations

import queue
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from watchdog.observers.polling import PollingObserver

from augment.analysis import Snapshots
from augment.records import Snapshot
from augment.service import Watcher
from augment.service.changes import Changes, WatchdogChanges
from augment.service.inotify import InotifyChanges
from augment.service.watching import MANY_PATHS, index_lock, is_watched

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


def test_an_editor_that_writes_the_file_anew_and_a_formatter_right_behind_it_end_in_the_last_content(
    watched: tuple[Path, queue.Queue[Snapshot]],
) -> None:
    root, seen = watched
    (root / "a.py").rename(root / "a.py~")  # vim with a backup file: away, and written anew under the old name
    (root / "a.py").write_text("x=4\n")
    (root / "4913").write_text("")  # the probe that vim makes and deletes
    (root / "4913").unlink()
    (root / "a.py").write_text("x = 4\n")  # ruff format on save
    expected = Snapshots(root).take().files["a.py"]
    _wait_for(seen, lambda files: files.get("a.py") == expected)
    assert seen.empty() or seen.get().files["a.py"] == expected


def test_a_file_is_not_looked_at_before_it_is_closed(watched: tuple[Path, queue.Queue[Snapshot]]) -> None:
    root, seen = watched
    with (root / "a.py").open("w") as file:
        file.write("half of ")
        file.flush()
        with pytest.raises(queue.Empty):
            seen.get(timeout=0.3)
        file.write("it = 1\n")
    latest = seen.get(timeout=10)
    assert latest.files == Snapshots(root).take().files


def test_a_folder_that_is_moved_is_followed_to_its_new_name(watched: tuple[Path, queue.Queue[Snapshot]]) -> None:
    root, seen = watched
    (root / "old").mkdir()
    (root / "old" / "b.py").write_text("y = 1\n")
    _wait_for(seen, lambda files: "old/b.py" in files)
    (root / "old").rename(root / "new")
    _wait_for(seen, lambda files: "new/b.py" in files and "old/b.py" not in files)
    (root / "new" / "b.py").write_text("y = 2\n")
    expected = Snapshots(root).take().files["new/b.py"]
    _wait_for(seen, lambda files: files["new/b.py"] == expected)


def test_while_git_writes_files_nothing_is_a_revision_and_then_it_is_one(
    watched: tuple[Path, queue.Queue[Snapshot]],
) -> None:
    root, seen = watched
    (root / ".git").mkdir()
    lock = index_lock(root)
    lock.write_text("")
    for number in range(3 * MANY_PATHS):
        (root / f"m{number}.py").write_text(f"n = {number}\n")
    lock.unlink()
    assert len(seen.get(timeout=10).files) == 3 * MANY_PATHS + 1
    assert seen.empty()


def test_the_lock_of_a_linked_worktree_is_in_its_own_git_folder(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("gitdir: /somewhere/.git/worktrees/mine\n")
    assert index_lock(tmp_path) == Path("/somewhere/.git/worktrees/mine/index.lock")


def test_the_portable_observer_tells_the_same(tmp_path: Path) -> None:
    changes = WatchdogChanges(tmp_path, is_watched, PollingObserver(timeout=0.1))
    try:
        (tmp_path / "a.py").write_text("x = 1\n")
        assert _first(changes).paths == {"a.py"}
        (tmp_path / "pkg").mkdir()
        assert _first(changes).everything
        changes.wake()
        changes.wait(0.1)
    finally:
        changes.close()


def _first(source: WatchdogChanges) -> Changes:
    for _ in range(50):
        if changes := source.wait(0.2):
            return changes
    pytest.fail("nothing was told")


@pytest.mark.parametrize("name", [".git", ".augment", "__pycache__", ".venv", "node_modules"])
def test_folders_without_tests_are_not_watched(name: str) -> None:
    assert not is_watched(name)
    assert is_watched("logs")


def test_what_happens_in_a_virtual_environment_of_any_name_is_not_told(tmp_path: Path) -> None:
    (tmp_path / "env" / "lib").mkdir(parents=True)
    (tmp_path / "env" / "pyvenv.cfg").write_text("")
    source = InotifyChanges(tmp_path, is_watched)
    try:
        (tmp_path / "env" / "lib" / "a.py").write_text("x = 1\n")
        (tmp_path / "b.py").write_text("x = 1\n")
        assert source.wait(5).paths == {"b.py"}
    finally:
        source.close()


def _wait_for(seen: queue.Queue[Snapshot], wanted: object) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if wanted(seen.get(timeout=10).files):  # type: ignore[operator]
            return
    pytest.fail("the revision never came")
