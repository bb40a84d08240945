"""The governor actor."""

from __future__ import annotations

import ray

from augment.actors.base import Shell
from augment.actors.gpus import GpuPolicy
from augment.records import Lane, ResourceSample
from augment.service import Governor, GovernorState, Lease, Where


@ray.remote
class GovernorActor(Shell):
    """Shell over :class:`augment.service.Governor`.

    Lifecycle: made by launch, beside the project's files; threaded, because ``acquire`` waits. When it dies it forgets
    its leases and starts with all slots free: batches in progress go on, and for their length more may run than
    allowed. Slots on other nodes are offered again within seconds. Nothing of it needs to be recovered.
    """

    def __init__(self, slots: int, threshold: float, gpus: GpuPolicy | None = None) -> None:
        self._gpus = gpus or GpuPolicy()
        self._governor = Governor(slots, threshold=threshold)

    def acquire(
        self, lane: Lane, holder: str, timeout_s: float, avoid: int | None = None, where: Where = Where.ANYWHERE
    ) -> Lease | None:
        """See :meth:`Governor.acquire`."""
        return self._governor.acquire(lane, holder, timeout_s, avoid, where)

    def renew(self, lease_id: str) -> bool:
        """See :meth:`Governor.renew`."""
        return self._governor.renew(lease_id)

    def release(self, lease_id: str) -> None:
        """See :meth:`Governor.release`."""
        self._governor.release(lease_id)

    def observe(self, sample: ResourceSample) -> GovernorState:
        """See :meth:`Governor.observe`."""
        return self._governor.observe(sample)

    def set_limit(self, limit: int, reason: str = "") -> None:
        """See :meth:`Governor.set_limit`."""
        self._governor.set_limit(limit, reason)

    def offer(self, slot: int, node: str) -> None:
        """See :meth:`Governor.offer`."""
        self._governor.offer(slot, node)

    def withdraw(self, slot: int) -> None:
        """See :meth:`Governor.withdraw`."""
        self._governor.withdraw(slot)

    def lose(self, slot: int) -> None:
        """See :meth:`Governor.lose`."""
        self._governor.lose(slot)

    def declare_unfit(self, node: str, why: str) -> None:
        """See :meth:`Governor.declare_unfit`."""
        self._governor.declare_unfit(node, why)

    def gpus(self) -> GpuPolicy:
        """How tests meet GPUs, the same for all who run batches."""
        return self._gpus

    def state(self) -> GovernorState:
        """See :meth:`Governor.state`."""
        return self._governor.state()
