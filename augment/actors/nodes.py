"""Keeps executors on the other nodes of a cluster: made where a node comes, taken out of use where one goes."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import ray

from augment.actors.base import cause_of
from augment.actors.naming import MAX_RESTARTS, actor_options, executor_part
from augment.actors.node_executor import NodeExecutorActor, NodeWork, fitness_of
from augment.cluster.listing import listed_nodes
from augment.cluster.placement import NodeSeen, Roster, Seat
from augment.errors import AugmentError
from augment.service import GovernorState
from augment.service.installed import Installed
from augment.shipping import Fitness, Received, unfit

log = logging.getLogger("augment.nodes")

LOOK_EVERY_S = 2.0
ANSWER_S = 60.0
"""An executor that does not answer within this time, imports and all, is not there."""
ASK_S = 5.0
STOP_S = 3.0

Tell = Callable[[list[dict[str, Any]]], None]
"""Takes what is to be said of the nodes, one JSON-ready entry each."""


class NodeKeeper:
    """Looks at the cluster's nodes every two seconds from a thread of its own.

    Lifecycle: made and ended by launch, in its own process. A node is looked over before it is used: where the
    project's interpreter is missing or has other packages it is refused, once, in one line. An executor that was lost
    under a batch is used again when it answers, a limited number of times.
    """

    def __init__(
        self, work: NodeWork, governor: Any, own_node: str, first_slot: int, per_node: int | None, tell: Tell
    ) -> None:
        self._work = work
        self._governor = governor
        self._roster = Roster(own_node, first_slot, per_node)
        self._tell = tell
        self._installed = Installed(work.project.interpreter)
        self._here: Fitness | None = None
        self._actors: dict[int, Any] = {}
        self._asked: dict[int, tuple[Any, float]] = {}
        self._received: dict[int, Received] = {}
        self._refused: dict[str, tuple[str, str]] = {}
        self._losses: Counter[str] = Counter()
        self._told: list[dict[str, Any]] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work_on, name="augment-nodes", daemon=True)

    def start(self) -> None:
        """Begin to look; returns at once."""
        self._thread.start()

    def stop(self) -> dict[str, Any]:
        """Look no more; returns the executors that there are, by part, for launch to close."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(STOP_S)
        return {executor_part(slot): actor for slot, actor in self._actors.items()}

    def _work_on(self) -> None:
        with contextlib.suppress(ray.exceptions.RayError):  # launch says what does not start
            ray.get(self._governor.pid.remote(), timeout=ANSWER_S)
        while not self._stopping.is_set():
            try:
                self.look()
            except (ray.exceptions.RayError, AugmentError) as error:
                log.warning("the nodes could not be looked at: %s", cause_of(error))
            self._stopping.wait(LOOK_EVERY_S)

    def look(self) -> None:
        """One look at the cluster."""
        nodes = [NodeSeen.of(node) for node in listed_nodes()]
        new, gone = self._roster.look(nodes)
        alive = {node.id for node in nodes if node.alive}
        self._refused = {name: said for name, said in self._refused.items() if name in alive}
        for address in dict.fromkeys(seat.node.address for seat in gone):
            log.warning("node %s has gone: what ran there runs again elsewhere", address)
        self._drop(gone)
        for seats in _by_node(new):
            for number, seat in enumerate(seats):
                self._seat(seat, first=number == 0)
        here = fitness_of(self._work, self._installed)
        if self._here is not None and here != self._here:  # packages were installed here: is it the same there?
            ray.get([self._governor.lose.remote(seat.slot) for seat in self._roster.seats], timeout=ASK_S)
            self._ask(seat.slot for seat in self._roster.seats)
        self._here = here
        self._answers(here)
        state: GovernorState = ray.get(self._governor.state.remote(), timeout=ASK_S)
        self._bring_back(state.lost)
        self._ask(slot for slot in self._actors if slot not in state.elsewhere)  # the governor was started again
        self._say(state)

    def _bring_back(self, lost: Collection[int]) -> None:
        """Use lost executors again, a limited number of times: a node that loses each batch is none to use."""
        for seats in _by_node([seat for seat in self._roster.seats if seat.slot in lost]):
            if any(seat.slot in self._asked for seat in seats):
                continue
            node = seats[0].node
            self._losses[node.id] += 1
            if self._losses[node.id] > MAX_RESTARTS:
                self._refuse(seats[0], f"batches were lost there {MAX_RESTARTS} times; see Ray's logs of that node")
            else:
                self._ask(seat.slot for seat in seats)

    def _seat(self, seat: Seat, *, first: bool) -> None:
        options = actor_options(executor_part(seat.slot), self._work.namespace, seat.node.id, max_task_retries=0)
        actor_class: Any = NodeExecutorActor
        self._actors[seat.slot] = actor_class.options(**options).remote(seat.slot, self._work, first)
        self._ask([seat.slot])

    def _ask(self, slots: Iterable[int]) -> None:
        """Ask these executors what their node is like, unless they have been asked."""
        for slot in slots:
            if slot not in self._asked:
                self._asked[slot] = (self._actors[slot].about.remote(), time.monotonic() + ANSWER_S)

    def _answers(self, here: Fitness) -> None:
        """Put the executors to use that have answered; refuse the nodes of those that cannot be used."""
        for seat in self._roster.seats:
            if seat.slot not in self._asked:
                continue
            reference, deadline = self._asked[seat.slot]
            why = _answer(reference, here)
            if why is None and time.monotonic() < deadline:
                if ray.wait([reference], timeout=0)[0]:  # it is being started again
                    self._asked[seat.slot] = (self._actors[seat.slot].about.remote(), deadline)
                continue
            self._asked.pop(seat.slot, None)
            if why is None:
                why = f"its executor did not answer within {ANSWER_S:.0f} s"
            if why:
                self._refuse(seat, why)
            elif seat.slot in self._actors:
                self._actors[seat.slot].prime.remote()
                ray.get(self._governor.offer.remote(seat.slot, seat.node.address), timeout=ASK_S)

    def _refuse(self, seat: Seat, why: str) -> None:
        if seat.node.id in self._refused:
            return
        log.warning("node %s is not used: %s", seat.node.address, why)
        self._refused[seat.node.id] = (seat.node.address, why)
        self._drop(self._roster.refuse(seat.node.id))

    def _drop(self, seats: Sequence[Seat]) -> None:
        for seat in seats:
            self._asked.pop(seat.slot, None)
            ray.get(self._governor.withdraw.remote(seat.slot), timeout=ASK_S)
            if (actor := self._actors.pop(seat.slot, None)) is not None:
                ray.kill(actor, no_restart=True)

    def _say(self, state: GovernorState) -> None:
        told = [self._entry(seats, state) for seats in _by_node(self._roster.seats)]
        told += [{"address": address, "state": "refused", "detail": why} for address, why in self._refused.values()]
        if told != self._told:
            self._tell(told)
            self._told = told

    def _entry(self, seats: Sequence[Seat], state: GovernorState) -> dict[str, Any]:
        slots = [seat.slot for seat in seats]
        address = seats[0].node.address
        waiting = [slot for slot in slots if slot in self._asked]
        standing = "lost" if state.lost & set(slots) else "starting" if waiting else "ready"
        if standing == "ready":
            self._ask_received(slots)
        received = [self._received.get(slot, Received()) for slot in slots]
        return {
            "address": address,
            "state": standing,
            "detail": state.unfit.get(address, ""),
            "executors": [executor_part(slot) for slot in slots],
            "batches": sum(state.batches.get(slot, 0) for slot in slots),
            "revisions": sum(one.revisions for one in received),
            "files": sum(one.blobs for one in received),
            "bytes": sum(one.bytes for one in received),
        }

    def _ask_received(self, slots: Sequence[int]) -> None:
        asked = [self._actors[slot].received.remote() for slot in slots]
        with contextlib.suppress(ray.exceptions.RayError):  # a node that goes just now, of which the next look tells
            self._received.update(zip(slots, ray.get(asked, timeout=ASK_S), strict=True))


def _answer(reference: Any, here: Fitness) -> str | None:
    """Why the node cannot be used, '' where it can, None while that is not known."""
    if not ray.wait([reference], timeout=0)[0]:
        return None
    try:
        return unfit(here, ray.get(reference))
    except ray.exceptions.ActorUnavailableError:
        return None
    except ray.exceptions.RayError as error:
        return cause_of(getattr(error, "cause", None) or error)


def _by_node(seats: Sequence[Seat]) -> list[list[Seat]]:
    nodes: dict[str, list[Seat]] = {}
    for seat in seats:
        nodes.setdefault(seat.node.id, []).append(seat)
    return list(nodes.values())
