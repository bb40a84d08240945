"""Names, namespaces and options that all actors share.

A new Augment must never talk to actors of an old one: ``get_if_exists`` would silently hand it old code. So every name
and namespace carries the protocol version, which grows whenever a message between actors changes its meaning.

Ray is imported late here: launch needs the namespace before it has set the environment that Ray reads on import.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

PROTOCOL_VERSION = 1

REPORTER = "reporter"
GOVERNOR = "governor"
MONITOR = "resource-monitor"
WATCHER = "watcher"
SERVICE = "service"
GENERATOR = "generator"

MAX_RESTARTS = 10
"""An actor that dies more often than this in one life of the service has a cause that restarts do not cure."""


def namespace_of(root: str | Path) -> str:
    """One namespace a project: ``augment-v1-<name>-<hash of its path>``."""
    path = Path(root).resolve()
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:8]
    return f"augment-v{PROTOCOL_VERSION}-{path.name}-{digest}"


def actor_name(part: str) -> str:
    """The name of the actor for ``part``, as the Ray dashboard shows it."""
    return f"augment-v{PROTOCOL_VERSION}-{part}"


def executor_part(slot: int) -> str:
    """The part that owns ``slot`` of the governor's."""
    return f"executor-{slot}"


def slot_of(part: str) -> int | None:
    """The slot of an executor, by its part; None for any other name."""
    stem, _, number = part.rpartition("-")
    return int(number) if stem == "executor" and number.isdigit() else None


def actor_options(part: str, namespace: str, node_id: str, **more: Any) -> dict[str, Any]:
    """Options of an actor that lives beside the project's files, restarts when it dies, and ends with its driver.

    Lifetime: the driver's, so that nothing is left on a shared cluster when a launch ends, however it ends.
    """
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return {
        "name": actor_name(part),
        "namespace": namespace,
        "num_cpus": 0,
        "max_restarts": MAX_RESTARTS,
        "scheduling_strategy": NodeAffinitySchedulingStrategy(node_id, soft=False),
        **more,
    }


def find_actor(part: str, namespace: str) -> Any:
    """The handle of a running actor. Raises ValueError when there is none."""
    import ray

    return ray.get_actor(actor_name(part), namespace=namespace)
