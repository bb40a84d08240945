"""What saves changed of what the code does: on the summary page and in the REST interface, with everything escaped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_reader import HOSTILE, open_reporter
from fastapi.testclient import TestClient

from augment.behaviour import BehaviourChange
from augment.dashboard import overview
from augment.dashboard.app import create_app
from augment.store import Reporter


@pytest.fixture
def reporter(tmp_path: Path) -> Iterator[Reporter]:
    reporter = open_reporter(tmp_path)
    yield reporter
    reporter.close()


def test_the_summary_says_what_the_last_save_changed_and_when(reporter: Reporter) -> None:
    assert "changed behaviour" not in overview.page(reporter.summary(), None)
    reporter.behaviour_changed([BehaviourChange("shop:f", "f(1)", "1", "2", "rev0", "rev", 1.0)])
    reporter.behaviour_changed([BehaviourChange("shop:f", "f(2)", "3", "4", "rev1", "rev0", 2.0)])
    shown = overview.page(reporter.summary(), None)
    assert "<code>f(2)</code> was 3, is 4" in shown
    assert "<code>rev1</code>" in shown
    assert shown.index("The last of these saves changed behaviour") < shown.index("f(2)")
    assert shown.index("f(2)") < shown.index("An earlier save changed behaviour") < shown.index("f(1)")


def test_code_and_values_are_escaped(reporter: Reporter) -> None:
    reporter.behaviour_changed(
        [BehaviourChange(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, 1.0, (HOSTILE,), HOSTILE + "{}")]
    )
    shown = overview.page(reporter.summary(), None)
    assert shown.count("&lt;script&gt;window.hacked=1") > 4
    assert "<script" not in shown
    assert "<img" not in shown


def test_rest_lists_the_newest(reporter: Reporter) -> None:
    changes = [BehaviourChange("shop:f", f"f({n})", "3", "4", "rev1", "rev0", 2.0) for n in range(3)]
    reporter.behaviour_changed(changes)
    client = TestClient(create_app(reporter, None))
    found = client.get("/api/v1/behaviour", params={"limit": 2}).json()
    assert [row["sentence"] for row in found] == ["`f(1)` was 3, is 4", "`f(2)` was 3, is 4"]
    assert client.get("/api/v1/behaviour", params={"limit": 0}).status_code == 422
