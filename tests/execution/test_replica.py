"""A node that does not have the project: revisions arrive by hash, only what is lacking, and are made into files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from execution_support import snapshot

from augment.cluster.shipping import BlobSource, Sender
from augment.errors import ProjectError
from augment.execution import LocalExecutor, Replica
from augment.execution.blobs import IN_USE_S, BlobCache, BlobMissingError
from augment.records import Snapshot, content_hash
from augment.seams import Batch, MutationOrder
from augment.shipping import PIECE_BYTES, Needs, Parcel, RevisionGoneError

FILES = {"thing.py": "VALUE = 1\n", "data/names.txt": "ada\n", "run.sh": "#!/bin/sh\n", "twin.py": "VALUE = 1\n"}


class Line:
    """What a replica is sent, counted."""

    def __init__(self, replica: Replica) -> None:
        self.replica = replica
        self.parcels: list[Parcel] = []
        self.pieces: list[list[str]] = []

    def offer(self, parcel: Parcel) -> Needs:
        self.parcels.append(parcel)
        return self.replica.offer(parcel)

    def take(self, blobs: Mapping[str, bytes]) -> None:
        self.pieces.append(list(blobs))
        self.replica.take(blobs)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "run.sh").chmod(0o755)
    return root


@pytest.fixture
def line(tmp_path: Path) -> Line:
    return Line(Replica(tmp_path / "node" / "v1", "project", 2**20))


def batch(revision: Snapshot, root: Path) -> Batch:
    return Batch("b", str(root), sys.executable, snapshot=Snapshot(revision.revision, {}))


def files(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_a_revision_arrives_whole_and_the_next_one_as_what_differs(project: Path, line: Line) -> None:
    sender = Sender(BlobSource(project), line)
    first = snapshot(project)
    sender.send(first)
    made = line.replica.localise(batch(first, project))
    assert files(Path(made.root)) == FILES
    assert not made.private
    assert made.snapshot == first
    assert os.access(Path(made.root) / "run.sh", os.X_OK)
    assert not os.access(Path(made.root) / "thing.py", os.X_OK)
    assert line.replica.received.blobs == 3  # two files have the same content

    (project / "thing.py").write_text("VALUE = 2\n")
    (project / "data/names.txt").unlink()
    second = snapshot(project)
    sender.send(second)
    assert set(line.parcels[-1].files) == {"thing.py"}
    assert line.parcels[-1].gone == ("data/names.txt",)
    assert line.pieces[-1] == [content_hash(b"VALUE = 2\n")]
    made = line.replica.localise(batch(second, project))
    expected = {name: text for name, text in FILES.items() if name != "data/names.txt"} | {"thing.py": "VALUE = 2\n"}
    assert files(Path(made.root)) == expected
    assert not (Path(made.root) / "data").exists()
    assert os.access(Path(made.root) / "run.sh", os.X_OK)


def test_an_earlier_revision_can_be_asked_for_again_without_sending_contents(project: Path, line: Line) -> None:
    sender = Sender(BlobSource(project), line)
    first = snapshot(project)
    sender.send(first)
    (project / "thing.py").write_text("VALUE = 2\n")
    sender.send(snapshot(project))
    (project / "thing.py").write_text("VALUE = 1\n")
    sender.send(first)
    assert len(line.pieces) == 2
    assert files(Path(line.replica.localise(batch(first, project)).root)) == FILES


def test_a_node_that_has_forgotten_the_base_gets_the_whole_list(project: Path, tmp_path: Path, line: Line) -> None:
    sender = Sender(BlobSource(project), line)
    sender.send(snapshot(project))
    line.replica = Replica(tmp_path / "node" / "v1", "project", 2**20)  # its executor was started again
    (project / "thing.py").write_text("VALUE = 2\n")
    second = snapshot(project)
    sender.send(second)
    assert [bool(parcel.base) for parcel in line.parcels] == [False, True, False]
    assert line.pieces[-1] == [content_hash(b"VALUE = 2\n")]  # the contents were still on the node
    assert files(Path(line.replica.localise(batch(second, project)).root))["thing.py"] == "VALUE = 2\n"


def test_mutation_orders_are_brought_here_too(project: Path, line: Line) -> None:
    first = snapshot(project)
    Sender(BlobSource(project), line).send(first)
    order = MutationOrder("m", str(project), sys.executable, Snapshot(first.revision, {}), (), {})
    made = line.replica.localise(order)
    assert made.snapshot == first
    assert files(Path(made.root)) == FILES


def test_a_project_that_has_moved_on_is_not_sent(project: Path, line: Line) -> None:
    first = snapshot(project)
    (project / "run.sh").write_text("#!/bin/bash\n")
    with pytest.raises(RevisionGoneError, match=r"run\.sh"):
        Sender(BlobSource(project), line).send(first)
    with pytest.raises(RevisionGoneError):
        line.replica.localise(batch(first, project))


def test_what_was_never_sent_cannot_run(project: Path, line: Line) -> None:
    with pytest.raises(RevisionGoneError, match="is not on this node"):
        line.replica.localise(batch(snapshot(project), project))


def test_a_list_that_is_not_its_revision_is_refused(line: Line) -> None:
    with pytest.raises(ProjectError, match="not of wrong"):
        line.replica.offer(Parcel("wrong", {"a.py": content_hash(b"")}))


def test_damaged_contents_are_refused_on_arrival_and_found_when_read(tmp_path: Path) -> None:
    cache = BlobCache(tmp_path, 1000)
    with pytest.raises(ProjectError, match="damaged"):
        cache.put(content_hash(b"right"), b"wrong")
    digest = content_hash(b"right")
    cache.put(digest, b"right")
    (tmp_path / digest[:2] / digest).write_bytes(b"rot")
    with pytest.raises(BlobMissingError):
        cache.read(digest)
    assert cache.lacking([digest]) == (digest,)  # to be sent again
    with pytest.raises(ProjectError, match="no content hash"):
        cache.lacking(["../../etc/passwd"])


def test_the_cache_lets_go_of_what_was_used_longest_ago_and_of_nothing_in_use(tmp_path: Path) -> None:
    cache = BlobCache(tmp_path, 100)
    old, older, new = (content_hash(data) for data in (b"a" * 40, b"b" * 40, b"c" * 40))
    for digest, data in ((old, b"a" * 40), (older, b"b" * 40)):
        cache.put(digest, data)
    for digest, age in ((old, 2), (older, 3)):
        path = tmp_path / digest[:2] / digest
        os.utime(path, times=(time.time() - age * IN_USE_S, time.time() - age * IN_USE_S))
    cache.trim(40)
    cache.put(new, b"c" * 40)
    assert cache.lacking([older, old, new]) == (older,)
    with pytest.raises(ProjectError, match="node_cache_mb"):
        cache.trim(40)  # both were asked for just now


def test_large_revisions_are_sent_in_pieces(tmp_path: Path) -> None:
    root = tmp_path / "big"
    root.mkdir()
    for number in range(3):
        (root / f"{number}.bin").write_bytes(bytes([number]) * (PIECE_BYTES // 2 + 1))
    line = Line(Replica(tmp_path / "node" / "v1", "big", 2**30))
    Sender(BlobSource(root), line).send(snapshot(root))
    assert [len(piece) for piece in line.pieces] == [1, 1, 1]


def test_the_last_process_takes_everything_with_it_and_the_next_clears_up_after_a_killed_one(tmp_path: Path) -> None:
    home = tmp_path / "node" / "v1"
    code = f"from pathlib import Path; from augment.execution import Replica; Replica(Path({str(home)!r}), 'p', 9)"
    subprocess.run([sys.executable, "-c", code], check=True)  # ends without closing, as a killed one does
    (left,) = home.glob("[0-9]*")
    replica = Replica(home, "p", 2**20)
    assert not left.exists()
    other = home / str(os.getppid())  # an executor of the same project that lives on
    other.mkdir()
    replica.take({content_hash(b"x"): b"x"})
    replica.close()
    assert (home / "blobs").exists()
    other.rmdir()
    replica.close()
    assert not home.parent.exists()


def test_a_folder_that_somebody_else_has_made_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "node").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ProjectError, match="belongs to somebody else"):
        Replica(tmp_path / "node" / "v1", "p", 9)
    assert not list((tmp_path / "elsewhere").iterdir())


def test_tests_run_on_the_replica_as_in_the_project(tmp_path: Path) -> None:
    root = tmp_path / "there" / "project"
    root.mkdir(parents=True)
    (root / "thing.py").write_text("def twice(x):\n    return 2 * x\n")
    (root / "data.txt").write_text("21")
    (root / "test_thing.py").write_text(
        "import pathlib, thing\n"
        "def test_twice(): assert thing.twice(int(pathlib.Path('data.txt').read_text())) == 42\n"
        "def test_wrong(): assert thing.twice(1) == 3\n"
        "def test_writes(): open('junk', 'w').close(); assert not pathlib.Path('.git').exists()\n"
    )
    revision = snapshot(root)
    replica = Replica(tmp_path / "node" / "v1", root.name, 2**20)
    Sender(BlobSource(root), replica).send(revision)
    shutil.rmtree(root)  # nothing may be read from there any more
    executor = LocalExecutor(1, cache_dir=tmp_path / "cache", scratch_dir=replica.scratch)
    try:
        result = executor.run(replica.localise(batch(revision, root)))
        assert (replica.root / "junk").exists()
        assert set(files(Path(replica.localise(batch(revision, root)).root))) == set(revision.files)
    finally:
        executor.close()
        replica.close()
    assert {verdict.nodeid: verdict.outcome.value for verdict in result.verdicts} == {
        "test_thing.py::test_twice": "passed",
        "test_thing.py::test_wrong": "failed",
        "test_thing.py::test_writes": "passed",
    }, result.output
    assert set(result.coverage.possible) == {"thing.py"}
    assert set(result.coverage.tests["test_thing.py::test_twice"]) == {"thing.py"}
    assert result.coverage.reads["test_thing.py::test_twice"] == {"data.txt"}
    assert not root.exists()
    assert not (tmp_path / "node").exists()
