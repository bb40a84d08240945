"""The transformers engine with the real model, in the environment that has torch."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from augment.errors import ModelError
from augment.serve import EngineSpec, load_engine
from augment.serve.convert import converted, is_converted
from augment.serve.interpreter import environment

LIMIT_S = 240


@pytest.fixture(scope="module")
def torch_spec(spec, engines_python):
    return replace(spec, engine="transformers", python=engines_python)


@pytest.fixture(scope="module")
def safetensors(torch_spec, model_files):
    return converted(model_files, "safetensors", python=torch_spec.python)


@pytest.fixture(scope="module")
def engine(torch_spec, safetensors):
    with load_engine(torch_spec) as loaded:
        yield loaded


def test_a_gguf_file_is_made_into_safetensors_once(safetensors, model_files, torch_spec):
    assert is_converted(model_files, "safetensors")
    config = json.loads((safetensors / "config.json").read_text())
    assert "quantization_config" not in config
    written = (safetensors / "complete.json").stat().st_mtime_ns
    assert converted(model_files, "safetensors", python=torch_spec.python) == safetensors
    assert (safetensors / "complete.json").stat().st_mtime_ns == written
    assert not list(safetensors.parent.glob("*.partial"))


def test_rows_of_a_batch_compute_what_each_would_alone(torch_spec):
    script = Path(__file__).with_name("torch_batch_checks.py")
    done = subprocess.run(
        [torch_spec.python, "-P", str(script)],
        capture_output=True,
        text=True,
        check=False,
        env=environment(torch_spec, {}),
        timeout=LIMIT_S,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["apart"] < 1e-4
    assert found["rows"] == 1
    assert found["wide"]["apart"] < 1e-4
    assert found["wide"]["few rows"] < 0.05
    assert (found["wide"]["kept"], found["wide"]["gives"]) == (True, "torch.float32")
    memory, samples = found["memory"], found["samples"]
    assert memory["apart"] < 1e-4
    assert memory["pieces"] == [5, 1, 1]
    assert memory["kept"] <= 100
    assert memory["too long"] == 0
    assert 0.35 < samples.pop("share of the first") < 0.65
    assert samples == {
        "greedy": [0],
        "all": [0, 1, 2, 3],
        "nucleus": [0, 1],
        "same seed": True,
        "other seed": False,
        "no seed": False,
        "penalised": 1,
    }


def test_prompts_are_answered_in_one_batch_each_with_its_own_answer_and_bad_ones_cost_nobody_anything(engine, ask):
    countries = {"France": "Paris", "Japan": "Tokyo", "Italy": "Rome"}
    handles = [
        engine.process.submit(ask(f"Name the capital of {country}. One word.", temperature=0, max_tokens=8))
        for country in countries
    ]
    with pytest.raises(ModelError, match=r"the prompt has 4.* tokens, and at most 32767 can be read"):
        engine.generate([ask("word " * 40_000)])
    with pytest.raises(ModelError, match="JSON schema is not valid"):
        engine.generate([ask("x", json_schema={"type": "nonsense"})])
    answers = [handle.result(timeout_s=LIMIT_S) for handle in handles]
    for answer, capital in zip(answers, countries.values(), strict=True):
        assert capital in answer.text
        assert answer.finish_reason == "stop"
        assert 20 < answer.prompt_tokens < 60


def test_limits_stop_strings_and_schemas_hold_in_one_batch(engine, ask):
    schema = {
        "type": "object",
        "properties": {"age": {"type": "integer", "minimum": 1, "maximum": 99}},
        "required": ["age"],
        "additionalProperties": False,
    }
    counted, stopped, data = engine.generate(
        [
            ask("Count from 1 to 100.", temperature=0, max_tokens=6),
            ask("Write the numbers from 1 to 9 separated by commas.", temperature=0, max_tokens=40, stop=("5",)),
            ask("Invent a person.", max_tokens=24, json_schema=schema),
        ]
    )
    assert (counted.completion_tokens, counted.finish_reason) == (6, "length")
    assert "4" in stopped.text
    assert "5" not in stopped.text
    assert stopped.finish_reason == "stop"
    assert set(json.loads(data.text)) == {"age"}


def test_characters_of_several_tokens_are_streamed_whole(engine, ask):
    wanted = "🦉🧪 naïve"
    handle = engine.process.submit(ask("Write.", temperature=0, max_tokens=24, json_schema={"const": wanted}))
    pieces = [delta.text for delta in handle.deltas(timeout_s=LIMIT_S)]
    assert json.loads("".join(pieces)) == wanted
    assert not any("\ufffd" in piece for piece in pieces)
    assert len(pieces) > 3


def test_cancelling_frees_the_row_and_ends_the_reading_of_a_prompt(engine, ask):
    endless = engine.process.submit(ask("Write a very long story.", max_tokens=4000))
    reading = engine.process.submit(ask("x = 1\n" * 3000, max_tokens=10))
    next(endless.deltas(timeout_s=LIMIT_S))
    for handle in (reading, endless):
        handle.cancel()
        assert list(handle.deltas(timeout_s=LIMIT_S))[-1].finish_reason == "cancelled"
    assert engine.process.active == 0


def test_a_model_of_openvino_is_one_clear_line(torch_spec, tmp_path):
    (tmp_path / "openvino_model.xml").write_text("<net/>")
    (tmp_path / "openvino_model.bin").write_bytes(b"")
    with pytest.raises(ModelError, match=r"is a model of OpenVINO.*set engine openvino"):
        load_engine(EngineSpec("x", engine="transformers", path=str(tmp_path), python=torch_spec.python), timeout_s=60)
