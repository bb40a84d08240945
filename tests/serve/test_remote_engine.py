"""Any OpenAI-compatible server as an engine: what is asked, what comes back, what goes wrong."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from openai_server import Listening, OpenAIServer

from augment.errors import ModelError
from augment.seams import Completion, Message, Request, Sampling
from augment.serve import EngineProcess, EngineSpec
from augment.serve.engine_process import completion_of
from augment.serve.remote_engine import RemoteCore, load

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}


@pytest.fixture
def server() -> OpenAIServer:
    return OpenAIServer()


@pytest.fixture
def url(server: OpenAIServer) -> Iterator[str]:
    with Listening(server) as address:
        yield address


@pytest.fixture
def spec(url: str) -> EngineSpec:
    return EngineSpec("qwen", engine="openai", base_url=url, max_ongoing=2)


def answered(core: RemoteCore, request: Request) -> Completion:
    core.add(1, request)
    deltas = []
    deadline = time.monotonic() + 20
    while core.busy:
        assert time.monotonic() < deadline
        deltas += core.step()
    return completion_of(deltas, 0.0)


def chat(**sampling: object) -> Request:
    return Request((Message("system", "be short"), Message("user", "hi")), Sampling(**sampling))  # type: ignore[arg-type]


def test_a_chat_is_streamed_with_its_token_counts(server: OpenAIServer, spec: EngineSpec) -> None:
    answer = answered(load(spec), chat(max_tokens=9, stop=("END",), seed=3, temperature=0.0))
    assert (answer.text, answer.prompt_tokens, answer.completion_tokens) == ("Hello", 7, 2)
    assert answer.finish_reason == "stop"
    (body,) = server.asked
    assert body["messages"] == [{"role": "system", "content": "be short"}, {"role": "user", "content": "hi"}]
    assert (body["model"], body["max_tokens"], body["stop"], body["seed"]) == ("qwen", 9, ["END"], 3)
    assert "response_format" not in body


def test_a_server_that_counts_nothing_is_counted_by_its_pieces(server: OpenAIServer, spec: EngineSpec) -> None:
    server.usage, server.finish = None, "length"
    answer = answered(load(spec), chat())
    assert (answer.completion_tokens, answer.finish_reason) == (2, "length")


def test_a_schema_is_asked_for_and_left_out_where_the_server_refuses_it(server: OpenAIServer, spec: EngineSpec) -> None:
    core = load(spec)
    assert answered(core, chat(json_schema=SCHEMA)).text == "Hello"
    assert server.asked[0]["response_format"]["json_schema"]["schema"] == SCHEMA
    server.takes_schemas = False
    server.asked.clear()
    assert answered(core, chat(json_schema=SCHEMA)).text == "Hello"
    assert answered(core, chat(json_schema=SCHEMA)).text == "Hello"
    assert ["response_format" in body for body in server.asked] == [True, False, False]


def test_a_busy_server_is_asked_again_a_limited_number_of_times(server: OpenAIServer, spec: EngineSpec) -> None:
    busy = (429, {"Retry-After": "0.01"}, {"error": {"message": "slow down"}})
    server.refusals = [busy, busy]
    assert answered(load(spec), chat()).text == "Hello"
    server.refusals = [busy] * 9
    with pytest.raises(ModelError, match="answers 429: slow down"):
        answered(load(spec), chat())
    assert len(server.refusals) == 6


def test_what_the_server_says_of_a_bad_request_is_passed_on(server: OpenAIServer, spec: EngineSpec) -> None:
    server.refusals = [(400, {}, {"error": {"message": "too\nlong"}})]
    with pytest.raises(ModelError, match="answers 400: too long"):
        answered(load(spec), chat())


def test_a_stream_that_nobody_wants_any_more_ends_at_once(server: OpenAIServer, spec: EngineSpec) -> None:
    server.pieces, server.pause_s = ["x"] * 200, 0.05
    core = load(spec)
    core.add(1, chat())
    core.add(2, chat())
    while not any(delta.text for delta in core.step()):
        pass
    threading.Timer(0.1, lambda: None).start()
    core.cancel(1)
    core.cancel(2)
    core.cancel(3)
    ended = [delta for _ in range(5) for delta in core.step() if delta.finish_reason]
    assert {(delta.id, delta.finish_reason) for delta in ended} == {(1, "cancelled"), (2, "cancelled")}
    assert not core.busy


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda server: setattr(server, "models", ["a", "b"]), "has no model 'qwen'; it has a, b: set `model_name`"),
        (lambda server: setattr(server, "key", "right"), "refuses the key"),
    ],
)
def test_a_server_that_cannot_be_used_is_said_in_one_line(
    server: OpenAIServer, spec: EngineSpec, change: Callable[[OpenAIServer], None], words: str
) -> None:
    change(server)
    with pytest.raises(ModelError, match=words):
        load(spec)


def test_a_server_without_a_list_of_models_is_taken_at_its_word(server: OpenAIServer, spec: EngineSpec) -> None:
    server.models = None
    assert answered(load(spec), chat()).text == "Hello"


def test_nobody_there_is_said_with_the_address() -> None:
    with pytest.raises(ModelError, match=r"No server answers at http://127.0.0.1:9/v1 .*mend `base_url`"):
        load(EngineSpec("qwen", engine="openai", base_url="http://127.0.0.1:9/v1"))
    with pytest.raises(ModelError, match="set `base_url`"):
        load(EngineSpec("qwen", engine="openai"))


def test_the_key_reaches_the_server_and_stands_in_no_command_line(server: OpenAIServer, url: str) -> None:
    server.key = "s3cret-key"
    spec = EngineSpec("qwen", engine="openai", base_url=url, key=server.key)
    assert server.key not in repr(spec)
    engine = EngineProcess(spec)
    try:
        engine.wait_ready(60)
        assert engine.submit(chat()).result(30).text == "Hello"
        assert engine.pid is not None
        assert server.key not in " ".join(psutil.Process(engine.pid).cmdline())
        assert server.key not in Path(f"/proc/{engine.pid}/cmdline").read_text()
    finally:
        engine.close()
