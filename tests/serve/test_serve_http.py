import asyncio
import json

import httpx
import pytest
from fastapi import FastAPI
from fastapi import Request as HttpRequest
from fastapi.exceptions import RequestValidationError

from augment.access import digest_of
from augment.serve import Delta, EngineSpec, EngineState
from augment.serve.openai_api import ChatRequest
from augment.serve.openai_http import chat_response, health_response, invalid_response, token_refusal
from augment.serve.server import ChatServer


class ScriptedEngine:
    """Plays given pieces to every request; None as a piece waits for ever."""

    def __init__(self, script=(), phase="ready", active=0):
        self.script, self.state, self.active, self.pid = script, EngineState(phase), active, 1
        self.requests, self.cancelled = [], []

    def submit_to(self, request, sink):
        self.requests.append(request)
        for delta in self.script:
            if delta is not None:
                sink(delta)
        return len(self.requests)

    def cancel(self, request_id):
        self.cancelled.append(request_id)

    def close(self):
        self.state = EngineState("closed")


KEY = "the-key-of-this-test"
HELLO = (Delta(1, "Hel", 5, 1), Delta(1, "", 5, 2), Delta(1, "lo", 5, 3, "stop"))
CHAT = {"model": "org/m", "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture
def post():
    """Post a chat to a server over the given engine, without sockets."""

    def make(engine, body, path="/v1/chat/completions"):
        server = ChatServer(EngineSpec("org/m", max_ongoing=2, max_queued=1), engine)
        app = FastAPI()

        @app.exception_handler(RequestValidationError)
        async def invalid(_request: HttpRequest, error: RequestValidationError):
            return invalid_response(error)

        @app.post("/v1/chat/completions", response_model=None)
        async def chat(body: ChatRequest):
            return await chat_response(server, body)

        @app.post("/health", response_model=None)
        async def health():
            return health_response(server)

        async def call():
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
                return await client.post(path, json=body)

        return asyncio.run(call())

    return make


def test_an_answer_has_the_text_and_the_token_counts(post):
    body = post(ScriptedEngine(HELLO), CHAT).json()
    assert body["choices"][0]["message"] == {"role": "assistant", "content": "Hello"}
    assert body["choices"][0]["finish_reason"] == "stop"
    assert body["usage"] == {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}


def test_a_stream_sends_pieces_then_usage_then_done(post):
    answer = post(ScriptedEngine(HELLO), {**CHAT, "stream": True, "stream_options": {"include_usage": True}})
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [line.removeprefix("data: ") for line in answer.text.splitlines() if line]
    assert events[-1] == "[DONE]"
    chunks = [json.loads(event) for event in events[:-1]]
    assert [chunk["choices"][0]["delta"].get("content") for chunk in chunks[:-1]] == ["Hel", "lo"]
    assert chunks[-1]["usage"]["completion_tokens"] == 3


def test_every_sampling_field_reaches_the_engine(post):
    engine = ScriptedEngine(HELLO)
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    asked = {
        **CHAT,
        "messages": [
            {"role": "developer", "content": "be brief"},
            {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        ],
        "temperature": 0,
        "top_p": 0.5,
        "max_completion_tokens": 7,
        "stop": "END",
        "seed": 3,
        "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}},
    }
    assert post(engine, asked).status_code == 200
    [request] = engine.requests
    assert [(turn.role, turn.content) for turn in request.messages] == [("system", "be brief"), ("user", "ab")]
    sampling = request.sampling
    assert (sampling.temperature, sampling.top_p, sampling.max_tokens, sampling.seed) == (0, 0.5, 7, 3)
    assert (sampling.stop, sampling.json_schema) == (("END",), schema)


@pytest.mark.parametrize(
    ("change", "status", "code", "said"),
    [
        ({"temperature": 3}, 400, None, "temperature"),
        ({"messages": []}, 400, None, "messages"),
        ({"n": 2}, 400, None, "n:"),
        ({"max_tokens": 0}, 400, None, "max_tokens"),
        ({"model": "gpt-4"}, 404, "model_not_found", "gpt-4"),
    ],
)
def test_a_wrong_request_is_told_what_is_wrong_in_the_protocols_form(post, change, status, code, said):
    answer = post(ScriptedEngine(HELLO), {**CHAT, **change})
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["code"]) == (status, "invalid_request_error", code)
    assert said in error["message"]


@pytest.mark.parametrize(
    ("engine", "status", "code"),
    [
        (ScriptedEngine(phase="loading"), 503, "model_loading"),
        (ScriptedEngine(active=3), 429, "queue_full"),
        (ScriptedEngine([Delta(1, "a", 1, 1), Delta(1, finish_reason="lost")]), 503, "model_lost"),
        (ScriptedEngine([Delta(1, finish_reason="error", error="too long")]), 400, None),
    ],
)
def test_a_model_that_cannot_answer_says_so(post, engine, status, code):
    answer = post(engine, CHAT)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_a_stream_that_breaks_off_ends_with_an_error_event(post):
    engine = ScriptedEngine([Delta(1, "a", 1, 1), Delta(1, finish_reason="lost")])
    last = post(engine, {**CHAT, "stream": True}).text.splitlines()[-2]
    assert json.loads(last.removeprefix("data: "))["error"]["type"] == "server_error"


@pytest.mark.parametrize(("phase", "status"), [("loading", 200), ("ready", 200), ("failed", 503), ("closed", 503)])
def test_health_answers_in_every_state(post, phase, status):
    assert post(ScriptedEngine(phase=phase), {}, "/health").status_code == status


def test_a_call_that_is_cancelled_takes_its_request_out_of_the_batch(ask):
    engine = ScriptedEngine([Delta(1, "a", 1, 1)])
    server = ChatServer(EngineSpec("org/m"), engine)

    async def call_and_leave():
        call = asyncio.ensure_future(server.complete(ask("hi")))
        await asyncio.sleep(0.05)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)

    asyncio.run(call_and_leave())
    assert engine.cancelled == [1]


def test_a_full_queue_and_a_refusal_are_answers_of_their_own(ask):
    full = ChatServer(EngineSpec("m", max_ongoing=1, max_queued=0), ScriptedEngine(active=1))
    assert asyncio.run(full.complete(ask("hi"))).busy
    refusing = ChatServer(EngineSpec("m"), ScriptedEngine([Delta(1, finish_reason="error", error="no")]))
    assert "no" in asyncio.run(refusing.complete(ask("hi"))).error


@pytest.mark.parametrize(
    ("sent", "status"), [(None, 401), ("Bearer wrong", 401), (f"Basic {KEY}", 401), (f"Bearer {KEY}", 200)]
)
def test_an_endpoint_that_others_reach_takes_its_token_as_api_key(sent, status):
    """As the openai client sends ``api_key``; without a token to ask for, everybody is let in."""
    app = FastAPI()

    @app.get("/v1/models", response_model=None)
    def models(asked: HttpRequest):
        return token_refusal(asked.headers.get("authorization", ""), digest_of(KEY)) or {"data": []}

    async def call():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return await client.get("/v1/models", headers={"authorization": sent} if sent else {})

    answer = asyncio.run(call())
    assert answer.status_code == status
    if status == 401:
        assert answer.json()["error"]["code"] == "invalid_api_key"
    assert token_refusal("", None) is None
