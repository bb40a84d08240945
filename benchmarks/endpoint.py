"""The packaged model behind Augment's own OpenAI-compatible pages, in this process and without Ray, for peers."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import AsyncGenerator
from dataclasses import replace

import uvicorn
from fastapi import FastAPI
from fastapi.responses import Response
from watched import free_port

from augment.config import load_settings
from augment.seams import Request
from augment.serve import Delta, EngineProcess
from augment.serve.openai_api import ChatRequest
from augment.serve.openai_http import chat_response
from augment.serve.server import ChatServer
from augment.wiring import engine_spec

_LOAD_LIMIT_S = 900.0
_START_LIMIT_S = 30.0


class _Counting(ChatServer):
    """Adds up the tokens of every answer that came to its end."""

    prompt_tokens = 0
    completion_tokens = 0

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        async with contextlib.aclosing(super().stream(request)) as pieces:
            async for delta in pieces:
                if delta.finish_reason is not None:
                    self.prompt_tokens += delta.prompt_tokens
                    self.completion_tokens += delta.completion_tokens
                yield delta


class Endpoint:
    """Serves the model of the settings as ``alias`` on loopback between :meth:`start` and :meth:`stop`."""

    def __init__(self, alias: str) -> None:
        spec = engine_spec(load_settings({}, None, None).settings.model)
        if spec is None:
            raise SystemExit("the settings switch the model off; CoverUp needs one")
        # As urgent as the peer's own tests, which would starve a model in the background.
        spec = replace(spec, nice=0)
        self._engine = EngineProcess(spec)
        self._chat = _Counting(spec, self._engine)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/v1"
        self._web = uvicorn.Server(uvicorn.Config(self._pages(alias), host="127.0.0.1", port=port, log_level="warning"))
        self._thread = threading.Thread(target=self._web.run, daemon=True)

    @property
    def tokens(self) -> tuple[int, int]:
        """Prompt and completion tokens so far."""
        return self._chat.prompt_tokens, self._chat.completion_tokens

    def start(self) -> None:
        """Load the model and open the port."""
        self._engine.wait_ready(_LOAD_LIMIT_S)
        self._thread.start()
        deadline = time.monotonic() + _START_LIMIT_S
        while not self._web.started:
            if time.monotonic() > deadline:
                raise SystemExit("the endpoint of the model did not open")
            time.sleep(0.05)

    def stop(self) -> None:
        """Close the port and end the model."""
        self._web.should_exit = True
        self._thread.join(10)
        self._chat.close()

    def _pages(self, alias: str) -> FastAPI:
        app = FastAPI(docs_url=None, redoc_url=None)

        async def chat(body: ChatRequest) -> Response:
            known = self._chat.model if body.model.rpartition("/")[2] == alias else body.model
            return await chat_response(self._chat, body.model_copy(update={"model": known}))

        app.add_api_route("/v1/chat/completions", chat, methods=["POST"], response_model=None)
        return app
