"""What another node does not see pass is looked at again in the project, and that verdict counts."""

from __future__ import annotations

from augment.records import CoverageReport, Fault, FaultKind, FileCoverage, Outcome, Verdict
from augment.seams import Batch, BatchResult, Share
from augment.service.second_look import SecondLook, refuted, together

BATCH = Batch("b", "/p", "/python", share=Share(("test_a.py",)), avoid="executor-1")


def verdict(nodeid: str, outcome: Outcome, message: str = "") -> Verdict:
    fault = Fault(FaultKind.TIMEOUT) if outcome is Outcome.FAULT else None
    return Verdict(nodeid, outcome, 0.1, message, fault=fault)


ALL = [
    verdict("t::passed", Outcome.PASSED),
    verdict("t::failed", Outcome.FAILED, "there"),
    verdict("t::skipped", Outcome.SKIPPED),
    verdict("t::hung", Outcome.FAULT),
]


def test_only_what_counts_is_told_and_the_rest_runs_again_by_name() -> None:
    told: list[Verdict] = []
    look = SecondLook(BATCH, told.append)
    for one in ALL:
        look.told(one)
    assert [one.nodeid for one in told] == ["t::passed", "t::hung"]
    again = look.again(BatchResult("b", tuple(ALL), collection_errors={"test_c.py": "no module"}))
    assert again is not None
    assert again.nodeids == ("t::failed", "t::skipped", "test_c.py")
    assert again.share is None
    assert again.id == "b"  # a newer save ends it by the id of the batch


def test_nothing_runs_again_when_all_passed_or_a_newer_save_came() -> None:
    look = SecondLook(BATCH, lambda _verdict: None)
    assert look.again(BatchResult("b", (ALL[0], ALL[3]))) is None
    assert look.again(BatchResult("b", tuple(ALL), fault=Fault(FaultKind.SUPERSEDED))) is None


def test_the_verdict_of_the_project_replaces_the_other() -> None:
    measured = {"code.py": FileCoverage(frozenset({1}))}
    first = BatchResult(
        "b",
        tuple(ALL),
        collection_errors={"test_c.py": "no module"},
        coverage=CoverageReport(tests={"t::passed": measured, "t::failed": measured}),
        executor="executor-4",
        exit_code=1,
    )
    second = BatchResult(
        "b",
        (
            verdict("t::failed", Outcome.PASSED),
            verdict("t::skipped", Outcome.SKIPPED),
            verdict("test_c.py::x", Outcome.PASSED),
        ),
        coverage=CoverageReport(tests={"t::failed": {}}),
        exit_code=0,
    )
    both = together(first, second)
    assert {one.nodeid: one.outcome for one in both.verdicts} == {
        "t::passed": Outcome.PASSED,
        "t::hung": Outcome.FAULT,
        "t::failed": Outcome.PASSED,
        "t::skipped": Outcome.SKIPPED,
        "test_c.py::x": Outcome.PASSED,
    }
    assert both.collection_errors == {}
    assert both.coverage.tests == {"t::passed": measured, "t::failed": {}}
    assert both.exit_code == 0
    assert refuted(first, second) == ["t::failed"]
