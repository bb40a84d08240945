"""The generator actor."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import ray

from augment.actors.base import Shell, cause_of, end_with_threads, step_back
from augment.actors.held_back import HeldBack
from augment.actors.logs import start_logging
from augment.actors.naming import GENERATOR
from augment.actors.pool import RayExecutor
from augment.actors.reporter import ReporterClient
from augment.analysis import Snapshots
from augment.records import CoverageReport, Lane, Project, Snapshot, Target
from augment.seams import Engine
from augment.service import SURVIVORS, UNCHANGED, ModelState, Writer, Wrote

if TYPE_CHECKING:
    # Loaded when there is something to write and a model to ask: Ray Serve alone takes 90 MB.
    from augment.generation import GenerationSettings
    from augment.serve.app import ServeEngine

log = logging.getLogger("augment.generator")

_FIRST = 3
"""Tests that a save gets before anything slower is tried for it."""

_LONGEST_REST_S = 2.0
"""Between two looks at the queue while nothing is written to it: the governor may have changed its mind."""
_SHORTEST_REST_S = 0.2

MODEL_KEY = "model"
"""Memory key under which launch keeps ``{"state": loading|ready|off|failed, "name": ...}``."""


@ray.remote
class GeneratorActor(Shell):
    """Shell over :class:`augment.service.Writer`.

    Lifecycle: made by launch, beside the project's files, because it writes kept tests there. Its queue is in the
    store, so when it dies it restarts and begins the unfinished jobs again, each a limited number of times; a kept
    test is on disk and recorded, or neither. It leaves the processor to others unless its work is ``awaited``.
    """

    def __init__(
        self,
        project: Project,
        namespace: str,
        settings: GenerationSettings,
        idle: bool,
        no_generation: str,
        log_dir: str,
        log_level: str,
        awaited: bool = False,
    ) -> None:
        start_logging(Path(log_dir), GENERATOR, log_level)
        end_with_threads()
        if not awaited:
            step_back()
        self._ending = threading.Event()
        self._project = project
        self._settings = settings
        self._notebook = ReporterClient(namespace)
        self._executor = RayExecutor(namespace, GENERATOR)
        self._engine: ServeEngine | None = None
        self._held_back = HeldBack(namespace)
        self._seen = 0
        self._no_generation = no_generation
        self._writer = Writer(
            project,
            Snapshots(Path(project.root)),
            self._notebook,
            self._run_pass,
            self._model_state,
            held_back=self._why_held_back,
            idle=idle,
            poll_s=_LONGEST_REST_S,
            rest=self._rest,
        )
        self._writer.start()

    def stop(self) -> None:
        """Stop at once: the model is told to drop what it writes, and the batch in progress is cancelled."""
        self._ending.set()
        if self._engine is not None:
            self._engine.cancel()
        self._executor.close()
        self._writer.stop()

    def rounds(self) -> int:
        """See :attr:`Writer.rounds`."""
        return self._writer.rounds

    def _model_state(self) -> ModelState:
        known = self._notebook.recall(MODEL_KEY) or {"state": "loading"}
        if known["state"] != "ready":
            return ModelState(known["state"])
        from augment.serve.app import ServeEngine

        if self._engine is None or self._engine.model != known["name"]:
            self._engine = ServeEngine(known["name"])
        return ModelState("ready", self._engine)

    def _rest(self, longest_s: float) -> None:
        """Until a save, the model or a command has written down what may be work for us."""
        self._ending.wait(_SHORTEST_REST_S)  # what is written in one go is one reason to look
        try:
            self._seen = self._notebook.await_work(self._seen, longest_s)
        except ray.exceptions.RayError as error:
            if not self._ending.is_set():  # else the reporter has ended before us
                log.warning("the reporter does not answer: %s", cause_of(error))
            self._ending.wait(longest_s)

    def _why_held_back(self) -> str:
        """The governor's reason to hold background work back. A missing sandbox is one too."""
        return self._no_generation or self._held_back.why()

    def _run_pass(
        self,
        snapshot: Snapshot,
        targets: Sequence[Target],
        baseline: CoverageReport,
        engine: Engine | None,
        lane: Lane,
        should_stop: Callable[[], bool],
    ) -> Wrote | None:
        from augment.generation import DifferenceGenerator, GenerationPass

        started = time.monotonic()
        work = GenerationPass(
            self._project,
            snapshot,
            self._executor,
            self._notebook,
            engine,
            replace(self._settings, first=_FIRST) if lane is Lane.WRITE else replace(self._settings, search_s=0.0),
            more=(DifferenceGenerator(lambda: self._notebook.recall(UNCHANGED) or {}),),
            lane=lane,
            known=self._notebook.finding_records(),
            should_stop=should_stop,
        )
        result = work.run(targets, baseline)
        if result.tokens_per_s is not None:
            self._settings = replace(self._settings, tokens_per_s=result.tokens_per_s, prompt_s=result.prompt_s)
        if not result.superseded:
            self._notebook.remember(SURVIVORS, {**(self._notebook.recall(SURVIVORS) or {}), **result.survivors})
        log.info(
            "%s: %d admitted, %d rejected, %d findings, %d tokens in %.0f s",
            targets[0].module,
            len(result.admitted),
            len(result.rejected),
            len(result.findings),
            result.tokens,
            time.monotonic() - started,
        )
        if result.superseded:
            return None
        return Wrote(Counter(admission.target for admission in result.admitted), result.unasked)
