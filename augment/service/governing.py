"""The governor: the moving limit on how much Augment does at once.

Ray's CPU and GPU accounting is the physical ceiling. Below it the governor hands out *leases*: permission to run one
short batch on one executor slot, with a time to live so that a client that dies does not hold its slot for ever.
Slot 0 is reserved for the fast lane, so writing tests never delays a verdict.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from augment.records import Lane, ResourceSample, new_id


@dataclass(frozen=True, slots=True)
class Lease:
    """Permission to use executor ``slot`` for one batch until ``expires_at`` (monotonic seconds)."""

    id: str
    slot: int
    lane: Lane
    holder: str
    expires_at: float


@dataclass(frozen=True, slots=True)
class GovernorState:
    """What the governor allows now, for the dashboard. ``reason`` says what holds work back ('' when nothing does)."""

    slots: int
    background_limit: int
    leases: tuple[Lease, ...]
    reason: str


class Governor:
    """Grants leases over ``slots`` executor slots.

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
        self._slots = slots
        self._limit = slots
        self._threshold = threshold
        self._margin = margin
        self._patience = patience
        self._ttl_s = ttl_s
        self._clock = clock
        self._leases: dict[str, Lease] = {}
        self._above = 0
        self._below = 0
        self._reason = ""
        self._changed = threading.Condition()

    def acquire(self, lane: Lane, holder: str, timeout_s: float = 0.0, avoid: int | None = None) -> Lease | None:
        """A lease for ``lane``, waiting up to ``timeout_s`` for one; None when there is none to be had.

        ``avoid`` is a slot to be left alone, where there is another.
        """
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while True:
                lease = self._grant(lane, holder, avoid)
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
        """Allow at most ``limit`` write and idle batches at once (clipped to the slots that exist)."""
        with self._changed:
            self._limit = max(0, min(limit, self._slots))
            self._reason = reason
            self._changed.notify_all()

    def observe(self, sample: ResourceSample) -> None:
        """Move the limit by what the machine is doing."""
        name, share = sample.highest
        waiting = sample.pending_cpus > 0
        if share > self._threshold or waiting:
            self._above, self._below = self._above + 1, 0
            if self._above >= self._patience:
                reason = (
                    f"{sample.pending_cpus:g} CPUs are wanted by other jobs"
                    if waiting
                    else f"{name} at {share:.0%}, threshold {self._threshold:.0%}"
                )
                self.set_limit(0, reason)
        elif share < self._threshold - self._margin:
            self._above, self._below = 0, self._below + 1
            if self._below >= self._patience:
                self.set_limit(self._slots)
        else:
            self._above = self._below = 0

    def state(self) -> GovernorState:
        """What is allowed and leased now."""
        with self._changed:
            self._expire()
            return GovernorState(self._slots, self._limit, tuple(self._leases.values()), self._reason)

    def _grant(self, lane: Lane, holder: str, avoid: int | None) -> Lease | None:
        self._expire()
        slot = self._free_slot(lane, avoid)
        if slot is None:
            return None
        lease = Lease(new_id("lease"), slot, lane, holder, self._clock() + self._ttl_s)
        self._leases[lease.id] = lease
        return lease

    def _free_slot(self, lane: Lane, avoid: int | None) -> int | None:
        taken = {lease.slot for lease in self._leases.values()}
        if avoid is not None and self._usable(lane) - {avoid}:
            taken.add(avoid)
        free = [slot for slot in range(self._slots) if slot not in taken]
        if lane is Lane.FAST:
            return free[0] if free else None
        background = sum(1 for lease in self._leases.values() if lease.lane is not Lane.FAST)
        usable = [slot for slot in free if slot in self._usable(lane)]
        return usable[-1] if usable and background < self._limit else None

    def _usable(self, lane: Lane) -> set[int]:
        # With a single slot there is nothing to reserve: the lanes take turns.
        return set(range(self._slots)) if lane is Lane.FAST or self._slots == 1 else set(range(1, self._slots))

    def _expire(self) -> None:
        now = self._clock()
        for lease_id in [lease.id for lease in self._leases.values() if lease.expires_at <= now]:
            del self._leases[lease_id]
