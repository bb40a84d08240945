"""What became of kept tests is durable, and the summary says what waits for a word."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from store_samples import admission

from augment.records import AdmissionState, Note, NoteKind, Ruling, Staleness
from augment.store import Store
from augment.store.tasks_md import render

STALE = Staleness("m:f", "hash", "rev", 5.0)


def note(number: int = 1, before: str = "") -> Note:
    return Note(f"note-{number}", "adm-1", NoteKind.STALE, "m:f", "t.py::test_1", "no longer holds", 6.0, before)


def test_a_stale_test_comes_back_as_it_went_in_also_after_a_restart(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.db")
    marked = replace(admission(1), stale=STALE, written="def test_1(): ...\n", support=("import os\n",))
    store.admit([admission(1), admission(2)])
    store.amend([marked], [note(before="def test_1(): ...\n")])
    store.close()
    store = Store(tmp_path / "s.db")
    assert store.stale_admissions() == [marked]
    assert store.admission("adm-1") == marked
    assert store.note("note-1") == note(before="def test_1(): ...\n")
    store.close()


def test_what_waits_is_grouped_by_the_change_and_what_was_ruled_on_is_left_out(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.db")
    store.admit([admission(number) for number in (1, 2, 3, 4)])
    store.amend([replace(admission(number), stale=STALE) for number in (1, 2, 3)])
    store.amend([replace(admission(3), stale=replace(STALE, ruling=Ruling.REGRESSION))])
    (entry,) = store.stale()
    assert [test["id"] for test in entry["tests"]] == ["adm-1", "adm-2"]
    assert entry["text"] == "2 generated tests no longer hold since m:f changed"
    assert entry["accept"] == "augment accept --stale m:f"
    assert "- [ ] stale: 2 generated tests" in render(store.summary())
    store.amend([admission(1), replace(admission(2), stale=STALE, state=AdmissionState.RETIRED)])
    assert store.stale() == []
    store.close()


def test_a_note_that_is_delivered_twice_is_one_note(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.db")
    store.admit([admission(1)])
    assert store.amend([admission(1)], [note(1), note(2)]) == [note(1), note(2)]
    assert store.amend([admission(1)], [note(2)]) == []
    assert [item["id"] for item in store.notes()] == ["note-2", "note-1"]
    assert "no longer holds" in render(store.summary())
    store.close()
