"""The executor actor: owns the runner processes of one slot."""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import ray

from augment.actors.base import Shell, grouped
from augment.actors.logs import start_logging
from augment.execution import LocalExecutor, find_sandbox
from augment.mutants import MutantVerdict
from augment.records import Project, Verdict
from augment.seams import Batch, BatchResult, MutationOrder, MutationResult
from augment.service import state_folder

_END = object()
log = logging.getLogger("augment.executor")


@grouped(control=2)
class ExecutorActor(Shell):
    """Shell over :class:`augment.execution.LocalExecutor` with one batch at a time.

    Lifecycle: made by launch, one a slot of the governor; ends with launch. It holds no CPU of its own: each batch
    reserves one while it runs. When the actor dies its runner processes die with it and the batch in progress is run
    again on another executor; it has no state worth recovering. With ``awaited`` somebody waits for all that it does.
    """

    def __init__(
        self,
        slot: int,
        project: Project,
        sandbox: str,
        confine_own_tests: bool,
        warm_bytes: int,
        log_dir: str,
        log_level: str,
        awaited: bool = False,
    ) -> None:
        start_logging(Path(log_dir), f"executor-{slot}", log_level)
        scratch = state_folder(Path(project.root)) / "work" / str(slot)
        self._executor = LocalExecutor(
            1,
            scratch_dir=scratch,
            sandbox=sandbox,
            confine_own_tests=confine_own_tests,
            warm_bytes=warm_bytes,
            awaited=awaited,
        )
        # Slot 0 is the fast lane's, the others mostly run generated tests: each gets the process it will need ready.
        trusted = slot == 0 or not find_sandbox(sandbox).runs_generated_tests
        self._executor.prime(Batch("prime", project.root, project.interpreter, trusted=trusted))

    def run(self, batch: Batch) -> Iterator[Verdict | BatchResult]:
        """Run ``batch``: yields each verdict as its test ends, and last the result."""
        for item in streamed(lambda told: self._executor.run(batch, told)):
            yield item
            if isinstance(item, BatchResult):
                log.info("%s: %d tests in %.2f s", batch.id, len(item.verdicts), item.seconds)

    def mutate(self, order: MutationOrder) -> Iterator[MutantVerdict | MutationResult]:
        """Try the mutants of ``order``: yields what became of each, and last the result."""
        for item in streamed(lambda told: self._executor.mutate(order, told)):
            yield item
            if isinstance(item, MutationResult):
                log.info("%s: %d mutants in %.2f s", order.id, len(item.verdicts), item.seconds)

    @ray.method(concurrency_group="control")
    def cancel(self, batch_id: str) -> None:
        """End a batch early."""
        self._executor.cancel(batch_id)

    @ray.method(concurrency_group="control")
    def close(self) -> None:
        """Let go of all processes and folders."""
        self._executor.close()


def streamed(work: Callable[[Callable[[Any], None]], Any]) -> Iterator[Any]:
    """What ``work`` tells while it is done in a thread of its own, and last what it returns. Raises what it raises."""
    told: queue.SimpleQueue[Any] = queue.SimpleQueue()
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(work, told.put)
        done.add_done_callback(lambda _done: told.put(_END))
        while (item := told.get()) is not _END:
            yield item
        yield done.result()
