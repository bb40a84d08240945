"""A reader over a real reporter in a temporary folder, and a review that only notes what it was asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from augment.errors import AugmentError
from augment.records import (
    Admission,
    AdmissionState,
    Attempt,
    Conditions,
    Evidence,
    Fault,
    FaultKind,
    Finding,
    FindingState,
    Lane,
    Outcome,
    Run,
    TestKind,
    Verdict,
)
from augment.service import muting, repinning
from augment.store import Reporter, Store

HOSTILE = (
    "<script>window.hacked=1</script><img src=x onerror=window.hacked=2>${window.hacked=3}{{constructor}}"
    "</pre></details><a href='javascript:window.hacked=4'>x</a>\x1b[31mred\x1b[0m\x00\u202e\"'`"
)


def open_reporter(folder: Path) -> Reporter:
    return Reporter(Store(folder / "augment.db"), folder, folder / "results", None)


def fill(reporter: Reporter, runs: int = 3, words: str = "boom") -> None:
    """Some runs with a failure and a fault, an admission that is held, one that is kept, and a finding."""
    for number in range(1, runs + 1):
        reporter.run_started(Run(f"run-{number}", Lane.FAST, f"saved {words}", f"rev{number}", 100.0 * number))
        reporter.verdicts(
            f"run-{number}",
            [
                Verdict("t.py::test_ok", Outcome.PASSED, 0.1),
                Verdict(f"t.py::test_bad[{words}]", Outcome.FAILED, 0.2, f"E   {words}\n{words}"),
                Verdict("t.py::test_slow", Outcome.FAULT, 60.0, fault=Fault(FaultKind.TIMEOUT, words)),
            ],
        )
        reporter.run_finished(f"run-{number}", 100.0 * number + 5)
    for name, state in (("adm-kept", AdmissionState.KEPT), ("adm-held", AdmissionState.HELD)):
        reporter.admitted([admission(name, state, words)])
    reporter.attempts([attempt(words)], [evidence(words)])
    found = Finding("fin-1", f"m:{words}", words, words, f"# {words}", 0.5, 1.0)
    reporter.finding(replace(found, rests_on=words, observed=words, rule=words, key=words, intended_source=words))


def evidence(words: str) -> Evidence:
    return Evidence(
        f"t.py::test_bad[{words}]", 9, 3, mixed=True, tallies={words: (1, 2)}, cause=words, reproduce=words,
        score=0.25, low=0.1, high=0.4, is_flaky=True,
    )  # fmt: skip


def attempt(words: str) -> Attempt:
    conditions = Conditions(words, 1, 2, words, words, 1)
    return Attempt(
        f"t.py::test_bad[{words}]", words, words, 2, words, Outcome.FAULT, 0.1, 1.0, words, 3, words,
        Fault(FaultKind.CRASH, words), conditions,
    )  # fmt: skip


def admission(name: str, state: AdmissionState, words: str) -> Admission:
    return Admission(
        name, f"tests/augment/t.py::test_{words}", "tests/augment/t.py", f"m:{words}", "model", TestKind.UNIT,
        f"def test_it():\n    # {words}\n    assert f('{words}')\n", 2, 1, None, 5, f"covers {words}", 1.0, state=state,
    )  # fmt: skip


class Review:
    """Actions that change the reporter only."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter

    def accept(self, admission_id: str) -> dict[str, Any]:
        return self._decide(admission_id, AdmissionState.KEPT)

    def reject(self, admission_id: str) -> dict[str, Any]:
        return self._decide(admission_id, AdmissionState.REJECTED)

    def accept_stale(self, what: str | None) -> list[dict[str, Any]]:
        chosen = repinning.chosen(self._reporter, what)
        self._reporter.amend([replace(item, stale=None) for item in chosen])
        return [{"id": item.id, "nodeid": item.nodeid, "text": "was re-pinned"} for item in chosen]

    def reject_stale(self, what: str | None) -> list[dict[str, Any]]:
        return [item.as_json() for item in repinning.keep_as_regression(self._reporter, what)]

    def undo(self, what: str | None, force: bool) -> list[dict[str, Any]]:
        return [self._decide(what or "adm-kept", AdmissionState.REJECTED)]

    def mute(self, nodeid: str, days: float | None) -> dict[str, Any]:
        return muting.mute(self._reporter, nodeid, days)

    def mark(self, finding_id: str, state: str) -> dict[str, Any]:
        known = self._reporter.finding_record(finding_id)
        if state == "intended" and not known.intended_source:
            raise AugmentError(f"{finding_id} has no test that pins what the code does")
        self._reporter.update_finding(replace(known, state=FindingState(state)))
        return {"id": finding_id, "state": state}

    def unmute(self, nodeid: str) -> dict[str, Any]:
        return muting.unmute(self._reporter, nodeid)

    def _decide(self, admission_id: str, state: AdmissionState) -> dict[str, Any]:
        if self._reporter.admission(admission_id).state is not AdmissionState.HELD:
            raise AugmentError(f"{admission_id} does not wait for a review")
        decided = self._reporter.set_admission_state(admission_id, state)
        return {"id": decided.id, "state": decided.state.value}
