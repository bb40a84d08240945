"""Attach to a Ray cluster, or start an embedded one on loopback."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from augment.errors import ClusterError

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 3.0
"""Ray itself waits up to two minutes for a dead address, so it is asked for its cluster's id first."""

CLUSTER_ID_METHOD = "/ray.rpc.NodeInfoGcsService/GetClusterId"

WORKER_NICENESS = "0"
"""Ray's default of 15 would starve verdicts behind any build. What nobody waits for steps back by itself: the writer of
tests and the batches that judge them to 19, the model to idle cores."""


@dataclass(frozen=True, slots=True)
class Connection:
    """A live connection to Ray. ``embedded`` is True when this process started that Ray and must stop it."""

    address: str
    embedded: bool
    dashboard_url: str | None
    node_id: str


def find_address(explicit: str | None, environ: Mapping[str, str] | None = None) -> str | None:
    """The address to attach to: ``explicit``, else ``RAY_ADDRESS``, else a running local cluster; None for none.

    ``local`` asks for an embedded Ray even where a cluster runs.
    """
    environ = os.environ if environ is None else environ
    address = explicit or environ.get("RAY_ADDRESS")
    if address and address not in ("auto", "local"):
        return address
    if address == "local":
        return None
    running = _running_local_address(Path(environ.get("RAY_TMPDIR", "/tmp")))
    if address == "auto" and running is None:
        raise ClusterError(
            "no running Ray cluster was found on this machine: "
            "start one with `ray start --head`, or leave --address out"
        )
    return running


def check_reachable(address: str, timeout_s: float = CONNECT_TIMEOUT_S) -> None:
    """Raise ClusterError unless a Ray cluster answers at ``host:port`` within ``timeout_s``."""
    if address.startswith("ray://"):
        raise ClusterError(
            f"{address}: the Ray client protocol is not supported; give the address that `ray status` shows, HOST:6379"
        )
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise ClusterError(f"{address!r} is no Ray address: expected HOST:PORT, such as 127.0.0.1:6379")
    deadline = time.monotonic() + timeout_s
    try:
        socket.create_connection((host, int(port)), timeout=timeout_s).close()
        trouble = _cluster_trouble(address, deadline - time.monotonic())
    except (OSError, OverflowError) as error:  # OverflowError: a port above 65535
        trouble = getattr(error, "strerror", None) or str(error)
    if trouble:
        raise ClusterError(
            f"no Ray cluster answers at {address} ({trouble}): "
            "check the address with `ray status`, or leave --address out to start an embedded Ray"
        )


def _cluster_trouble(address: str, timeout_s: float) -> str:
    """Why what listens at ``address`` is no Ray; "" where it is one. Another program's port takes connections too."""
    if os.environ.get("RAY_USE_TLS", "0") == "1":
        return ""  # only Ray itself has the certificates to ask with
    import grpc

    with grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        try:
            channel.unary_unary(CLUSTER_ID_METHOD)(b"", timeout=max(timeout_s, 0.1))
        except grpc.RpcError as error:
            # A cluster that asks for a token is one: what it says to ours is for the attaching itself to find out.
            if error.code() not in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED):
                return "something else than Ray listens there"
    return ""


def connect(address: str | None, namespace: str, environ: Mapping[str, str] | None = None) -> Connection:
    """Attach to the cluster that :func:`find_address` names, or start an embedded Ray bound to loopback.

    Raises ClusterError with one clear line when the cluster cannot be joined.
    """
    found = find_address(address, environ)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if found is None:
        return _start_embedded(namespace)
    check_reachable(found)
    return _attach(found, namespace)


def disconnect(connection: Connection) -> None:
    """Leave Ray; an embedded one ends with it, an attached one lives on."""
    import ray

    if ray.is_initialized():
        log.info("%s Ray at %s", "stopping the embedded" if connection.embedded else "leaving", connection.address)
        ray.shutdown()


def _start_embedded(namespace: str) -> Connection:
    # The name is misleading: on every system this is the switch that makes Ray listen on loopback alone. There a token
    # would protect nothing and lock users out of the Ray dashboard in their browser.
    os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    os.environ.setdefault("RAY_worker_niceness", WORKER_NICENESS)
    import ray

    context = ray.init(
        address="local",
        namespace=namespace,
        include_dashboard=True,
        dashboard_host="127.0.0.1",
        log_to_driver=False,
        logging_level=logging.ERROR,
    )
    return _connection(context, embedded=True)


def _attach(address: str, namespace: str) -> Connection:
    import ray

    try:
        context = ray.init(address=address, namespace=namespace, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, SystemExit) as error:  # SystemExit is how Ray reports a dead GCS
        raise ClusterError(f"cannot join the Ray cluster at {address}: {error}") from error
    return _connection(context, embedded=False)


def _connection(context: object, *, embedded: bool) -> Connection:
    import ray

    runtime = ray.get_runtime_context()
    url = getattr(context, "dashboard_url", None)
    return Connection(
        address=runtime.gcs_address,
        embedded=embedded,
        dashboard_url=f"http://{url}" if url else None,
        node_id=runtime.get_node_id(),
    )


def _running_local_address(tmp: Path) -> str | None:
    """The address that ``ray start`` left behind, when the cluster behind it still answers."""
    with contextlib.suppress(OSError):
        address = (tmp / "ray" / "ray_current_cluster").read_text().strip()
        if address and _is_head_alive(address):
            return address
    return None


def _is_head_alive(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with contextlib.suppress(OSError, ValueError):
        socket.create_connection((host, int(port)), timeout=1.0).close()
        # An embedded Ray of another driver writes no such file, but a stale file may name a port that is now another's.
        return any("gcs_server" in (process.info["name"] or "") for process in psutil.process_iter(["name"]))
    return False
