"""Idle chores: by priority, one short piece at a time, and only while nothing changes and nobody waits."""

from __future__ import annotations

import threading
from pathlib import Path

from augment.analysis import Snapshots
from augment.errors import ProjectError
from augment.records import Snapshot
from augment.service.coordinating import TESTED_REVISION
from augment.service.idle import IdleLoop, Ranked, ShouldStop
from augment.store import Reporter


class Pieces:
    """A chore with so many pieces of work."""

    def __init__(self, name: str, pieces: int, log: list[str]) -> None:
        self.name = name
        self.pieces = pieces
        self._log = log
        self.stop_seen: list[bool] = []

    def step(self, snapshot: Snapshot, should_stop: ShouldStop) -> str:
        self.stop_seen.append(should_stop())
        if not self.pieces:
            return ""
        self.pieces -= 1
        self._log.append(self.name)
        return f"did a piece of {self.name}"


class Broken:
    name = "broken"

    def __init__(self) -> None:
        self.calls = 0

    def step(self, snapshot: Snapshot, should_stop: ShouldStop) -> str:
        self.calls += 1
        raise ProjectError("no interpreter")


def tested(root: Path, reporter: Reporter) -> None:
    reporter.remember(TESTED_REVISION, Snapshots(root).take().revision)


def test_the_most_urgent_chore_is_finished_before_the_next_has_its_turn(root: Path, reporter: Reporter) -> None:
    tested(root, reporter)
    done: list[str] = []
    loop = IdleLoop(
        Snapshots(root), reporter, [Ranked(5, Pieces("late", 1, done)), Ranked(1, Pieces("early", 2, done))]
    )
    assert [loop.step() for _ in range(4)] == [True, True, True, False]
    assert done == ["early", "early", "late"]
    assert reporter.activities()[0]["text"] == "did a piece of late"


def test_nothing_is_done_before_the_newest_revision_has_its_verdicts(root: Path, reporter: Reporter) -> None:
    done: list[str] = []
    loop = IdleLoop(Snapshots(root), reporter, [Ranked(1, Pieces("a", 1, done))])
    assert not loop.step()
    tested(root, reporter)
    (root / "shop/names.py").write_text("def title(text):\n    return text\n")
    assert not loop.step()
    assert done == []


def test_a_busy_machine_holds_every_chore_back(root: Path, reporter: Reporter) -> None:
    tested(root, reporter)
    reason = ["the CPU is busy"]
    done: list[str] = []
    loop = IdleLoop(Snapshots(root), reporter, [Ranked(1, Pieces("a", 1, done))], held_back=lambda: reason[0])
    assert not loop.step()
    reason[0] = ""
    assert loop.step()


def test_a_chore_learns_that_it_must_stop(root: Path, reporter: Reporter) -> None:
    tested(root, reporter)
    chore = Pieces("a", 0, [])
    loop = IdleLoop(Snapshots(root), reporter, [Ranked(1, chore)])
    loop.step()
    loop.stop()
    loop.step()
    assert chore.stop_seen == [False, True]


def test_a_chore_that_fails_rests_until_the_next_revision(root: Path, reporter: Reporter) -> None:
    tested(root, reporter)
    broken, done = Broken(), list[str]()
    loop = IdleLoop(Snapshots(root), reporter, [Ranked(1, broken), Ranked(2, Pieces("after", 2, done))])
    for _ in range(4):
        loop.step()
    assert broken.calls == 1
    assert done == ["after", "after"]
    (root / "shop/names.py").write_text("def title(text):\n    return text\n")
    tested(root, reporter)
    loop.step()
    assert broken.calls == 2


class Last:
    """A chore whose piece ends only after the loop was told to stop and the reporter was closed."""

    name = "last"

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self.loop: IdleLoop | None = None

    def step(self, snapshot: Snapshot, should_stop: ShouldStop) -> str:
        assert self.loop is not None
        self.loop.stop(0.0)
        self._reporter.close()
        return "done too late"


def test_a_piece_that_ends_after_the_reporter_has_gone_is_no_error(root: Path, reporter: Reporter) -> None:
    tested(root, reporter)
    last = Last(reporter)
    last.loop = IdleLoop(Snapshots(root), reporter, [Ranked(1, last)])
    thread = threading.Thread(target=last.loop._work)
    raised: list[object] = []
    before, threading.excepthook = threading.excepthook, raised.append
    try:
        thread.start()
        thread.join(20)
    finally:
        threading.excepthook = before
    assert not thread.is_alive()
    assert not raised
