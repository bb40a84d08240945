"""Findings in the page and over REST: what is stated and observed, and the marks that a person gives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fake_reader import HOSTILE, Review, open_reporter

from augment.dashboard import DashboardServer, create_app
from augment.dashboard.cached import CachedReader
from augment.dashboard.findings import findings_page
from augment.dashboard.pages import Views
from augment.records import Finding, FindingKind
from augment.store import Reporter

API = "/api/v1/findings"


def found(name: str = "fin-1", **changes: object) -> Finding:
    values: dict[str, object] = {
        "id": name, "target": "shop:words", "title": "returns None", "detail": "why", "source": "def test(): ...",
        "confidence": 0.85, "created_at": 1.0, "kind": FindingKind.ANNOTATION, "rests_on": "-> list[str]",
        "observed": "words('') returns None", "intended_source": "def test(): ...", "key": name, "rule": "return type",
    }  # fmt: skip
    return Finding(**{**values, **changes})  # type: ignore[arg-type]


@pytest.fixture
def reporter(tmp_path: Path) -> Iterator[Reporter]:
    opened = open_reporter(tmp_path)
    opened.finding(found())
    opened.finding(found("fin-2", rule="other", target="shop:f", intended_source=""))
    yield opened
    opened.close()


@pytest.fixture
def client(reporter: Reporter) -> Iterator[httpx.Client]:
    running = DashboardServer(create_app(reporter, Review(reporter), title="shop"), port=0)
    running.start()
    with httpx.Client(base_url=running.url, timeout=10.0, trust_env=False) as opened:
        yield opened
    running.stop()


def test_a_finding_shows_what_is_stated_what_happens_and_how_to_see_it(reporter: Reporter) -> None:
    html = findings_page(reporter.findings(), acting=True)
    for words in ("-&gt; list[str]", "returns None", "85%", "augment findings run fin-1", "annotation / return type"):
        assert words in html
    assert all(f'data-{verb}="fin-1"' in html for verb in ("bug", "intended", "noise"))
    assert 'data-intended="fin-2"' not in html  # nothing stable to pin
    assert "data-bug" not in findings_page(reporter.findings())


def test_what_is_marked_can_be_opened_again_and_comes_after_what_is_open(reporter: Reporter) -> None:
    views = Views(CachedReader(reporter), Review(reporter), "shop", None, None)
    assert views.review("bug", "fin-1") == ""
    html = views.draw()["findings"]
    assert html.index("shop:f") < html.index("shop:words")
    assert 'data-reopen="fin-1"' in html
    assert 'data-bug="fin-1"' not in html
    assert views.review("reopen", "fin-1") == ""
    assert reporter.finding_record("fin-1").state == "open"
    assert "no test that pins" in views.review("intended", "fin-2")
    assert "no test that pins" in views.draw(message=views.review("intended", "fin-2"))["findings"]


def test_nothing_of_a_finding_is_taken_for_markup(tmp_path: Path) -> None:
    reporter = open_reporter(tmp_path)
    reporter.finding(
        found(HOSTILE, title=HOSTILE, target=HOSTILE, detail=HOSTILE, rests_on=HOSTILE, observed=HOSTILE, rule=HOSTILE)
    )
    html = findings_page(reporter.findings(), acting=True, message=HOSTILE)
    assert "<script" not in html
    assert "<img" not in html
    assert "${" not in html
    reporter.close()


def test_a_mark_over_rest_is_kept(client: httpx.Client, reporter: Reporter) -> None:
    assert client.get(f"{API}/fin-1").json()["rests_on"] == "-> list[str]"
    answer = client.post(f"{API}/fin-1/mark", json={"state": "noise"})
    assert (answer.status_code, answer.json()["state"]) == (200, "noise")
    assert reporter.finding_record("fin-1").state == "noise"
    assert client.get(f"{API}/fin-1").json()["state"] == "noise"


def test_marks_that_cannot_be_are_refused(client: httpx.Client, reporter: Reporter) -> None:
    for path, body, status in (
        ("fin-9/mark", {"state": "bug"}, 404),
        ("fin-1/mark", {"state": "great"}, 422),
        ("fin-2/mark", {"state": "intended"}, 409),
    ):
        assert client.post(f"{API}/{path}", json=body).status_code == status
    assert client.get(f"{API}/fin-9").status_code == 404
    elsewhere = client.post(f"{API}/fin-1/mark", json={"state": "bug"}, headers={"Origin": "http://evil.example"})
    assert elsewhere.status_code == 403
    assert reporter.finding_record("fin-1").state == "open"
