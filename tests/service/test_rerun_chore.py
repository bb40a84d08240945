"""The idle chore over the real executor and the real store, on a project with flaky tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from augment.analysis import Snapshots, discover_project
from augment.execution import LocalExecutor
from augment.records import Evidence, Lane, Run, Snapshot
from augment.seams import Batch, Limits
from augment.service import FlakinessChore, FlakinessPolicy, RerunBatches
from augment.service.rerun_chore import worth_muting
from augment.store import Reporter

TESTS = {
    "test_zone.py": (
        "import time\n\n\ndef test_offset():\n    assert time.localtime(1.6e9).tm_gmtoff > -36000\n\n\n"
        "def test_steady():\n    pass\n"
    ),
    "test_shared.py": (
        "import registry\n\n\ndef test_empty():\n    assert not registry.NAMES\n\n\n"
        "def test_fills():\n    registry.NAMES.append(1)\n\n\n"
        "def test_skipped():\n    import pytest\n    pytest.skip('never')\n"
    ),
    "registry.py": "NAMES = []\n",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    for name, text in TESTS.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def executor() -> Iterator[LocalExecutor]:
    executor = LocalExecutor(1)
    yield executor
    executor.close()


class Scene:
    """A project whose first verdicts are out, and the chore on it."""

    def __init__(self, root: Path, executor: LocalExecutor, reporter: Reporter, policy: FlakinessPolicy) -> None:
        self.reporter = reporter
        self.snapshots = Snapshots(root)
        project = discover_project(root)
        reporter.run_started(Run("run-1", Lane.FAST, "first", self.take().revision, 1.0))
        batch = Batch("b", project.root, project.interpreter, source_roots=project.source_roots, coverage=False)
        reporter.verdicts("run-1", executor.run(batch).verdicts)
        reporter.run_finished("run-1", 2.0)
        self.batches = RerunBatches(project, executor, Limits(wall_s=60.0, test_s=20.0))
        self.chore = FlakinessChore(self.snapshots, reporter, self.batches, policy, clock=lambda: 4e9)

    def take(self) -> Snapshot:
        return self.snapshots.take()

    def work(self, pieces: int) -> None:
        for _ in range(pieces):
            self.chore.step(self.take(), lambda: False)

    def known(self, name: str) -> Evidence:
        return next(one for one in self.reporter.evidence() if one.nodeid.endswith(name))


@pytest.fixture
def scene(root: Path, executor: LocalExecutor, reporter: Reporter) -> Iterator[Scene]:
    made = Scene(root, executor, reporter, FlakinessPolicy(mute_days=7.0))
    yield made
    made.batches.close()


def test_flaky_tests_are_found_explained_marked_and_muted_and_steady_ones_are_not(scene: Scene) -> None:
    scene.work(14)
    zone, shared = scene.known("test_offset"), scene.known("test_empty")
    assert zone.mixed
    assert zone.cause == "time zone Pacific/Pago_Pago"
    assert shared.is_flaky
    assert shared.cause == "after test_shared.py::test_fills"
    for steady in ("test_steady", "test_fills"):
        assert not scene.known(steady).mixed
        assert not scene.known(steady).is_flaky
    rows = {row["nodeid"]: row for row in scene.reporter.flaky()}
    assert rows.keys() == {"test_zone.py::test_offset", "test_shared.py::test_empty"}
    assert rows["test_shared.py::test_empty"]["muted_by"] == "augment"
    assert not rows["test_zone.py::test_offset"]["muted"]  # here it never fails: there is no false alarm to mute
    kept = scene.reporter.attempts_of("test_shared.py::test_empty", 100)
    assert {one["purpose"] for one in kept} == {"rerun", "isolate"}
    assert {one["outcome"] for one in kept} == {"passed", "failed"}
    assert scene.reporter.latest_outcomes()["test_shared.py::test_empty"] == "passed"  # a rerun is no verdict


def test_what_ran_while_the_project_changed_is_dropped(scene: Scene, root: Path) -> None:
    before = scene.take()
    (root / "registry.py").write_text("NAMES = [1]\n")
    assert scene.chore.step(before, lambda: False) == ""
    assert scene.reporter.evidence() == []


def test_it_ends_at_once_when_it_must(scene: Scene) -> None:
    assert scene.chore.step(scene.take(), lambda: True) == ""
    assert scene.reporter.evidence() == []


def test_only_a_test_that_passes_as_usual_and_may_fail_here_is_muted() -> None:
    flaky = Evidence("t", 9, 3, is_flaky=True, cause="hash seed 1", tallies={"as usual": (3, 0)})
    assert worth_muting(flaky)
    assert not worth_muting(Evidence("t", 9, 3, is_flaky=True, cause="hash seed 1", tallies={"as usual": (0, 3)}))
    assert not worth_muting(Evidence("t", 9, 3, is_flaky=True, cause="time zone UTC", tallies={"as usual": (3, 0)}))
    assert not worth_muting(Evidence("t", 9, 3, is_flaky=True, suspects=("x",), tallies={"as usual": (3, 0)}))
