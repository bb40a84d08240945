"""The REST interface and who may use it."""

from __future__ import annotations

import time

import httpx
import pytest

from augment.dashboard import DashboardServer
from augment.store import Reporter

API = "/api/v1"


def test_health_names_the_state_of_the_model(client: httpx.Client, reporter: Reporter) -> None:
    reporter.set_health({"model": "loading"})
    time.sleep(0.6)  # an answer is good for half a second
    answer = client.get(f"{API}/health")
    assert answer.status_code == 200
    assert {"status": "ok", "model": "loading"}.items() <= answer.json().items()


def test_runs_come_newest_first_and_in_pages(client: httpx.Client) -> None:
    runs = client.get(f"{API}/runs").json()
    assert [run["id"] for run in runs] == ["run-3", "run-2", "run-1"]
    assert runs[0] == {
        "id": "run-3",
        "lane": "fast",
        "reason": "saved boom",
        "revision": "rev3",
        "started_at": 300.0,
        "finished_at": 305.0,
        "interrupted": False,
        "counts": {"passed": 1, "failed": 1, "error": 0, "skipped": 0, "xfailed": 0, "fault": 1},
        "muted": 0,
    }
    assert client.get(f"{API}/runs", params={"limit": 1, "after": "run-3"}).json() == runs[1:2]
    assert client.get(f"{API}/runs", params={"after": "run-1"}).json() == []


def test_a_run_has_its_verdicts(client: httpx.Client) -> None:
    run = client.get(f"{API}/runs/run-2").json()
    assert run["id"] == "run-2"
    assert run["verdicts"] == [
        {
            "nodeid": "t.py::test_ok",
            "outcome": "passed",
            "duration_s": 0.1,
            "output": "",
            "fault": None,
            "muted": False,
            "retried": False,
        },
        {
            "nodeid": "t.py::test_bad[boom]",
            "outcome": "failed",
            "duration_s": 0.2,
            "output": "E   boom\nboom",
            "fault": None,
            "muted": False,
            "retried": False,
        },
        {
            "nodeid": "t.py::test_slow",
            "outcome": "fault",
            "duration_s": 60.0,
            "output": "",
            "fault": {"kind": "timeout", "detail": "boom"},
            "muted": False,
            "retried": False,
        },
    ]


@pytest.mark.parametrize(
    "path", ["summary", "tests", "admissions", "findings", "rejections", "activities", "resources"]
)
def test_every_part_can_be_read(client: httpx.Client, path: str) -> None:
    answer = client.get(f"{API}/{path}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert isinstance(answer.json(), dict if path in ("summary", "rejections") else list)


def test_tests_tell_their_newest_verdict(client: httpx.Client) -> None:
    tests = {test["nodeid"]: test for test in client.get(f"{API}/tests").json()}
    assert tests["t.py::test_ok"]["outcome"] == "passed"
    assert tests["t.py::test_ok"]["counts"]["passed"] == 3


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("runs?limit=0", 422),
        ("runs?limit=many", 422),
        ("runs?limit=100000", 422),
        ("resources?since=-1", 422),
        ("runs?after=run-99", 404),
        ("runs/run-99", 404),
        ("runs/..%2f..%2fetc", 404),
        ("nothing", 404),
        ("", 404),
    ],
)
def test_wrong_questions_get_json_with_a_detail(client: httpx.Client, path: str, status: int) -> None:
    answer = client.get(f"{API}/{path}")
    assert answer.status_code == status
    assert answer.json()["detail"]
    if "run-99" in path:
        assert answer.json()["detail"] == "no run is called 'run-99'"


# --------------------------------------------------------------------------- review


def test_a_held_test_can_be_accepted_once(client: httpx.Client) -> None:
    answer = client.post(f"{API}/admissions/adm-held/accept")
    assert (answer.status_code, answer.json()["state"]) == (200, "kept")
    states = {admission["id"]: admission["state"] for admission in client.get(f"{API}/admissions").json()}
    assert states == {"adm-held": "kept", "adm-kept": "kept"}
    again = client.post(f"{API}/admissions/adm-held/reject")
    assert (again.status_code, again.json()["detail"]) == (409, "adm-held does not wait for a review")


def test_an_unknown_admission_is_not_found(client: httpx.Client) -> None:
    for verb in ("accept", "reject"):
        assert client.post(f"{API}/admissions/nobody/{verb}").status_code == 404


# --------------------------------------------------------------------------- who may ask


@pytest.mark.parametrize("path", [f"{API}/runs", "/", "/config", f"{API}/events"])
@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost@evil.example", "10.0.0.1:80", ""]
)
def test_another_name_for_this_machine_is_refused(client: httpx.Client, path: str, host: str) -> None:
    answer = client.get(path, headers={"host": host})
    assert answer.status_code == 403
    assert "does not answer to the name" in answer.json()["detail"]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8080", "127.0.0.1:1", "[::1]:8080", "augment.localhost"])
def test_names_of_this_machine_are_answered(client: httpx.Client, host: str) -> None:
    assert client.get(f"{API}/health", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
@pytest.mark.parametrize("path", [f"{API}/admissions/adm-kept/reject", "/gradio_api/run/predict"])
def test_another_site_can_change_nothing(client: httpx.Client, headers: dict[str, str], path: str) -> None:
    assert client.post(path, headers=headers, json={}).status_code == 403
    assert client.get(f"{API}/admissions").json()[-1]["state"] == "kept"


def test_the_page_itself_may(client: httpx.Client, server: DashboardServer) -> None:
    headers = {"origin": server.url, "sec-fetch-site": "same-origin"}
    assert client.post(f"{API}/admissions/nobody/accept", headers=headers).status_code == 404


@pytest.mark.parametrize("path", ["/", f"{API}/runs"])
def test_answers_forbid_everything_from_elsewhere(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers
    assert "connect-src 'self'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


# --------------------------------------------------------------------------- flaky tests

FLAKY = "t.py::test_bad[boom]"


def test_flaky_tests_come_with_their_evidence_and_attempts(client: httpx.Client) -> None:
    (row,) = client.get(f"{API}/flaky").json()
    assert (row["nodeid"], row["score"], row["attempts"], row["muted"]) == (FLAKY, 0.25, 12, False)
    (attempt,) = client.get(f"{API}/attempts", params={"nodeid": FLAKY}).json()
    assert (attempt["number"], attempt["outcome"], attempt["conditions"]["hash_seed"]) == (2, "fault", 2)
    assert client.get(f"{API}/attempts", params={"nodeid": "nobody"}).json() == []
    assert client.get(f"{API}/attempts").status_code == 422


def test_a_test_can_be_muted_and_unmuted(client: httpx.Client) -> None:
    muted = client.post(f"{API}/flaky/mute", json={"nodeid": FLAKY, "days": 3})
    assert muted.status_code == 200
    (row,) = client.get(f"{API}/flaky").json()
    assert (row["muted"], row["muted_by"], row["muted_until"]) == (True, "user", muted.json()["muted_until"])
    assert client.get(f"{API}/summary").json()["muted_broken"] == 1
    assert client.post(f"{API}/flaky/unmute", json={"nodeid": FLAKY}).status_code == 200
    again = client.post(f"{API}/flaky/unmute", json={"nodeid": FLAKY})
    assert (again.status_code, again.json()["detail"]) == (409, f"{FLAKY} is not muted")
    assert client.post(f"{API}/flaky/mute", json={"nodeid": "nobody"}).status_code == 409
    assert client.post(f"{API}/flaky/mute", json={"nodeid": FLAKY, "days": -1}).status_code == 422
