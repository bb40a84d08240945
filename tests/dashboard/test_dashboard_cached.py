"""Many clients, few questions; and what happens when the reporter does not answer."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from fake_reader import fill, open_reporter

from augment.dashboard import CachedReader, ReporterUnavailableError, create_app
from augment.dashboard.pages import Views
from augment.errors import AugmentError


class Counting:
    """Answers with how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.broken: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()

    def summary(self) -> dict[str, Any]:
        self.gate.wait(5.0)
        self.asked += 1
        if self.broken is not None:
            raise self.broken
        return {"asked": self.asked}

    def run(self, run_id: str) -> dict[str, Any]:
        self.asked += 1
        over = run_id.startswith("over")
        return {"id": run_id, "finished_at": 1.0 if over else None, "interrupted": False, "asked": self.asked}


def test_an_answer_is_shared_until_it_is_too_old() -> None:
    now = [0.0]
    reader = CachedReader(counting := Counting(), ttl_s=0.5, clock=lambda: now[0])  # type: ignore[arg-type]
    assert [reader.summary()["asked"] for _ in range(5)] == [1] * 5
    now[0] = 0.5
    assert reader.summary() == {"asked": 2}
    reader.clear()
    assert reader.summary() == {"asked": 3}
    assert [reader.run(name)["id"] for name in ("a", "b", "a")] == ["a", "b", "a"]
    assert counting.asked == 5


def test_a_run_that_is_over_is_asked_for_less_often() -> None:
    now = [0.0]
    reader = CachedReader(Counting(), ttl_s=0.5, clock=lambda: now[0])  # type: ignore[arg-type]
    first = {name: reader.run(name)["asked"] for name in ("over", "under way")}
    now[0] = 1.0
    assert {name: reader.run(name)["asked"] == first[name] for name in first} == {"over": True, "under way": False}
    now[0] = 6.0
    assert reader.run("over")["asked"] != first["over"]


def test_clients_that_ask_at_once_cause_one_question() -> None:
    counting = Counting()
    counting.gate.clear()
    reader = CachedReader(counting, ttl_s=60.0)  # type: ignore[arg-type]
    threads = [threading.Thread(target=reader.summary) for _ in range(20)]
    for thread in threads:
        thread.start()
    counting.gate.set()
    for thread in threads:
        thread.join(5.0)
    assert counting.asked == 1


def test_a_failed_question_is_not_kept_and_has_words() -> None:
    counting = Counting()
    counting.broken = RuntimeError("The actor died")
    reader = CachedReader(counting)  # type: ignore[arg-type]
    with pytest.raises(ReporterUnavailableError, match="does not answer"):
        reader.summary()
    counting.broken = AugmentError("no run is called 'x'")
    with pytest.raises(AugmentError, match="no run is called"):
        reader.summary()
    counting.broken = None
    assert reader.summary() == {"asked": 3}


def test_an_error_that_crossed_a_process_keeps_its_own_words() -> None:
    class WrappedError(AugmentError):
        cause = AugmentError("no run is called 'x'")

    counting = Counting()
    counting.broken = WrappedError("a long traceback")
    with pytest.raises(AugmentError, match=r"^no run is called 'x'$"):
        CachedReader(counting).summary()  # type: ignore[arg-type]


def test_the_api_says_that_the_reporter_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fastapi.testclient import TestClient

    reporter = open_reporter(tmp_path)
    client = TestClient(create_app(reporter))
    assert client.get("/api/v1/health").status_code == 200
    client.app.state.stream._reader.clear()  # type: ignore[attr-defined]
    with monkeypatch.context() as patch:
        patch.setattr(reporter, "health", lambda: 1 / 0)
        answer = client.get("/api/v1/health")
    assert answer.status_code == 503
    assert "does not answer" in answer.json()["detail"]
    reporter.close()


def test_the_pages_keep_what_they_show_while_the_reporter_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reporter = open_reporter(tmp_path)
    fill(reporter, 1)
    reader = CachedReader(reporter)
    views = Views(reader, None, "shop", None, None)
    assert len(views.draw("", "")) == 10
    reader.clear()
    with monkeypatch.context() as patch:
        patch.setattr(reporter, "summary", lambda: 1 / 0)
        drawn = views.draw("", "")
    assert list(drawn) == ["head"]
    assert "reporter not answering" in drawn["head"]
    reporter.close()
