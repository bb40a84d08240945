from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium without a window."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install -e '.[dev]'")
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield opened
        opened.close()


@pytest.fixture
def reporter(tmp_path: Path) -> Iterator[Any]:
    from augment.store import Reporter, Store

    opened = Reporter(Store(tmp_path / "augment.db"), tmp_path, tmp_path / "results", tmp_path / "TASKS.md")
    yield opened
    opened.close()


class Review:
    """Actions on the reporter alone."""

    def __init__(self, reporter: Any, root: Path) -> None:
        self._reporter = reporter
        self._root = root

    def mark(self, finding_id: str, state: str) -> dict[str, Any]:
        from augment.analysis import discover_project
        from augment.records import FindingState
        from augment.service.marking import mark

        marked = mark(self._reporter, discover_project(self._root), finding_id, FindingState(state), "tests/augment")
        return {"id": marked.id, "state": marked.state.value}

    def accept(self, admission_id: str) -> dict[str, Any]:
        return self._decide(admission_id, "kept")

    def reject(self, admission_id: str) -> dict[str, Any]:
        return self._decide(admission_id, "rejected")

    def mute(self, nodeid: str, days: float | None) -> dict[str, Any]:
        from augment.service import muting

        return muting.mute(self._reporter, nodeid, days)

    def unmute(self, nodeid: str) -> dict[str, Any]:
        from augment.service import muting

        return muting.unmute(self._reporter, nodeid)

    def _decide(self, admission_id: str, state: str) -> dict[str, Any]:
        from augment.records import AdmissionState

        return {"id": self._reporter.set_admission_state(admission_id, AdmissionState(state)).id}


@pytest.fixture
def guarded(reporter: Any, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The address of a real server that asks for a token, and the token."""
    from augment.dashboard import DashboardServer, create_app

    token = "a-token-of-this-test-alone"
    server = DashboardServer(create_app(reporter, Review(reporter, tmp_path), title="shop"), port=0, token=token)
    server.start()
    yield server.url, token
    server.stop()


@pytest.fixture
def url(reporter: Any, tmp_path: Path) -> Iterator[str]:
    """The address of a real server over the reporter."""
    from augment.dashboard import DashboardServer, create_app

    app = create_app(reporter, Review(reporter, tmp_path), title="shop", ray_dashboard_url="http://127.0.0.1:8265")
    server = DashboardServer(app, port=0)
    server.start()
    yield server.url
    server.stop()
