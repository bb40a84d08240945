"""All actors of one launch: made together, stopped together."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ray

from augment.actors.base import cause_of
from augment.actors.executor import ExecutorActor
from augment.actors.generator import MODEL_KEY, GeneratorActor
from augment.actors.governor import GovernorActor
from augment.actors.gpus import GpuPolicy
from augment.actors.naming import (
    GENERATOR,
    GOVERNOR,
    MONITOR,
    REPORTER,
    SERVICE,
    WATCHER,
    actor_options,
    executor_part,
)
from augment.actors.node_executor import NodeWork
from augment.actors.nodes import NodeKeeper
from augment.actors.reporter import REPORTER_RETRIES, ReporterActor, ReporterClient
from augment.actors.resource_monitor import ResourceMonitorActor
from augment.actors.service import ServiceActor
from augment.actors.watcher import WatcherActor
from augment.errors import ClusterError
from augment.generation import GenerationSettings
from augment.records import Project
from augment.seams import Limits
from augment.service import ControlPolicy, FlakinessPolicy, LivingPolicy

log = logging.getLogger("augment.launch")

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 3.0
CLOSE_TIMEOUT_S = 1.5
MAX_WAITING_FOR_LEASE = 64


@dataclass(frozen=True, slots=True)
class FleetSpec:
    """What the actors need to know."""

    project: Project
    namespace: str
    node_id: str
    slots: int
    threshold: float
    limits: Limits
    generation: GenerationSettings
    idle: bool
    log_dir: str
    log_level: str
    own_pids: tuple[int, ...]
    model: str | None
    """Name of the model that is being deployed, None without one."""
    sandbox: str = "auto"
    """How generated tests are confined (a :class:`augment.execution.SandboxMode`)."""
    confine_own_tests: bool = False
    warm_bytes: int = 1 << 30
    """Memory that one waiting test process may hold."""
    no_generation: str = ""
    """Why no tests are written at all, "" where they are."""
    retries: int = 1
    """How often a fault is tried again."""
    flakiness: FlakinessPolicy | None = None
    """When a test is flaky and for how long it is muted; None does not look for flaky tests."""
    controls: ControlPolicy | None = None
    """How many deselected tests run as controls; None runs none."""
    living: LivingPolicy | None = None
    """Where kept tests lie, and whether stale ones are ever re-pinned unasked."""
    other_nodes: bool = False
    """Whether batches may run on other nodes of the cluster."""
    per_node: int | None = None
    """Batches at once on one other node; None goes by its CPUs."""
    cache_bytes: int = 2 << 30
    """What another node may keep of the project's revisions."""
    gpus: GpuPolicy | None = None
    """How tests meet GPUs; None holds none."""
    shared: bool = False
    """Whether others use this Ray too: background work then yields to what they wait for."""
    awaited: bool = False
    """Whether somebody waits for what is written too, as for the end of a job: then nothing steps back."""


OWN_ERRORS = "augment.errors."
"""How the text of Augment's own errors begins when Ray tells of an actor that ended with one."""


class Fleet:
    """The actors of one launch."""

    def __init__(self, spec: FleetSpec) -> None:
        self._spec = spec
        self._actors: dict[str, Any] = {}
        self._nodes: NodeKeeper | None = None

    def start(self) -> ReporterClient:
        """Make all actors; returns when the reporter answers. Raises ClusterError when it does not."""
        spec = self._spec
        root, logs = spec.project.root, (spec.log_dir, spec.log_level)
        confined = (spec.sandbox, spec.confine_own_tests, spec.warm_bytes)
        self._make(REPORTER, ReporterActor, root, *logs, max_task_retries=REPORTER_RETRIES)
        self._await(REPORTER, START_TIMEOUT_S)
        reporter = ReporterClient(spec.namespace)
        # What the last launch left behind must not be taken for the state of this one's model.
        reporter.remember(MODEL_KEY, {"state": "loading" if spec.model else "off", "name": spec.model or ""})
        governed = (spec.slots, spec.threshold, spec.gpus)
        self._make(GOVERNOR, GovernorActor, *governed, max_concurrency=MAX_WAITING_FOR_LEASE)
        running = (*confined, *logs, spec.awaited)
        for slot in range(spec.slots):
            self._make(executor_part(slot), ExecutorActor, slot, spec.project, *running, max_task_retries=0)
        self._make(
            SERVICE,
            ServiceActor,
            spec.project,
            spec.namespace,
            spec.limits,
            *logs,
            spec.retries,
            spec.flakiness,
            spec.controls,
            spec.living,
            spec.generation.output if not spec.no_generation and "difference" in spec.generation.generators else None,
        )
        self._make(WATCHER, WatcherActor, root, spec.namespace, *logs)
        self._make(
            GENERATOR,
            GeneratorActor,
            spec.project,
            spec.namespace,
            spec.generation,
            spec.idle,
            spec.no_generation,
            *logs,
            spec.awaited,
            max_concurrency=2,
        )
        self._make(MONITOR, ResourceMonitorActor, root, spec.namespace, spec.own_pids, *logs, spec.shared)
        reporter.set_health(nodes=[])
        if spec.other_nodes:
            self._use_other_nodes(reporter)
        return reporter

    def _use_other_nodes(self, reporter: ReporterClient) -> None:
        spec = self._spec
        work = NodeWork(
            spec.project,
            spec.namespace,
            spec.sandbox,
            spec.confine_own_tests,
            spec.warm_bytes,
            spec.cache_bytes,
            spec.log_level,
            spec.awaited,
        )
        self._nodes = NodeKeeper(
            work,
            self._actors[GOVERNOR],
            spec.node_id,
            spec.slots,
            spec.per_node,
            lambda told: reporter.set_health(nodes=told),
        )
        self._nodes.start()

    def await_ready(self) -> None:
        """Wait until every actor answers. Raises ClusterError naming the one that does not."""
        deadline = time.monotonic() + START_TIMEOUT_S
        for part in self._actors:
            self._await(part, max(deadline - time.monotonic(), 0.1))
        log.info("actors up: %s", ", ".join(self._actors))

    @property
    def generator(self) -> Any:
        """The handle of the writer of tests."""
        return self._actors[GENERATOR]

    def pids(self) -> dict[str, int]:
        """Process id of every actor, for tests and for telling Augment's own CPU use apart."""
        return dict(zip(self._actors, ray.get([actor.pid.remote() for actor in self._actors.values()]), strict=True))

    def stop(self) -> None:
        """Stop the work, then make what is pending durable, then end the processes. At most about five seconds."""
        if self._nodes is not None:
            self._actors |= self._nodes.stop()
        if MONITOR in self._actors:
            ray.kill(self._actors.pop(MONITOR), no_restart=True)
        parts = [self._actors[name] for name in (WATCHER, GENERATOR, SERVICE) if name in self._actors]
        _wait([actor.stop.remote() for actor in parts], STOP_TIMEOUT_S)
        closing = [actor for name, actor in self._actors.items() if name == REPORTER or name.startswith("executor")]
        _wait([actor.close.remote() for actor in closing], CLOSE_TIMEOUT_S)
        for actor in self._actors.values():
            ray.kill(actor, no_restart=True)
        self._actors.clear()

    def _make(self, part: str, cls: Any, *arguments: Any, **options: Any) -> None:
        spec = self._spec
        made = cls.options(**actor_options(part, spec.namespace, spec.node_id, **options)).remote(*arguments)
        self._actors[part] = made

    def _await(self, part: str, timeout_s: float) -> None:
        try:
            ray.get(self._actors[part].pid.remote(), timeout=timeout_s)
        except ray.exceptions.RayError as error:
            cause = cause_of(error)
            if cause.startswith(OWN_ERRORS):  # what a person can mend, said by the actor itself
                raise ClusterError(cause.partition(": ")[2]) from error
            raise ClusterError(f"the {part} actor does not start: {cause}; see {self._spec.log_dir}") from error


def _wait(references: Sequence[Any], timeout_s: float) -> None:
    if references:
        done, late = ray.wait(list(references), num_returns=len(references), timeout=timeout_s)
        if late:
            log.warning("%d of %d actors did not stop within %.0f s", len(late), len(done) + len(late), timeout_s)
