"""Hosting the model on Ray Serve, and telling everybody how it stands."""

from __future__ import annotations

import logging
import threading
from typing import Any

import ray

from augment.actors.base import cause_of
from augment.actors.generator import MODEL_KEY
from augment.actors.reporter import ReporterClient
from augment.errors import AugmentError
from augment.serve import EngineSpec
from augment.serve.app import deploy, status, undeploy

log = logging.getLogger("augment.launch")

POLL_S = 1.0
READY_POLL_S = 3.0
"""How often a model that answers is looked at; a request that fails is told to whoever made it."""


class ModelHost:
    """Deploys the model in the background, follows its state, and takes down what it deployed.

    An application that was there before belongs to somebody else and stays.
    """

    def __init__(self, spec: EngineSpec, reporter: ReporterClient, host: str, port: int, digest: str | None) -> None:
        self._spec = spec
        self._reporter = reporter
        self._host = host
        self._port = port
        self._digest = digest
        self._deployed = False
        self._told: dict[str, Any] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="augment-model-host", daemon=True)

    def start(self) -> None:
        """Begin to deploy; returns at once."""
        self._tell("loading", "starting the model's deployment")
        self._thread.start()

    def stop(self, *, take_down: bool) -> None:
        """Stop following; with ``take_down`` also end the deployment if it was made here."""
        self._stopping.set()
        if not take_down:
            return
        if self._thread.is_alive():
            self._thread.join(2.0)
        if self._deployed:
            undeploy()

    def _work(self) -> None:
        try:
            self._deployed = deploy(self._spec, http_host=self._host, http_port=self._port, digest=self._digest)
        except (AugmentError, ray.exceptions.RayError) as error:
            log.error("the model cannot be deployed: %s", error)
            self._tell("failed", cause_of(error))
            return
        while not self._stopping.wait(READY_POLL_S if self._told.get("state") == "ready" else POLL_S):
            try:
                now = status()
                self._tell(now.state, now.detail)
            except ray.exceptions.RayError as error:
                log.warning("the model's state is not known: %s", cause_of(error))

    def _tell(self, state: str, detail: str) -> None:
        told = {"state": state, "name": self._spec.model, "detail": detail}
        if told == self._told:
            return
        self._told = told
        log.info("model %s: %s%s", self._spec.model, state, f" ({detail})" if detail else "")
        self._reporter.remember(MODEL_KEY, told)
        self._reporter.set_health(model=state, model_name=self._spec.model, model_detail=detail)
