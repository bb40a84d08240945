"""Kept tests live with the project: from generation through renames, moves and changed behaviour, in one process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from augment.analysis import Change, Snapshots, project_targets, take_snapshot
from augment.errors import AugmentError
from augment.execution import LocalExecutor
from augment.generation import GenerationPass, GenerationSettings
from augment.generation.compose import Piece
from augment.generation.write import TestWriter, as_written
from augment.records import Admission, AdmissionState, Project, Snapshot, TestKind, new_id
from augment.service import Coordinator, Sources, state_folder
from augment.service.living import Known, Living, LivingPolicy
from augment.service.repinning import Repinner, keep_as_regression
from augment.service.reviewing import undo
from augment.store import Reporter

pytestmark = pytest.mark.needs_sandbox
OWN = "tests/augment/test_shop_pricing_augment.py"
TESTS = {
    "net": [
        "from shop.pricing import net\n\n\ndef test_net_of_twelve():\n    assert net(12, 0.2) == 10.0\n",
        "from shop.pricing import net\n\n\ndef test_net_of_nothing():\n    assert net(0, 1) == 0.0\n",
    ],
    "double": ["from shop.pricing import double\n\n\ndef test_double():\n    assert double(2) == 4\n"],
}
NET = "def net(gross, rate):\n    return gross / (1 + rate)\n"


@pytest.fixture(scope="module")
def executor() -> Iterator[LocalExecutor]:
    executor = LocalExecutor(2)
    yield executor
    executor.close()


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Scene:
    """A project under watch: saved, tested, and left to its idle work, a step at a time."""

    def __init__(self, root: Path, project: Project, reporter: Reporter, executor: LocalExecutor) -> None:
        self.root, self.project, self.reporter, self.executor = root, project, reporter, executor
        self.clock = Clock()
        self.policy = LivingPolicy()
        self._snapshots = Snapshots(root)
        self.living = self._make_living()
        self.coordinator = Coordinator(
            project,
            executor,
            reporter,
            Sources(state_folder(root) / "sources"),
            on_tested=self._tested,
        )

    def _tested(self, changes: Sequence[Change], snapshot: Snapshot, known: Known) -> None:
        self.living.tested(changes, snapshot, known)

    def _make_living(self) -> Living:
        return Living(
            self.project, self.executor, self.reporter, self.policy, lambda: take_snapshot(self.root), self.clock
        )

    def with_grace(self, minutes: float) -> None:
        self.policy = LivingPolicy(repin_after_minutes=minutes)
        self.living = self._make_living()

    def generate(self, *qualnames: str) -> list[Admission]:
        snapshot = take_snapshot(self.root)
        targets = [item for item in project_targets(self.project, snapshot) if item.qualname in qualnames]
        settings = GenerationSettings(
            generators=("search",), seed=1, budget_s_per_module=10, without=frozenset({"stable"})
        )
        work = GenerationPass(self.project, snapshot, self.executor, self.reporter, None, settings)
        admitted = work.run(targets).admitted
        assert admitted
        self.saved()
        return admitted

    def saved(self) -> None:
        self.coordinator.handle(self._snapshots.take())

    def keep(self, *qualnames: str, merge: bool = False) -> list[Admission]:
        """Kept tests as a pass would have left them, without the time that a pass takes."""
        writer = TestWriter(self.project, "tests/augment", merge)
        sources = [(name, source) for name in qualnames for source in TESTS[name]]
        file = writer.file_for("shop.pricing")
        pieces = [
            Piece(source, f"kept: covers 1 new line, testing shop.pricing:{name}; by search", f"shop.pricing:{name}")
            for name, source in sources
        ]
        composed = writer.add(file, pieces)
        admissions = [
            Admission(
                new_id("adm"), f"{file}::{test}", file, f"shop.pricing:{name}", "search", TestKind.UNIT, source,
                1, 0, None, 5, "covers 1 new line", 1.0,
            )
            for (name, source), test in zip(sources, composed.names, strict=True)
        ]  # fmt: skip
        self.reporter.admitted(as_written(admissions, composed))
        self.saved()
        assert self.broken() == set()
        return self.kept()

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.root / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def idle(self) -> list[str]:
        done: list[str] = []
        while said := self.living.step(take_snapshot(self.root), lambda: False):
            done.append(said)
            assert len(done) < 10
        if done:
            self.saved()
        return done

    def broken(self) -> set[str]:
        return {name for name, outcome in self.reporter.latest_outcomes().items() if outcome in ("failed", "error")}

    def kept(self) -> list[Admission]:
        return self.reporter.admission_records(AdmissionState.KEPT)

    def repinner(self) -> Repinner:
        look: Callable[[], Any] = lambda: take_snapshot(self.root)  # noqa: E731
        return Repinner(self.project, self.executor, self.reporter, look, "tests/augment")

    def notes(self) -> list[str]:
        return [note["kind"] for note in self.reporter.notes()]


@pytest.fixture
def scene(root: Path, project: Project, reporter: Reporter, executor: LocalExecutor) -> Iterator[Scene]:
    (root / "tests/test_pricing.py").unlink()
    made = Scene(root, project, reporter, executor)
    made.saved()
    yield made
    made.coordinator.stop()


def test_generated_tests_follow_a_rename_and_are_repinned_after_a_change_only_when_told_to(scene: Scene) -> None:
    scene.generate("net")
    assert scene.broken() == set()

    scene.edit("shop/pricing.py", "def net(", "def net_price(")
    scene.saved()
    assert scene.broken()
    assert "follow" in scene.idle()[0]
    assert scene.broken() == set()
    assert all(item.target == "shop.pricing:net_price" for item in scene.kept())
    assert all(item.nodeid in scene.reporter.latest_outcomes() for item in scene.kept())
    text = (scene.root / OWN).read_text()
    assert "import net_price" in text
    assert "net(" not in text
    assert "testing shop.pricing:net_price;" in text

    scene.edit("shop/pricing.py", "gross / (1 + rate)", "gross / (1 + rate) + 1")
    scene.saved()
    failing = scene.broken()
    assert failing  # told first: the verdict stands
    assert scene.idle() == []
    (entry,) = scene.reporter.stale()
    assert entry["target"] == "shop.pricing:net_price"
    assert {test["nodeid"] for test in entry["tests"]} == failing
    scene.reporter.flush()
    tasks = (scene.root / "TASKS.md").read_text()
    assert "augment accept --stale shop.pricing:net_price" in tasks
    assert (scene.root / OWN).read_text() == text  # nothing was bent

    settled = scene.repinner().accept("shop.pricing:net_price")
    assert {item.admission.id for item in settled} == {test["id"] for test in entry["tests"]}
    scene.saved()
    assert scene.broken() == set()
    assert scene.reporter.stale() == []
    assert "repinned" in scene.notes()
    assert "re-pinned since shop.pricing:net_price changed" in (scene.root / OWN).read_text()


def test_a_stale_test_that_the_user_calls_a_regression_is_left_until_it_passes(scene: Scene) -> None:
    scene.keep("net")
    before = (scene.root / OWN).read_text()
    scene.edit("shop/pricing.py", "(1 + rate)", "(2 + rate)")
    scene.saved()
    assert scene.reporter.stale()
    keep_as_regression(scene.reporter, None)
    assert scene.reporter.stale() == []
    scene.with_grace(0)
    scene.edit("shop/pricing.py", "(2 + rate)", "(3 + rate)")
    scene.saved()
    assert scene.reporter.stale() == []  # not asked again
    assert scene.idle() == []  # nor bent by the grace
    assert (scene.root / OWN).read_text() == before
    scene.edit("shop/pricing.py", "(3 + rate)", "(1 + rate)")
    scene.saved()
    assert scene.reporter.stale_admissions() == []
    with pytest.raises(AugmentError, match="no generated test is stale"):
        scene.repinner().accept(None)


def test_a_fix_of_the_code_clears_the_mark(scene: Scene) -> None:
    scene.keep("net")
    scene.edit("shop/pricing.py", "(1 + rate)", "(2 + rate)")
    scene.saved()
    assert scene.reporter.stale()
    scene.edit("shop/pricing.py", "(2 + rate)", "(1 + rate)")
    scene.saved()
    assert scene.reporter.stale() == []


def test_the_grace_repins_only_after_its_time_after_another_save_and_with_all_else_passing(scene: Scene) -> None:
    scene.keep("net")
    scene.with_grace(5)
    scene.edit("shop/pricing.py", "(1 + rate)", "(2 + rate)")
    scene.saved()
    scene.clock.now += 600
    assert scene.idle() == []  # not saved again
    scene.edit("shop/names.py", "text.title()", "text.lower()")
    scene.saved()
    assert scene.idle() == []  # something else is broken
    scene.edit("shop/names.py", "text.lower()", "text.title().strip()")
    scene.saved()
    (said,) = scene.idle()
    assert "re-pinned unasked" in said
    assert scene.broken() == set()


def test_a_moved_function_takes_its_tests_to_the_file_of_its_new_module(scene: Scene) -> None:
    scene.keep("net", "double")
    scene.edit("shop/pricing.py", NET, "")
    (scene.root / "shop/taxes.py").write_text(NET)
    scene.saved()
    assert "follow" in scene.idle()[0]
    homes = {item.target: item.file for item in scene.kept()}
    assert homes == {"shop.taxes:net": "tests/augment/test_shop_taxes_augment.py", "shop.pricing:double": OWN}
    assert "net" not in (scene.root / OWN).read_text()
    assert scene.broken() == set()


def test_a_renamed_module_takes_the_whole_file_along(scene: Scene) -> None:
    scene.keep("net", "double")
    scene.edit(OWN, "\n\n\n# kept", "\n\n\n# a word of the user's\n# kept")
    scene.saved()
    (scene.root / "shop/pricing.py").rename(scene.root / "shop/money.py")
    scene.saved()
    assert "follow" in scene.idle()[0]
    assert not (scene.root / OWN).exists()
    text = (scene.root / "tests/augment/test_shop_money_augment.py").read_text()
    assert "a word of the user's" in text
    assert "shop.pricing" not in text
    assert scene.broken() == set()


def test_tests_of_a_deleted_function_are_retired_and_come_back_with_it(scene: Scene) -> None:
    kept = scene.keep("net", "double")
    scene.edit("shop/pricing.py", NET, "")
    scene.saved()
    (said,) = scene.idle()
    assert said.startswith("retired")
    assert scene.broken() == set()
    assert {item.target for item in scene.kept()} == {"shop.pricing:double"}
    assert "net(" not in (scene.root / OWN).read_text()
    assert scene.reporter.summary()["admissions"]["retired"] == sum(item.target.endswith(":net") for item in kept)

    (scene.root / "shop/taxes.py").write_text(NET)  # pasted in another save, elsewhere
    scene.saved()
    (said,) = scene.idle()
    assert said.startswith("brought back")
    assert {item.target for item in scene.kept()} == {"shop.pricing:double", "shop.taxes:net"}
    assert scene.broken() == set()


def test_a_test_of_which_nothing_stable_is_left_is_retired_and_undo_puts_it_back(scene: Scene) -> None:
    scene.keep("net")
    scene.edit("shop/pricing.py", "def net", "import os\n\n\ndef net")
    scene.edit("shop/pricing.py", "gross / (1 + rate)", "os.urandom(8)")
    scene.saved()
    settled = scene.repinner().accept(None)
    retired = [item for item in settled if item.admission.state is AdmissionState.RETIRED]
    assert retired
    assert "retired" in retired[0].text
    assert retired[0].admission.nodeid not in scene.reporter.latest_outcomes() or scene.saved() is None
    (back,) = undo(scene.reporter, scene.project, retired[0].admission.id)
    assert back.state is AdmissionState.KEPT
    assert back.nodeid.partition("::")[2] in (scene.root / OWN).read_text()


def test_a_repinned_test_gets_its_old_assertions_back_by_undo(scene: Scene) -> None:
    scene.keep("double")
    before = (scene.root / OWN).read_text()
    scene.edit("shop/pricing.py", "2 * x", "3 * x")
    scene.saved()
    scene.repinner().accept(None)
    assert (scene.root / OWN).read_text() != before
    note = next(note for note in scene.reporter.notes() if note["kind"] == "repinned")
    undo(scene.reporter, scene.project, note["id"])
    scene.edit("shop/pricing.py", "3 * x", "2 * x")
    scene.saved()
    assert scene.broken() == set()


USERS = """from shop.pricing import double


def test_my_double():
    assert double(2) == 4
"""


def test_merged_tests_follow_and_are_undone_byte_for_byte(scene: Scene) -> None:
    users = scene.root / "tests/test_pricing.py"
    users.write_text(USERS)
    scene.saved()
    scene.keep("net", merge=True)
    assert all(item.file == "tests/test_pricing.py" for item in scene.kept())
    scene.edit("shop/pricing.py", "def net(", "def net_price(")
    scene.saved()
    scene.idle()
    assert scene.broken() == set()
    text = users.read_text()
    assert "net_price" in text
    assert "net(" not in text
    scene.edit("shop/pricing.py", "(1 + rate)", "(2 + rate)")
    scene.saved()
    assert scene.reporter.stale()
    scene.repinner().accept(None)
    scene.saved()
    assert scene.broken() == set()
    for admission in scene.kept():
        undo(scene.reporter, scene.project, admission.id)
    assert users.read_text() == USERS


def test_a_rename_that_the_tests_do_not_survive_changes_nothing_and_is_said(scene: Scene) -> None:
    scene.keep("net")
    before = (scene.root / OWN).read_text()
    scene.edit("shop/pricing.py", "def net(", "def net_price(")
    scene.saved()
    scene.edit("shop/pricing.py", "gross / (1 + rate)", "gross + 5")
    scene.saved()
    assert "did not" in scene.idle()[0]
    assert (scene.root / OWN).read_text() == before
    assert scene.reporter.stale()
