"""Records to store, with only what a test is about spelled out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from augment.records import (
    Admission,
    AdmissionState,
    Fault,
    FaultKind,
    Finding,
    FindingState,
    Job,
    Lane,
    Outcome,
    Run,
    TestKind,
    Verdict,
)

P, F, E, S, X = Outcome.PASSED, Outcome.FAILED, Outcome.ERROR, Outcome.SKIPPED, Outcome.XFAILED


def run(number: int = 1, lane: Lane = Lane.FAST) -> Run:
    return Run(f"run-{number}", lane, f"saved file {number}", f"rev{number}", 1000.0 + number)


def verdict(nodeid: str = "test_a.py::test_a", outcome: Outcome = P, output: str = "") -> Verdict:
    return Verdict(nodeid, outcome, 0.01, output)


def fault(nodeid: str = "test_a.py::test_a", kind: FaultKind = FaultKind.TIMEOUT) -> Verdict:
    return Verdict(nodeid, Outcome.FAULT, 60.0, fault=Fault(kind, "killed after 60 s"))


def admission(number: int = 1, state: AdmissionState = AdmissionState.KEPT) -> Admission:
    return Admission(
        id=f"adm-{number}",
        nodeid=f"tests/augment/test_m_augment.py::test_{number}",
        file="tests/augment/test_m_augment.py",
        target="m:f",
        generator="model",
        kind=TestKind.PROPERTY,
        source="def test_1(): assert True\n",
        lines_gained=3,
        branches_gained=1,
        mutants_killed=None,
        runs=5,
        reason="covers 3 new lines",
        created_at=5.0,
        state=state,
        parents=("cand-1", "cand-2"),
    )


def finding(number: int = 1, state: FindingState = FindingState.OPEN, **changes: Any) -> Finding:
    made = Finding(f"fin-{number}", "m:f", "off by one", "says 4, is 5", "def test(): ...", 0.8, 9.0, state)
    return replace(made, **changes)


def job(number: int, target: str = "m:f", lane: Lane = Lane.WRITE, priority: float = 0.0) -> Job:
    return Job(f"job-{number}", target, lane, "changed", 100.0 + number, priority)
