"""After a save's verdicts: what it changed of what the code does is told, stored, and never in a verdict's way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from augment.analysis import Snapshots
from augment.behaviour import BehaviourChange, Compared, Edit
from augment.execution import LocalExecutor
from augment.generation import Comparison
from augment.records import Lane, Project, Snapshot, content_hash
from augment.seams import Batch
from augment.service import UNCHANGED, BehaviourWatch, Coordinator, Sources, state_folder
from augment.service.behaviour import joined, kept, told
from augment.store import Reporter

OLD, NEW = "def double(x):\n    return 2 * x\n", "def double(x):\n    return 3 * x\n"


def snapshot(**texts: str) -> Snapshot:
    return Snapshot.of({name: content_hash(text.encode()) for name, text in texts.items()})


CHANGE = BehaviourChange("m:f", "f(2)", "3", "4", "new", "old", 1.0)


class Scripted:
    """A comparison that gives what it is told to, and may be held until it is cancelled."""

    def __init__(self, result: Compared, *, held: bool = False) -> None:
        self._result = result
        self._cancelled = threading.Event()
        self._held = held
        self.begun = threading.Event()
        self.edit: Edit | None = None

    def run(self, edit: Edit) -> Compared:
        self.edit = edit
        self.begun.set()
        if self._held:
            assert self._cancelled.wait(10.0)
            return Compared(superseded=True, problem="a newer save came")
        return self._result

    def cancel(self) -> None:
        self._cancelled.set()


@pytest.fixture
def watch(reporter: Reporter) -> Iterator[Callable[..., BehaviourWatch]]:
    made: list[BehaviourWatch] = []

    def make(*comparisons: Scripted) -> BehaviourWatch:
        waiting = list(comparisons)
        made.append(BehaviourWatch(reporter, lambda: waiting.pop(0)))
        made[-1].start()
        return made[-1]

    yield make
    for one in made:
        one.stop()


def test_a_change_is_stored_announced_and_said(reporter: Reporter, watch: Callable[..., BehaviourWatch]) -> None:
    behaviour = watch(Scripted(Compared((CHANGE,), {"m:f": ("x",)}, {"m:f": "h"}, 1, 20)))
    behaviour.saved(Edit("old", Snapshot("new", {}), {}))
    assert behaviour.wait_idle(10.0)
    assert [row["sentence"] for row in reporter.behaviour()] == ["`f(2)` was 3, is 4"]
    said = {activity["part"]: activity["text"] for activity in reporter.activities()}
    assert said["behaviour"] == "this save changed behaviour: `f(2)` was 3, is 4"
    assert reporter.recall(UNCHANGED) == {"m:f": {"hash": "h", "sources": ["x"]}}


def test_that_the_machine_is_busy_is_said(reporter: Reporter) -> None:
    behaviour = BehaviourWatch(reporter, lambda: Scripted(Compared()), held_back=lambda: "CPU of others at 85%")
    behaviour.start()
    behaviour.saved(Edit("old", Snapshot("new", {}), {}))
    assert behaviour.wait_idle(10.0)
    behaviour.stop()
    said = {activity["part"]: activity["text"] for activity in reporter.activities()}
    assert said["behaviour"] == "waiting to compare what the save changed: CPU of others at 85%"


def test_a_newer_save_ends_the_comparison_and_is_told_with_it(watch: Callable[..., BehaviourWatch]) -> None:
    first, second = Scripted(Compared(), held=True), Scripted(Compared())
    behaviour = watch(first, second)
    behaviour.saved(Edit("r0", snapshot(a="2", b="1"), {"a": "1"}))
    assert first.begun.wait(10.0)
    behaviour.saved(Edit("r1", snapshot(a="3", b="2"), {"a": "2", "b": "1"}))
    assert behaviour.wait_idle(10.0)
    assert second.edit == Edit("r0", snapshot(a="3", b="2"), {"a": "1", "b": "1"})


def test_what_a_save_took_back_was_not_replaced() -> None:
    earlier = Edit("r0", snapshot(a="2", new="x"), {"a": "1", "new": None})
    later = Edit("r1", snapshot(a="1"), {"a": "2", "new": "x"})
    assert joined(earlier, later) == Edit("r0", snapshot(a="1"), {})


def test_of_the_unchanged_calls_the_newest_targets_are_kept() -> None:
    known = {f"m:{number}": {"hash": "h", "sources": []} for number in range(60)}
    found = kept(known, Compared(unchanged={"m:0": ("x",)}, hashes={"m:0": "h2", "m:new": "h"}))
    assert len(found) == 60
    assert found["m:0"] == {"hash": "h2", "sources": ["x"]}
    assert found["m:new"] == {"hash": "h", "sources": []}
    assert "m:1" not in found


def test_what_is_said_of_a_save() -> None:
    assert told(Compared()) == ""
    assert told(Compared(targets=1)) == ""
    assert told(Compared(targets=2, calls=40)) == "this save changed nothing that 40 calls of 2 changed targets show"
    assert told(Compared(problem="51 files changed at once")) == "51 files changed at once"
    many = Compared((CHANGE,) * 5, targets=1, calls=9, problem="3 more changed targets were not compared")
    assert told(many).endswith("; and 3 more; 3 more changed targets were not compared")


# --------------------------------------------------------------------------- with the real coordinator and executor


class InOrder(LocalExecutor):
    """Notes the lanes of the batches that it is given."""

    def __init__(self) -> None:
        super().__init__(2)
        self.lanes: list[tuple[Lane, bool]] = []

    def run(self, batch: Batch, on_verdict: object = None) -> object:  # type: ignore[override]
        self.lanes.append((batch.lane, batch.trusted))
        # Background work steps back where the machine is busy; a test need not.
        return super().run(replace(batch, lane=Lane.FAST), on_verdict)  # type: ignore[arg-type]


@pytest.mark.needs_sandbox
def test_a_save_is_told_after_its_verdicts(root: Path, project: Project, reporter: Reporter) -> None:
    executor = InOrder()
    behaviour = BehaviourWatch(reporter, lambda: Comparison(project, executor))
    sources = Sources(state_folder(root) / "sources")
    coordinator = Coordinator(project, executor, reporter, sources, parallel=lambda: 2, on_edit=behaviour.saved)
    behaviour.start()
    try:
        coordinator.handle(Snapshots(root).take())
        first = Snapshots(root).take().revision
        assert reporter.behaviour() == []
        path = root / "shop/pricing.py"
        path.write_text(path.read_text().replace("2 * x", "3 * x"))
        coordinator.handle(Snapshots(root).take())
        assert behaviour.wait_idle(120.0)
    finally:
        coordinator.stop()
        behaviour.stop()
        executor.close()
    told = reporter.behaviour()
    assert "`double(2)` was 4, is 6" in [row["sentence"] for row in told]
    assert {(row["previous"], row["revision"]) for row in told} == {(first, Snapshots(root).take().revision)}
    assert executor.lanes[0] == (Lane.FAST, True)
    assert {lane for lane in executor.lanes if lane[0] is Lane.WRITE} == {(Lane.WRITE, False)}
    assert executor.lanes.index((Lane.WRITE, False)) > 1, "the verdicts of the save come first"
    assert any(event.name == "behaviour" for event in reporter.events(0, 0.0))
