"""Who may ask: against DNS rebinding, cross-site requests, framing and anything that would load from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from augment.dashboard.login import TokenGate
from augment.loopback import is_loopback

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
# Gradio's pages need inline and evaluated script. What this policy secures is that nothing leaves the machine:
# even markup that slipped through unescaped could load and send nothing.
_POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'self'; object-src 'none'; frame-ancestors 'none'"
)
_HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),  # none at all would make forms of our own come from nowhere
)


class Guard:
    """ASGI middleware around the whole dashboard, Gradio's own routes included.

    With ``loopback_only`` a request whose Host header names another machine is refused: a page elsewhere that
    makes its own name point to 127.0.0.1 must read nothing. A request that changes something must come from this page
    or from a program, never from another site. With a ``token`` nothing is answered without it.
    """

    def __init__(self, app: ASGIApp, *, loopback_only: bool, token: str | None = None) -> None:
        self._app = app
        self._gate = TokenGate(token) if token is not None else None
        self._loopback_only = loopback_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request or pass it on."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._refusal(str(scope.get("method", "GET")), headers)
        admitted = refusal is None and (self._gate is None or self._gate.admits(headers))
        if admitted:
            await self._app(scope, receive, _with_headers(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        elif refusal is None and self._gate is not None:
            await self._gate.answer(scope, headers, receive, _with_headers(send))
        else:
            await _refuse(send, refusal or "")

    def _refusal(self, method: str, headers: Mapping[str, str]) -> str | None:
        host = headers.get("host", "")
        if self._loopback_only and not is_loopback(_name(host)):
            return f"the dashboard listens on this machine only and does not answer to the name {host[:200]!r}"
        if method not in _READING and _from_elsewhere(host, headers):
            return "requests that change something must come from the dashboard itself"
        return None


def _name(host: str) -> str:
    return urlsplit(f"//{host}").hostname or "" if "@" not in host else ""


def _from_elsewhere(host: str, headers: Mapping[str, str]) -> bool:
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return True
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc.lower() != host.lower()


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *_HEADERS]
        await send(message)

    return sending


async def _refuse(send: Send, detail: str) -> None:
    body = json.dumps({"detail": detail}).encode("ascii")
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})
