"""The OpenAI-compatible pages over a :class:`~augment.serve.server.ChatServer`, without Ray."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response, StreamingResponse

from augment.access import has_bearer
from augment.errors import ModelError
from augment.seams import Completion
from augment.serve import openai_api as openai
from augment.serve.engine import Delta
from augment.serve.engine_process import LOST
from augment.serve.server import ChatServer

_BROKEN_OFF = ("error", LOST, "cancelled")
_LOST_TEXT = "The model was lost while it wrote; try again."


def invalid_response(error: RequestValidationError) -> Response:
    """What a malformed request is told: the field at fault, and why."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part != "body")
    return _error(400, f"{where}: {first['msg']}", "invalid_request_error", param=where or None)


def token_refusal(authorization: str, digest: str | None) -> Response | None:
    """401 unless the header carries the token of which ``digest`` is known; None asks for none."""
    if digest is None or has_bearer(authorization, digest):
        return None
    message = "This endpoint needs its token as API key; `augment token` prints it where Augment runs."
    return _error(401, message, "invalid_request_error", "invalid_api_key")


def health_response(server: ChatServer) -> Response:
    """200 while the model loads or answers, 503 when it has failed."""
    known = server.health()
    return JSONResponse(known, status_code=503 if known["state"] == "failed" else 200)


async def chat_response(server: ChatServer, body: openai.ChatRequest) -> Response:
    """Continue a chat, streamed or not."""
    refusal = _refusal(server, body)
    if refusal is not None:
        return refusal
    pieces = server.stream(body.request())
    try:
        # The first piece decides the status code, so it is awaited before any answer begins.
        first = await anext(pieces)
    except ModelError as error:
        return _error(503, str(error), "server_error", "model_failed")
    if first.finish_reason == "error":
        return _error(400, first.error, "invalid_request_error")
    if body.stream:
        return StreamingResponse(_events(server.model, body, first, pieces), media_type="text/event-stream")
    return await _whole(server.model, first, pieces)


def _refusal(server: ChatServer, body: openai.ChatRequest) -> Response | None:
    known = server.model.lower()
    if body.model.lower() not in (known, known.rpartition("/")[2]):
        message = f"The model {body.model!r} is not served here; {server.model!r} is."
        return _error(404, message, "invalid_request_error", "model_not_found")
    if server.state.phase == "loading":
        return _error(503, "The model is still loading; try again soon.", "server_error", "model_loading")
    if server.full:
        return _error(429, "The queue is full; try again later.", "rate_limit_error", "queue_full")
    return None


async def _whole(model: str, first: Delta, pieces: AsyncGenerator[Delta, None]) -> Response:
    deltas = [first, *[delta async for delta in pieces]]
    last = deltas[-1]
    if last.finish_reason is None or last.finish_reason in _BROKEN_OFF:
        return _error(503, _LOST_TEXT, "server_error", "model_lost")
    text = "".join(delta.text for delta in deltas)
    completion = Completion(text, last.prompt_tokens, last.completion_tokens, last.finish_reason)
    return JSONResponse(openai.answer_body(model, completion))


async def _events(
    model: str, body: openai.ChatRequest, first: Delta, pieces: AsyncGenerator[Delta, None]
) -> AsyncGenerator[str, None]:
    answer_id = openai.new_answer_id()
    # Closed explicitly: a client that goes away must free its place in the batch now, not when memory is tidied up.
    async with contextlib.aclosing(pieces):
        yield openai.chunk_event(answer_id, model, {"role": "assistant", "content": first.text}, first.finish_reason)
        last = first
        async for delta in pieces:
            last = delta
            if delta.finish_reason in _BROKEN_OFF:
                yield openai.error_event(_LOST_TEXT)
                return
            if delta.text or delta.finish_reason:
                content = {"content": delta.text} if delta.text else {}
                yield openai.chunk_event(answer_id, model, content, delta.finish_reason)
    if body.wants_usage:
        yield openai.usage_event(answer_id, model, last)
    yield openai.DONE_EVENT


def _error(status: int, message: str, kind: str, code: str | None = None, param: str | None = None) -> Response:
    # A client may ask again after a full queue or a restart, and is told so in the usual header.
    headers = {"Retry-After": "1"} if status in (429, 503) else None
    return JSONResponse(openai.error_body(message, kind, code, param), status_code=status, headers=headers)
