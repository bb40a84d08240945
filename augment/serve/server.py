"""One model behind one bounded queue: what the Ray Serve deployment does, as a plain class that needs no Ray."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from augment.errors import ModelError
from augment.seams import Completion, Request
from augment.serve.engine import Delta, EngineSpec
from augment.serve.engine_process import LOST, EngineState, Sink


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server says to one request: a completion, or that it is busy, or an error for a person."""

    completion: Completion | None = None
    busy: bool = False
    error: str = ""


class Engine(Protocol):
    """What the server needs of :class:`augment.serve.engine_process.EngineProcess`."""

    @property
    def state(self) -> EngineState: ...  # noqa: D102

    @property
    def active(self) -> int: ...  # noqa: D102

    @property
    def pid(self) -> int | None: ...  # noqa: D102

    def submit_to(self, request: Request, sink: Sink) -> int: ...  # noqa: D102

    def cancel(self, request_id: int) -> None: ...  # noqa: D102

    def close(self) -> None: ...  # noqa: D102


class ChatServer:
    """Answers chats with an engine, and turns away what its queue cannot hold."""

    def __init__(self, spec: EngineSpec, engine: Engine) -> None:
        self._spec = spec
        self._engine = engine
        self.created = int(time.time())

    @property
    def model(self) -> str:
        """The name of the model."""
        return self._spec.model

    @property
    def state(self) -> EngineState:
        """Where the engine stands."""
        return self._engine.state

    @property
    def full(self) -> bool:
        """Whether the queue has no place left."""
        return self._engine.active >= self._spec.max_ongoing + self._spec.max_queued

    def health(self) -> dict[str, Any]:
        """How the model stands: state, detail, model, requests under way, process id of the model."""
        state = self._engine.state
        return {
            "state": "failed" if state.phase == "closed" else state.phase,
            "detail": state.text,
            "model": self._spec.model,
            "active": self._engine.active,
            "pid": self._engine.pid,
        }

    async def complete(self, request: Request) -> Answer:
        """Continue one chat. Cancelling the call takes the request out of the batch."""
        if self.full:
            return Answer(busy=True)
        started = time.monotonic()
        try:
            deltas = [delta async for delta in self.stream(request)]
        except ModelError as error:
            return Answer(error=str(error))
        last = deltas[-1]
        if last.finish_reason == "error":
            return Answer(error=f"The model refused a request: {last.error}.")
        text = "".join(delta.text for delta in deltas)
        reason = last.finish_reason or LOST
        seconds = time.monotonic() - started
        return Answer(Completion(text, last.prompt_tokens, last.completion_tokens, reason, seconds))

    async def generate(self, requests: Sequence[Request]) -> list[Answer]:
        """Continue several chats in one batch."""
        return list(await asyncio.gather(*(self.complete(request) for request in requests)))

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        """The pieces of an answer; left early, however that happens, the request is cancelled.

        Raises ModelError when the engine has failed.
        """
        loop = asyncio.get_running_loop()
        news: asyncio.Queue[Delta] = asyncio.Queue()

        def hand_over(delta: Delta) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: the server is on its way out
                loop.call_soon_threadsafe(news.put_nowait, delta)

        request_id = self._engine.submit_to(request, hand_over)
        finished = False
        try:
            while not finished:
                delta = await news.get()
                finished = delta.finish_reason is not None
                yield delta
        finally:
            if not finished:
                self._engine.cancel(request_id)

    def close(self) -> None:
        """End the engine."""
        self._engine.close()
