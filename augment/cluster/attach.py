"""Attach to a Ray cluster, or start an embedded one on loopback."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from augment.cluster.preflight import (
    ModelNeed,
    check_room,
    check_versions,
    look_at,
    node_here,
    own_addresses,
    own_versions,
)
from augment.cluster.reach import check_reachable
from augment.errors import ClusterError
from augment.loopback import is_loopback

log = logging.getLogger(__name__)

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


def connect(
    address: str | None, namespace: str, environ: Mapping[str, str] | None = None, need: ModelNeed | None = None
) -> Connection:
    """Attach to the cluster that :func:`find_address` names, or start an embedded Ray bound to loopback.

    Raises ClusterError with one clear line, within about five seconds, when the cluster cannot be joined or has no room
    for the model's ``need``.
    """
    found = find_address(address, environ)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if found is None:
        return _start_embedded(namespace)
    return _attach(found, namespace, need)


def check_cluster(address: str | None, environ: Mapping[str, str] | None = None) -> None:
    """Raise ClusterError when the cluster that :func:`connect` would attach to is not there or refuses our token.

    Quick, as Ray is not imported for it: to be asked before anything that takes time.
    """
    if (found := find_address(address, environ)) is not None:
        check_reachable(found)


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


def _attach(address: str, namespace: str, need: ModelNeed | None) -> Connection:
    if check_reachable(address):
        os.environ["RAY_AUTH_MODE"] = "token"  # with an address given, Ray never sends its token unasked
    if _on_loopback_alone(address):
        # Ray would look for the cluster at this machine's other address, for two minutes.
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    # What is pickled on one minor version of Python is read on another patch of it; Ray would ask for the same patch.
    os.environ.setdefault("RAY_DEFAULT_PYTHON_VERSION_MATCH_LEVEL", "minor")
    import ray

    cluster = look_at(address)
    check_versions(cluster, own_versions())
    here = node_here(cluster, own_addresses())
    check_room(cluster, need)
    # Of several nodes on one machine Ray would take any, or the head. A loopback address it takes for another one.
    node: dict[str, Any] = {} if not here or is_loopback(here) else {"_node_ip_address": here}
    try:
        context = ray.init(
            address=address, namespace=namespace, log_to_driver=False, logging_level=logging.ERROR, **node
        )
    # SystemExit is how Ray reports a dead GCS.
    except (ConnectionError, RuntimeError, ray.exceptions.RayError, SystemExit) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ClusterError(f"cannot join the Ray cluster at {address}: {reason}") from error
    return _connection(context, embedded=False)


def _on_loopback_alone(address: str) -> bool:
    host, _, port = address.rpartition(":")
    return is_loopback(host) and not any(
        _takes(other, int(port)) for other in own_addresses() if not is_loopback(other)
    )


def _takes(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=0.5).close()
    except OSError:
        return False
    return True


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
