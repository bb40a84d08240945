"""The executor actor: owns the runner processes of one slot."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Iterator
from pathlib import Path

import ray

from augment.actors.base import Shell, grouped
from augment.actors.logs import start_logging
from augment.execution import LocalExecutor, find_sandbox
from augment.records import Project, Verdict
from augment.seams import Batch, BatchResult
from augment.service import state_folder

log = logging.getLogger("augment.executor")


@grouped(control=2)
class ExecutorActor(Shell):
    """Shell over :class:`augment.execution.LocalExecutor` with one batch at a time.

    Lifecycle: made by launch, one a slot of the governor; ends with launch. It holds no CPU of its own: each batch
    reserves one while it runs. When the actor dies its runner processes die with it and the batch in progress is run
    again on another executor; it has no state worth recovering.
    """

    def __init__(
        self, slot: int, project: Project, sandbox: str, confine_own_tests: bool, log_dir: str, log_level: str
    ) -> None:
        start_logging(Path(log_dir), f"executor-{slot}", log_level)
        scratch = state_folder(Path(project.root)) / "work" / str(slot)
        self._executor = LocalExecutor(1, scratch_dir=scratch, sandbox=sandbox, confine_own_tests=confine_own_tests)
        # Slot 0 is the fast lane's, the others mostly run generated tests: each gets the process it will need ready.
        trusted = slot == 0 or not find_sandbox(sandbox).runs_generated_tests
        self._executor.prime(Batch("prime", project.root, project.interpreter, trusted=trusted))

    def run(self, batch: Batch) -> Iterator[Verdict | BatchResult]:
        """Run ``batch``: yields each verdict as its test ends, and last the result."""
        ended: queue.SimpleQueue[Verdict | BatchResult] = queue.SimpleQueue()
        thread = threading.Thread(target=lambda: ended.put(self._executor.run(batch, ended.put)), daemon=True)
        thread.start()
        while True:
            item = ended.get()
            yield item
            if isinstance(item, BatchResult):
                log.info("%s: %d tests in %.2f s", batch.id, len(item.verdicts), item.seconds)
                return

    @ray.method(concurrency_group="control")
    def cancel(self, batch_id: str) -> None:
        """End a batch early."""
        self._executor.cancel(batch_id)

    @ray.method(concurrency_group="control")
    def close(self) -> None:
        """Let go of all processes and folders."""
        self._executor.close()
