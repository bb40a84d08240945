"""The service actor: the coordinator."""

from __future__ import annotations

from pathlib import Path

import ray

from augment.actors.base import Shell, end_with_threads
from augment.actors.logs import start_logging
from augment.actors.naming import SERVICE
from augment.actors.pool import RayExecutor
from augment.actors.reporter import ReporterClient
from augment.analysis import Snapshots
from augment.records import Project, Snapshot
from augment.seams import Limits
from augment.service import Coordinator, Sources, state_folder


@ray.remote
class ServiceActor(Shell):
    """Shell over :class:`augment.service.Coordinator`.

    Lifecycle: made by launch, beside the project's files. What was tested and what is to be written stands in the
    store, so when it dies it starts again from the last revision whose verdicts are complete.
    """

    def __init__(
        self, project: Project, namespace: str, limits: Limits, parallel: int, log_dir: str, log_level: str
    ) -> None:
        start_logging(Path(log_dir), SERVICE, log_level)
        end_with_threads()
        root = Path(project.root)
        self._coordinator = Coordinator(
            project,
            RayExecutor(namespace, SERVICE),
            ReporterClient(namespace),
            Sources(state_folder(root) / "sources"),
            limits=limits,
            parallel=parallel,
        )
        self._coordinator.start()
        # The watcher reports changes only: after a restart the present state must be looked at here.
        self._coordinator.revision(Snapshots(root).take())

    def revision(self, snapshot: Snapshot) -> None:
        """See :meth:`Coordinator.revision`."""
        self._coordinator.revision(snapshot)

    def wait_idle(self, timeout_s: float) -> bool:
        """See :meth:`Coordinator.wait_idle`."""
        return self._coordinator.wait_idle(timeout_s)

    def stop(self) -> None:
        """End the run in progress and stop."""
        self._coordinator.stop()
