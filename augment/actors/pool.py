"""The executor pool as a client sees it: leases from the governor, CPUs from Ray, batches to executors."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any

import ray
from ray.util.placement_group import PlacementGroup, placement_group, remove_placement_group

from augment.actors.base import cause_of
from augment.actors.naming import GOVERNOR, executor_part, find_actor, slot_of
from augment.records import Fault, FaultKind, Lane, Outcome, Verdict
from augment.seams import Batch, BatchResult, VerdictSink
from augment.service import Lease

log = logging.getLogger("augment.pool")

MAX_TRIES = 3
"""Executors a batch is tried on when they die under it. Only a lost worker is tried again, never a failed test."""

RENEW_S = 10.0
RESERVE_TIMEOUT_S = 10.0
LINGER_S = 1.0
"""How long a reservation outlives its batch. The next gate's batch mostly follows at once, and Ray needs up to a second
to place a new reservation after one was given back."""


class CpuReservation:
    """One Ray CPU, held while batches run, so that a shared cluster sees what Augment uses."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._group: PlacementGroup | None = None
        self._users = 0
        self._released_at = 0.0
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def hold(self, *, wait: bool) -> Iterator[None]:
        """Hold the CPU for the length of a block. With ``wait`` the block starts only when Ray has placed it."""
        with self._lock:
            self._users += 1
            if self._group is None:
                self._group = placement_group([{"CPU": 1}], name=self._name)
            group = self._group
        try:
            if wait and not group.wait(RESERVE_TIMEOUT_S):
                log.info("no free CPU after %.0f s; going on", RESERVE_TIMEOUT_S)
            yield
        finally:
            with self._lock:
                self._users -= 1
                self._released_at = time.monotonic()
            timer = threading.Timer(LINGER_S, self._let_go)
            timer.daemon = True
            timer.start()

    def _let_go(self) -> None:
        with self._lock:
            unused = self._users == 0 and time.monotonic() - self._released_at >= LINGER_S * 0.9
            group, self._group = (self._group, None) if unused else (None, self._group)
        if group is not None and ray.is_initialized():
            remove_placement_group(group)


class RayExecutor:
    """:class:`augment.seams.Executor` over the actors of the pool. Thread-safe."""

    def __init__(self, namespace: str, holder: str) -> None:
        self._namespace = namespace
        self._holder = holder
        self._governor: Any = None
        self._reservations: dict[int, CpuReservation] = {}
        self._running: dict[str, int | None] = {}
        self._cancelled: set[str] = set()
        self._lock = threading.Lock()

    def run(self, batch: Batch, on_verdict: VerdictSink | None = None) -> BatchResult:
        """Run ``batch`` on an executor that may be used; on another when it dies, a limited number of times."""
        with self._lock:
            self._running[batch.id] = None
        reported: set[str] = set()

        def report(verdict: Verdict) -> None:
            reported.add(verdict.nodeid)
            if on_verdict is not None:
                on_verdict(verdict)

        try:
            for attempt in range(1, MAX_TRIES + 1):
                lease = self._lease(batch)
                if lease is None:
                    return _unrun(batch, Fault(FaultKind.SUPERSEDED, "cancelled before it began"))
                try:
                    return self._run_on(lease, batch, report)
                except ray.exceptions.RayError as error:
                    log.warning(
                        "executor %d was lost under %s (try %d): %s", lease.slot, batch.id, attempt, cause_of(error)
                    )
            return _unrun(batch, Fault(FaultKind.WORKER_LOST, f"lost {MAX_TRIES} executors in a row"), reported)
        finally:
            with self._lock:
                self._running.pop(batch.id, None)
                self._cancelled.discard(batch.id)

    def cancel(self, batch_id: str) -> None:
        """End a batch early."""
        with self._lock:
            if batch_id not in self._running:
                return
            self._cancelled.add(batch_id)
            slot = self._running[batch_id]
        if slot is not None:
            self._executor(slot).cancel.remote(batch_id)

    def close(self) -> None:
        """Cancel what is running here. The actors belong to launch."""
        for batch_id in list(self._running):
            self.cancel(batch_id)

    def _lease(self, batch: Batch) -> Lease | None:
        """Wait for a lease; None once the batch is cancelled."""
        while True:
            with self._lock:
                if batch.id in self._cancelled:
                    return None
            asked = self._find_governor().acquire.remote(batch.lane, self._holder, 1.0, slot_of(batch.avoid))
            lease: Lease | None = ray.get(asked)
            if lease is not None:
                return lease

    def _run_on(self, lease: Lease, batch: Batch, on_verdict: VerdictSink) -> BatchResult:
        reservation = self._reservations.setdefault(lease.slot, CpuReservation(f"{batch.lane.value} lane batch"))
        stopping = threading.Event()
        renewer = threading.Thread(target=self._renew, args=(lease, stopping), daemon=True)
        renewer.start()
        try:
            # A verdict never waits for Ray's bookkeeping: its slot is reserved by the governor anyway.
            with reservation.hold(wait=batch.lane is not Lane.FAST):
                return self._stream(lease.slot, batch, on_verdict)
        finally:
            stopping.set()
            self._find_governor().release.remote(lease.id)

    def _stream(self, slot: int, batch: Batch, on_verdict: VerdictSink) -> BatchResult:
        executor = self._executor(slot)
        with self._lock:
            self._running[batch.id] = slot
            cancelled = batch.id in self._cancelled
        items = executor.run.options(num_returns="streaming", name=f"{batch.lane.value}: {batch.id}").remote(batch)
        if cancelled:
            executor.cancel.remote(batch.id)
        for reference in items:
            item = ray.get(reference)
            if isinstance(item, BatchResult):
                return replace(item, executor=executor_part(slot))
            on_verdict(item)
        raise ray.exceptions.RayError("the executor ended its stream without a result")

    def _renew(self, lease: Lease, stopping: threading.Event) -> None:
        while not stopping.wait(RENEW_S):
            self._find_governor().renew.remote(lease.id)

    def _find_governor(self) -> Any:
        if self._governor is None:
            self._governor = find_actor(GOVERNOR, self._namespace)
        return self._governor

    def _executor(self, slot: int) -> Any:
        return find_actor(executor_part(slot), self._namespace)


def _unrun(batch: Batch, fault: Fault, reported: Collection[str] = ()) -> BatchResult:
    """The result of a batch that no executor finished: the tests that have no verdict yet share its fault."""
    cancelled = fault.kind is FaultKind.SUPERSEDED
    lost = [nodeid for nodeid in batch.nodeids if "::" in nodeid and nodeid not in reported and not cancelled]
    return BatchResult(
        batch.id, tuple(Verdict(nodeid, Outcome.FAULT, 0.0, fault=fault) for nodeid in lost), fault=fault
    )
