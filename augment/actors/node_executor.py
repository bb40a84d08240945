"""The executor actor on another node than the project's."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import ray

from augment.actors.base import Shell, grouped
from augment.actors.executor import streamed
from augment.actors.logs import log_to_stderr
from augment.actors.naming import PROTOCOL_VERSION
from augment.execution import LocalExecutor, Replica, ensure_overlay, find_sandbox, probe_interpreter
from augment.mutants import MutantVerdict
from augment.records import Project, Verdict
from augment.seams import Batch, BatchResult, MutationOrder, MutationResult
from augment.service.installed import Installed
from augment.shipping import Fitness, Needs, Parcel, Received

log = logging.getLogger("augment.executor")


@dataclass(frozen=True, slots=True)
class NodeWork:
    """What executors on other nodes are made for. ``namespace`` keeps projects and launches apart there."""

    project: Project
    namespace: str
    sandbox: str
    confine_own_tests: bool
    warm_bytes: int
    cache_bytes: int
    log_level: str
    awaited: bool = False
    """Whether somebody waits for all that they do."""


@grouped(control=4)
class NodeExecutorActor(Shell):
    """Shell over :class:`augment.execution.LocalExecutor` on a :class:`augment.execution.Replica` of the project.

    Lifecycle: made by launch, one a seat of another node; ends with launch or with its node. Revisions are sent to it
    before their first batch. It holds no CPU of its own. When it dies its batch runs again elsewhere, and the revisions
    have to be sent again where the node died too; nothing else is lost. It logs to its own output, which Ray keeps.
    """

    def __init__(self, slot: int, work: NodeWork, first_of_node: bool) -> None:
        log_to_stderr(f"executor-{slot}", work.log_level)
        self._work = work
        self._first_of_node = first_of_node
        home = Path(tempfile.gettempdir()) / f"augment-nodes-{os.getuid()}" / work.namespace
        self._replica = Replica(home, Path(work.project.root).name, work.cache_bytes)
        self._executor = LocalExecutor(
            1,
            scratch_dir=self._replica.scratch,
            sandbox=work.sandbox,
            confine_own_tests=work.confine_own_tests,
            warm_bytes=work.warm_bytes,
            awaited=work.awaited,
        )

    @ray.method(concurrency_group="control")
    def about(self) -> Fitness:
        """What this node is like. Raises ProjectError where the project's interpreter is not there or lacks pytest."""
        return fitness_of(self._work)

    @ray.method(concurrency_group="control")
    def prime(self) -> None:
        """Get ready for batches; said once this node is known to be fit."""
        # Of the executors of a node the first mostly gets the user's own tests, the others those that are being judged.
        trusted = self._first_of_node or not find_sandbox(self._work.sandbox).runs_generated_tests
        root, interpreter = str(self._replica.root), self._work.project.interpreter
        self._executor.prime(Batch("prime", root, interpreter, trusted=trusted))

    @ray.method(concurrency_group="control")
    def offer(self, parcel: Parcel) -> Needs:
        """See :meth:`augment.execution.Replica.offer`."""
        return self._replica.offer(parcel)

    @ray.method(concurrency_group="control")
    def take(self, blobs: Mapping[str, bytes]) -> None:
        """See :meth:`augment.execution.Replica.take`."""
        self._replica.take(blobs)

    @ray.method(concurrency_group="control")
    def received(self) -> Received:
        """What was sent here so far."""
        return self._replica.received

    def run(self, batch: Batch) -> Iterator[Verdict | BatchResult]:
        """Run ``batch`` on its revision, which was sent before: yields each verdict, and last the result."""
        local = self._replica.localise(batch)
        for item in streamed(lambda told: self._executor.run(local, told)):
            yield item
            if isinstance(item, BatchResult):
                log.info("%s: %d tests in %.2f s", batch.id, len(item.verdicts), item.seconds)

    def mutate(self, order: MutationOrder) -> Iterator[MutantVerdict | MutationResult]:
        """Try the mutants of ``order``: yields what became of each, and last the result."""
        local = self._replica.localise(order)
        yield from streamed(lambda told: self._executor.mutate(local, told))

    @ray.method(concurrency_group="control")
    def cancel(self, batch_id: str) -> None:
        """End a batch early."""
        self._executor.cancel(batch_id)

    @ray.method(concurrency_group="control")
    def close(self) -> None:
        """Let go of all processes, folders and contents."""
        self._executor.close()
        self._replica.close()


def fitness_of(work: NodeWork, installed: Installed | None = None) -> Fitness:
    """What this node is like for the project; ``installed`` spares a second look at the interpreter."""
    interpreter = work.project.interpreter
    if installed is None:
        ensure_overlay(probe_interpreter(interpreter))
    found = (installed or Installed(interpreter)).look()
    return Fitness(
        PROTOCOL_VERSION,
        found.python,
        {name: item.version for name, item in found.distributions.items()},
        find_sandbox(work.sandbox).runs_generated_tests,
    )
