"""The executor pool as a client sees it: leases from the governor, CPUs from Ray, batches to executors."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from typing import Any, TypeVar

import ray
from ray.util.placement_group import PlacementGroup, placement_group, remove_placement_group

from augment.actors.base import cause_of
from augment.actors.naming import GOVERNOR, executor_part, find_actor, slot_of
from augment.errors import AugmentError
from augment.records import Fault, FaultKind, Lane, Outcome, Snapshot, Verdict, new_id
from augment.seams import Batch, BatchResult, MutantSink, MutationOrder, MutationResult, VerdictSink
from augment.service import Lease

log = logging.getLogger("augment.pool")

T = TypeVar("T")
Work = Batch | MutationOrder

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
        """Hold the CPU for the length of a block. With ``wait`` the block starts only when Ray has placed it; without,
        Ray is asked meanwhile.
        """
        with self._lock:
            self._users += 1
        try:
            if not wait:
                threading.Thread(target=self._ask, daemon=True).start()
            elif (group := self._group_of_users()) is not None and not group.wait(RESERVE_TIMEOUT_S):
                log.info("no free CPU after %.0f s; going on", RESERVE_TIMEOUT_S)
            yield
        finally:
            with self._lock:
                self._users -= 1
                self._released_at = time.monotonic()
            timer = threading.Timer(LINGER_S, self._let_go)
            timer.daemon = True
            timer.start()

    def _ask(self) -> None:
        try:
            self._group_of_users()
        except ray.exceptions.RayError as error:  # the verdict goes on without: others see one CPU too few in use
            log.warning("no CPU was reserved: %s", cause_of(error))

    def _group_of_users(self) -> PlacementGroup | None:
        """The reservation, made where there is none; None when everybody has gone meanwhile."""
        with self._lock:
            if self._group is None and self._users:
                # Ray wants names to be unique, and forgets one only some time after its group was given back.
                self._group = placement_group([{"CPU": 1}], name=new_id(self._name))
            return self._group

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
        self._executors: dict[int, Any] = {}
        self._reservations: dict[int, CpuReservation] = {}
        self._running: dict[str, int | None] = {}
        self._cancelled: set[str] = set()
        self._lock = threading.Lock()

    def run(self, batch: Batch, on_verdict: VerdictSink | None = None) -> BatchResult:
        """Run ``batch`` on an executor that may be used; on another when it dies, a limited number of times."""
        reported: set[str] = set()

        def report(verdict: Verdict) -> None:
            reported.add(verdict.nodeid)
            if on_verdict is not None:
                on_verdict(verdict)

        found = self._anywhere(batch, lambda slot: self._stream(slot, batch, BatchResult, report), batch.avoid)
        if isinstance(found, Fault):
            return _unrun(batch, found, reported)
        slot, result = found
        return replace(result, executor=executor_part(slot))

    def mutate(self, order: MutationOrder, on_outcome: MutantSink | None = None) -> MutationResult:
        """Try the mutants of ``order`` on an executor that may be used; on another when it dies."""
        told = on_outcome or (lambda _verdict: None)
        found = self._anywhere(order, lambda slot: self._stream(slot, order, MutationResult, told))
        return MutationResult(order.id, fault=found) if isinstance(found, Fault) else found[1]

    def _anywhere(self, work: Work, do: Callable[[int], T], avoid: str = "") -> tuple[int, T] | Fault:
        """Do ``work`` on the slot of a lease, and tell which that was; a fault when it was done nowhere."""
        with self._lock:
            self._running[work.id] = None
        try:
            for attempt in range(1, MAX_TRIES + 1):
                lease = self._lease(work, avoid)
                if lease is None:
                    return Fault(FaultKind.SUPERSEDED, "cancelled before it began")
                try:
                    return lease.slot, self._run_on(lease, work, do)
                except ray.exceptions.RayError as error:
                    cause = getattr(error, "cause", None)
                    if isinstance(cause, AugmentError):  # what a person can mend, said by the executor itself
                        raise cause from error
                    log.warning(
                        "executor %d was lost under %s (try %d): %s", lease.slot, work.id, attempt, cause_of(error)
                    )
            return Fault(FaultKind.WORKER_LOST, f"lost {MAX_TRIES} executors in a row")
        finally:
            with self._lock:
                self._running.pop(work.id, None)
                self._cancelled.discard(work.id)

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

    def _lease(self, work: Work, avoid: str) -> Lease | None:
        """Wait for a lease; None once the work is cancelled."""
        while True:
            with self._lock:
                if work.id in self._cancelled:
                    return None
            asked = self._find_governor().acquire.remote(work.lane, self._holder, 1.0, slot_of(avoid))
            lease: Lease | None = ray.get(asked)
            if lease is not None:
                return lease

    def _run_on(self, lease: Lease, work: Work, do: Callable[[int], T]) -> T:
        reservation = self._reservations.setdefault(lease.slot, CpuReservation(f"{work.lane.value} lane batch"))
        stopping = threading.Event()
        renewer = threading.Thread(target=self._renew, args=(lease, stopping), daemon=True)
        renewer.start()
        try:
            # A verdict never waits for Ray's bookkeeping: its slot is reserved by the governor anyway.
            with reservation.hold(wait=work.lane is not Lane.FAST):
                return do(lease.slot)
        finally:
            stopping.set()
            self._find_governor().release.remote(lease.id)

    def _stream(self, slot: int, work: Work, result: type[T], sink: Callable[[Any], None]) -> T:
        """Have an executor do ``work``; what it tells before its result goes to ``sink``."""
        executor = self._executor(slot)
        with self._lock:
            self._running[work.id] = slot
            cancelled = work.id in self._cancelled
        method = executor.run if isinstance(work, Batch) else executor.mutate
        options = {"num_returns": "streaming", "name": f"{work.lane.value}: {work.id}"}
        items = method.options(**options).remote(_light(work) if isinstance(work, Batch) else work)
        if cancelled:
            executor.cancel.remote(work.id)
        for reference in items:
            item = ray.get(reference)
            if isinstance(item, result):
                return item
            sink(item)
        raise ray.exceptions.RayError("the executor ended its stream without a result")

    def _renew(self, lease: Lease, stopping: threading.Event) -> None:
        while not stopping.wait(RENEW_S):
            self._find_governor().renew.remote(lease.id)

    def _find_governor(self) -> Any:
        if self._governor is None:
            self._governor = find_actor(GOVERNOR, self._namespace)
        return self._governor

    def _executor(self, slot: int) -> Any:
        if slot not in self._executors:  # a handle stays good when the actor is restarted
            self._executors[slot] = find_actor(executor_part(slot), self._namespace)
        return self._executors[slot]


def _light(batch: Batch) -> Batch:
    """The batch without what its executor does not need: only a private copy is made from the list of files."""
    if batch.private or batch.snapshot is None:
        return batch
    return replace(batch, snapshot=Snapshot(batch.snapshot.revision, {}))


def _unrun(batch: Batch, fault: Fault, reported: Collection[str] = ()) -> BatchResult:
    """The result of a batch that no executor finished: the tests that have no verdict yet share its fault."""
    cancelled = fault.kind is FaultKind.SUPERSEDED
    lost = [nodeid for nodeid in batch.nodeids if "::" in nodeid and nodeid not in reported and not cancelled]
    return BatchResult(
        batch.id, tuple(Verdict(nodeid, Outcome.FAULT, 0.0, fault=fault) for nodeid in lost), fault=fault
    )
