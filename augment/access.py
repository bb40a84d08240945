"""The token that Augment asks for wherever it listens beyond this machine.

One a user, made once, in a file that only they can read, or given by the variable ``AUGMENT_TOKEN``. It goes over the
network as a header only, never in an address, and is shown by ``augment token`` alone.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from augment.errors import AugmentError

VARIABLE = "AUGMENT_TOKEN"
FILE = "token"
SHORTEST = 16
_BEARER = "bearer "
_COOKIE_PURPOSE = b"augment dashboard session 1"


def token_file(environ: Mapping[str, str] | None = None) -> Path:
    """Where the token lies: ``augment/token`` in the user's XDG configuration folder."""
    environ = os.environ if environ is None else environ
    home = environ.get("XDG_CONFIG_HOME") or str(Path(environ.get("HOME") or Path.home()) / ".config")
    return Path(home) / "augment" / FILE


def find_token(environ: Mapping[str, str] | None = None) -> str | None:
    """The token that there is, None for none. Raises AugmentError for one that is too short or that others can read."""
    environ = os.environ if environ is None else environ
    if given := environ.get(VARIABLE, "").strip():
        return _long_enough(given, VARIABLE)
    path = token_file(environ)
    try:
        if path.stat().st_mode & 0o077:
            raise AugmentError(f"others may read the token in {path}: say `chmod 600 {path}`, or delete it")
        return _long_enough(path.read_text().strip(), str(path))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise AugmentError(f"the token in {path} cannot be read ({error}): delete it for a new one") from error


def ensure_token(environ: Mapping[str, str] | None = None) -> str:
    """The token that there is, made now where there is none. Raises AugmentError where it cannot be kept."""
    if (known := find_token(environ)) is not None:
        return known
    path = token_file(environ)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Never there for others to read, not even for a moment; two that make it at once agree on one.
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write(secrets.token_urlsafe(32) + "\n")
    except FileExistsError:
        pass
    except OSError as error:
        raise AugmentError(f"the token cannot be kept in {path} ({error.strerror}): give one in {VARIABLE}") from error
    return find_token(environ) or _long_enough("", str(path))


def take_variable(environ: MutableMapping[str, str] | None = None) -> str | None:
    """The token of the variable, which is taken out of the environment: no process started from here inherits it."""
    environ = os.environ if environ is None else environ
    given = environ.pop(VARIABLE, "").strip()
    return _long_enough(given, VARIABLE) if given else None


def bearer() -> dict[str, str]:
    """The header for a service of one's own; none where there is no token."""
    token = find_token()
    return {"Authorization": f"Bearer {token}"} if token else {}


def digest_of(token: str) -> str:
    """What tells whether a token is right without being one.

    It may be handed to processes that only check, and seen there: neither the token nor a session follows from it.
    """
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def session_of(token: str) -> str:
    """The value of the browser's cookie: made from the token, of no use as one elsewhere."""
    return hmac.new(token.encode(), _COOKIE_PURPOSE, hashlib.sha256).hexdigest()


def is_right(token: str, digest: str) -> bool:
    """Whether ``token`` is the one, in a time that does not depend on how much of it is right."""
    return hmac.compare_digest(digest_of(token), digest)


def has_bearer(authorization: str, digest: str) -> bool:
    """Whether the value of an Authorization header carries the token."""
    return authorization[: len(_BEARER)].lower() == _BEARER and is_right(authorization[len(_BEARER) :].strip(), digest)


def has_session(cookie: str, session: str) -> bool:
    """Whether the value of our cookie is the right one."""
    return hmac.compare_digest(cookie.encode("utf-8", "replace"), session.encode())


def _long_enough(token: str, place: str) -> str:
    if len(token) < SHORTEST or not token.isascii() or not token.isprintable() or " " in token:
        raise AugmentError(f"the token in {place} is no good: at least {SHORTEST} printable characters without spaces")
    return token
