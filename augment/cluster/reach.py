"""Whether a Ray cluster answers at an address and takes our token; asked by gRPC alone, before Ray is imported."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from augment.errors import ClusterError

CONNECT_TIMEOUT_S = 3.0
"""Ray itself waits up to two minutes for a dead address, so it is asked for its cluster's id first."""

CLUSTER_ID_METHOD = "/ray.rpc.NodeInfoGcsService/GetClusterId"

PLACES = "the variable RAY_AUTH_TOKEN, the file named by RAY_AUTH_TOKEN_PATH, ~/.ray/auth_token"
"""Where Ray looks for its token, in this order."""

_HEAD_SHOWS = "`ray get-auth-token` on the head prints it"


@dataclass(frozen=True, slots=True)
class RayToken:
    """The token that Ray would send; ``place`` says where it stands. The token itself is shown nowhere."""

    value: str = field(repr=False)
    place: str


def find_token(environ: Mapping[str, str] | None = None) -> RayToken | None:
    """The token that Ray would find, None for none. Raises ClusterError where the file named for it holds none.

    Ray itself ends the process where it expects a token and finds none.
    """
    environ = os.environ if environ is None else environ
    if value := environ.get("RAY_AUTH_TOKEN", "").strip():
        return RayToken(value, "RAY_AUTH_TOKEN")
    if named := environ.get("RAY_AUTH_TOKEN_PATH"):
        value = _read(Path(named).expanduser())
        if not value:
            raise ClusterError(f"RAY_AUTH_TOKEN_PATH names {named}, which holds no token: {_HEAD_SHOWS}")
        return RayToken(value, f"{named} (RAY_AUTH_TOKEN_PATH)")
    own = Path(environ.get("HOME") or Path.home()) / ".ray" / "auth_token"
    value = _read(own)
    return RayToken(value, str(own)) if value else None


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""


def check_reachable(
    address: str, timeout_s: float = CONNECT_TIMEOUT_S, environ: Mapping[str, str] | None = None
) -> bool:
    """Raise ClusterError unless a Ray cluster answers at ``host:port`` within ``timeout_s`` and lets us in.

    Returns whether it asks for a token, and took the one that was found.
    """
    environ = os.environ if environ is None else environ
    if address.startswith("ray://"):
        raise ClusterError(
            f"{address}: the Ray client protocol is not supported; give the address that `ray status` shows, HOST:6379"
        )
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise ClusterError(f"{address!r} is no Ray address: expected HOST:PORT, such as 127.0.0.1:6379")
    deadline = time.monotonic() + timeout_s
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=timeout_s).close()
    except (OSError, OverflowError) as error:  # OverflowError: a port above 65535
        raise _not_there(address, getattr(error, "strerror", None) or str(error)) from error
    if environ.get("RAY_USE_TLS", "0") == "1":
        return False  # only Ray itself has the certificates to ask with
    return _let_in(address, deadline, environ)


def _let_in(address: str, deadline: float, environ: Mapping[str, str]) -> bool:
    mode = environ.get("RAY_AUTH_MODE", "").lower()
    token = None if mode == "disabled" else find_token(environ)
    if mode == "token" and token is None:
        raise ClusterError(f"RAY_AUTH_MODE=token, and no token was found in {PLACES}: {_HEAD_SHOWS}")
    # Without the token first: what listens there may be anybody, and an open cluster needs none.
    if _accepts(address, deadline, None):
        return False
    if mode == "disabled":
        raise ClusterError(f"the cluster at {address} asks for a token; unset RAY_AUTH_MODE=disabled")
    if token is None:
        raise ClusterError(f"the cluster at {address} asks for a token, and none was found in {PLACES}: {_HEAD_SHOWS}")
    if not _accepts(address, deadline, token):
        raise ClusterError(
            f"the cluster at {address} refuses the token of {token.place}: {_HEAD_SHOWS}; Ray looks in {PLACES}"
        )
    return True


def _accepts(address: str, deadline: float, token: RayToken | None) -> bool:
    """Whether the cluster takes a question with this token, or without any. Raises ClusterError where it is no Ray."""
    import grpc

    sent = (("authorization", f"Bearer {token.value}"),) if token else ()
    with grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        try:
            left = max(deadline - time.monotonic(), 0.1)
            channel.unary_unary(CLUSTER_ID_METHOD)(b"", timeout=left, metadata=sent)
        except grpc.RpcError as error:
            # Another program's port takes connections too.
            if error.code() not in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED):
                raise _not_there(address, "something else than Ray listens there") from error
            return False
    return True


def _not_there(address: str, trouble: str) -> ClusterError:
    return ClusterError(
        f"no Ray cluster answers at {address} ({trouble}): "
        "check the address with `ray status`, or leave --address out to start an embedded Ray"
    )
