"""The governor: the moving limit on how much Augment does at once.

Ray's CPU and GPU accounting is the physical ceiling. Below it the governor hands out *leases*: permission to run one
short batch on one executor slot, with a time to live so that a client that dies does not hold its slot for ever.
Slot 0 is reserved for the fast lane, so writing tests never delays a verdict. The first slots are those of the
project's own node; slots on other nodes come and go with them.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from augment.records import Lane, ResourceSample, new_id


class Where(StrEnum):
    """Where a batch may run: in the project itself, or in a copy of its revision on another node too.

    ``OWN`` is for the user's own tests, which a node may be found unfit for; what runs in a private copy on the
    project's node as well may run ``ANYWHERE``.
    """

    HOME = "home"
    OWN = "own"
    ANYWHERE = "anywhere"


@dataclass(frozen=True, slots=True)
class Lease:
    """Permission to use executor ``slot`` for one batch until ``expires_at`` (monotonic seconds).

    ``node`` is the address of the node that the slot is on, '' for the project's own.
    """

    id: str
    slot: int
    lane: Lane
    holder: str
    expires_at: float
    node: str = ""


@dataclass(frozen=True, slots=True)
class GovernorState:
    """What the governor allows now, for the dashboard. ``reason`` says what holds work back ('' when nothing does).

    ``batches`` counts the leases that each slot has had, ``elsewhere`` are the slots of other nodes, ``lost`` those of
    them whose executor is not there now, and ``unfit`` says of nodes why the user's own tests are not sent there.
    ``own_slots`` is how many slots those may use.
    """

    slots: int
    background_limit: int
    leases: tuple[Lease, ...]
    reason: str
    batches: Mapping[int, int] = field(default_factory=dict)
    elsewhere: frozenset[int] = frozenset()
    lost: frozenset[int] = frozenset()
    unfit: Mapping[str, str] = field(default_factory=dict)
    own_slots: int = 0


class Governor:
    """Grants leases over ``slots`` executor slots of the project's node, and those that other nodes offer.

    ``threshold`` is the fraction of any resource above which no new write or idle batch starts. The limit falls after
    ``patience`` samples above it and rises after as many samples below ``threshold - margin`` (hysteresis), so that a
    load that hovers around the threshold does not make Augment stutter. Thread-safe.
    """

    def __init__(
        self,
        slots: int,
        *,
        threshold: float = 0.7,
        margin: float = 0.1,
        patience: int = 2,
        ttl_s: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if slots < 1:
            raise ValueError("a governor needs at least one slot")
        self._nodes = dict.fromkeys(range(slots), "")
        self._lost: set[int] = set()
        self._unfit: dict[str, str] = {}
        self._batches: Counter[int] = Counter()
        self._limit: int | None = None
        self._threshold = threshold
        self._margin = margin
        self._patience = patience
        self._ttl_s = ttl_s
        self._clock = clock
        self._leases: dict[str, Lease] = {}
        self._above = 0
        self._below = 0
        self._reason = ""
        self._for_others = False
        self._changed = threading.Condition()

    def acquire(
        self,
        lane: Lane,
        holder: str,
        timeout_s: float = 0.0,
        avoid: int | None = None,
        where: Where = Where.ANYWHERE,
    ) -> Lease | None:
        """A lease for ``lane``, waiting up to ``timeout_s`` for one; None when there is none to be had.

        ``avoid`` is a slot to be left alone, where there is another.
        """
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while True:
                lease = self._grant(lane, holder, avoid, where)
                remaining = deadline - time.monotonic()
                if lease is not None or remaining <= 0:
                    return lease
                # Woken by a release or a new limit; the short cap lets expired leases of dead clients be noticed.
                self._changed.wait(min(remaining, 1.0))

    def renew(self, lease_id: str) -> bool:
        """Extend a lease by its time to live; False when it has already expired."""
        with self._changed:
            self._expire()
            lease = self._leases.get(lease_id)
            if lease is None:
                return False
            self._leases[lease_id] = replace(lease, expires_at=self._clock() + self._ttl_s)
            return True

    def release(self, lease_id: str) -> None:
        """Give a lease back. Unknown and expired ids are ignored."""
        with self._changed:
            self._leases.pop(lease_id, None)
            self._changed.notify_all()

    def set_limit(self, limit: int, reason: str = "") -> None:
        """Allow at most ``limit`` write and idle batches at once."""
        with self._changed:
            self._limit = max(0, limit)
            self._reason = reason
            self._changed.notify_all()

    def observe(self, sample: ResourceSample) -> GovernorState:
        """Move the limit by what the machine is doing; what is allowed then."""
        name, share = sample.highest
        waiting = sample.pending_cpus > 0
        if share > self._threshold or waiting:
            self._for_others = waiting
            # A busy machine may be so for a moment; another job that waits, waits for us.
            self._above, self._below = self._above + (self._patience if waiting else 1), 0
            if self._above >= self._patience:
                reason = (
                    f"{sample.pending_cpus:g} CPUs are wanted by other jobs"
                    if waiting
                    else f"{name} at {share:.0%}, threshold {self._threshold:.0%}"
                )
                self.set_limit(0, reason)
        elif share < self._threshold - self._margin or self._for_others:
            self._above, self._below = 0, self._below + 1
            if self._below >= self._patience:
                self._for_others = False
                self._lift()
        else:
            self._above = self._below = 0
        return self.state()

    def state(self) -> GovernorState:
        """What is allowed and leased now."""
        with self._changed:
            self._expire()
            slots = len(self._nodes)
            return GovernorState(
                slots,
                slots if self._limit is None else min(self._limit, slots),
                tuple(self._leases.values()),
                self._reason,
                dict(self._batches),
                frozenset(slot for slot, node in self._nodes.items() if node),
                frozenset(self._lost),
                dict(self._unfit),
                len(self._suited(Where.OWN)),
            )

    # ------------------------------------------------------------- other nodes

    def offer(self, slot: int, node: str) -> None:
        """A slot on another node may be used, from now on or again. ``node`` is the node's address. Idempotent."""
        with self._changed:
            self._nodes[slot] = node
            self._lost.discard(slot)
            self._changed.notify_all()

    def withdraw(self, slot: int) -> None:
        """The slot's node has gone, or is not to be used: forget the slot and whoever holds it."""
        with self._changed:
            if self._nodes.get(slot):
                del self._nodes[slot]
                self._lost.discard(slot)
                self._leases = {key: lease for key, lease in self._leases.items() if lease.slot != slot}

    def lose(self, slot: int) -> None:
        """The slot's executor was lost under a batch: nothing is put on its node until it is offered again, as mostly
        the node was lost. An executor of the project's own node starts again by itself.
        """
        with self._changed:
            if node := self._nodes.get(slot):
                self._lost |= {other for other, name in self._nodes.items() if name == node}

    def declare_unfit(self, node: str, why: str) -> None:
        """The user's own tests are not to run on this node."""
        with self._changed:
            self._unfit[node] = why

    # ------------------------------------------------------------------ leases

    def _lift(self) -> None:
        with self._changed:
            self._limit, self._reason = None, ""
            self._changed.notify_all()

    def _grant(self, lane: Lane, holder: str, avoid: int | None, where: Where) -> Lease | None:
        self._expire()
        slot = self._free_slot(lane, avoid, where)
        if slot is None:
            return None
        lease = Lease(new_id("lease"), slot, lane, holder, self._clock() + self._ttl_s, self._nodes[slot])
        self._leases[lease.id] = lease
        self._batches[slot] += 1
        return lease

    def _free_slot(self, lane: Lane, avoid: int | None, where: Where) -> int | None:
        usable = self._usable(lane, where)
        taken = {lease.slot for lease in self._leases.values()}
        if avoid is not None and usable - {avoid}:
            taken.add(avoid)
        free = sorted(usable - taken)
        if lane is Lane.FAST:
            return free[0] if free else None  # the project's own node first, which has every revision at hand
        background = sum(1 for lease in self._leases.values() if lease.lane is not Lane.FAST)
        return free[-1] if free and (self._limit is None or background < self._limit) else None

    def _usable(self, lane: Lane, where: Where) -> set[int]:
        suited = self._suited(where)
        # With a single slot there is nothing to reserve: the lanes take turns.
        return suited if lane is Lane.FAST else suited - {0} or suited

    def _suited(self, where: Where) -> set[int]:
        here = {slot for slot, node in self._nodes.items() if not node}
        if where is Where.HOME:
            return here
        there = self._nodes.keys() - here - self._lost
        if where is Where.OWN:
            there = {slot for slot in there if self._nodes[slot] not in self._unfit}
        return here | there

    def _expire(self) -> None:
        now = self._clock()
        for lease_id in [lease.id for lease in self._leases.values() if lease.expires_at <= now]:
            del self._leases[lease_id]
