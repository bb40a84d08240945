"""A dashboard that others can reach answers only who has the token: every route, Gradio's own and files included."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import Callable

import httpx
import pytest
from fastapi import FastAPI

from augment.access import digest_of, session_of
from augment.dashboard import DashboardError, DashboardServer
from augment.dashboard.login import COOKIE
from augment.dashboard.security import Guard

TOKEN = "the-token-of-these-tests"
BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
Ask = Callable[..., httpx.Response]


@pytest.fixture
def ask(app: FastAPI) -> Ask:
    """Ask the whole app behind the token, as from another machine."""

    def asking(method: str, path: str, **more: object) -> httpx.Response:
        async def call() -> httpx.Response:
            transport = httpx.ASGITransport(Guard(app, loopback_only=False, token=TOKEN))
            async with httpx.AsyncClient(transport=transport, base_url="http://box.example:8080") as client:
                return await client.request(method, path, **more)  # type: ignore[arg-type]

        return asyncio.run(call())

    return asking


EVERYWHERE = [
    ("GET", "/api/v1/health"),
    ("GET", "/api/v1/runs"),
    ("GET", "/api/v1/events"),
    ("POST", "/api/v1/admissions/adm-held/accept"),
    ("GET", "/api/v1/openapi.json"),
    ("GET", "/config"),
    ("GET", "/theme.css"),
    ("GET", "/gradio_api/info"),
    ("POST", "/gradio_api/run/predict"),
    ("GET", "/nowhere"),
]


@pytest.mark.parametrize(("method", "path"), EVERYWHERE)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer something-else-entirely"},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": "Bearer "},
        {"cookie": f"{COOKIE}={TOKEN}"},
        {"cookie": f"{COOKIE}={digest_of(TOKEN)}"},
        {"cookie": 'augment_session="'},
    ],
)
def test_nothing_is_answered_without_the_token(ask: Ask, method: str, path: str, headers: dict[str, str]) -> None:
    answer = ask(method, path, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "augment token" in answer.json()["detail"]


@pytest.mark.parametrize("headers", [{"authorization": f"Bearer {TOKEN}"}, {"cookie": f"{COOKIE}={session_of(TOKEN)}"}])
@pytest.mark.parametrize("path", ["/api/v1/runs", "/", "/config"])
def test_the_token_and_its_cookie_open_everything(ask: Ask, path: str, headers: dict[str, str]) -> None:
    assert ask("GET", path, headers=headers).status_code == 200


def test_a_browser_is_shown_the_form_and_given_a_cookie_for_the_token(ask: Ask) -> None:
    sent = ask("GET", "/", headers=BROWSER)
    assert (sent.status_code, sent.headers["location"]) == (303, "/login")
    form = ask("GET", "/login", headers=BROWSER)
    assert form.status_code == 200
    assert '<form method="post"' in form.text
    wrong = ask("POST", "/login", data={"token": "something-else-entirely"})
    assert wrong.status_code == 401
    assert "set-cookie" not in wrong.headers
    right = ask("POST", "/login", data={"token": TOKEN})
    assert (right.status_code, right.headers["location"]) == (303, "/")
    cookie = right.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert TOKEN not in cookie
    value = cookie.partition(";")[0]
    assert ask("GET", "/api/v1/runs", headers={"cookie": value}).status_code == 200


def test_the_form_leads_on_to_the_page_that_was_asked_for(ask: Ask) -> None:
    wanted = "/?test=tests/test_a.py%3A%3Atest_b%5B1%262%5D&run=run-1"
    sent = ask("GET", wanted, headers=BROWSER)
    assert sent.status_code == 303
    form = ask("GET", sent.headers["location"], headers=BROWSER)
    (value,) = re.findall(r'name="next" value="([^"]*)"', form.text)
    assert html.unescape(value) == wanted
    wrong = ask("POST", "/login", data={"token": "something-else-entirely", "next": wanted})
    assert f'value="{value}"' in wrong.text
    right = ask("POST", "/login", data={"token": TOKEN, "next": wanted})
    assert right.headers["location"] == wanted


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "\\\\evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/a\r\nset-cookie: b=c",
        '/"><script>alert(1)</script>',
        "evil.example",
        "",
    ],
)
def test_the_form_leads_nowhere_else(ask: Ask, elsewhere: str) -> None:
    right = ask("POST", "/login", data={"token": TOKEN, "next": elsewhere})
    assert right.status_code == 303
    where = httpx.URL("http://box.example:8080/").join(right.headers["location"])
    assert (where.scheme, where.host) == ("http", "box.example")
    assert "b=c" not in right.headers["set-cookie"]
    form = ask("GET", "/login", params={"next": elsewhere}, headers=BROWSER)
    assert "<script" not in form.text


def test_another_site_cannot_send_the_form(ask: Ask) -> None:
    answer = ask("POST", "/login", data={"token": TOKEN}, headers={"origin": "http://evil.example"})
    assert answer.status_code == 403


def test_a_form_without_an_end_is_cut(ask: Ask) -> None:
    assert ask("POST", "/login", content=b"token=" + b"x" * 100_000).status_code == 401


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7", "::", "box.example"])
def test_no_dashboard_is_served_to_others_without_a_token(app: FastAPI, host: str) -> None:
    with pytest.raises(DashboardError, match="without a token"):
        DashboardServer(app, host, 0)
