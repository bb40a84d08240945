"""A model on this machine without Ray, for one-off work: the set-up's proof, tests, a quick pass."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from augment.errors import ModelError
from augment.seams import Completion, Request
from augment.serve.engine import EngineSpec
from augment.serve.engine_process import LOST, EngineProcess, EngineState

_TRIES = 3
LOAD_LIMIT_S = 900.0


class LocalEngine:
    """An :class:`augment.seams.Engine` in a child process. Safe to call from several threads; they share one batch."""

    def __init__(self, spec: EngineSpec) -> None:
        self.process = EngineProcess(spec)
        self._model = spec.model

    @property
    def model(self) -> str:
        """The name of the model."""
        return self._model

    @property
    def state(self) -> EngineState:
        """Whether the model is loading, ready, failed or closed."""
        return self.process.state

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        """Continue all chats in one batch. Raises ModelError when one is refused or the model is lost for good."""
        answers: dict[int, Completion] = {}
        for _attempt in range(_TRIES):
            missing = [at for at in range(len(requests)) if at not in answers]
            handles = {at: self.process.submit(requests[at]) for at in missing}
            done = {at: handle.result() for at, handle in handles.items()}
            answers.update({at: answer for at, answer in done.items() if answer.finish_reason != LOST})
            if len(answers) == len(requests):
                return [answers[at] for at in range(len(requests))]
        raise ModelError(f"The process of {self._model} died {_TRIES} times over the same requests.")

    def close(self) -> None:
        """End the model's process."""
        self.process.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def load_engine(spec: EngineSpec, *, timeout_s: float = LOAD_LIMIT_S) -> LocalEngine:
    """Load a model and wait until it answers. Raises ModelError."""
    engine = LocalEngine(spec)
    try:
        engine.process.wait_ready(timeout_s)
    except ModelError:
        engine.close()
        raise
    return engine
