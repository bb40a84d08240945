"""Faults are tried again, a limited number of times; failures never."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from augment.records import Fault, FaultKind, Outcome, Verdict
from augment.seams import BatchResult
from augment.service.retrying import MOST_RETRIED, retry_faults


def verdict(nodeid: str, outcome: Outcome = Outcome.PASSED, kind: FaultKind | None = None) -> Verdict:
    return Verdict(nodeid, outcome, 0.1, fault=Fault(kind, "how it ended") if kind else None)


def fault(nodeid: str, kind: FaultKind = FaultKind.CRASH) -> Verdict:
    return verdict(nodeid, Outcome.FAULT, kind)


def result(*verdicts: Verdict, executor: str = "executor-0", batch: str = "batch-1") -> BatchResult:
    return BatchResult(batch, verdicts, executor=executor)


class Again:
    """Gives prepared results and notes what was asked."""

    def __init__(self, *results: BatchResult) -> None:
        self._results = list(results)
        self.asked: list[tuple[tuple[str, ...], str]] = []

    def __call__(self, nodeids: tuple[str, ...], avoid: str) -> BatchResult:
        self.asked.append((nodeids, avoid))
        return self._results.pop(0)


def outcomes(verdicts: Sequence[Verdict]) -> dict[str, str]:
    return {verdict.nodeid: verdict.outcome.value for verdict in verdicts}


def test_a_retry_on_another_executor_decides() -> None:
    again = Again(result(verdict("a"), verdict("b", Outcome.FAILED), executor="executor-1", batch="batch-2"))
    retried = retry_faults([result(fault("a"), fault("b"), verdict("c"))], again, "rev", clock=lambda: 5.0)
    assert again.asked == [(("a", "b"), "executor-0")]
    assert outcomes(retried.verdicts) == {"a": "passed", "b": "failed"}
    assert [(one.nodeid, one.number, one.outcome.value, one.executor) for one in retried.attempts] == [
        ("a", 1, "fault", "executor-0"),
        ("a", 2, "passed", "executor-1"),
        ("b", 1, "fault", "executor-0"),
        ("b", 2, "failed", "executor-1"),
    ]
    assert {(one.revision, one.at, one.purpose) for one in retried.attempts} == {("rev", 5.0, "retry")}


@pytest.mark.parametrize("bad", [Outcome.FAILED, Outcome.ERROR])
def test_a_failure_is_never_tried_again(bad: Outcome) -> None:
    retried = retry_faults([result(verdict("a", bad))], Again(), "rev")
    assert retried.verdicts == retried.attempts == ()


@pytest.mark.parametrize("kind", [FaultKind.SUPERSEDED, FaultKind.OUTPUT_LIMIT, FaultKind.SANDBOX_DENIAL])
def test_what_the_machine_did_not_do_is_not_tried_again(kind: FaultKind) -> None:
    assert retry_faults([result(fault("a", kind))], Again(), "rev").results == ()


def test_a_failure_after_a_fault_ends_the_tries() -> None:
    again = Again(result(verdict("a", Outcome.FAILED)))
    assert outcomes(retry_faults([result(fault("a"))], again, "rev", retries=2).verdicts) == {"a": "failed"}
    assert len(again.asked) == 1


def test_a_fault_on_every_attempt_is_called_deterministic() -> None:
    again = Again(result(fault("a")), result(fault("a")))
    retried = retry_faults([result(fault("a"))], again, "rev", retries=2)
    assert len(again.asked) == 2
    (standing,) = retried.verdicts
    assert standing.fault is not None
    assert "how it ended" in standing.fault.detail
    assert "the same on each of 3 attempts: it is deterministic" in standing.fault.detail


def test_faults_of_different_kinds_are_all_named() -> None:
    again = Again(result(fault("a", FaultKind.TIMEOUT)))
    (standing,) = retry_faults([result(fault("a", FaultKind.OUT_OF_MEMORY))], again, "rev").verdicts
    assert standing.fault is not None
    assert standing.fault.kind is FaultKind.OUT_OF_MEMORY
    assert "2 attempts: out of memory, then timeout" in standing.fault.detail


def test_a_newer_save_ends_the_tries_and_the_fault_stands_as_it_was() -> None:
    again = Again(BatchResult("batch-2", fault=Fault(FaultKind.SUPERSEDED)))
    retried = retry_faults([result(fault("a"))], again, "rev", retries=5)
    assert len(again.asked) == 1
    assert retried.verdicts == (fault("a"),)


def test_each_executor_is_avoided_for_its_own_faults() -> None:
    first = [result(fault("a")), result(fault("b"), executor="executor-1")]
    again = Again(result(verdict("a")), result(verdict("b")))
    retry_faults(first, again, "rev")
    assert again.asked == [(("a",), "executor-0"), (("b",), "executor-1")]


def test_a_run_that_lost_everything_is_not_run_twice() -> None:
    many = result(*(fault(f"t{number}") for number in range(MOST_RETRIED + 1)))
    assert retry_faults([many], Again(), "rev").verdicts == ()


def test_none_are_tried_where_the_setting_says_so() -> None:
    assert retry_faults([result(fault("a"))], Again(), "rev", retries=0).verdicts == ()
