"""Jobs, remembered values, coverage, admissions and the rest of what must not be forgotten."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest
from store_samples import admission, job

from augment.records import (
    Activity,
    AdmissionState,
    Candidate,
    CoverageReport,
    FileCoverage,
    JobState,
    Lane,
    Rejection,
    ResourceSample,
    TestKind,
)
from augment.store import Store, UnknownAdmissionError, UnknownJobError

# --------------------------------------------------------------------------- jobs


def pending(store: Store) -> list[str]:
    return [waiting.id for waiting in store.pending_jobs()]


def test_jobs_come_out_by_lane_then_priority_then_age(store: Store) -> None:
    store.enqueue(
        [job(1, "a", Lane.IDLE), job(2, "b", priority=2.0), job(3, "c", priority=1.0), job(4, "d", priority=1.0)]
    )
    assert pending(store) == ["job-3", "job-4", "job-2", "job-1"]
    assert [waiting.id for waiting in store.pending_jobs(limit=2)] == ["job-3", "job-4"]


def test_a_job_comes_back_as_it_went_in(store: Store) -> None:
    wanted = job(1, "m:C.method", Lane.IDLE, 0.25)
    store.enqueue([wanted])
    assert store.pending_jobs() == [wanted]


def test_a_newer_job_for_a_target_takes_the_place_of_the_pending_one(store: Store) -> None:
    store.enqueue([job(1)])
    store.enqueue([job(2)])
    assert pending(store) == ["job-2"]
    store.enqueue([job(1)])  # delivered again, late
    assert pending(store) == ["job-2"]


@pytest.mark.parametrize("state", [JobState.DONE, JobState.DROPPED])
def test_a_finished_job_does_not_come_back(store: Store, state: JobState) -> None:
    store.enqueue([job(1)])
    store.finish_job("job-1", state)
    store.finish_job("job-1", state)
    store.enqueue([job(1)])
    assert pending(store) == []
    store.enqueue([job(2)])
    assert pending(store) == ["job-2"]


def test_weak_work_does_not_take_the_place_of_what_a_save_wants(store: Store) -> None:
    store.enqueue([job(1)])
    store.enqueue([replace(job(2), lane=Lane.IDLE)])
    store.enqueue([replace(job(3), created_at=0.5)])  # older work of the same lane, put back late
    assert [item.id for item in store.pending_jobs()] == [job(1).id]


def test_attempts_are_counted(store: Store) -> None:
    store.enqueue([job(1)])
    assert [store.count_attempt("job-1") for _ in range(3)] == [1, 2, 3]
    assert store.pending_jobs()[0].attempts == 3
    with pytest.raises(UnknownJobError, match="job-9"):
        store.count_attempt("job-9")


# --------------------------------------------------------------------------- remembered values, coverage


@pytest.mark.parametrize("value", [None, 0, "text", [1, {"a": None}], {"deep": {"er": [1.5, True]}}])
def test_values_are_remembered(store: Store, value: object) -> None:
    store.remember("key", "before")
    store.remember("key", value)
    assert store.recall("key") == value
    assert store.recall("never told") is None


def test_coverage_comes_back_as_it_went_in(store: Store) -> None:
    report = CoverageReport(
        tests={
            "t.py::a": {"m.py": FileCoverage(frozenset({1, 2, 3, 9, 11, 12}), frozenset({(3, 9), (9, -1)}))},
            "t.py::b": {"m.py": FileCoverage(), "n.py": FileCoverage(frozenset({7}))},
        },
        imports={"m.py": FileCoverage(frozenset({1}))},
        possible={"m.py": FileCoverage(frozenset(range(1, 500)), frozenset({(3, 9), (3, 5)}))},
    )
    store.put_coverage("rev", report)
    store.put_coverage("rev", report)
    assert store.known_coverage() == report


def test_newer_coverage_replaces_only_what_it_speaks_of(store: Store) -> None:
    def line(number: int) -> dict[str, FileCoverage]:
        return {"m.py": FileCoverage(frozenset({number}))}

    store.put_coverage("one", CoverageReport({"a": line(1), "b": line(1)}, line(1), line(1)))
    store.put_coverage("two", CoverageReport({"a": line(2)}, {}, line(2)))
    known = store.known_coverage()
    assert known == CoverageReport({"a": line(2), "b": line(1)}, line(1), line(2))
    store.forget_tests(["b"])
    assert set(store.known_coverage().tests) == {"a"}


# --------------------------------------------------------------------------- admissions, rejections


def test_an_admission_comes_back_as_it_went_in(store: Store) -> None:
    store.admit([admission(1), admission(2, AdmissionState.HELD)])
    assert store.admission("adm-2") == admission(2, AdmissionState.HELD)
    assert store.admission_records() == [admission(1), admission(2, AdmissionState.HELD)]
    assert store.admission_records(AdmissionState.HELD) == [admission(2, AdmissionState.HELD)]
    assert [shown["id"] for shown in store.admissions()] == ["adm-2", "adm-1"]
    with pytest.raises(UnknownAdmissionError, match="adm-9"):
        store.admission("adm-9")


def test_a_second_delivery_does_not_undo_a_review(store: Store) -> None:
    held = admission(1, AdmissionState.HELD)
    assert store.admit([held]) == [held]
    store.set_admission_state("adm-1", AdmissionState.REJECTED)
    assert store.admit([held]) == []
    assert store.summary()["admissions"] == {"kept": 0, "held": 0, "rejected": 1, "retired": 0, "total": 1}


def test_a_review_may_rename_the_test(store: Store) -> None:
    store.admit([admission(1, AdmissionState.HELD)])
    kept = replace(admission(1), nodeid="tests/augment/test_m_augment.py::test_1_2")
    store.update_admission(kept)
    assert store.admission("adm-1") == kept
    with pytest.raises(UnknownAdmissionError):
        store.update_admission(admission(9))


def test_rejections_are_counted_by_gate_and_only_once(store: Store) -> None:
    def rejection(number: int, gate: str) -> Rejection:
        return Rejection(Candidate(f"c{number}", "m:f", "model", TestKind.UNIT, "def test(): ..."), gate)

    batch = [rejection(1, "passes"), rejection(2, "stable"), rejection(3, "passes")]
    store.reject(batch)
    store.reject(batch)
    assert store.rejections() == {"passes": 2, "stable": 1}


# --------------------------------------------------------------------------- machine, activity, tokens


def test_samples_are_kept_for_a_day(store: Store) -> None:
    for at in (0.0, 50_000.0, 90_000.0):
        store.put_sample(ResourceSample(at, 0.5, 0.25, 0.75))
    assert [sample["at"] for sample in store.resources(0.0)] == [50_000.0, 90_000.0]
    assert store.resources(50_000.0) == [asdict(ResourceSample(90_000.0, 0.5, 0.25, 0.75))]


def test_each_part_has_one_activity(store: Store) -> None:
    for part, words, at in (("watcher", "starting", 1.0), ("generator", "asking", 2.0), ("watcher", "watching", 3.0)):
        store.put_activity(Activity(part, words, at))
    assert [(shown["part"], shown["text"]) for shown in store.activities()] == [
        ("watcher", "watching"),
        ("generator", "asking"),
    ]


def test_tokens_add_up(store: Store) -> None:
    store.add_tokens("qwen", 100, 10)
    store.add_tokens("qwen", 50, 5)
    assert store.summary()["tokens"] == {"qwen": {"prompt": 150, "completion": 15}}
