"""The event stream and the server around it."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fake_reader import fill, open_reporter

from augment.dashboard import DashboardError, DashboardServer, create_app
from augment.records import Lane, Outcome, Run, Verdict
from augment.store import Reporter

EVENTS = "/api/v1/events"


def read_events(lines: Iterator[str], count: int) -> list[dict[str, Any]]:
    """The next ``count`` events of a stream."""
    found: list[dict[str, Any]] = []
    event: dict[str, Any] = {}
    while len(found) < count:
        name, _, value = next(lines).partition(": ")
        if name == "data":
            found.append({**event, "data": json.loads(value)})
            event = {}
        elif name in ("event", "id"):
            event[name] = value
    return found


def connected(lines: Iterator[str]) -> None:
    while next(lines) != ": connected":
        pass


def one_run(reporter: Reporter, run_id: str) -> None:
    reporter.run_started(Run(run_id, Lane.FAST, "saved\nfile", "rev", 1.0))
    reporter.verdicts(run_id, [Verdict("t.py::a\n\nevent: evil", Outcome.FAILED, 0.5, "out\r\nput")])
    reporter.run_finished(run_id, 2.0)


def test_a_client_sees_what_happens_from_now_on(client: httpx.Client, reporter: Reporter) -> None:
    with client.stream("GET", EVENTS) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        connected(lines)
        one_run(reporter, "live-1")
        events = read_events(lines, 3)
    assert [event["event"] for event in events] == ["run", "verdict", "run"]
    assert events[1]["data"] == {
        "run_id": "live-1",
        "nodeid": "t.py::a\n\nevent: evil",
        "outcome": "failed",
        "duration_s": 0.5,
        "lane": "fast",
        "fault": None,
        "muted": False,
    }
    assert events[2]["data"]["counts"]["failed"] == 1


def test_a_client_that_comes_back_misses_nothing(client: httpx.Client, reporter: Reporter) -> None:
    with client.stream("GET", EVENTS) as answer:
        lines = answer.iter_lines()
        connected(lines)
        one_run(reporter, "live-2")
        (first,) = read_events(lines, 1)
    one_run(reporter, "live-3")
    with client.stream("GET", EVENTS, headers={"last-event-id": first["id"]}) as answer:
        missed = read_events(answer.iter_lines(), 5)
    assert [int(event["id"]) - int(first["id"]) for event in missed] == [1, 2, 3, 4, 5]
    assert missed[-1]["data"]["id"] == "live-3"


def test_a_client_that_was_away_too_long_is_told(client: httpx.Client) -> None:
    with client.stream("GET", EVENTS, headers={"last-event-id": "5"}) as answer:
        (gap,) = read_events(answer.iter_lines(), 1)
    assert (gap["event"], gap["data"]) == ("gap", {"after": 5})


def test_a_wrong_event_id_is_refused(client: httpx.Client) -> None:
    assert client.get(EVENTS, headers={"last-event-id": "yesterday"}).status_code == 422


def test_many_clients_see_the_same_and_cost_the_reporter_one_caller(tmp_path: Path) -> None:
    reporter = open_reporter(tmp_path)
    callers: set[int] = set()
    ask = reporter.events
    reporter.events = lambda after, timeout_s: (callers.add(threading.get_ident()), ask(after, timeout_s))[1]  # type: ignore[method-assign]
    server = DashboardServer(create_app(reporter), port=0)
    server.start()
    seen: list[list[str]] = []
    ready = threading.Barrier(9)

    def listen() -> None:
        with httpx.stream("GET", server.url + EVENTS, timeout=10.0, trust_env=False) as answer:
            lines = answer.iter_lines()
            connected(lines)
            ready.wait(10.0)
            seen.append([event["id"] for event in read_events(lines, 3)])

    threads = [threading.Thread(target=listen) for _ in range(8)]
    for thread in threads:
        thread.start()
    ready.wait(10.0)
    time.sleep(0.1)  # the comment that says "connected" is sent just before the client is counted in
    one_run(reporter, "run")
    for thread in threads:
        thread.join(10.0)
    assert len(seen) == 8
    assert len({tuple(ids) for ids in seen}) == 1
    assert len(callers) <= 2  # the first answer, then the one listener
    server.stop()
    reporter.close()


# --------------------------------------------------------------------------- the server


def test_a_port_in_use_is_one_clear_line(reporter: Reporter) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(DashboardError, match=rf"port {port} on 127\.0\.0\.1 is in use.*--port"):
            DashboardServer(create_app(reporter), port=port).start()


def test_a_host_that_is_not_ours_is_one_clear_line(reporter: Reporter) -> None:
    with pytest.raises(DashboardError, match="--host"):
        DashboardServer(create_app(reporter), "192.0.2.1", 0, token="x" * 20).start()


def test_the_server_stops_within_two_seconds_while_streams_are_open(tmp_path: Path) -> None:
    reporter = open_reporter(tmp_path)
    server = DashboardServer(create_app(reporter), port=0)
    server.start()
    with httpx.stream("GET", server.url + EVENTS, timeout=10.0, trust_env=False) as answer:
        lines = answer.iter_lines()
        connected(lines)
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 2.0
    server.stop()
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url, trust_env=False)
    reporter.close()


def test_the_port_can_be_had_again_at_once(tmp_path: Path) -> None:
    reporter = open_reporter(tmp_path)
    fill(reporter, 1)
    first = DashboardServer(create_app(reporter), port=0)
    first.start()
    assert httpx.get(f"{first.url}/api/v1/health", trust_env=False).status_code == 200
    first.stop()
    second = DashboardServer(create_app(reporter), port=first.port)
    second.start()
    assert httpx.get(f"{second.url}/api/v1/runs", trust_env=False).json()[0]["id"] == "run-1"
    second.stop()
    reporter.close()
