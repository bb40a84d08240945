"""The OpenAI chat protocol: requests in, answers, chunks and errors out. Plain data; the web part is in ``app.py``."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from augment.seams import Completion, Message, Request, Sampling
from augment.serve.engine import Delta

DEFAULT_MAX_TOKENS = 2048


class TextPart(BaseModel):
    """One piece of a message that is given in pieces."""

    type: Literal["text"]
    text: str


class ChatMessage(BaseModel):
    """One turn of the chat."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[TextPart]

    def plain(self) -> Message:
        """The turn as the engine takes it. Qwen knows no *developer*; it is the newer name of *system*."""
        text = self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)
        return Message("system" if self.role == "developer" else self.role, text)


class JsonSchema(BaseModel):
    """The schema that an answer must follow."""

    model_config = ConfigDict(populate_by_name=True)

    name: str = "answer"
    json_schema: dict[str, Any] = Field(alias="schema")


class ResponseFormat(BaseModel):
    """Free text, any JSON object, or JSON that follows a schema."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None

    def schema_dict(self) -> dict[str, Any] | None:
        """The JSON schema to hold the answer to, if any."""
        if self.type == "json_object":
            return {"type": "object"}
        return self.json_schema.json_schema if self.type == "json_schema" and self.json_schema else None


class StreamOptions(BaseModel):
    """Whether the last chunk tells the token counts."""

    include_usage: bool = False


class ChatRequest(BaseModel):
    """The body of ``POST /v1/chat/completions``. Fields of the protocol that are not here are ignored."""

    model: str
    messages: list[ChatMessage] = Field(min_length=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    stop: str | list[str] | None = None
    seed: int | None = Field(default=None, ge=0)
    n: Literal[1] | None = None
    stream: bool = False
    stream_options: StreamOptions | None = None
    response_format: ResponseFormat | None = None

    def request(self) -> Request:
        """The request as the engine takes it."""
        stops = [self.stop] if isinstance(self.stop, str) else self.stop or []
        defaults = Sampling()
        sampling = Sampling(
            temperature=defaults.temperature if self.temperature is None else self.temperature,
            top_p=defaults.top_p if self.top_p is None else self.top_p,
            max_tokens=self.max_completion_tokens or self.max_tokens or DEFAULT_MAX_TOKENS,
            stop=tuple(stops),
            seed=None if self.seed is None else self.seed % 2**31,
            json_schema=self.response_format.schema_dict() if self.response_format else None,
        )
        return Request(tuple(message.plain() for message in self.messages), sampling)

    @property
    def wants_usage(self) -> bool:
        """Whether a stream ends with the token counts."""
        return self.stream_options is not None and self.stream_options.include_usage


def new_answer_id() -> str:
    """An identifier of one answer."""
    return f"chatcmpl-{uuid.uuid4().hex[:24]}"


def models_body(model: str, created: int) -> dict[str, Any]:
    """The body of ``GET /v1/models``."""
    return {"object": "list", "data": [{"id": model, "object": "model", "created": created, "owned_by": "augment"}]}


def usage(prompt_tokens: int, completion_tokens: int) -> dict[str, int]:
    """Token counts in the protocol's form."""
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }


def answer_body(model: str, completion: Completion) -> dict[str, Any]:
    """The body of an answer that is not streamed."""
    message = {"role": "assistant", "content": completion.text}
    return {
        "id": new_answer_id(),
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": completion.finish_reason}],
        "usage": usage(completion.prompt_tokens, completion.completion_tokens),
    }


def chunk_event(answer_id: str, model: str, content: Mapping[str, Any], finish_reason: str | None) -> str:
    """One server-sent event of a streamed answer."""
    return _event(
        {
            "id": answer_id,
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": model,
            "choices": [{"index": 0, "delta": dict(content), "logprobs": None, "finish_reason": finish_reason}],
        }
    )


def usage_event(answer_id: str, model: str, last: Delta) -> str:
    """The event with token counts that ends a stream which asked for them."""
    counts = usage(last.prompt_tokens, last.completion_tokens)
    body = {"id": answer_id, "object": "chat.completion.chunk", "created": int(time.time()), "model": model}
    return _event({**body, "choices": [], "usage": counts})


def error_event(message: str) -> str:
    """The event that ends a stream which cannot go on."""
    return _event(error_body(message, "server_error", None))


DONE_EVENT = "data: [DONE]\n\n"


def _event(body: Mapping[str, Any]) -> str:
    return f"data: {json.dumps(body)}\n\n"


def error_body(message: str, kind: str, code: str | None, param: str | None = None) -> dict[str, Any]:
    """The body of an error. ``kind`` is the protocol's ``type``."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}
