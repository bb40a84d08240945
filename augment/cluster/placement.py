"""Which nodes of a cluster get executors, how many, and under which slots. Knows nothing of Ray."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

MOST_ELSEWHERE = 32
"""Executors on other nodes, all together: each is a process that waits, on machines that others use too."""


@dataclass(frozen=True, slots=True)
class NodeSeen:
    """A node of the cluster as Ray lists it. ``address`` is what a person knows it by; ``cpus`` and ``gpus`` are what
    it offers to Ray.
    """

    id: str
    address: str
    cpus: float
    gpus: float = 0.0
    alive: bool = True

    @classmethod
    def of(cls, listed: Mapping[str, object]) -> NodeSeen:
        """From an entry of ``ray.nodes()``."""
        resources = listed.get("Resources")
        amounts = resources if isinstance(resources, dict) else {}
        return cls(
            id=str(listed["NodeID"]),
            address=str(listed["NodeManagerAddress"]),
            cpus=float(amounts.get("CPU", 0.0)),
            gpus=float(amounts.get("GPU", 0.0)),
            alive=bool(listed["Alive"]),
        )


@dataclass(frozen=True, slots=True)
class Seat:
    """A slot of the governor on another node."""

    slot: int
    node: NodeSeen


class Roster:
    """The seats on other nodes. A slot's number is never given twice, so a late answer cannot be taken for another's.

    ``first`` is the first free slot, behind those of the project's own node; ``per_node`` the most seats of one node
    (None: as many as it has CPUs).
    """

    def __init__(self, own_node: str, first: int, per_node: int | None = None, most: int = MOST_ELSEWHERE) -> None:
        self._own_node = own_node
        self._next = first
        self._per_node = per_node
        self._most = most
        self._seats: dict[int, Seat] = {}
        self._refused: set[str] = set()

    @property
    def seats(self) -> list[Seat]:
        """All there are."""
        return list(self._seats.values())

    def look(self, nodes: Iterable[NodeSeen]) -> tuple[list[Seat], list[Seat]]:
        """Take the cluster's present nodes; returns the new seats and those whose node has gone."""
        present = {node.id: node for node in nodes if node.alive}
        gone = [seat for seat in self._seats.values() if seat.node.id not in present]
        for seat in gone:
            del self._seats[seat.slot]
        self._refused &= present.keys()
        seated = {seat.node.id for seat in self._seats.values()}
        fresh = [node for node in self._by_preference(present.values()) if node.id not in seated]
        return [seat for node in fresh for seat in self._seat(node)], gone

    def refuse(self, node_id: str) -> list[Seat]:
        """Use this node no more; returns the seats that it had."""
        self._refused.add(node_id)
        return self._drop({node_id})

    def _by_preference(self, nodes: Iterable[NodeSeen]) -> list[NodeSeen]:
        """A node with GPUs is for the model: its CPUs come last."""
        usable = [node for node in nodes if node.id not in {self._own_node, *self._refused} and node.cpus >= 1]
        return sorted(usable, key=lambda node: (node.gpus > 0, -node.cpus, node.address))

    def _seat(self, node: NodeSeen) -> list[Seat]:
        wanted = min(int(node.cpus), self._per_node or int(node.cpus), self._most - len(self._seats))
        seats = [Seat(self._next + number, node) for number in range(wanted)]
        self._next += len(seats)
        self._seats.update((seat.slot, seat) for seat in seats)
        return seats

    def _drop(self, nodes: Collection[str]) -> list[Seat]:
        gone = [seat for seat in self._seats.values() if seat.node.id in nodes]
        for seat in gone:
            del self._seats[seat.slot]
        return gone
