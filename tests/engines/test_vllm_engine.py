"""The vLLM engine with the real model, by vLLM for CPUs in its environment. Loaded once: the last test kills it."""

import json
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from augment.errors import ModelError
from augment.serve import EngineSpec, load_engine
from augment.serve.convert import converted
from augment.serve.engine import WORK_FOLDER_VARIABLE

LIMIT_S = 300


def shared_memory(process):
    return {Path(mapped.path) for mapped in process.memory_maps() if mapped.path.startswith("/dev/shm/")}


@pytest.fixture(scope="module")
def vllm_spec(spec, engines_python):
    return replace(spec, engine="vllm", python=engines_python, kv_cache_gb=0.5)


@pytest.fixture(scope="module")
def engine(vllm_spec, model_files):
    converted(model_files, "safetensors", python=vllm_spec.python)
    with load_engine(vllm_spec) as loaded:
        yield loaded


def test_prompts_are_answered_in_one_batch_each_with_its_own_answer_and_bad_ones_cost_nobody_anything(engine, ask):
    countries = {"France": "Paris", "Japan": "Tokyo", "Italy": "Rome", "Spain": "Madrid"}
    handles = [
        engine.process.submit(ask(f"Name the capital of {country}. One word.", temperature=0, max_tokens=8))
        for country in countries
    ]
    # The attention cache of half a gigabyte holds fewer tokens than the model could read.
    with pytest.raises(ModelError, match=r"the prompt has 4.* tokens, and at most [0-9]+ can be read"):
        engine.generate([ask("word " * 40_000)])
    with pytest.raises(ModelError, match="JSON schema is not valid"):
        engine.generate([ask("x", json_schema={"type": "nonsense"})])
    with pytest.raises(ModelError, match="top_p must be in"):
        engine.generate([ask("x", top_p=0.0)])
    answers = [handle.result(timeout_s=LIMIT_S) for handle in handles]
    for answer, capital in zip(answers, countries.values(), strict=True):
        assert capital in answer.text
        assert answer.finish_reason == "stop"
        assert 20 < answer.prompt_tokens < 60


def test_limits_stop_strings_schemas_and_seeds_hold_in_one_batch(engine, ask):
    schema = {
        "type": "object",
        "properties": {"age": {"type": "integer", "minimum": 1, "maximum": 99}},
        "required": ["age"],
        "additionalProperties": False,
    }
    name = ask("Invent a name for a cat.", temperature=1.5, top_p=1.0, max_tokens=6, seed=11)
    counted, stopped, data, one, other = engine.generate(
        [
            ask("Count from 1 to 100.", temperature=0, max_tokens=6),
            ask("Write the numbers from 1 to 9 separated by commas.", temperature=0, max_tokens=16, stop=("5",)),
            ask("Invent a person.", max_tokens=24, json_schema=schema),
            name,
            name,
        ]
    )
    assert (counted.completion_tokens, counted.finish_reason) == (6, "length")
    assert "4" in stopped.text
    assert "5" not in stopped.text
    assert stopped.finish_reason == "stop"
    assert set(json.loads(data.text)) == {"age"}
    assert one.text == other.text


def test_an_answer_is_streamed_with_its_counts(engine, ask):
    deltas = list(
        engine.process.submit(ask("Count from 1 to 100.", temperature=0, max_tokens=12)).deltas(timeout_s=LIMIT_S)
    )
    assert len([delta for delta in deltas if delta.text]) > 3
    counts = [delta.completion_tokens for delta in deltas]
    assert counts == sorted(counts)
    assert counts[-1] == 12


def test_cancelling_ends_a_request_and_the_others_go_on(engine, ask):
    endless = engine.process.submit(ask("Write a very long story.", max_tokens=4000))
    at_once = engine.process.submit(ask("Write a very long story.", max_tokens=4000))
    at_once.cancel()
    pieces = endless.deltas(timeout_s=LIMIT_S)
    next(pieces)
    endless.cancel()
    assert list(pieces)[-1].finish_reason == "cancelled"
    assert list(at_once.deltas(timeout_s=LIMIT_S))[-1].finish_reason == "cancelled"
    assert engine.process.active == 0
    assert engine.generate([ask("Say yes.", temperature=0, max_tokens=4)])[0].text


def test_a_model_of_openvino_is_one_clear_line(vllm_spec, tmp_path):
    (tmp_path / "openvino_model.xml").write_text("<net/>")
    (tmp_path / "openvino_model.bin").write_bytes(b"")
    with pytest.raises(ModelError, match=r"is a model of OpenVINO.*set engine openvino"):
        load_engine(EngineSpec("x", engine="vllm", path=str(tmp_path), python=vllm_spec.python), timeout_s=60)


def test_nothing_is_left_behind_by_a_kill(engine):
    worker = psutil.Process(engine.process.pid)
    processes = [worker, *worker.children(recursive=True)]
    # Itself, vLLM's process with the model, and what Python starts to watch over shared memory.
    assert len(processes) >= 2
    assert sum(process.memory_info().rss > 2 * 10**9 for process in processes) == 1
    left = {Path(worker.environ()[WORK_FOLDER_VARIABLE])}.union(*map(shared_memory, processes))
    os.kill(worker.pid, signal.SIGKILL)
    _, alive = psutil.wait_procs(processes, timeout=30)
    assert alive == []
    engine.close()
    deadline = time.monotonic() + 30
    while any(path.exists() for path in left) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert [path for path in left if path.exists()] == []
