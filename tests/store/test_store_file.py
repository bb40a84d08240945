"""The file itself: one writer, versions, damage, and what happened to a run when its writer died."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from store_samples import F, run, verdict

from augment.errors import AugmentError
from augment.store import SCHEMA_VERSION, SchemaError, Store, StoreError, schema


def test_a_second_writer_is_refused_and_told_who_holds_the_file(store: Store) -> None:
    with pytest.raises(StoreError, match=r"augment\.db is in use by another Augment \(process \d+\)"):
        Store(store.path, wait_s=0.0)


def test_a_closed_store_can_be_opened_again(tmp_path: Path) -> None:
    for number in (1, 2):
        store = Store(tmp_path / "s.db", wait_s=0.0)
        store.start_run(run(number))
        store.close()
        store.close()
        with pytest.raises(StoreError, match="closed"):
            store.runs()
    assert len(Store(tmp_path / "s.db").runs()) == 2


def test_runs_under_way_when_the_writer_died_are_closed_as_interrupted(tmp_path: Path) -> None:
    clock = iter([1500.0, 1501.0]).__next__
    store = Store(tmp_path / "s.db", clock=clock)
    store.start_run(run(1))
    store.start_run(run(2))
    store.record_verdicts("run-2", [verdict("a", F)])
    store.close()

    again = Store(tmp_path / "s.db", clock=lambda: 2000.0)
    assert again.interrupted == ("run-1", "run-2")
    second, first = again.runs()
    assert (first["finished_at"], first["interrupted"]) == (1001.0, True)
    assert (second["finished_at"], second["interrupted"], second["counts"]["failed"]) == (1500.0, True, 1)


def test_an_interrupted_run_goes_on_when_its_executor_outlived_the_writer(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.db")
    store.start_run(run(1))
    store.record_verdicts("run-1", [verdict("a")])
    store.close()
    again = Store(tmp_path / "s.db")
    recorded = again.record_verdicts("run-1", [verdict("b")])
    assert recorded.resumed
    assert recorded.run["finished_at"] is None
    assert again.finish_run("run-1", 3000.0)
    (found,) = again.runs()
    assert (found["finished_at"], found["interrupted"], found["counts"]["passed"]) == (3000.0, False, 2)


def test_a_newer_schema_is_refused_and_left_as_it_is(store: Store) -> None:
    store.close()
    with sqlite3.connect(store.path) as connection:
        connection.execute("UPDATE schema_version SET version = ?", (SCHEMA_VERSION + 1,))
    before = store.path.read_bytes()
    with pytest.raises(SchemaError, match="newer Augment"):
        Store(store.path)
    assert store.path.read_bytes() == before


def test_an_older_schema_is_brought_up_step_by_step(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 's.db'}")
    steps = {
        version: lambda conn, to=version + 1: conn.execute(text(f"CREATE TABLE v{to} (x)"))
        for version in (SCHEMA_VERSION, SCHEMA_VERSION + 1)
    }
    with engine.begin() as conn:
        schema.prepare(conn, "s.db")
        schema.prepare(conn, "s.db", newest=SCHEMA_VERSION + 2, migrations=steps)
        made = {name for (name,) in conn.execute(text("SELECT name FROM sqlite_master WHERE name LIKE 'v%'"))}
        version = conn.execute(text("SELECT version FROM schema_version")).scalar_one()
    assert {f"v{SCHEMA_VERSION + 1}", f"v{SCHEMA_VERSION + 2}"} <= made
    assert version == SCHEMA_VERSION + 2
    with engine.begin() as conn, pytest.raises(SchemaError, match="too old"):
        schema.prepare(conn, "s.db", newest=SCHEMA_VERSION + 3, migrations=steps)


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "s.db") as connection:
        connection.execute("CREATE TABLE recipes (name)")
    with pytest.raises(AugmentError, match="not a store of Augment"):
        Store(tmp_path / "s.db")


@pytest.mark.parametrize("content", [b"this is no database" * 100, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_damaged_file_is_one_clear_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "s.db").write_bytes(content)
    with pytest.raises(StoreError, match=r"s\.db is damaged .*move it away"):
        Store(tmp_path / "s.db")


def test_damage_inside_a_file_is_found(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.db")
    for number in range(200):
        store.start_run(run(number))
    store.close()
    data = bytearray((tmp_path / "s.db").read_bytes())
    data[8192:] = b"\x5a" * (len(data) - 8192)
    (tmp_path / "s.db").write_bytes(data)
    with pytest.raises(StoreError, match="damaged"):
        Store(tmp_path / "s.db")


def test_a_file_locked_by_another_program_is_one_clear_line(store: Store) -> None:
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked by another program"):
        store.start_run(run())
    other.close()


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot write to"):
        Store(tmp_path / "file" / "s.db")


def test_threads_write_and_read_at_once(store: Store) -> None:
    store.start_run(run())
    seen: list[int] = []

    def write(part: int) -> None:
        for number in range(25):
            store.record_verdicts("run-1", [verdict(f"t{part}::{number}")])
            seen.append(store.runs()[0]["counts"]["passed"])

    threads = [threading.Thread(target=write, args=(part,)) for part in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.runs()[0]["counts"]["passed"] == 200
    assert len(seen) == 200
