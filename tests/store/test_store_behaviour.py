"""What saves changed of what the code does: kept and announced once, the newest save first, and after a migration."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from augment.behaviour import BehaviourChange
from augment.store import Reporter, Store
from augment.store.behaviour import KEPT


def change(number: int, revision: str = "r2", previous: str = "r1") -> BehaviourChange:
    return BehaviourChange("m:f", f"f({number})", "3", "'\udc80'", revision, previous, 5.0, ("g()",), "{}.x", "m:old")


@pytest.fixture
def reporter(tmp_path: Path) -> Iterator[Reporter]:
    opened = Reporter(Store(tmp_path / "augment.db"), tmp_path, tmp_path / "results", None)
    yield opened
    opened.close()


def test_the_newest_save_comes_first_and_each_save_reads_in_order(store: Store) -> None:
    assert store.put_behaviour([change(1), change(2)]) == [change(1), change(2)]
    store.put_behaviour([change(3, "r3", "r2"), change(4, "r3", "r2")])
    assert [row["call"] for row in store.behaviour()] == ["f(3)", "f(4)", "f(1)", "f(2)"]
    assert [row["call"] for row in store.behaviour(limit=1)] == ["f(4)"]
    assert [row["call"] for row in store.summary()["behaviour"]] == ["f(3)", "f(4)", "f(1)", "f(2)"]


def test_a_change_that_was_told_is_not_told_again(reporter: Reporter) -> None:
    reporter.behaviour_changed([change(1)])
    reporter.behaviour_changed([replace(change(1), revision="r3", at=9.0), change(2)])
    events = [event for event in reporter.events(0, 0.0) if event.name == "behaviour"]
    assert [event.data["call"] for event in events] == ["f(1)", "f(2)"]
    assert events[0].data["sentence"] == "`f(1).x` was 3, is '\udc80', after `g()`"
    assert [row["revision"] for row in reporter.behaviour()] == ["r2", "r2"]
    assert json.dumps(reporter.behaviour())


def test_only_the_newest_are_kept(store: Store) -> None:
    store.put_behaviour([change(number) for number in range(KEPT + 5)])
    assert len(store.behaviour(limit=2 * KEPT)) == KEPT


def test_a_file_from_before_there_was_any_is_brought_up(tmp_path: Path) -> None:
    path = tmp_path / "augment.db"
    Store(path).close()
    with sqlite3.connect(path) as raw:
        raw.execute("DROP TABLE behaviour")
        raw.execute("UPDATE schema_version SET version = 3")
    raw.close()
    store = Store(path)
    assert store.put_behaviour([change(1)])
    store.close()
