"""The executor pool as a client sees it: leases from the governor, CPUs from Ray, batches to executors."""

from __future__ import annotations

import contextlib
import functools
import logging
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import ray
from ray.util.placement_group import PlacementGroup, placement_group, remove_placement_group

from augment.actors.base import cause_of
from augment.actors.gpus import GpuUse, NoGpuError, gpu_batch, joined
from augment.actors.naming import GOVERNOR, executor_part, find_actor, slot_of
from augment.cluster.listing import listed_nodes
from augment.cluster.shipping import BlobSource, Sender
from augment.errors import AugmentError
from augment.records import Fault, FaultKind, Lane, Outcome, Snapshot, Verdict, new_id
from augment.seams import Batch, BatchResult, MutantSink, MutationOrder, MutationResult, VerdictSink
from augment.service import GovernorState, Lease, Where
from augment.service.second_look import MOST_REFUTED, SecondLook, refuted, together
from augment.shipping import Needs, Parcel, RevisionGoneError

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

SEND_TIMEOUT_S = 120.0
"""For one piece of a revision to reach another node."""
WIDTH_GOOD_S = 5.0
"""How long the number of slots is taken to be what it was: nodes come and go in minutes."""


def group_name(namespace: str, lane: Lane | None = None) -> str:
    """How the name of a reservation begins, as the Ray dashboard shows it; without a lane, of any of the namespace."""
    return f"{namespace}: " + (f"{lane.value} lane batch" if lane else "")


class CpuReservation:
    """One Ray CPU, held while batches run, so that a shared cluster sees what Augment uses.

    ``node`` is the address of the node that it is taken from, '' the one that this process is on.
    """

    def __init__(self, name: str, node: str = "") -> None:
        self._name = name
        self._node = node
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
                place = f"node:{self._node}" if self._node else _own_place()
                if place is not None:
                    self._group = placement_group([{"CPU": 1, place: 0.001}], name=new_id(self._name))
            return self._group

    def _let_go(self) -> None:
        with self._lock:
            unused = self._users == 0 and time.monotonic() - self._released_at >= LINGER_S * 0.9
            group, self._group = (self._group, None) if unused else (None, self._group)
        if group is not None and ray.is_initialized():
            remove_placement_group(group)


@functools.cache
def _own_place() -> str | None:
    """What stands for this process's node among Ray's resources; None where it offers Ray no CPU to reserve."""
    own = ray.get_runtime_context().get_node_id()
    amounts: Mapping[str, float] = next((node["Resources"] for node in listed_nodes() if node["NodeID"] == own), {})
    places = [name for name in amounts if name.startswith("node:") and not name.startswith("node:__")]
    return places[0] if places and amounts.get("CPU", 0) >= 1 else None


class RayExecutor:
    """:class:`augment.seams.Executor` over the actors of the pool. Thread-safe."""

    def __init__(self, namespace: str, holder: str) -> None:
        self._namespace = namespace
        self._holder = holder
        self._governor: Any = None
        self._executors: dict[int, Any] = {}
        self._senders: dict[int, Sender] = {}
        self._refuted: dict[str, set[str]] = {}
        self._width = (0, 0.0)
        self._reservations: dict[int, CpuReservation] = {}
        self._running: dict[str, int | None] = {}
        self._cancelled: set[str] = set()
        self._gpus = GpuUse(namespace)
        self._lock = threading.Lock()

    def run(self, batch: Batch, on_verdict: VerdictSink | None = None) -> BatchResult:
        """Run ``batch`` on an executor that may be used; on another when it dies, a limited number of times.

        What another node does not see pass of the user's own tests runs again in the project.
        """
        told = on_verdict or (lambda _verdict: None)
        with self._registered(batch):
            first = self._run_wherever(replace(batch, defer_gpu=self._gpus.holds), told)
            if not first.gpu_tests or (first.fault is not None and first.fault.kind is FaultKind.SUPERSEDED):
                return first
            if not self._gpus.holds:
                self._gpus.tell_of_none()
                return first
            gpus = self._gpus.policy.per_batch
            _, second = self._run(gpu_batch(batch, first), Where.HOME, lambda _lease: told, gpus)
            return joined(first, second)

    def _run_wherever(self, batch: Batch, told: VerdictSink) -> BatchResult:
        where = where_to_run(batch)
        look = SecondLook(batch, told)

        def sink(lease: Lease) -> VerdictSink:
            return look.told if lease.node and where is Where.OWN else told

        lease, first = self._run(batch, where, sink)
        again = look.again(first) if lease is not None and lease.node and where is Where.OWN else None
        if lease is None or again is None:
            return first
        _, second = self._run(again, Where.HOME, lambda _lease: told)
        self._judge(lease.node, refuted(first, second))
        return together(first, second)

    def _run(
        self, batch: Batch, where: Where, sink: Callable[[Lease], VerdictSink], gpus: float = 0.0
    ) -> tuple[Lease | None, BatchResult]:
        """The result of a batch that holds so many ``gpus``, and where it was run."""
        reported: set[str] = set()

        def on(lease: Lease) -> BatchResult:
            told = sink(lease)

            def report(verdict: Verdict) -> None:
                reported.add(verdict.nodeid)
                told(verdict)

            with self._gpus.held(batch, gpus, lambda: self._is_cancelled(batch.id)) as seeing:
                return self._stream(lease, seeing, BatchResult, report)

        try:
            found = self._anywhere(batch, on, where, batch.avoid)
        except NoGpuError as error:
            kind = FaultKind.SUPERSEDED if self._is_cancelled(batch.id) else FaultKind.TIMEOUT
            return None, _unrun(batch, Fault(kind, str(error)), reported)
        if isinstance(found, Fault):
            return None, _unrun(batch, found, reported)
        lease, result = found
        return lease, replace(result, executor=executor_part(lease.slot))

    def _judge(self, node: str, nodeids: Collection[str]) -> None:
        """Take note of tests that pass here and not there; a node of which there are several gets no more of them."""
        for nodeid in nodeids:
            log.warning("%s passes here and not on node %s", nodeid, node)
        seen = self._refuted.setdefault(node, set())
        seen.update(nodeids)
        if len(seen) >= MOST_REFUTED:
            why = f"your own tests are not sent there: {min(seen)} and {len(seen) - 1} more pass here and not there"
            self._find_governor().declare_unfit.remote(node, why)

    def width(self) -> int:
        """How many batches of the user's own tests may run side by side."""
        width, at = self._width
        if not width or time.monotonic() - at > WIDTH_GOOD_S:
            state: GovernorState = ray.get(self._find_governor().state.remote())
            width = max(1, state.own_slots)
            self._width = (width, time.monotonic())
        return width

    def mutate(self, order: MutationOrder, on_outcome: MutantSink | None = None) -> MutationResult:
        """Try the mutants of ``order`` on an executor that may be used; on another when it dies."""
        told = on_outcome or (lambda _verdict: None)
        with self._registered(order):
            found = self._anywhere(
                order, lambda lease: self._stream(lease, order, MutationResult, told), Where.ANYWHERE
            )
        return MutationResult(order.id, fault=found) if isinstance(found, Fault) else found[1]

    def _anywhere(self, work: Work, do: Callable[[Lease], T], where: Where, avoid: str = "") -> tuple[Lease, T] | Fault:
        """Do ``work`` under a lease, and tell which that was; a fault when it was done nowhere."""
        for attempt in range(1, MAX_TRIES + 1):
            # The last try is beside the project: its node is not lost unless all is.
            lease = self._lease(work, avoid, where if attempt < MAX_TRIES else Where.HOME)
            if lease is None:
                return Fault(FaultKind.SUPERSEDED, "cancelled before it began")
            try:
                return lease, self._run_on(lease, work, do)
            # First, as an error of another process is of the class of its cause too.
            except ray.exceptions.RayError as error:
                self._lost(lease, work, error, attempt)
            except RevisionGoneError as gone:
                return Fault(FaultKind.SUPERSEDED, str(gone))
        return Fault(FaultKind.WORKER_LOST, f"lost {MAX_TRIES} executors in a row")

    @contextlib.contextmanager
    def _registered(self, work: Work) -> Iterator[None]:
        """For the length of a block ``work`` may be cancelled, whatever it is at."""
        with self._lock:
            self._running[work.id] = None
        try:
            yield
        finally:
            with self._lock:
                self._running.pop(work.id, None)
                self._cancelled.discard(work.id)

    def _is_cancelled(self, work_id: str) -> bool:
        with self._lock:
            return work_id in self._cancelled

    def _lost(self, lease: Lease, work: Work, error: ray.exceptions.RayError, attempt: int) -> None:
        """Take note that ``work`` was not done. Raises what a person can mend, as the project's own node says it."""
        cause = getattr(error, "cause", None)
        if isinstance(cause, AugmentError) and not lease.node:
            raise cause from error
        log.warning("executor %d was lost under %s (try %d): %s", lease.slot, work.id, attempt, cause_of(error))
        with self._lock:
            self._senders.pop(lease.slot, None)  # what it holds is not known any more
        if lease.node and not isinstance(cause, RevisionGoneError):
            ray.get(self._find_governor().lose.remote(lease.slot))

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

    def _lease(self, work: Work, avoid: str, where: Where) -> Lease | None:
        """Wait for a lease; None once the work is cancelled."""
        while True:
            if self._is_cancelled(work.id):
                return None
            asked = self._find_governor().acquire.remote(work.lane, self._holder, 1.0, slot_of(avoid), where)
            lease: Lease | None = ray.get(asked)
            if lease is not None:
                return lease

    def _run_on(self, lease: Lease, work: Work, do: Callable[[Lease], T]) -> T:
        name = group_name(self._namespace, work.lane)
        reservation = self._reservations.setdefault(lease.slot, CpuReservation(name, lease.node))
        stopping = threading.Event()
        renewer = threading.Thread(target=self._renew, args=(lease, stopping), daemon=True)
        renewer.start()
        try:
            # A verdict never waits for Ray's bookkeeping: its slot is reserved by the governor anyway.
            with reservation.hold(wait=work.lane is not Lane.FAST):
                return do(lease)
        finally:
            stopping.set()
            self._find_governor().release.remote(lease.id)

    def _stream(self, lease: Lease, work: Work, result: type[T], sink: Callable[[Any], None]) -> T:
        """Have an executor do ``work``; what it tells before its result goes to ``sink``."""
        executor = self._executor(lease.slot)
        if lease.node and work.snapshot is not None:
            self._sender(lease.slot, work).send(work.snapshot)
        with self._lock:
            self._running[work.id] = lease.slot
            cancelled = work.id in self._cancelled
        method = executor.run if isinstance(work, Batch) else executor.mutate
        options = {"num_returns": "streaming", "name": f"{work.lane.value}: {work.id}"}
        items = method.options(**options).remote(_light(work, lease.node))
        if cancelled:
            executor.cancel.remote(work.id)
        for reference in items:
            item = ray.get(reference)
            if isinstance(item, result):
                return item
            sink(item)
        raise ray.exceptions.RayError("the executor ended its stream without a result")

    def _sender(self, slot: int, work: Work) -> Sender:
        with self._lock:
            if slot not in self._senders:
                self._senders[slot] = Sender(BlobSource(Path(work.root)), _Elsewhere(self._executor(slot)))
            return self._senders[slot]

    def _renew(self, lease: Lease, stopping: threading.Event) -> None:
        while not stopping.wait(RENEW_S):
            self._find_governor().renew.remote(lease.id)

    def _find_governor(self) -> Any:
        if self._governor is None:
            self._governor = find_actor(GOVERNOR, self._namespace)
        return self._governor

    def _executor(self, slot: int) -> Any:
        if slot not in self._executors:  # a handle stays good when the actor is restarted
            try:
                self._executors[slot] = find_actor(executor_part(slot), self._namespace)
            except ValueError as error:  # its node has gone since the lease was given
                raise ray.exceptions.RayError(f"there is no executor {slot} any more") from error
        return self._executors[slot]


class _Elsewhere:
    """An executor on another node, as a revision is sent to it."""

    def __init__(self, executor: Any) -> None:
        self._executor = executor

    def offer(self, parcel: Parcel) -> Needs:
        needs: Needs = ray.get(self._executor.offer.remote(parcel), timeout=SEND_TIMEOUT_S)
        return needs

    def take(self, blobs: Mapping[str, bytes]) -> None:
        ray.get(self._executor.take.remote(blobs), timeout=SEND_TIMEOUT_S)


def where_to_run(batch: Batch) -> Where:
    """Where the batch may run: what needs the project itself, or a folder of this machine, stays here."""
    if batch.temp_folder or batch.snapshot is None:
        return Where.HOME
    if batch.private:
        return Where.ANYWHERE
    return Where.OWN if batch.lane is Lane.FAST and batch.trusted else Where.HOME


def _light(work: Work, node: str) -> Work:
    """The work without what its executor does not need: a private copy alone is made from the list of files, and
    another node has that list already.
    """
    here = isinstance(work, Batch) and not work.private
    if work.snapshot is None or not (here or node):
        return work
    return replace(work, snapshot=Snapshot(work.snapshot.revision, {}))


def _unrun(batch: Batch, fault: Fault, reported: Collection[str] = ()) -> BatchResult:
    """The result of a batch that no executor finished: the tests that have no verdict yet share its fault."""
    cancelled = fault.kind is FaultKind.SUPERSEDED
    lost = [nodeid for nodeid in batch.nodeids if "::" in nodeid and nodeid not in reported and not cancelled]
    return BatchResult(
        batch.id, tuple(Verdict(nodeid, Outcome.FAULT, 0.0, fault=fault) for nodeid in lost), fault=fault
    )
