"""Stale tests and notes over REST and on the page."""

from __future__ import annotations

import time
from dataclasses import replace

import httpx
import pytest
from fake_reader import HOSTILE

from augment.dashboard import living
from augment.records import Note, NoteKind, Staleness
from augment.store import Reporter

API = "/api/v1"


@pytest.fixture
def stale(reporter: Reporter) -> str:
    kept = reporter.admission("adm-kept")
    marked = replace(kept, stale=Staleness("m:f", "hash", "rev", 5.0))
    reporter.amend([marked], [Note("note-1", kept.id, NoteKind.STALE, "m:f", kept.nodeid, "no longer holds", 6.0)])
    time.sleep(0.6)  # an answer is good for half a second
    return kept.nodeid


def test_what_is_stale_is_listed_with_its_answers(client: httpx.Client, stale: str) -> None:
    (entry,) = client.get(f"{API}/stale").json()
    assert entry["tests"][0]["nodeid"] == stale
    assert entry["accept"] == "augment accept --stale m:f"
    assert client.get(f"{API}/notes").json()[0]["text"] == "no longer holds"
    assert client.get(f"{API}/summary").json()["stale"] == [entry]


@pytest.mark.parametrize("verb", ["accept", "reject"])
def test_a_word_on_it_takes_it_from_the_list(client: httpx.Client, stale: str, verb: str) -> None:
    answer = client.post(f"{API}/stale/{verb}", json={"what": "m:f"})
    assert answer.status_code == 200
    assert answer.json()[0]["nodeid"] == stale
    assert client.get(f"{API}/stale").json() == []
    again = client.post(f"{API}/stale/{verb}", json={})
    assert again.status_code == 409
    assert "stale" in again.json()["detail"]


def test_the_page_shows_hostile_names_as_text() -> None:
    entry = {
        "text": HOSTILE, "since": 1.0, "accept": HOSTILE, "reject": HOSTILE,
        "tests": [{"id": "a", "nodeid": HOSTILE, "revision": "r"}] * 5,
    }  # fmt: skip
    page = living.stale({"stale": [entry]}) + living.notes({"notes": [{"nodeid": HOSTILE, "text": HOSTILE, "at": 1.0}]})
    assert "<script" not in page
    assert "and 2 more" in page
    assert living.stale({"stale": []}) == living.notes({}) == ""
