"""What other jobs of the cluster wait for: their demand that Ray cannot meet yet."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Waiting:
    """CPUs that are asked for in one piece, ``count`` times. ``group`` is the id of a placement group, "" for tasks."""

    cpus: float
    count: int = 1
    group: str = ""


def waiting_cpus(demand: Iterable[Waiting], own: Collection[str], largest: float) -> float:
    """CPUs that others wait for. ``own`` are placement groups of ours.

    What is asked for in a piece that no node could ever give (``largest`` has the most) waits for a node to be added,
    not for us.
    """
    return sum(one.cpus * one.count for one in demand if one.group not in own and one.cpus <= largest)


def others_waiting(address: str, own_prefix: str) -> float:
    """Ask Ray (about 5 ms). Placement groups whose name begins with ``own_prefix`` are ours.

    Raises RayError or RuntimeError where Ray does not answer.
    """
    from ray.autoscaler.v2.sdk import get_cluster_status
    from ray.util import placement_group_table

    from augment.cluster.listing import listed_nodes

    asked = get_cluster_status(address).resource_demands
    demand = [
        Waiting(request.bundle.get("CPU", 0.0), request.count, getattr(entry, "pg_id", ""))
        for entry in (*asked.placement_group_demand, *asked.ray_task_actor_demand)
        for request in entry.bundles_by_count
    ]
    groups: Mapping[str, Any] = placement_group_table() if asked.placement_group_demand else {}
    own = {name for name, group in groups.items() if group["name"].startswith(own_prefix)}
    largest = max((node["Resources"].get("CPU", 0.0) for node in listed_nodes() if node["Alive"]), default=0.0)
    return waiting_cpus(demand, own, largest)
