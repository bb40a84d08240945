"""The service actor: the coordinator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import ray

from augment.actors.base import Shell, end_with_threads, grouped
from augment.actors.held_back import HeldBack
from augment.actors.logs import start_logging
from augment.actors.naming import SERVICE
from augment.actors.pool import RayExecutor
from augment.actors.reporter import CoordinatorNotebook, ReporterClient
from augment.analysis import Snapshots
from augment.records import Project, Snapshot
from augment.seams import Limits
from augment.service import (
    SUITE,
    TESTED,
    TESTED_REVISION,
    UNSETTLED,
    BehaviourWatch,
    ControlPolicy,
    Controls,
    Coordinator,
    FlakinessChore,
    FlakinessPolicy,
    IdleLoop,
    Living,
    LivingPolicy,
    Ranked,
    RerunBatches,
    Sources,
    state_folder,
)
from augment.service.behaviour import Compares
from augment.service.retrying import RETRIES

LIVING_PRIORITY = 5
"""Before all else: as long as tests have not followed their target, a whole file of them fails."""
CONTROLS_PRIORITY = 10
FLAKINESS_PRIORITY = 20
"""After control samples, which cost less and tell of what a save may have broken."""


@grouped(revisions=1, control=4)
class ServiceActor(Shell):
    """Shell over :class:`augment.service.Coordinator`.

    Lifecycle: made by launch, beside the project's files. What was tested and what is to be written stands in the
    store, so when it dies it starts again from the last revision whose verdicts are complete. A comparison of old and
    new code that it was at is lost. ``output`` is the folder of Augment's own tests; None compares nothing.

    Made without ``max_concurrency``, with which Ray delivers calls in any order.
    """

    def __init__(
        self,
        project: Project,
        namespace: str,
        limits: Limits,
        log_dir: str,
        log_level: str,
        retries: int = RETRIES,
        flakiness: FlakinessPolicy | None = None,
        controls: ControlPolicy | None = None,
        living: LivingPolicy | None = None,
        output: str | None = None,
    ) -> None:
        start_logging(Path(log_dir), SERVICE, log_level)
        end_with_threads()
        root = Path(project.root)
        executor, notebook = RayExecutor(namespace, SERVICE), ReporterClient(namespace)
        self._notebook = CoordinatorNotebook(namespace, owned=(TESTED, TESTED_REVISION, UNSETTLED, SUITE))
        self._sources = Sources(state_folder(root) / "sources")
        snapshots = Snapshots(root)
        kept = Living(project, executor, notebook, living or LivingPolicy(), snapshots.take)
        self._held_back = HeldBack(namespace)
        self._behaviour = (
            None
            if output is None
            else BehaviourWatch(notebook, _comparisons(project, executor, output), held_back=self._held_back.why)
        )
        self._coordinator = Coordinator(
            project,
            executor,
            self._notebook,
            self._sources,
            limits=limits,
            parallel=executor.width,
            retries=retries,
            on_tested=kept.tested,
            on_edit=None if self._behaviour is None else self._behaviour.saved,
        )
        self._batches = RerunBatches(project, executor, limits)
        chores = [Ranked(LIVING_PRIORITY, kept)]
        if controls is not None:
            chores.append(Ranked(CONTROLS_PRIORITY, Controls(notebook, self._batches, controls)))
        if flakiness is not None:
            chores.append(
                Ranked(FLAKINESS_PRIORITY, FlakinessChore(Snapshots(root), notebook, self._batches, flakiness))
            )
        self._idle = IdleLoop(self._coordinator, self._notebook, chores, held_back=self._why_not_idle)
        if self._behaviour is not None:
            self._behaviour.start()
        self._coordinator.start()
        self._idle.start()
        # The watcher reports changes only: after a restart the present state must be looked at here.
        self._coordinator.revision(Snapshots(root).take())

    @ray.method(concurrency_group="revisions")
    def revision(self, snapshot: Snapshot, contents: Mapping[str, bytes]) -> None:
        """See :meth:`Coordinator.revision`. ``contents`` are sources of it, by hash, that were read with it.

        One at a time: of two saves in one moment the first must not come last, for then nobody would look at the other.
        """
        self._sources.offer(contents)
        self._coordinator.revision(snapshot)

    @ray.method(concurrency_group="control")
    def wait_idle(self, timeout_s: float) -> bool:
        """See :meth:`Coordinator.wait_idle`."""
        return self._coordinator.wait_idle(timeout_s)

    @ray.method(concurrency_group="control")
    def stop(self) -> None:
        """End the run or the idle work in progress and stop."""
        self._coordinator.stop()
        if self._behaviour is not None:
            self._behaviour.stop()
        self._idle.stop()
        self._batches.close()
        self._notebook.settle()

    def _why_not_idle(self) -> str:
        if not self._coordinator.wait_idle(0.0):
            return "a save is being tested"
        if self._behaviour is not None and not self._behaviour.wait_idle(0.0):
            return "what a save changed is being compared"
        return self._held_back.why()


def _comparisons(project: Project, executor: RayExecutor, output: str) -> Callable[[], Compares]:
    """Makes a comparison of old and new code for one save."""

    def make() -> Compares:
        # Loaded with the first save: this process waits for verdicts, and generation is large.
        from augment.generation import Comparison

        return Comparison(project, executor, output=output)

    return make
