"""Reasons on the pages and in the REST interface, with everything escaped."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_reader import HOSTILE, fill, open_reporter
from fastapi.testclient import TestClient

from augment.dashboard import details, overview, why
from augment.dashboard.app import create_app
from augment.records import Control, Decision

BAD = f"t.py::test_bad[{HOSTILE}]"


@pytest.fixture
def reporter(tmp_path: Path):
    reporter = open_reporter(tmp_path)
    fill(reporter, words=HOSTILE)
    reporter.decided(Decision("d", "rev1", "rev0", 1.0, "run-1", {"t.py": HOSTILE}, {HOSTILE: (HOSTILE, "")}))
    reporter.controlled([Control(BAD, "rev1", "run-1", 1.0, "passed", "failed")])
    yield reporter
    reporter.close()


def test_a_run_says_what_changed_and_why_it_had_each_test(reporter) -> None:
    shown = details.run_detail(reporter.run("run-1"), "run-1")
    assert "what had changed" in shown
    assert shown.count("&lt;script&gt;window.hacked=1") > 4
    assert "<script" not in shown
    assert "<img" not in shown


def test_a_test_says_why_it_ran_or_not(reporter) -> None:
    shown = why.decisions(reporter.why(BAD))
    assert "Why it runs" in shown
    assert "not recorded yet" in shown
    assert "<script" not in shown
    assert why.decisions(reporter.why("none")) == ""


def test_the_summary_says_how_often_selection_missed(reporter) -> None:
    shown = overview.page(reporter.summary(), None)
    assert "1 in 1 control" in shown
    assert "should have been selected" in shown
    assert "<script" not in shown


def test_rest_explains_a_test_and_names_near_ones(reporter) -> None:
    client = TestClient(create_app(reporter, None))
    found = client.get("/api/v1/why", params={"nodeid": BAD}).json()
    assert found["decisions"][0]["selected"]
    missing = client.get("/api/v1/why", params={"nodeid": "t.py::test_okk"})
    assert missing.status_code == 404
    assert "near: t.py::test_ok" in missing.json()["detail"]
