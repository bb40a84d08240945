"""The resource monitor actor."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import ray

from augment.actors.base import Shell, cause_of, end_with_threads
from augment.actors.logs import start_logging
from augment.actors.naming import GOVERNOR, MONITOR, find_actor
from augment.actors.pool import group_name
from augment.actors.reporter import ReporterClient
from augment.cluster.demand import others_waiting
from augment.records import Activity, ResourceSample
from augment.service import GovernorState, ResourceMonitor, tells_more

log = logging.getLogger("augment.resource_monitor")

INTERVAL_S = 2.0
"""Between two samples while Augment works, or is held back."""
QUIET_INTERVAL_S = 5.0
"""The same while it does nothing: what nobody waits for costs little."""


@ray.remote
class ResourceMonitorActor(Shell):
    """Shell over :class:`augment.service.ResourceMonitor` that samples every two seconds, or every five while Augment
    does nothing.

    Lifecycle: made by launch, beside the project's files. When it dies the governor keeps its last limit until the
    monitor is back; one or two samples are missing from the graph.
    """

    def __init__(
        self, root: str, namespace: str, own_pids: Sequence[int], log_dir: str, log_level: str, shared: bool = False
    ) -> None:
        start_logging(Path(log_dir), MONITOR, log_level)
        end_with_threads()
        self._namespace = namespace
        self._own_pids = {os.getpid(), *own_pids}
        self._monitor = ResourceMonitor(
            Path(root), lambda: tuple(self._own_pids), pending=self._others_wait if shared else None
        )
        self._reporter = ReporterClient(namespace)
        self._told = ""
        self._reported: ResourceSample | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="augment-resource-monitor", daemon=True)
        self._thread.start()

    def own(self, pids: Sequence[int]) -> None:
        """Count these processes and their children as Augment's own."""
        self._own_pids.update(pids)

    def _work(self) -> None:
        governor = find_actor(GOVERNOR, self._namespace)
        pause_s = INTERVAL_S
        while not self._stopping.wait(pause_s):
            sample = self._monitor.sample()
            try:
                allowed: GovernorState = ray.get(governor.observe.remote(sample), timeout=INTERVAL_S)
                pause_s = INTERVAL_S if allowed.leases or allowed.reason else QUIET_INTERVAL_S
                if tells_more(sample, self._reported):
                    self._reporter.sample(sample)
                    self._reported = sample
                self._tell(allowed.reason)
            except ray.exceptions.RayError as error:
                log.warning("a sample was lost: %s", cause_of(error))

    def _others_wait(self) -> float:
        """CPUs that other jobs of the cluster wait for; none where Ray does not tell."""
        address = ray.get_runtime_context().gcs_address
        try:
            return others_waiting(address, group_name(self._namespace))
        except (ray.exceptions.RayError, RuntimeError) as error:
            log.warning("what others wait for is not known: %s", cause_of(error))
            return 0.0

    def _tell(self, reason: str) -> None:
        """Say when background work is held back, and when it goes on; not every change of a percentage."""
        cause = reason.partition(" at ")[0].lstrip("0123456789. ")
        if cause == self._told:
            return
        text = f"holding background work back: {reason}" if reason else "background work may run"
        log.info("%s", text)
        self._reporter.activity(Activity("governor", text, time.time()))
        self._told = cause
