"""Asking for the token: a header from programs, a form and then a cookie from browsers."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, quote, urlencode

from starlette.types import Receive, Scope, Send

from augment.access import digest_of, has_bearer, has_session, is_right, session_of

PATH = "/login"
COOKIE = "augment_session"
_WISH = "next"
_KEPT_S = 30 * 86400
_LONGEST = 4096
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Augment: token</title><style>
body {{ font: 16px system-ui, sans-serif; display: grid; place-items: center; min-height: 90vh; margin: 0 1rem; }}
form {{ display: grid; gap: .75rem; width: min(24rem, 100%); }}
input, button {{ font: inherit; padding: .5rem; }}
p {{ margin: 0; }} .wrong {{ color: #b00020; }}
@media (prefers-color-scheme: dark) {{ body {{ background: #111; color: #eee; }} .wrong {{ color: #ff8a80; }} }}
</style></head><body><form method="post" action="{path}">
<h1>Augment</h1><p>This dashboard asks for its token. <code>augment token</code> prints it where Augment runs.</p>
{wrong}<input type="hidden" name="{wish}" value="{wanted}"><label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
<button type="submit">Open</button></form></body></html>"""
# A page of our own: one slash, for two would name another machine, and nothing that a browser reads as one.
_OWN_PAGE = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*")
_WRONG = '<p class="wrong" role="alert">That is not the token.</p>'


class TokenGate:
    """Lets in who has the token, and answers everybody else."""

    def __init__(self, token: str) -> None:
        self._digest = digest_of(token)
        self._session = session_of(token)

    def admits(self, headers: Mapping[str, str]) -> bool:
        """Whether a request carries the token, or the cookie that one was exchanged for."""
        if has_bearer(headers.get("authorization", ""), self._digest):
            return True
        return has_session(_cookie(headers.get("cookie", "")), self._session)

    async def answer(self, scope: Scope, headers: Mapping[str, str], receive: Receive, send: Send) -> None:
        """Answer a request that is not admitted: the form, what it sent, or a refusal."""
        path, method = scope["path"], scope["method"]
        if path == PATH and method == "POST":
            await self._log_in(receive, send)
        elif path == PATH:
            await _page(send, 200, _wish(scope["query_string"]))
        elif method == "GET" and "text/html" in headers.get("accept", ""):
            await _send(send, 303, b"", (b"location", _form_for(scope).encode()))
        else:
            body = json.dumps({"detail": "this needs the token: `Authorization: Bearer TOKEN`, see `augment token`"})
            kind = (b"content-type", b"application/json")
            await _send(send, 401, body.encode(), kind, (b"www-authenticate", b"Bearer"))

    async def _log_in(self, receive: Receive, send: Send) -> None:
        body = await _body(receive)
        wanted, token = _wish(body), parse_qs(body.decode("latin-1")).get("token", [""])[0].strip()
        if not is_right(token, self._digest):
            await _page(send, 401, wanted, _WRONG)
            return
        cookie = f"{COOKIE}={self._session}; HttpOnly; SameSite=Strict; Path=/; Max-Age={_KEPT_S}"
        await _send(send, 303, b"", (b"location", wanted.encode()), (b"set-cookie", cookie.encode()))


def _form_for(scope: Scope) -> str:
    """The form that leads on to the page that was asked for."""
    query = scope["query_string"].decode("latin-1")
    wanted = quote(scope["path"], safe="/:@!$&'()*+,;=~") + (f"?{query}" if query else "")
    return PATH if wanted == "/" else f"{PATH}?{urlencode({_WISH: wanted})}"


def _wish(query: bytes) -> str:
    """The page to open once the token is given; the first one where none is named, or one elsewhere."""
    wanted = parse_qs(query.decode("latin-1")).get(_WISH, ["/"])[0]
    return wanted if _OWN_PAGE.fullmatch(wanted) else "/"


def _cookie(header: str) -> str:
    try:
        found = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found is not None else ""


async def _body(receive: Receive) -> bytes:
    body = b""
    while len(body) <= _LONGEST:
        message = await receive()
        body += message.get("body", b"")
        if message["type"] != "http.request" or not message.get("more_body"):
            break
    return body[:_LONGEST]


async def _page(send: Send, status: int, wanted: str, wrong: str = "") -> None:
    page = _PAGE.format(path=PATH, wrong=wrong, wish=_WISH, wanted=html.escape(wanted)).encode()
    await _send(send, status, page, (b"content-type", b"text/html; charset=utf-8"), (b"cache-control", b"no-store"))


async def _send(send: Send, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})
