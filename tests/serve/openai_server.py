"""A server that speaks OpenAI's protocol as others do, on a real port; what it is asked is kept."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse


class OpenAIServer:
    """Plays ``pieces`` to each chat, after the ``refusals`` (status, headers, body) that come first."""

    def __init__(self) -> None:
        self.models: list[str] | None = ["qwen"]
        self.key = ""
        self.pieces = ["Hel", "lo"]
        self.finish = "stop"
        self.usage: dict[str, int] | None = {"prompt_tokens": 7, "completion_tokens": 2}
        self.refusals: list[tuple[int, dict[str, str], object]] = []
        self.takes_schemas = True
        self.pause_s = 0.0
        self.asked: list[dict[str, Any]] = []
        self.app = FastAPI()
        self.app.add_api_route("/v1/models", self._models, methods=["GET"])
        self.app.add_api_route("/v1/chat/completions", self._chat, methods=["POST"], response_model=None)

    def _refused(self, request: Request) -> bool:
        return bool(self.key) and request.headers.get("authorization") != f"Bearer {self.key}"

    async def _models(self, request: Request) -> Response:
        if self._refused(request):
            return JSONResponse({"error": {"message": "no"}}, 401)
        if self.models is None:
            return JSONResponse({}, 404)
        return JSONResponse({"data": [{"id": name} for name in self.models]})

    async def _chat(self, request: Request) -> Response:
        body = await request.json()
        self.asked.append(body)
        if self.refusals:
            status, headers, content = self.refusals.pop(0)
            return JSONResponse(content, status, headers)
        if "response_format" in body and not self.takes_schemas:
            return JSONResponse({"error": {"message": "response_format is not supported"}}, 400)
        return StreamingResponse(self._stream(), media_type="text/event-stream")

    def _stream(self) -> Iterator[str]:
        for piece in self.pieces:
            time.sleep(self.pause_s)
            yield _event({"choices": [{"delta": {"content": piece}, "finish_reason": None}]})
        yield _event({"choices": [{"delta": {}, "finish_reason": self.finish}]})
        if self.usage is not None:
            yield _event({"choices": [], "usage": self.usage})
        yield "data: [DONE]\n\n"


class Listening:
    """The server on a port of its own, in a thread, as a context manager."""

    def __init__(self, server: OpenAIServer) -> None:
        self._web = uvicorn.Server(uvicorn.Config(server.app, host="127.0.0.1", port=0, log_level="warning"))
        self._thread = threading.Thread(target=self._web.run, daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        deadline = time.monotonic() + 10
        while not self._web.started:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        port = self._web.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}/v1"

    def __exit__(self, *_: object) -> None:
        self._web.should_exit = True
        self._web.force_exit = True
        self._thread.join(5)


def _event(data: object) -> str:
    return f"data: {json.dumps(data)}\n\n"
