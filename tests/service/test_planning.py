"""Plans are pure: jobs from changes and gaps, coverage moved with its lines, batches by file."""

from __future__ import annotations

import pytest

from augment.analysis import Change, ChangeKind, ProjectChange
from augment.records import CoverageReport, FileCoverage, Lane, Target, TargetKind
from augment.service.planning import gaps, idle_jobs, vanished_tests, write_jobs
from augment.service.running import RunPlan


def target(name: str, first: int, last: int, file: str = "shop/pricing.py", digest: str = "h") -> Target:
    return Target("shop.pricing", name, TargetKind.FUNCTION, file, first, last, digest)


def covered(lines: set[int], branches: set[tuple[int, int]] | None = None) -> FileCoverage:
    return FileCoverage(frozenset(lines), frozenset(branches or set()))


def test_only_added_and_modified_targets_are_written_for() -> None:
    changes = [Change(kind, target(kind.value, 1, 2), None) for kind in ChangeKind]
    assert {job.target.partition(":")[2] for job in write_jobs(changes, 5.0)} == {"added", "modified"}
    assert all(job.lane is Lane.WRITE for job in write_jobs(changes, 5.0))


def test_a_newer_save_is_more_urgent_than_an_older_one_and_both_than_idle_work() -> None:
    change = [Change(ChangeKind.MODIFIED, target("f", 1, 2), None)]
    older, newer = write_jobs(change, 1_000.0)[0], write_jobs(change, 2_000.0)[0]
    idle = idle_jobs([target("g", 1, 9)], CoverageReport(), {}, 3_000.0)[0]
    assert newer.priority < older.priority < idle.priority


def test_gaps_count_lines_and_branches_of_the_target_alone() -> None:
    possible = {"shop/pricing.py": covered({1, 2, 3, 4, 9}, {(2, 3), (2, 4), (9, -9)})}
    done = {"shop/pricing.py": covered({1, 2, 3}, {(2, 3)})}
    assert gaps(target("f", 1, 4), done, possible) == 2
    assert gaps(target("g", 9, 9), done, possible) == 2


def test_a_file_that_was_never_imported_is_all_gap() -> None:
    assert gaps(target("f", 1, 4), {}, {}) == 4


def test_idle_work_begins_with_the_weakest_and_skips_what_was_tried_and_has_not_changed() -> None:
    report = CoverageReport(possible={"shop/pricing.py": covered(set(range(1, 40)))}, imports={})
    targets = [target("small", 1, 3), target("large", 4, 30), target("tried", 31, 39, digest="same")]
    jobs = idle_jobs(targets, report, {"shop.pricing:tried": "same", "shop.pricing:small": "older"}, 1.0)
    assert [job.target for job in jobs] == ["shop.pricing:large", "shop.pricing:small"]


def test_tests_that_a_whole_file_no_longer_has_are_gone_and_others_are_not() -> None:
    known = ["t/test_a.py::test_old", "t/test_a.py::test_kept", "t/test_b.py::test_other"]
    assert vanished_tests(known, ["t/test_a.py::test_kept"], {"t/test_a.py"}) == ["t/test_a.py::test_old"]


@pytest.mark.parametrize(("tests", "expected_s", "behind"), [(3, 0.01, True), (500, 0.2, False), (500, 30.0, True)])
def test_verdicts_do_not_wait_for_recording_that_takes_more_than_a_tenth(
    tests: int, expected_s: float, behind: bool
) -> None:
    nodeids = tuple(f"t.py::test_{number}" for number in range(tests))
    plan = RunPlan("saved", nodeids, frozenset(), ProjectChange("a", "b"), expected_s=expected_s)
    assert plan.recorded_behind is behind
    assert not RunPlan("first look", (), frozenset(), expected_s=expected_s).recorded_behind
