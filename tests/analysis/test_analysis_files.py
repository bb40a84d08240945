"""Which files belong to a project, and that snapshots see what changed and nothing else."""

import os
import time
from pathlib import Path

import pytest

from augment.analysis import Snapshots, list_files
from augment.records import content_hash


def write_file(root, name, text=""):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def age(root):
    """Make every file old enough to be trusted by its stat."""
    past = time.time() - 60
    for path in root.rglob("*"):
        os.utime(path, (past, past))


def test_the_nested_ignore_file_decides_over_the_one_above(tmp_path):
    write_file(tmp_path, ".gitignore", "*.txt\n/secret/\n")
    write_file(tmp_path, "pkg/.gitignore", "!keep.txt\nlocal.py\n")
    for name in ("a.txt", "a.py", "pkg/keep.txt", "pkg/other.txt", "pkg/local.py", "secret/x.py", "pkg/secret/y.py"):
        write_file(tmp_path, name)
    assert list_files(tmp_path) == [".gitignore", "a.py", "pkg/.gitignore", "pkg/keep.txt", "pkg/secret/y.py"]


@pytest.mark.parametrize(
    "folder",
    [".git", "__pycache__", "node_modules", ".augment", "logs", "build", "dist", "x.egg-info", ".pytest_cache"],
)
def test_tool_folders_are_left_out(tmp_path, folder):
    write_file(tmp_path, "a.py")
    write_file(tmp_path, f"{folder}/b.py")
    assert list_files(tmp_path) == ["a.py"]


def test_a_virtual_environment_is_left_out_whatever_its_name(tmp_path):
    write_file(tmp_path, "a.py")
    write_file(tmp_path, "my-python/pyvenv.cfg")
    write_file(tmp_path, "my-python/lib/b.py")
    assert list_files(tmp_path) == ["a.py"]


def test_a_package_may_be_called_build(tmp_path):
    write_file(tmp_path, "build/__init__.py")
    assert list_files(tmp_path) == ["build/__init__.py"]


def test_links_to_folders_make_no_loop(tmp_path):
    write_file(tmp_path, "pkg/a.py")
    (tmp_path / "pkg" / "again").symlink_to(tmp_path)
    (tmp_path / "dangling.py").symlink_to(tmp_path / "nowhere")
    assert list_files(tmp_path) == ["pkg/a.py"]


def test_a_snapshot_names_content_and_not_time(tmp_path):
    write_file(tmp_path, "a.py", "x = 1\n")
    snapshots = Snapshots(tmp_path)
    first = snapshots.take()
    age(tmp_path)
    assert snapshots.take() == first
    assert first.files["a.py"] == content_hash(b"x = 1\n")


def test_an_edit_of_the_same_size_within_the_clock_tick_is_seen(tmp_path):
    path = write_file(tmp_path, "a.py", "x = 1\n")
    snapshots = Snapshots(tmp_path)
    first = snapshots.take()
    stamp = path.stat()
    path.write_text("x = 2\n")
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert snapshots.take().revision != first.revision


def test_deleted_and_renamed_files_leave_the_snapshot(tmp_path):
    write_file(tmp_path, "a.py", "x = 1\n")
    write_file(tmp_path, "b.py", "y = 1\n")
    snapshots = Snapshots(tmp_path)
    snapshots.take()
    (tmp_path / "a.py").unlink()
    (tmp_path / "b.py").rename(tmp_path / "c.py")
    assert set(snapshots.take().files) == {"c.py"}


def test_an_edited_ignore_file_counts_at_once(tmp_path):
    write_file(tmp_path, "a.py")
    write_file(tmp_path, "notes.md")
    snapshots = Snapshots(tmp_path)
    assert "notes.md" in snapshots.take().files
    write_file(tmp_path, ".gitignore", "*.md\n")
    assert "notes.md" not in snapshots.take().files


def test_the_report_that_augment_writes_makes_no_new_revision(tmp_path):
    write_file(tmp_path, "a.py")
    snapshots = Snapshots(tmp_path)
    first = snapshots.take()
    write_file(tmp_path, "TASKS.md", "report")
    assert snapshots.take() == first


def test_ten_thousand_unchanged_files_take_less_than_a_second(tmp_path):
    write_file(tmp_path, ".gitignore", "*.log\n*.tmp\n/out/\n")
    for folder in range(100):
        (tmp_path / f"p{folder}").mkdir()
        for number in range(100):
            (tmp_path / f"p{folder}" / f"m{number}.py").write_text("x = 1\n")
    snapshots = Snapshots(tmp_path)
    time.sleep(0.06)  # past the time in which a file may change under its stat
    snapshots.take()
    started = time.perf_counter()
    snapshot = snapshots.take()
    assert time.perf_counter() - started < 1.0
    assert len(snapshot.files) == 10_001


def test_a_look_at_the_named_files_finds_what_a_full_look_finds(tmp_path: Path) -> None:
    for name in ("a.py", "pkg/b.py", "pkg/c.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    (tmp_path / ".gitignore").write_text("*.log\n")
    snapshots = Snapshots(tmp_path)
    snapshots.take()
    (tmp_path / "a.py").write_text("x = 2\n")
    (tmp_path / "pkg" / "c.py").unlink()
    (tmp_path / "pkg" / "d.py").write_text("x = 3\n")
    (tmp_path / "x.log").write_text("noise")
    looked = snapshots.look(["a.py", "pkg/c.py", "pkg/d.py", "x.log", "pkg/__pycache__/a.pyc"])
    assert looked == Snapshots(tmp_path).take()
    assert set(snapshots.contents().values()) == {b"x = 2\n", b"x = 3\n"}


def test_a_look_sees_everything_where_a_path_decides_what_belongs_to_the_project(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    snapshots = Snapshots(tmp_path)
    snapshots.take()
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "b.py").write_text("x = 1\n")
    assert set(snapshots.look(["new"]).files) == {"a.py", "new/b.py"}
    (tmp_path / ".gitignore").write_text("new/\n")
    assert set(snapshots.look([".gitignore"]).files) == {"a.py", ".gitignore"}
