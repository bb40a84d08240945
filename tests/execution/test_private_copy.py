"""Private copies: generated tests see exactly their revision and leave nothing behind."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from execution_support import outcomes, snapshot

from augment.errors import ProjectError
from augment.execution.workspace import ProjectFiles, Workspace, Workspaces
from augment.records import FaultKind
from augment.shipping import RevisionGoneError

THING = {"thing.py": "VALUE = 1\n", "data/names.txt": "ada\n", "test_thing.py": "def test_mine(): pass\n"}


def test_laid_over_files_run_in_the_copy_and_the_project_stays_as_it_is(make_project, run):
    root = make_project(THING)
    before = snapshot(root)
    test = f"""
import os, thing
def test_new():
    assert thing.VALUE == 1
    assert not thing.__file__.startswith({str(root)!r} + "/thing")
    assert os.getcwd() != {str(root)!r}
    open("thing.py", "w").write("VALUE = 2")
    open("junk.txt", "w").write("x")
    os.remove("data/names.txt")
    os.symlink("/etc", "etc")
"""
    order = {"private": True, "snapshot": before, "files": {"tests/augment/test_new.py": test}, "trusted": False}
    for _ in range(2):
        result = run(root, "tests/augment/test_new.py", **order)
        assert outcomes(result) == {"test_new": "passed"}, result.output
    assert result.verdicts[0].nodeid == "tests/augment/test_new.py::test_new"
    assert set(result.coverage.possible) == {"thing.py"}
    assert snapshot(root) == before
    assert Path("/etc/passwd").exists()


def test_the_copy_wins_over_an_editable_install(make_project, run, tmp_path, monkeypatch):
    root = make_project({"src/thing.py": "VALUE = 1\n"})
    test = (
        "import thing, os\ndef test_new(): assert os.path.dirname(thing.__file__) == os.path.join(os.getcwd(), 'src')\n"
    )
    # What an editable install comes to: the project's source folder on the path of its interpreter.
    monkeypatch.setenv("PYTHONPATH", str(root / "src"))
    for source_roots in (("src",), (".",)):
        result = run(
            root,
            "test_new.py",
            private=True,
            snapshot=snapshot(root),
            files={"test_new.py": test},
            source_roots=source_roots,
        )
        assert outcomes(result) == {"test_new": "passed"}, result.output


def test_a_conftest_of_the_project_is_taken_from_the_copy_only(make_project, run):
    root = make_project(THING | {"conftest.py": "import pytest\n@pytest.fixture\ndef where(): return __file__\n"})
    test = "import os\ndef test_new(where): assert where == os.path.join(os.getcwd(), 'conftest.py')\n"
    result = run(root, "test_new.py", private=True, snapshot=snapshot(root), files={"test_new.py": test})
    assert outcomes(result) == {"test_new": "passed"}, result.output


def test_a_revision_that_is_gone_is_superseded(make_project, run):
    root = make_project(THING)
    old = snapshot(root)
    (root / "thing.py").write_text("VALUE = 3\n")
    result = run(root, "test_thing.py", private=True, snapshot=old)
    assert result.fault.kind is FaultKind.SUPERSEDED
    assert "thing.py" in result.fault.detail


def test_a_private_batch_names_its_revision(make_project, run):
    with pytest.raises(ProjectError, match="names no revision"):
        run(make_project(THING), private=True)


def test_a_sync_writes_only_what_differs(make_project, tmp_path):
    root = make_project(THING)
    workspace = Workspace(tmp_path / "copy")
    workspace.sync(ProjectFiles(root), snapshot(root), {})
    untouched = (workspace.folder / "data/names.txt").stat().st_ino
    (root / "thing.py").write_text("VALUE = 2\n")
    (root / "test_thing.py").unlink()
    workspace.sync(ProjectFiles(root), snapshot(root), {"new/test_x.py": "x"})
    assert snapshot(workspace.folder).files.keys() == {"thing.py", "data/names.txt", "new/test_x.py"}
    assert (workspace.folder / "thing.py").read_text() == "VALUE = 2\n"
    assert (workspace.folder / "data/names.txt").stat().st_ino == untouched
    workspace.sync(ProjectFiles(root), snapshot(root), {})
    assert not (workspace.folder / "new").exists()


def test_a_change_that_hides_its_time_is_undone(make_project, tmp_path):
    root = make_project(THING)
    workspace = Workspace(tmp_path / "copy")
    workspace.sync(ProjectFiles(root), snapshot(root), {})
    copy = workspace.folder / "thing.py"
    found = copy.stat()
    copy.write_text("VALUE = 9\n")
    os.utime(copy, ns=(found.st_atime_ns, found.st_mtime_ns))
    workspace.sync(ProjectFiles(root), snapshot(root), {})
    assert copy.read_text() == "VALUE = 1\n"


def test_a_laid_over_file_gives_way_to_the_projects_own_again(make_project, tmp_path):
    root = make_project(THING)
    workspace = Workspace(tmp_path / "copy")
    workspace.sync(ProjectFiles(root), snapshot(root), {"thing.py": "VALUE = 5\n"})
    assert (workspace.folder / "thing.py").read_text() == "VALUE = 5\n"
    workspace.sync(ProjectFiles(root), snapshot(root), {})
    assert (workspace.folder / "thing.py").read_text() == "VALUE = 1\n"


def test_copies_of_an_executor_that_was_killed_are_cleared_away(tmp_path):
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    spaces = Workspaces(tmp_path)
    with spaces.borrow("/project") as mine:
        host, process, _ = mine.folder.parent.name.rsplit("-", 2)
    assert process == str(os.getpid())
    for name in (f"{host}-{ended.pid}-0", f"elsewhere-{ended.pid}-0"):
        (tmp_path / name / "project").mkdir(parents=True)
    mine.folder.mkdir(parents=True)
    with spaces.borrow("/another"):
        pass
    assert {folder.name for folder in tmp_path.iterdir()} == {mine.folder.parent.name, f"elsewhere-{ended.pid}-0"}


@pytest.mark.parametrize("path", ["../out.py", "/tmp/out.py", "a/../../out.py"])
def test_a_path_that_leads_out_is_refused(make_project, tmp_path, path):
    root = make_project(THING)
    with pytest.raises(ProjectError, match="leads out"):
        Workspace(tmp_path / "copy").sync(ProjectFiles(root), snapshot(root), {path: "x"})


def test_a_missing_file_names_itself(make_project, tmp_path):
    root = make_project(THING)
    old = snapshot(root)
    (root / "thing.py").unlink()
    with pytest.raises(RevisionGoneError, match=r"thing\.py is gone"):
        Workspace(tmp_path / "copy").sync(ProjectFiles(root), old, {})


def test_the_environment_of_a_private_batch_is_an_allow_list(make_project, run, monkeypatch):
    monkeypatch.setenv("MY_SETTING", "1")
    monkeypatch.setenv("GITHUB_TOKEN", "s3cret")
    root = make_project(THING)
    home = str(Path.home())
    test = f"""
import os
def test_new():
    assert "MY_SETTING" not in os.environ and "GITHUB_TOKEN" not in os.environ
    assert os.path.expanduser("~") != {home!r} and os.path.isdir(os.path.expanduser("~"))
    assert not any(name.startswith(("RAY_", "AUGMENT_")) for name in os.environ)
    import tempfile; assert tempfile.gettempdir() == os.environ["TMPDIR"]
"""
    order = {"private": True, "snapshot": snapshot(root), "files": {"test_new.py": test}, "trusted": False}
    assert outcomes(run(root, "test_new.py", **order)) == {"test_new": "passed"}
    assert sys.executable


def _files(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_a_copy_that_nobody_could_write_is_brought_up_to_date_without_a_search(make_project, tmp_path):
    root = make_project(THING)
    workspace = Workspace(tmp_path / "work" / "copy")
    workspace.sync(ProjectFiles(root), snapshot(root), {"tests/test_new.py": "first"})
    workspace.touched = False
    (root / "thing.py").write_text("VALUE = 2\n")
    (root / "data/names.txt").unlink()
    workspace.sync(ProjectFiles(root), snapshot(root), {"tests/other/test_new.py": "second"})
    expected = {"thing.py": "VALUE = 2\n", "test_thing.py": THING["test_thing.py"], "tests/other/test_new.py": "second"}
    assert _files(workspace.folder) == expected
    assert not (workspace.folder / "data").exists()
    workspace.sync(ProjectFiles(root), snapshot(root), {"thing.py": "VALUE = 5\n"})
    workspace.sync(ProjectFiles(root), snapshot(root), {})
    assert (workspace.folder / "thing.py").read_text() == "VALUE = 2\n"


def test_a_copy_that_somebody_deleted_is_made_anew(make_project, tmp_path):
    root = make_project(THING)
    workspace = Workspace(tmp_path / "work" / "copy")
    workspace.sync(ProjectFiles(root), snapshot(root), {})
    workspace.touched = False
    shutil.rmtree(workspace.folder.parent)
    workspace.sync(ProjectFiles(root), snapshot(root), {})
    assert _files(workspace.folder) == THING


def test_a_copy_is_readable_for_other_users_behind_a_folder_that_is_shut(make_project, tmp_path):
    root = make_project(THING)
    (root / "thing.py").chmod(0o600)
    workspace = Workspace(tmp_path / "work" / "copy")
    workspace.sync(ProjectFiles(root), snapshot(root), {})
    assert (workspace.folder / "thing.py").stat().st_mode & 0o777 == 0o644
    assert workspace.folder.parent.stat().st_mode & 0o777 == 0o700
