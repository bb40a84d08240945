"""The resource monitor actor."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Sequence
from pathlib import Path

import ray

from augment.actors.base import Shell
from augment.actors.logs import start_logging
from augment.actors.naming import GOVERNOR, MONITOR, find_actor
from augment.actors.reporter import ReporterClient
from augment.service import ResourceMonitor

log = logging.getLogger("augment.resource_monitor")

INTERVAL_S = 2.0


@ray.remote
class ResourceMonitorActor(Shell):
    """Shell over :class:`augment.service.ResourceMonitor` that samples every two seconds.

    Lifecycle: made by launch, beside the project's files. When it dies the governor keeps its last limit until the
    monitor is back; one or two samples are missing from the graph.
    """

    def __init__(self, root: str, namespace: str, own_pids: Sequence[int], log_dir: str, log_level: str) -> None:
        start_logging(Path(log_dir), MONITOR, log_level)
        self._namespace = namespace
        self._own_pids = {os.getpid(), *own_pids}
        self._monitor = ResourceMonitor(Path(root), lambda: tuple(self._own_pids))
        self._reporter = ReporterClient(namespace)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="augment-resource-monitor", daemon=True)
        self._thread.start()

    def own(self, pids: Sequence[int]) -> None:
        """Count these processes and their children as Augment's own."""
        self._own_pids.update(pids)

    def _work(self) -> None:
        governor = find_actor(GOVERNOR, self._namespace)
        while not self._stopping.wait(INTERVAL_S):
            sample = self._monitor.sample()
            try:
                governor.observe.remote(sample)
                self._reporter.sample(sample)
            except ray.exceptions.RayError as error:
                log.warning("a sample was lost: %s", error)
