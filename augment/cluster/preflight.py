"""What a cluster must have for Augment to run on it: looked at before joining, each lack one clear line."""

from __future__ import annotations

import json
import platform
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import psutil

from augment.errors import ClusterError

ASK_TIMEOUT_S = 3.0
GB = 10**9


@dataclass(frozen=True, slots=True)
class Versions:
    """What a process runs on: Ray's version and Python's, each as ``2.60.0``."""

    ray: str
    python: str

    def __str__(self) -> str:
        return f"Ray {self.ray} on Python {self.python}"


@dataclass(frozen=True, slots=True)
class Node:
    """A live node of the cluster and all that it offers, by Ray's names (CPU, GPU, memory in bytes)."""

    address: str
    resources: Mapping[str, float] = field(default_factory=dict)

    @property
    def memory(self) -> float:
        """Bytes that Ray found free when it started there. Its object store is memory that is free until it fills."""
        return self.resources.get("memory", 0.0) + self.resources.get("object_store_memory", 0.0)

    @property
    def gpus(self) -> float:
        """GPUs, real or declared with ``ray start --num-gpus``."""
        return self.resources.get("GPU", 0.0)


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster as it was found. ``grows`` where an autoscaler may start nodes that are not there yet."""

    address: str
    versions: Versions
    nodes: tuple[Node, ...]
    grows: bool = False


@dataclass(frozen=True, slots=True)
class ModelNeed:
    """What one node must have for the model. ``memory`` is in bytes, 0 where it is not known."""

    model: str
    memory: int = 0
    num_gpus: float = 0.0


def own_versions() -> Versions:
    """Those of this process."""
    import ray

    return Versions(ray.__version__, platform.python_version())


def look_at(address: str) -> Cluster:
    """Ask the cluster at ``address`` what it is, without joining it. Raises ClusterError when it does not tell.

    To be called once the cluster is known to answer and to take the token: Ray ends the process otherwise.
    """
    from ray.exceptions import RayError

    raylet: Any = import_module("ray._raylet")  # compiled, without type hints
    try:
        gcs = raylet.GcsClient(address=address)
        known = gcs.internal_kv_get(b"CLUSTER_METADATA", namespace=b"cluster", timeout=ASK_TIMEOUT_S)
        status = gcs.internal_kv_get(b"__autoscaling_status", namespace=None, timeout=ASK_TIMEOUT_S)
        config = gcs.internal_kv_get(
            raylet.GCS_AUTOSCALER_CLUSTER_CONFIG_KEY.encode(),
            namespace=raylet.GCS_AUTOSCALER_STATE_NAMESPACE.encode(),
            timeout=ASK_TIMEOUT_S,
        )
        nodes = gcs.get_all_node_info(timeout=ASK_TIMEOUT_S).values()
        versions = json.loads(known or b"{}")
    except (RayError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise ClusterError(f"the Ray cluster at {address} does not tell what it is ({reason})") from error
    return Cluster(
        address,
        Versions(str(versions.get("ray_version", "")), str(versions.get("python_version", ""))),
        tuple(Node(node.node_manager_address, dict(node.resources_total)) for node in nodes if node.state == 0),
        grows=bool(config) or starts_nodes(status),
    )


def starts_nodes(status: bytes | None) -> bool:
    """Whether an autoscaler's status tells of one that starts nodes, not of one that only watches.

    Beside a plain ``ray start`` runs one that only watches; it calls each node's type after the node.
    """
    report: Mapping[str, Any] = (json.loads(status or b"{}") or {}).get("autoscaler_report") or {}
    types = [*(report.get("active_nodes") or ()), *(report.get("idle_nodes") or ())]
    return any(not name.startswith("node_") for name in types)


def check_versions(cluster: Cluster, own: Versions) -> None:
    """Raise ClusterError unless both sides have the same Ray and the same minor version of Python."""
    theirs = cluster.versions
    if not theirs.ray:
        return  # what wrote no versions is for Ray itself to judge
    if theirs.ray != own.ray or _minor(theirs.python) != _minor(own.python):
        raise ClusterError(
            f"the cluster at {cluster.address} runs {theirs}, this is {own}: both need the same Ray and the same "
            f"minor version of Python; install Augment with `ray=={theirs.ray}` on Python {_minor(theirs.python)}"
        )


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def node_here(cluster: Cluster, own: Sequence[str]) -> str:
    """The address of the node that this machine is, given its ``own`` addresses. Raises ClusterError where it is none.

    Ray lets only processes on its nodes join; it would look for a node here for a minute. "" where the cluster has no
    node yet, as in the first moments of its head: Ray waits for that.
    """
    if not cluster.nodes:
        return ""
    for node in cluster.nodes:
        if node.address in own:
            return node.address
    known = ", ".join(node.address for node in cluster.nodes[:4])
    raise ClusterError(
        f"this machine is no node of the cluster at {cluster.address} (its nodes: {known}): launch on one of them, "
        "join with `ray start --address`, or send it there with `ray job submit`"
    )


def own_addresses() -> list[str]:
    """The internet addresses of this machine's network interfaces."""
    families = (socket.AF_INET, socket.AF_INET6)
    found = (one for interface in psutil.net_if_addrs().values() for one in interface)
    return [one.address for one in found if one.family in families]


def check_room(cluster: Cluster, need: ModelNeed | None) -> None:
    """Raise ClusterError when no node has what the model takes, now or after the autoscaler has done its work."""
    if need is None or cluster.grows or not cluster.nodes:
        return
    with_gpus = [node for node in cluster.nodes if node.gpus >= need.num_gpus]
    if not with_gpus:
        most = max(node.gpus for node in cluster.nodes)
        raise ClusterError(
            f"{need.model} wants {need.num_gpus:g} GPUs on one node and the cluster at {cluster.address} has at most "
            f"{most:g}: set num_gpus to what there is, 0 for the CPU, or launch with --no-model"
        )
    most = max(node.memory for node in with_gpus)
    if need.memory > most:
        raise ClusterError(
            f"{need.model} takes about {need.memory / GB:.1f} GB of memory and no node of the cluster at "
            f"{cluster.address} had more than {most / GB:.1f} GB free for Ray: take a smaller model with --model-name "
            "(`augment models list`), or launch with --no-model"
        )
