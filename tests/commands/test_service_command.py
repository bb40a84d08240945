"""``augment status`` in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from augment.commands import service
from augment.service.preflight import ServiceRecord

SUMMARY: dict[str, Any] = {
    "tests": {"passed": 3, "failed": 12, "skipped": 0, "total": 15},
    "failing": [{"nodeid": f"t.py::test_{number}", "outcome": "failed"} for number in range(12)],
    "admissions": {"kept": 2, "held": 1, "rejected": 0, "total": 3},
    "activities": [{"part": "governor", "text": "holding background work back", "at": 1.0}],
}


def status(monkeypatch: pytest.MonkeyPatch, project: Path, summary: dict[str, Any]) -> str:
    running = ServiceRecord(1234, 0.0, "http://127.0.0.1:8080", 0.0)
    answers = {"health": {"status": "ok", "model": "ready", "model_name": "Qwen"}, "summary": summary}
    monkeypatch.setattr(service, "read_service", lambda _root: running)
    monkeypatch.setattr(service, "_ask", lambda _running, what: answers[what])
    app = typer.Typer()
    service.register(app)
    result = CliRunner().invoke(app, ["status", str(project)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_status_says_what_is_broken_what_was_written_and_what_is_being_done(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told = status(monkeypatch, tmp_path, SUMMARY)
    assert "model: ready Qwen" in told
    assert "tests: 3 passed, 12 failed, 15 total" in told
    assert "  failed t.py::test_9\n  and 2 more\n" in told
    assert "written: 2 kept, 1 waiting for review" in told
    assert "now: governor: holding background work back" in told


def test_status_before_the_first_verdict(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    zero = {"passed": 0, "failed": 0, "skipped": 0, "total": 0}
    told = status(monkeypatch, tmp_path, SUMMARY | {"tests": zero, "failing": [], "activities": []})
    assert "tests: none known yet" in told
    assert "more" not in told


def test_the_other_nodes_of_a_cluster_are_told_one_a_line() -> None:
    used = {
        "address": "10.0.0.2",
        "state": "ready",
        "detail": "",
        "executors": ["executor-2"],
        "batches": 3,
        "files": 7,
    }
    unfit = {**used, "address": "10.0.0.3", "detail": "your own tests are not sent there: test_a passes here"}
    refused = {"address": "10.0.0.4", "state": "refused", "detail": "the project's interpreter has other packages"}
    assert service.nodes_told([used, unfit, refused]) == [
        "node 10.0.0.2: ready, 1 executors, 3 batches, 7 files received",
        "node 10.0.0.3: ready, 1 executors, 3 batches, 7 files received; your own tests are not sent there: "
        "test_a passes here",
        "node 10.0.0.4: not used: the project's interpreter has other packages",
    ]
    assert service.nodes_told([]) == []
