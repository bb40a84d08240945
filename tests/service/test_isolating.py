"""What makes a flaky test fail, found by trying its conditions apart; over an executor that only pretends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from augment.records import Conditions, Evidence, Fault, FaultKind, Outcome, Project, Verdict
from augment.seams import Batch, BatchResult, Limits, VerdictSink
from augment.service.isolating import AT_RANDOM, BY_ITSELF, LEFTOVERS, isolate
from augment.service.rerun_batches import RerunBatches
from augment.service.rerunning import AGAIN, suspects_of

NAME = "t.py::test_it"
Fails = Callable[[Batch, int], bool]


class Pretending:
    """Runs nothing: ``fails`` says of each batch and round whether the test would fail."""

    def __init__(self, fails: Fails) -> None:
        self._fails = fails
        self.batches: list[Batch] = []

    def run(self, batch: Batch, on_verdict: VerdictSink | None = None) -> BatchResult:
        self.batches.append(batch)
        verdicts = []
        for number in range(batch.repeat):
            for nodeid in batch.nodeids:
                bad = nodeid == NAME and self._fails(batch, number)
                verdicts.append(Verdict(nodeid, Outcome.FAILED if bad else Outcome.PASSED, 0.1))
        return BatchResult(batch.id, tuple(verdicts), executor="executor-1")

    def cancel(self, batch_id: str) -> None: ...

    def close(self) -> None: ...


def settle(fails: Fails, failing: Conditions, before: tuple[str, ...] = (), **known: object) -> tuple[Evidence, int]:
    """The evidence once every suspect was tried, and how many batches that took."""
    executor = Pretending(fails)
    batches = RerunBatches(Project("/nowhere", "p", "python", (".",), (), ()), executor, Limits())
    evidence = Evidence(
        NAME, 9, 1, "rev1", mixed=True, failing=failing, before=before, suspects=suspects_of(failing, before), score=0.1
    )
    evidence = replace(evidence, **known)  # type: ignore[arg-type]
    while evidence.suspects:
        found = isolate(evidence, batches, lambda: False)
        assert found is not None
        evidence, attempts = found
        assert {one.purpose for one in attempts} == {"isolate"}
    batches.close()
    return evidence, len(executor.batches)


VARIED = Conditions("shuffled", 7, 3, "Pacific/Kiritimati", "clean")
OTHERS = tuple(f"t.py::test_{number}" for number in range(40))


def test_a_hash_seed() -> None:
    evidence, _ = settle(lambda batch, _: batch.hash_seed == 3, VARIED, OTHERS)
    assert evidence.cause == "hash seed 3"
    assert evidence.reproduce == "PYTHONHASHSEED=3 python -m pytest -p no:randomly t.py::test_it"


def test_a_time_zone() -> None:
    evidence, _ = settle(lambda batch, _: batch.time_zone != "", VARIED, OTHERS)
    assert evidence.cause == "time zone Pacific/Kiritimati"
    assert evidence.reproduce == "TZ=Pacific/Kiritimati python -m pytest -p no:randomly t.py::test_it"


def test_a_test_before_it_of_forty() -> None:
    evidence, batches = settle(lambda batch, _: OTHERS[17] in batch.nodeids, VARIED, OTHERS)
    assert evidence.cause == f"after {OTHERS[17]}"
    assert evidence.reproduce == f"python -m pytest -p no:randomly {OTHERS[17]} t.py::test_it"
    assert batches < 40


def test_two_tests_before_it_that_only_do_it_together() -> None:
    evidence, _ = settle(lambda batch, _: {OTHERS[1], OTHERS[38]} <= set(batch.nodeids), VARIED, OTHERS)
    assert evidence.cause == "order of the tests"
    assert len(evidence.before) == 40


def test_a_second_time_in_the_same_process() -> None:
    evidence, _ = settle(lambda _, number: number == 1, Conditions(round=1))
    assert evidence.cause == AGAIN
    assert "for _ in range(2)" in evidence.reproduce


def test_several_conditions_that_only_do_it_together() -> None:
    evidence, _ = settle(lambda batch, _: bool(batch.hash_seed == 3 and batch.time_zone), VARIED, OTHERS)
    assert evidence.cause == "several conditions together"
    assert "PYTHONHASHSEED=3 TZ=Pacific/Kiritimati" in evidence.reproduce


def test_a_temporary_folder_that_was_used_before() -> None:
    used: set[str] = set()

    def fails(batch: Batch, _: int) -> bool:
        return bool(batch.temp_folder) and (batch.temp_folder in used or bool(used.add(batch.temp_folder)))

    evidence, _ = settle(fails, Conditions(temp="dirty"))
    assert evidence.cause == "dirty temporary folder"
    assert evidence.reproduce.startswith("export TMPDIR=$(mktemp -d); ")


def test_what_an_earlier_run_left_in_the_users_own_temporary_folder() -> None:
    evidence, _ = settle(lambda batch, _: not batch.temp_folder, Conditions())
    assert evidence.cause == LEFTOVERS


def test_a_test_that_needs_others_before_it() -> None:
    evidence, _ = settle(lambda batch, _: len(batch.nodeids) == 1, Conditions())
    assert evidence.cause == BY_ITSELF


@pytest.mark.parametrize("failing", [VARIED, Conditions()])
def test_nothing_in_particular(failing: Conditions) -> None:
    evidence, _ = settle(lambda _batch, _round: False, failing, OTHERS)
    assert evidence.cause == AT_RANDOM
    assert evidence.reproduce == "for i in $(seq 30); do python -m pytest t.py::test_it || break; done"


def test_a_fault_of_the_machine_does_not_acquit_a_suspect() -> None:
    class Busy(Pretending):
        def run(self, batch: Batch, on_verdict: VerdictSink | None = None) -> BatchResult:
            result = super().run(batch, on_verdict)
            if len(self.batches) % 2 == 0:
                return result
            return replace(result, verdicts=(Verdict(NAME, Outcome.FAULT, 1.0, fault=Fault(FaultKind.TIMEOUT)),))

    executor = Busy(lambda batch, _: batch.hash_seed == 3)
    batches = RerunBatches(Project("/nowhere", "p", "python", (".",), (), ()), executor, Limits())
    known = Evidence(NAME, mixed=True, failing=VARIED, suspects=("hash seed 3",))
    found = isolate(known, batches, lambda: False)
    assert found is not None
    assert found[0].cause == "hash seed 3"


def test_a_save_ends_the_search_and_nothing_is_concluded() -> None:
    class Superseded(Pretending):
        def run(self, batch: Batch, on_verdict: VerdictSink | None = None) -> BatchResult:
            return BatchResult(batch.id, fault=Fault(FaultKind.SUPERSEDED))

    batches = RerunBatches(Project("/nowhere", "p", "python", (".",), (), ()), Superseded(lambda *_: True), Limits())
    known = Evidence(NAME, mixed=True, failing=VARIED, suspects=("hash seed 3",))
    assert isolate(known, batches, lambda: False) is None
    assert isolate(known, batches, lambda: True) is None


def test_a_hash_seed_that_the_usual_process_happens_to_have() -> None:
    evidence, _ = settle(lambda batch, _: batch.hash_seed in (None, 2, 3), Conditions())
    assert evidence.cause == "hash seed 2"
    assert evidence.reproduce.startswith("PYTHONHASHSEED=2 ")
