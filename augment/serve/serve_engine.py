"""The generator's way to the served model: an :class:`augment.seams.Engine` over the Ray Serve handle."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any, ClassVar

from ray import serve
from ray.exceptions import RayActorError, WorkerCrashedError
from ray.serve.exceptions import (
    BackPressureError,
    DeploymentUnavailableError,
    RayServeException,
    ReplicaUnavailableError,
    RequestCancelledError,
)

from augment.errors import ModelError
from augment.seams import Completion, Request
from augment.serve.engine_process import LOST
from augment.serve.server import Answer

APP = "augment-model-v1"
"""Name of the Serve application, with the version of what its handle understands."""

_TRIES = 5
_PAUSE_S = 0.5
_BUSY_LIMIT_S = 900.0


class ServeEngine:
    """An engine that is safe to call from several threads.

    Requests are idempotent: one whose replica or model process died is asked again, five times at most, and waits for
    the next replica; so a restart costs time and no answer.
    """

    replica_lost: ClassVar[tuple[type[Exception], ...]] = (
        RayActorError,
        WorkerCrashedError,
        ReplicaUnavailableError,
        DeploymentUnavailableError,
    )

    def __init__(self, model: str) -> None:
        self._model = model
        self._lock = threading.Lock()
        self._under_way: set[Any] = set()

    @property
    def model(self) -> str:
        """The name of the model."""
        return self._model

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        """Continue all chats; each is a call of its own, and the replica makes one batch of them.

        Raises ModelError when the model refuses a request, is not deployed, has failed, or is lost time and again.
        """
        answers: dict[int, Completion] = {}
        tries = 0
        patience = time.monotonic() + _BUSY_LIMIT_S
        while len(answers) < len(requests):
            missing = {at: request for at, request in enumerate(requests) if at not in answers}
            got, lost = self._round(missing)
            answers.update(got)
            if got:
                patience = time.monotonic() + _BUSY_LIMIT_S
            tries += 1 if lost else 0
            if tries >= _TRIES or time.monotonic() > patience:
                raise ModelError(
                    f"The model {self._model} was lost or busy each time it was asked; see augment status."
                )
            if len(answers) < len(requests):
                time.sleep(_PAUSE_S)
        return [answers[at] for at in range(len(requests))]

    def cancel(self) -> None:
        """Cancel everything under way; the requests finish as *cancelled*."""
        with self._lock:
            under_way = list(self._under_way)
        for response in under_way:
            self._stop(response)

    @staticmethod
    def _stop(response: Any) -> None:
        response.cancel()

    def _round(self, requests: dict[int, Request]) -> tuple[dict[int, Completion], bool]:
        """Ask for ``requests`` once; the answers that came, and whether a replica was lost over it."""
        try:
            handle = serve.get_app_handle(APP)
        except RayServeException as error:
            raise ModelError("No model is deployed; start one with python -m augment.launch.") from error
        responses = {at: handle.complete.remote(request) for at, request in requests.items()}
        with self._lock:
            self._under_way.update(responses.values())
        got: dict[int, Completion] = {}
        lost = False
        try:
            for at, response in responses.items():
                completion, gone = self._answer(response)
                lost = lost or gone
                if completion is not None:
                    got[at] = completion
        except BaseException:
            for response in responses.values():
                self._stop(response)
            raise
        finally:
            with self._lock:
                self._under_way.difference_update(responses.values())
        return got, lost

    def _answer(self, response: Any) -> tuple[Completion | None, bool]:
        try:
            answer: Answer = response.result()
        except RequestCancelledError:
            return Completion("", 0, 0, "cancelled"), False
        except BackPressureError:
            return None, False
        except self.replica_lost:
            return None, True
        if answer.error:
            raise ModelError(answer.error)
        if answer.completion is not None and answer.completion.finish_reason == LOST:
            return None, True
        return answer.completion, False
