"""GPUs of Ray, held while tests that are marked ``gpu`` run."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from augment.actors.naming import GOVERNOR, REPORTER, actor_name, find_actor
from augment.cluster.listing import listed_nodes
from augment.records import Activity, new_id
from augment.seams import Batch, BatchResult
from augment.service.planning import merged

log = logging.getLogger("augment.gpus")

NO_GPU = "no GPU of Ray's on this node: tests marked gpu run without holding one"
WAIT_S = 120.0
"""How long tests wait for a GPU that somebody else has."""
_LOOK_S = 0.5
_NO_TESTS = 5
"""What pytest exits with when it ran none."""


@dataclass(frozen=True, slots=True)
class GpuPolicy:
    """How tests meet GPUs. ``per_batch`` are held for a batch of marked tests, 0 for none and no batch of their own.

    ``hide`` keeps GPUs from tests that are not marked: on a cluster that others use they belong to who reserved them.
    """

    per_batch: float = 0.0
    hide: bool = False


class NoGpuError(Exception):
    """No GPU came free in time, or the batch was cancelled while it waited."""


@ray.remote
class GpuHolder:
    """Holds GPUs for the length of one batch, since Ray tells only an actor which ones it was given.

    Lifecycle: made for a batch on the node of its executor, killed with its end. It has nothing to lose.
    """

    def ids(self) -> list[str]:
        """The ids of the GPUs, as CUDA_VISIBLE_DEVICES names them."""
        return [str(one) for one in ray.get_runtime_context().get_accelerator_ids()["GPU"]]


def gpus_of(node_id: str) -> float:
    """How many GPUs a live node has, real or declared, whoever holds them."""
    alive = {node["NodeID"]: node["Resources"] for node in listed_nodes() if node["Alive"]}
    return float(alive.get(node_id, {}).get("GPU", 0.0))


@contextlib.contextmanager
def holding(count: float, node_id: str, batch: str, cancelled: Callable[[], bool]) -> Iterator[str]:
    """Hold ``count`` GPUs of a node for the length of a block, which is given their ids, joined by commas.

    Raises NoGpuError when they do not come free in time or the batch is ``cancelled`` before.
    """
    options: dict[str, Any] = {
        "name": f"{actor_name('gpu')}-{new_id(batch)}",
        "num_gpus": count,
        "num_cpus": 0,
        "scheduling_strategy": NodeAffinitySchedulingStrategy(node_id, soft=False),
    }
    holder: Any = GpuHolder.options(**options).remote()  # type: ignore[attr-defined]
    try:
        asked = holder.ids.remote()
        deadline = time.monotonic() + WAIT_S
        while not ray.wait([asked], timeout=_LOOK_S)[0]:
            if cancelled():
                raise NoGpuError("cancelled while it waited for a GPU")
            if time.monotonic() > deadline:
                raise NoGpuError(
                    f"no GPU came free in {WAIT_S:.0f} s: others, or the model, hold them; give shares with test_gpus "
                    "and num_gpus, or 0 to run these tests without holding one"
                )
        ids: list[str] = ray.get(asked)
        log.info("%s holds %g GPU(s): %s", batch, count, ",".join(ids))
        yield ",".join(ids)
    finally:
        ray.kill(holder, no_restart=True)


class GpuUse:
    """What one holder of the pool knows of GPUs: the launch's policy, and what its own node has.

    Batches of marked tests run on that node, which is the project's; GPUs of others are for the model.
    """

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._policy: GpuPolicy | None = None
        self._here = 0.0
        self._told = False

    @property
    def policy(self) -> GpuPolicy:
        """Asked for once."""
        if self._policy is None:
            policy: GpuPolicy = ray.get(find_actor(GOVERNOR, self._namespace).gpus.remote())
            self._here = gpus_of(ray.get_runtime_context().get_node_id()) if policy.per_batch else 0.0
            self._policy = policy
        return self._policy

    @property
    def holds(self) -> bool:
        """Whether tests that are marked hold GPUs while they run."""
        wanted = self.policy.per_batch
        return bool(wanted) and self._here >= wanted

    def tell_of_none(self) -> None:
        """Say once that marked tests run without holding one, where that is not as the settings want it."""
        if self._told or not self.policy.per_batch:
            return
        self._told = True
        log.warning("%s", NO_GPU)
        with contextlib.suppress(ValueError):  # who runs batches without a service has the log
            find_actor(REPORTER, self._namespace).write.remote("activity", Activity("executor", NO_GPU, time.time()))

    @contextlib.contextmanager
    def held(self, batch: Batch, gpus: float, cancelled: Callable[[], bool]) -> Iterator[Batch]:
        """``batch`` as it may see GPUs, of which it holds ``gpus`` for the length of a block."""
        if not gpus:
            yield replace(batch, visible_gpus="" if self.policy.hide else None)
            return
        with holding(gpus, ray.get_runtime_context().get_node_id(), batch.id, cancelled) as ids:
            yield replace(batch, visible_gpus=ids)


def gpu_batch(batch: Batch, result: BatchResult) -> Batch:
    """What is left of ``batch`` after a run that deferred the tests marked ``gpu``: those. It keeps its id."""
    return replace(batch, nodeids=result.gpu_tests, share=None, defer_gpu=False)


def joined(first: BatchResult, second: BatchResult) -> BatchResult:
    """One result of a batch that ran in two parts, the tests marked ``gpu`` last."""
    return replace(
        first,
        verdicts=first.verdicts + second.verdicts,
        collected=tuple(dict.fromkeys([*first.collected, *first.gpu_tests])),
        collection_errors={**first.collection_errors, **second.collection_errors},
        files={**second.files, **first.files},
        failures=first.failures + second.failures,
        observations=first.observations + second.observations,
        coverage=merged([first.coverage, second.coverage]),
        fault=first.fault or second.fault,
        output=first.output + second.output,
        exit_code=_exit_code(first.exit_code, second.exit_code),
        seconds=first.seconds + second.seconds,
    )


def _exit_code(first: int | None, second: int | None) -> int | None:
    if first is None or second is None:
        return None
    return second if first == _NO_TESTS else max(first, 0 if second == _NO_TESTS else second)
