"""What is shown is read from rollups and indexes, so that it takes the same time after a year as on the first day."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import event, insert

from augment.store import Store, schema

RUNS, TESTS = 1_000, 100


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = Store(tmp_path_factory.mktemp("large") / "s.db")
    with store._db.write() as conn:
        conn.execute(insert(schema.tests), [
            {"id": n, "nodeid": f"t.py::test_{n}", "outcome": "failed" if n % 50 == 0 else "passed", "run_seq": RUNS,
             "duration_s": 0.1, "at": 1.0, "passed": RUNS} for n in range(1, TESTS + 1)
        ])  # fmt: skip
        conn.execute(insert(schema.runs), [
            {"seq": n, "id": f"run-{n}", "lane": "fast", "reason": "r", "revision": "v", "started_at": float(n),
             "finished_at": n + 1.0, "passed": TESTS} for n in range(1, RUNS + 1)
        ])  # fmt: skip
        conn.execute(insert(schema.verdicts), [
            {"run_seq": r, "test_id": t, "outcome": "passed", "duration_s": 0.1, "at": 1.0}
            for r in range(1, RUNS + 1) for t in range(1, TESTS + 1)
        ])  # fmt: skip
    yield store
    store.close()


def plans(store: Store, action: Callable[[], Any]) -> list[str]:
    """The query plan of each statement that ``action`` runs."""
    statements: list[tuple[str, Any]] = []

    def note(_conn: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        statements.append((statement, parameters))

    engines = (store._db._readers, store._db._writer)
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    action()
    for engine in engines:
        event.remove(engine, "before_cursor_execute", note)
    told: list[str] = []
    with store._db.read() as conn:
        for statement, parameters in statements:
            if re.match(r"\s*(SELECT|UPDATE|DELETE|INSERT)", statement):
                steps = conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
                told.append("\n".join(row[-1] for row in steps))
    return told


READS: dict[str, Callable[[Store], Any]] = {
    "runs": lambda store: store.runs(limit=50, after="run-500"),
    "run": lambda store: store.run("run-500"),
    "summary": lambda store: store.summary(),
    "history": lambda store: store.history("t.py::test_7", 20),
    "tests": lambda store: store.tests(),
}


@pytest.mark.parametrize("read", READS)
def test_no_read_goes_through_all_verdicts_or_runs(large: Store, read: str) -> None:
    found = plans(large, lambda: READS[read](large))
    assert found
    for plan in found:
        assert not re.search(r"SCAN (verdicts|outputs)", plan), plan
        # Runs are walked along their key, newest first, and only as far as the limit.
        assert "SCAN runs" not in plan or "TEMP B-TREE" not in plan, plan


def test_no_write_goes_through_all_verdicts_or_runs(large: Store) -> None:
    from store_samples import run, verdict

    def write() -> None:
        large.start_run(run(5000))
        large.record_verdicts("run-5000", [verdict("t.py::test_7")])
        large.finish_run("run-5000", 9.0)

    assert not any("SCAN" in plan for plan in plans(large, write))


def test_reopening_looks_only_at_runs_under_way(large: Store) -> None:
    from augment.store import runs

    def close() -> None:
        with large._db.write() as conn:
            runs.close_interrupted(conn)

    assert "runs_unfinished" in plans(large, close)[0]


def test_a_page_of_runs_reads_only_that_page(large: Store) -> None:
    assert [entry["id"] for entry in large.runs(limit=3, after="run-900")] == ["run-899", "run-898", "run-897"]
    assert large.summary()["tests"] == {
        "passed": 98, "failed": 2, "error": 0, "skipped": 0, "xfailed": 0, "fault": 0, "total": 100,
    }  # fmt: skip
