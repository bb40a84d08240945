"""Findings: the same one is kept once, a person's word on it lasts, and what is like noise stays away."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict
from pathlib import Path

import pytest
from store_samples import finding

from augment.records import FindingKind, FindingState
from augment.store import Reporter, Store, UnknownFindingError

BUG, INTENDED, NOISE, RESOLVED = FindingState.BUG, FindingState.INTENDED, FindingState.NOISE, FindingState.RESOLVED


def states(store: Store) -> dict[str, str]:
    return {shown["id"]: shown["state"] for shown in store.findings()}


def test_a_finding_comes_back_as_it_went_in(store: Store) -> None:
    made = finding(kind=FindingKind.ANNOTATION, rests_on="-> int", observed="None", key="k", rule="return type")
    assert [store.put_finding(made) for _ in range(2)] == [True, False]
    assert store.finding_record("fin-1") == made
    assert store.finding_records() == [made]
    with pytest.raises(UnknownFindingError, match="fin-9"):
        store.finding_record("fin-9")
    with pytest.raises(UnknownFindingError, match="fin-9"):
        store.update_finding(finding(9))


def test_the_same_disagreement_found_again_is_the_same_finding(store: Store) -> None:
    store.put_finding(finding(1, key="k"))
    assert store.put_finding(finding(2, key="k", source="def test(): a_smaller_call()", created_at=20.0))
    (kept,) = store.finding_records()
    assert (kept.id, kept.created_at, kept.source) == ("fin-1", 9.0, "def test(): a_smaller_call()")


@pytest.mark.parametrize("said", [BUG, INTENDED, NOISE])
def test_what_a_person_said_outlasts_finding_it_again(store: Store, said: FindingState) -> None:
    store.put_finding(finding(key="k"))
    store.update_finding(finding(key="k", state=said))
    assert not store.put_finding(finding(key="k", created_at=99.0, detail="again"))
    assert states(store) == {"fin-1": said.value}


def test_what_is_like_noise_stays_away_and_only_that(store: Store) -> None:
    store.put_finding(finding(1, key="a", rule="return type"))
    store.update_finding(finding(1, key="a", rule="return type", state=NOISE))
    assert not store.put_finding(finding(2, key="b", rule="return type"))
    assert store.put_finding(finding(3, key="c", rule="another rule"))
    assert store.put_finding(finding(4, key="d", rule="return type", target="m:g"))
    assert store.put_finding(finding(5, key="e", rule="return type", kind=FindingKind.ANNOTATION))
    assert set(states(store)) == {"fin-1", "fin-3", "fin-4", "fin-5"}


def test_a_resolved_one_opens_again_when_it_is_made_anew_but_not_by_a_late_delivery(store: Store) -> None:
    store.put_finding(finding(key="k"))
    store.update_finding(finding(key="k", state=RESOLVED, decided_at=50.0))
    assert not store.put_finding(finding(key="k"))
    assert states(store) == {"fin-1": "resolved"}
    assert store.put_finding(finding(2, key="k", created_at=60.0))
    assert states(store) == {"fin-1": "open"}


def test_suspected_bugs_are_those_that_are_open_or_marked_as_bugs(store: Store) -> None:
    for number, state in enumerate(FindingState):
        store.put_finding(finding(number, state=state))
    assert {each["state"] for each in store.summary()["findings"]} == {"open", "bug"}


def test_a_file_from_before_keeps_its_findings(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    store = Store(path)
    store.put_finding(finding())
    store.close()
    old = {key: value for key, value in asdict(finding()).items() if key in ("id", "target", "title", "detail")}
    record = json.dumps(old | {"source": "def test(): ...", "confidence": 0.8, "created_at": 9.0, "state": "open"})
    with sqlite3.connect(path) as connection:
        connection.execute("DROP INDEX findings_key")
        for column in ("key", "likeness"):
            connection.execute(f"ALTER TABLE findings DROP COLUMN {column}")
        connection.execute("UPDATE findings SET record = ?", (record,))
        connection.execute("UPDATE schema_version SET version = 3")
    again = Store(path)
    assert again.finding_record("fin-1") == finding()
    assert not again.put_finding(finding())
    assert again.put_finding(finding(2, key="k"))
    again.close()


def test_a_mark_is_told_live(tmp_path: Path) -> None:
    reporter = Reporter(Store(tmp_path / "s.db"), tmp_path, tmp_path / "results", None)
    reporter.finding(finding())
    reporter.update_finding(finding(state=BUG))
    assert [(event.name, event.data["state"]) for event in reporter.events(0, 0.0)] == [
        ("finding", "open"),
        ("finding", "bug"),
    ]
    assert reporter.finding_record("fin-1").state is BUG
    assert reporter.finding_records() == [finding(state=BUG)]
    reporter.close()
