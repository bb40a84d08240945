"""The writer takes durable jobs to passes: most urgent first, one module at a time, a limited number of times."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from augment.analysis import Snapshots
from augment.errors import ModelError
from augment.records import CoverageReport, FileCoverage, Job, Lane, Project, Snapshot, Target
from augment.seams import Completion, Engine, Request
from augment.service import ModelState, Writer, writing
from augment.service.coordinating import TESTED_REVISION
from augment.service.writing import ATTEMPTED, EFFORT, Wrote
from augment.store import Reporter


class Passes:
    """Records what was asked for, in place of the generation pass."""

    def __init__(self, during: Callable[[], None] = lambda: None) -> None:
        self.targets: list[list[str]] = []
        self.engines: list[Engine | None] = []
        self.kept: dict[str, int] = {}
        self.unasked: frozenset[str] = frozenset()
        self._during = during

    def __call__(
        self,
        snapshot: Snapshot,
        targets: Sequence[Target],
        baseline: CoverageReport,
        engine: Engine | None,
        lane: Lane,
        should_stop: Callable[[], bool],
    ) -> Wrote | None:
        self.targets.append([target.id for target in targets])
        self.engines.append(engine)
        self._during()
        kept = {target.id: self.kept.pop(target.id) for target in targets if target.id in self.kept}
        return Wrote(kept, self.unasked)


def job(target: str, priority: float = 0.0, name: str | None = None) -> Job:
    return Job(name or f"job-{target}", target, Lane.WRITE, "saved", 1.0, priority)


def writer(
    root: Path, project: Project, reporter: Reporter, passes: Passes, state: str = "off", idle: bool = False
) -> Writer:
    return Writer(project, Snapshots(root), reporter, passes, lambda: ModelState(state), idle=idle)


def tested(root: Path, reporter: Reporter) -> None:
    reporter.remember(TESTED_REVISION, Snapshots(root).take().revision)


def test_jobs_of_the_most_urgent_module_go_first_and_together(root: Path, project: Project, reporter: Reporter) -> None:
    tested(root, reporter)
    reporter.enqueue([job("shop.names:title", 3), job("shop.pricing:net", 2), job("shop.pricing:double", 9)])
    passes = Passes()
    work = writer(root, project, reporter, passes)
    assert work.step()
    assert work.step()
    assert not work.step()
    assert passes.targets == [["shop.pricing:net", "shop.pricing:double"], ["shop.names:title"]]


def test_nothing_is_written_before_the_newest_revision_has_its_verdicts(
    root: Path, project: Project, reporter: Reporter
) -> None:
    reporter.enqueue([job("shop.pricing:net")])
    passes = Passes()
    assert not writer(root, project, reporter, passes).step()
    tested(root, reporter)
    assert writer(root, project, reporter, passes).step()


def test_it_waits_for_a_model_that_is_loading_and_not_for_one_that_failed(
    root: Path, project: Project, reporter: Reporter
) -> None:
    tested(root, reporter)
    reporter.enqueue([job("shop.pricing:net")])
    assert not writer(root, project, reporter, Passes(), state="loading").step()
    assert writer(root, project, reporter, Passes(), state="failed").step()


def test_a_job_whose_target_is_gone_is_dropped(root: Path, project: Project, reporter: Reporter) -> None:
    tested(root, reporter)
    reporter.enqueue([job("shop.pricing:vanished")])
    passes = Passes()
    assert not writer(root, project, reporter, passes).step()
    assert passes.targets == []
    assert reporter.pending_jobs() == []


def test_a_project_without_targets_is_told_so(root: Path, project: Project, reporter: Reporter) -> None:
    for file in root.glob("shop/*.py"):
        file.write_text("RATE = 2\n")
    tested(root, reporter)
    assert not writer(root, project, reporter, Passes()).step()
    assert "nothing to write tests for: no function or class in shop" in [one["text"] for one in reporter.activities()]


def test_a_job_that_killed_its_worker_three_times_is_dropped(root: Path, project: Project, reporter: Reporter) -> None:
    tested(root, reporter)
    reporter.enqueue([job("shop.pricing:net", name="job-poison")])
    for _ in range(3):
        reporter.count_attempt("job-poison")
    passes = Passes()
    assert not writer(root, project, reporter, passes).step()
    assert passes.targets == []


def test_idle_work_fills_an_empty_queue_once_for_each_state_of_a_target(
    root: Path, project: Project, reporter: Reporter
) -> None:
    tested(root, reporter)
    reporter.coverage("r", CoverageReport(possible={"shop/names.py": FileCoverage(frozenset({1, 2}))}))
    passes = Passes()
    work = writer(root, project, reporter, passes, idle=True)
    while work.step():
        pass
    worked_on = [name for names in passes.targets for name in names]
    assert sorted(worked_on) == ["shop.names:title", "shop.pricing:double", "shop.pricing:net"]


def test_a_target_that_brought_tests_is_worked_on_again_and_one_that_did_not_is_not(
    root: Path, project: Project, reporter: Reporter
) -> None:
    tested(root, reporter)
    passes = Passes()
    passes.kept = {"shop.pricing:double": 2}
    work = writer(root, project, reporter, passes, idle=True)
    while work.step():
        assert len(passes.targets) < 20
    worked_on = [name for names in passes.targets for name in names]
    assert worked_on.count("shop.pricing:double") == 2
    assert worked_on.count("shop.pricing:net") == 1
    efforts = reporter.recall(EFFORT)
    assert efforts["shop.pricing:double"][:2] == [2.0, 1.0]
    assert efforts["shop.pricing:net"][:2] == [1.0, 0.0]


def test_idle_work_goes_where_it_is_expected_to_bring_most(root: Path, project: Project, reporter: Reporter) -> None:
    tested(root, reporter)
    reporter.remember(EFFORT, {"shop.pricing:net": [9, 0, 900], "shop.pricing:double": [9, 0, 900]})
    passes = Passes()
    assert writer(root, project, reporter, passes, idle=True).step()
    assert passes.targets == [["shop.names:title"]]


@pytest.mark.parametrize(("at", "is_cut"), [(2.0, True), (1.0, False)])
def test_what_changed_last_goes_before_a_pass_that_is_under_way(
    root: Path, project: Project, reporter: Reporter, monkeypatch: pytest.MonkeyPatch, at: float, is_cut: bool
) -> None:
    monkeypatch.setattr(writing, "LOOK_S", 0.0)
    tested(root, reporter)
    reporter.enqueue([job("shop.pricing:net")])
    newer = Job("job-newer", "shop.names:title", Lane.WRITE, "saved", at, -at)
    passes = Passes(during=lambda: reporter.enqueue([newer]))
    work = writer(root, project, reporter, passes)
    assert work.step()
    assert [item.target for item in reporter.pending_jobs()] == (
        ["shop.names:title", "shop.pricing:net"] if is_cut else ["shop.names:title"]
    )


class SilentEngine:
    model = "silent"

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        return []


def test_idle_work_gives_the_model_its_turn_at_every_target_before_the_others_fill_what_is_left(
    root: Path, project: Project, reporter: Reporter
) -> None:
    tested(root, reporter)
    engine = SilentEngine()
    passes = Passes()
    work = Writer(project, Snapshots(root), reporter, passes, lambda: ModelState("ready", engine))
    while work.step():
        assert len(passes.targets) < 20
    assert [used is engine for used in passes.engines] == [True, True, False, False]
    assert sorted(passes.targets[:2]) == sorted(passes.targets[2:])


def test_work_that_a_save_cut_short_is_done_again(root: Path, project: Project, reporter: Reporter) -> None:
    tested(root, reporter)
    reporter.enqueue([job("shop.pricing:net")])

    def save() -> None:
        (root / "shop/pricing.py").write_text("def net(gross, rate):\n    return gross\n")

    assert writer(root, project, reporter, Passes(save)).step()
    assert [(j.target, j.attempts) for j in reporter.pending_jobs()] == [("shop.pricing:net", 0)]


def test_a_lost_model_leaves_the_job_in_the_queue(root: Path, project: Project, reporter: Reporter) -> None:
    tested(root, reporter)
    reporter.enqueue([job("shop.pricing:net")])

    def fail() -> None:
        raise ModelError("the model is gone")

    work = writer(root, project, reporter, Passes(fail))
    work.start()
    work.stop()
    assert [j.target for j in reporter.pending_jobs()] == ["shop.pricing:net"]


def test_work_that_is_held_back_waits_and_work_in_progress_goes_back_to_the_queue(
    root: Path, project: Project, reporter: Reporter
) -> None:
    tested(root, reporter)
    reporter.enqueue([job("shop.pricing:net")])
    reasons = ["CPU of others at 90%"]
    passes = Passes(during=lambda: reasons.append("CPU of others at 95%"))
    work = Writer(
        project,
        Snapshots(root),
        reporter,
        passes,
        lambda: ModelState("off"),
        held_back=lambda: reasons[-1] if reasons else "",
        idle=False,
    )
    assert not work.step()
    assert passes.targets == []
    reasons.clear()
    assert work.step()
    assert passes.targets == [["shop.pricing:net"]]
    assert [(j.target, j.attempts) for j in reporter.pending_jobs()] == [("shop.pricing:net", 0)]


def test_what_a_save_waits_for_is_not_joined_by_weak_targets_beside_it(
    root: Path, project: Project, reporter: Reporter
) -> None:
    tested(root, reporter)
    weak = Job("job-weak", "shop.pricing:double", Lane.IDLE, "5 uncovered lines", 1.0, -5.0)
    reporter.enqueue([weak, job("shop.pricing:net")])
    passes = Passes()
    work = writer(root, project, reporter, passes)
    assert work.step()
    assert work.step()
    assert passes.targets == [["shop.pricing:net"], ["shop.pricing:double"]]


def test_a_pass_over_a_revision_that_was_gone_is_still_to_be_done_and_not_forever(
    root: Path, project: Project, reporter: Reporter
) -> None:
    tested(root, reporter)
    reporter.enqueue([job("shop.pricing:net")])

    class Gone(Passes):
        def __call__(self, *args: object) -> None:  # type: ignore[override]
            super().__call__(*args)  # type: ignore[arg-type]

    passes = Gone()
    work = writer(root, project, reporter, passes)
    for _ in range(writing.MAX_ATTEMPTS):
        assert work.step()
    assert not work.step()
    assert passes.targets == [["shop.pricing:net"]] * writing.MAX_ATTEMPTS


def test_what_a_slow_model_had_no_time_for_still_has_its_turn(root: Path, project: Project, reporter: Reporter) -> None:
    tested(root, reporter)
    reporter.enqueue([job("shop.pricing:net"), job("shop.pricing:double")])
    passes = Passes()
    passes.unasked = frozenset({"shop.pricing:double"})
    assert writer(root, project, reporter, passes).step()
    assert set(reporter.recall(ATTEMPTED)) == {"shop.pricing:net"}
    reporter.enqueue([job("shop.pricing:double", name="job-again")])
    assert writer(root, project, reporter, passes).step()  # to none of them: it will not come to them later either
    assert set(reporter.recall(ATTEMPTED)) == {"shop.pricing:net", "shop.pricing:double"}


def test_between_two_looks_it_rests_and_a_stop_does_not_wait_for_that(
    root: Path, project: Project, reporter: Reporter
) -> None:
    tested(root, reporter)
    resting, wake = threading.Event(), threading.Event()

    def rest(_longest_s: float) -> None:
        resting.set()
        wake.wait(30)

    work = Writer(
        project, Snapshots(root), reporter, Passes(), lambda: ModelState("off"), idle=False, poll_s=30.0, rest=rest
    )
    work.start()
    try:
        assert resting.wait(10)
        began = time.monotonic()
        work.stop(10)
        assert time.monotonic() - began < 5
    finally:
        wake.set()
