"""The model on real Ray Serve: over HTTP as any OpenAI client would, and by handle as the generator does."""

import contextlib
import json
import os
import signal
import threading
import time

import httpx
import openai
import psutil
import pytest
from pydantic import BaseModel, ConfigDict

from augment.errors import ClusterError
from augment.serve import EngineSpec, load_engine
from augment.serve.app import ServeEngine, deploy, status, undeploy

CHAT = {"model": "Qwen2.5-Coder-1.5B-Instruct", "temperature": 0, "max_tokens": 8}
PAGE = "/v1/chat/completions"


class Capital(BaseModel):
    """An answer with one field."""

    model_config = ConfigDict(extra="forbid")

    capital: str


def wait_for(condition, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.1)
    return False


@pytest.fixture(scope="module")
def client(own_ray, spec, free_port):
    assert deploy(spec, http_port=free_port)
    with httpx.Client(base_url=f"http://127.0.0.1:{free_port}", timeout=120) as made:
        # Answers while the model still loads.
        assert made.get("/health").json()["state"] in ("loading", "ready")
        assert wait_for(lambda: status().state == "ready", 120)
        yield made
    undeploy()
    assert status().state == "off"


def says(text, **more):
    return {**CHAT, "messages": [{"role": "user", "content": text}], **more}


def active(client):
    return client.get("/health").json()["active"]


def test_the_model_is_listed_and_answers_with_token_counts(client):
    assert client.get("/v1/models").json()["data"][0]["id"] == "Qwen/Qwen2.5-Coder-1.5B-Instruct"
    body = client.post(PAGE, json=says("Name the capital of France. One word.")).json()
    assert "Paris" in body["choices"][0]["message"]["content"]
    assert body["usage"]["total_tokens"] == body["usage"]["prompt_tokens"] + body["usage"]["completion_tokens"]


def test_a_stream_arrives_in_pieces(client):
    pieces, moments = [], []
    with client.stream("POST", PAGE, json=says("Count from 1 to 9.", stream=True, max_tokens=12)) as answer:
        for line in answer.iter_lines():
            if line.startswith("data: {"):
                moments.append(time.monotonic())
                delta = json.loads(line.removeprefix("data: "))["choices"][0]["delta"]
                pieces.append(delta.get("content", ""))
    assert "1" in "".join(pieces)
    assert len(pieces) > 3
    assert moments[-1] - moments[0] > 0.05


@pytest.fixture
def official(client):
    """OpenAI's own client, pointed at the replica."""
    with openai.OpenAI(base_url=f"{client.base_url}/v1", api_key="none", max_retries=0, timeout=120) as made:
        yield made


def test_the_official_client_is_answered_with_and_without_a_schema(official):
    [model] = official.models.list().data
    asked = {"model": model.id, "temperature": 0, "seed": 1}
    question = [{"role": "user", "content": "What is the capital of France?"}]
    plain = official.chat.completions.create(**asked, messages=question, max_completion_tokens=12)
    assert "Paris" in plain.choices[0].message.content
    assert plain.choices[0].finish_reason in ("stop", "length")
    assert plain.usage.total_tokens == plain.usage.prompt_tokens + plain.usage.completion_tokens > 12
    parsed = official.chat.completions.parse(
        **asked, messages=question, max_completion_tokens=40, response_format=Capital
    )
    assert "Paris" in parsed.choices[0].message.parsed.capital
    with pytest.raises(openai.BadRequestError, match="temperature"):
        official.chat.completions.create(model=model.id, messages=question, temperature=9)


def test_the_official_client_reads_a_stream_with_a_schema_and_token_counts(official):
    schema = {"name": "capital", "schema": {**Capital.model_json_schema(), "additionalProperties": False}}
    stream = official.chat.completions.create(
        model=CHAT["model"],
        messages=[{"role": "user", "content": "What is the capital of France?"}],
        temperature=0,
        max_tokens=40,
        response_format={"type": "json_schema", "json_schema": schema},
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    pieces = [choice.delta.content or "" for chunk in chunks for choice in chunk.choices]
    assert len(pieces) > 3
    assert "Paris" in Capital.model_validate_json("".join(pieces)).capital
    assert [choice.finish_reason for choice in chunks[-2].choices] == ["stop"]
    assert chunks[-1].usage.completion_tokens >= 5


def test_a_wrong_request_gets_an_error_in_the_protocols_form(client):
    answer = client.post(PAGE, json=says("hi", temperature=9))
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_goes_away_cancels_its_request(client, stream):
    endless = says("Write a very long story.", max_tokens=4000, stream=stream)
    with contextlib.suppress(httpx.ReadTimeout), client.stream("POST", PAGE, json=endless, timeout=3) as answer:
        next(answer.iter_lines())
    assert wait_for(lambda: active(client) == 0, 20)


def test_a_second_deployment_shares_the_first(client, spec, free_port):
    assert deploy(spec, http_port=free_port) is False


def test_cancelled_calls_of_the_generator_come_back_and_free_the_batch(client, ask):
    engine = ServeEngine("Qwen2.5-Coder-1.5B-Instruct")
    answers = []
    asked = [ask("Write a very long story.", max_tokens=4000)] * 2
    caller = threading.Thread(target=lambda: answers.extend(engine.generate(asked)))
    caller.start()
    assert wait_for(lambda: active(client) == 2, 20)
    engine.cancel()
    caller.join(20)
    assert [answer.finish_reason for answer in answers] == ["cancelled"] * 2
    assert wait_for(lambda: active(client) == 0, 20)


def test_a_killed_replica_costs_the_generator_no_answer(client, ask):
    engine = ServeEngine("Qwen2.5-Coder-1.5B-Instruct")
    answers = []
    asked = [ask(f"Count to {top}.", temperature=0, max_tokens=24) for top in (20, 30)]
    caller = threading.Thread(target=lambda: answers.extend(engine.generate(asked)))
    caller.start()
    assert wait_for(lambda: active(client) == 2, 20)
    model_process = psutil.Process(status().pid)
    os.kill(model_process.ppid(), signal.SIGKILL)
    caller.join(120)
    assert [answer.completion_tokens > 5 for answer in answers] == [True, True]
    assert not model_process.is_running() or model_process.status() == psutil.STATUS_ZOMBIE


def test_a_port_in_use_is_one_clear_line(monkeypatch, spec, free_port):
    import socket

    from augment.serve import app

    monkeypatch.setattr(app, "_serve_runs", lambda: False)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ClusterError, match=f"cannot use 127.0.0.1:{port}.*endpoint_port"):
            deploy(spec, http_port=port)


def test_another_augment_takes_it_for_its_model_as_a_server_elsewhere(client, free_port, ask):
    spec = EngineSpec(
        "Qwen/Qwen2.5-Coder-1.5B-Instruct", engine="openai", base_url=f"http://127.0.0.1:{free_port}/v1", max_ongoing=2
    )
    schema = {"type": "object", "properties": {"capital": {"type": "string"}}, "required": ["capital"]}
    with load_engine(spec, timeout_s=60) as elsewhere:
        word, data = elsewhere.generate(
            [
                ask("Name the capital of France. One word.", max_tokens=8, temperature=0.0),
                ask("What is the capital of France?", max_tokens=40, temperature=0.0, json_schema=schema),
            ]
        )
    assert "Paris" in word.text
    assert "Paris" in json.loads(data.text)["capital"]
    assert min(word.prompt_tokens, word.completion_tokens, data.prompt_tokens, data.completion_tokens) > 0
