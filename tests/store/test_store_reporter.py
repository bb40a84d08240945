"""The reporter: durable, then live, then in files; and each record only once."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from store_samples import F, admission, fault, finding, job, run, verdict

from augment.records import Activity, AdmissionState, ResourceSample
from augment.store import Reporter, Store
from augment.store.events import EventHub
from augment.store.results import ResultFiles


def names(reporter: Reporter) -> list[str]:
    return [event.name for event in reporter.events(0, 0.0)]


def whole_run(reporter: Reporter, number: int = 1) -> None:
    reporter.run_started(run(number))
    reporter.verdicts(f"run-{number}", [verdict("a"), verdict("b", F, "E   boom"), fault("c")])
    reporter.run_finished(f"run-{number}", 1100.0 + number)


# --------------------------------------------------------------------------- events


def test_a_run_is_told_live_and_only_once(reporter: Reporter) -> None:
    for _ in range(2):
        whole_run(reporter)
    events = reporter.events(0, 0.0)
    assert [event.name for event in events] == ["run", "verdict", "verdict", "verdict", "run"]
    assert events[2].data == {
        "run_id": "run-1",
        "nodeid": "b",
        "outcome": "failed",
        "duration_s": 0.01,
        "lane": "fast",
        "fault": None,
        "muted": False,
    }
    assert events[3].data["fault"] == {"kind": "timeout", "detail": "killed after 60 s"}
    assert events[0].data["finished_at"] is None
    assert events[-1].data == reporter.runs()[0]


def test_everything_else_is_told_live_too(reporter: Reporter) -> None:
    for _ in range(2):
        reporter.admitted([admission()])
        reporter.finding(finding())
        reporter.set_health({"model": "ready"})
    reporter.activity(Activity("watcher", "watching", 1.0))
    reporter.sample(ResourceSample(1.0, 0.1, 0.2, 0.3))
    reporter.set_admission_state("adm-1", AdmissionState.REJECTED)
    assert names(reporter) == ["admission", "finding", "health", "activity", "resource", "admission"]


def test_a_verdict_is_on_disk_before_it_is_told(tmp_path: Path) -> None:
    reporter = Reporter(Store(tmp_path / "s.db"), tmp_path, tmp_path / "results", None)
    reporter.run_started(run())
    on_disk: list[int] = []

    def listen() -> None:
        reporter.events(-1, 5.0)
        on_disk.append(len(reporter.run("run-1")["verdicts"]))

    listener = threading.Thread(target=listen)
    listener.start()
    while listener.is_alive():
        reporter.verdicts("run-1", [verdict("a")])
        reporter.activity(Activity("test", "again", 1.0))
    assert on_disk == [1]
    reporter.close()


def test_waiting_for_events_ends_when_one_comes_when_time_is_up_and_when_closed() -> None:
    hub = EventHub()
    assert hub.after(-1, 0.0) == []
    got: list[list[str]] = []
    waiting = threading.Thread(target=lambda: got.append([event.name for event in hub.after(-1, 10.0)]))
    waiting.start()
    while not got:
        hub.publish("run", {})
        waiting.join(0.01)
    assert set(got[0]) == {"run"}
    closing = threading.Thread(target=lambda: got.append([event.name for event in hub.after(-1, 60.0)]))
    closing.start()
    hub.close()
    closing.join(5.0)
    assert not closing.is_alive()


def test_the_ring_forgets_the_oldest_and_numbers_go_on_after_a_restart() -> None:
    first, second = EventHub(capacity=3, clock=lambda: 1000.0), EventHub(clock=lambda: 1001.0)
    for number in range(5):
        first.publish("run", {"number": number})
    kept = first.after(0, 0.0)
    assert [event.data["number"] for event in kept] == [2, 3, 4]
    assert first.after(kept[0].seq, 0.0) == kept[1:]
    second.publish("run", {})
    assert [event.seq > kept[-1].seq for event in second.after(kept[-1].seq, 0.0)] == [True]


# --------------------------------------------------------------------------- what is read


def test_the_summary_says_what_is_broken_and_what_was_written(reporter: Reporter) -> None:
    whole_run(reporter)
    reporter.admitted([admission(1), admission(2, AdmissionState.HELD)])
    reporter.finding(finding())
    summary = reporter.summary()
    assert summary["tests"] == {
        "passed": 1, "failed": 1, "error": 0, "skipped": 0, "xfailed": 0, "fault": 1, "total": 3,
    }  # fmt: skip
    assert [test["nodeid"] for test in summary["failing"]] == ["b"]
    assert [test["nodeid"] for test in summary["faults"]] == ["c"]
    assert summary["admissions"] == {"kept": 1, "held": 1, "rejected": 0, "retired": 0, "total": 2}
    assert summary["last_run"]["id"] == "run-1"
    assert json.loads(json.dumps(summary)) == summary


def test_health_tells_the_state_of_the_model_and_keeps_it(tmp_path: Path) -> None:
    reporter = Reporter(Store(tmp_path / "s.db"), tmp_path, tmp_path / "results", None)
    assert (reporter.health()["status"], reporter.health()["model"]) == ("ok", "off")
    reporter.set_health({"model": "ready", "model_name": "Qwen", "note": "x"})
    reporter.set_health({"note": None})
    with pytest.raises(ValueError, match="loading, ready, off, failed"):
        reporter.set_health({"model": "fine"})
    reporter.close()
    again = Reporter(Store(tmp_path / "s.db"), tmp_path, tmp_path / "results", None)
    health = again.health()
    assert (health["model"], health["model_name"], "note" in health) == ("ready", "Qwen", False)
    again.close()


# --------------------------------------------------------------------------- files


def test_each_finished_run_is_a_file_that_says_what_rest_says(reporter: Reporter, tmp_path: Path) -> None:
    whole_run(reporter)
    assert json.loads((tmp_path / "results" / "run-1.json").read_text()) == reporter.run("run-1")


def test_only_the_newest_result_files_stay(tmp_path: Path) -> None:
    reporter = Reporter(Store(tmp_path / "s.db"), tmp_path, tmp_path / "results", None, keep_results=3)
    for number in range(6):
        whole_run(reporter, number)
    reporter.close()
    files = sorted(path.name for path in (tmp_path / "results").iterdir())
    assert files == ["run-3.json", "run-4.json", "run-5.json", "summary.json"]


@pytest.mark.parametrize("run_id", ["../../outside", "summary", ".hidden", "a/b", "x" * 300, ""])
def test_a_strange_run_id_stays_inside_the_folder(tmp_path: Path, run_id: str) -> None:
    path = ResultFiles(tmp_path / "results").write_run({"id": run_id})
    assert path.parent == tmp_path / "results"
    assert path.name not in ("summary.json", ".hidden.json")


def test_the_files_follow_by_themselves(tmp_path: Path) -> None:
    reporter = Reporter(
        Store(tmp_path / "s.db"), tmp_path, tmp_path / "results", tmp_path / "TASKS.md", write_every_s=0.01
    )
    whole_run(reporter)
    done = threading.Event()
    for _ in range(500):
        if "`b` failed" in _read(tmp_path / "TASKS.md") and '"failed": 1' in _read(tmp_path / "results/summary.json"):
            done.set()
            break
        done.wait(0.01)
    assert done.is_set()
    reporter.close()


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def test_a_run_cut_short_has_its_file_after_the_restart(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.db")
    store.start_run(run())
    store.record_verdicts("run-1", [verdict("a")])
    store.close()
    reporter = Reporter(Store(tmp_path / "s.db"), tmp_path, tmp_path / "results", None)
    written = json.loads((tmp_path / "results" / "run-1.json").read_text())
    assert (written["interrupted"], written["counts"]["passed"]) == (True, 1)
    assert [event.data["interrupted"] for event in reporter.events(0, 0.0)] == [True]
    reporter.close()


def test_damaged_markers_are_told_once_and_the_file_is_left_alone(tmp_path: Path) -> None:
    tasks = tmp_path / "TASKS.md"
    tasks.write_text("# Mine\n<!-- augment:begin -->\nno end\n")
    reporter = Reporter(Store(tmp_path / "s.db"), tmp_path, tmp_path / "results", tasks)
    for _ in range(3):
        reporter.flush()
    told = [event for event in reporter.events(0, 0.0) if event.name == "activity"]
    assert len(told) == 1
    assert "TASKS.md is left alone" in told[0].data["text"]
    assert tasks.read_text() == "# Mine\n<!-- augment:begin -->\nno end\n"
    reporter.close()


def test_a_file_that_cannot_be_written_costs_no_verdict(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file where the folder should be")
    reporter = Reporter(Store(tmp_path / "s.db"), tmp_path, tmp_path / "results", None)
    whole_run(reporter)
    assert reporter.runs()[0]["counts"]["failed"] == 1
    assert any("cannot write" in activity["text"] for activity in reporter.activities())
    reporter.close()


def test_closing_writes_what_is_stale_and_can_be_repeated(tmp_path: Path) -> None:
    tasks = tmp_path / "TASKS.md"
    reporter = Reporter(Store(tmp_path / "s.db"), tmp_path, tmp_path / "results", tasks, write_every_s=600.0)
    whole_run(reporter)
    reporter.close()
    reporter.close()
    assert "`b` failed" in tasks.read_text()


# --------------------------------------------------------------------------- who waits for work


def test_a_value_or_a_job_wakes_who_waits_for_work_and_nothing_else_does(reporter: Reporter) -> None:
    seen = reporter.await_work(0, 0.0)
    assert reporter.await_work(seen, 0.0) == seen
    reporter.activity(Activity("generator", "resting", 1.0))
    assert reporter.await_work(seen, 0.0) == seen
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(reporter.await_work, seen, 30.0)
        reporter.remember("model", {"state": "ready"})
        seen, before = waiting.result(10), seen
        assert seen != before
        waiting = threads.submit(reporter.await_work, seen, 30.0)
        reporter.enqueue([job(1, "m:f")])
        assert waiting.result(10) != seen


def test_a_change_while_nobody_waited_is_not_missed(reporter: Reporter) -> None:
    seen = reporter.await_work(0, 0.0)
    reporter.remember("model", {"state": "ready"})
    assert reporter.await_work(seen, 30.0) != seen


def test_the_end_wakes_who_waits_for_work(reporter: Reporter) -> None:
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(reporter.await_work, reporter.await_work(0, 0.0), 30.0)
        reporter.close()
        waiting.result(10)
