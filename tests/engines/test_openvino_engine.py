import json
import os
import signal
import struct
import subprocess
import sys
import time

import pytest

from augment.errors import ModelError
from augment.serve import EngineSpec, load_engine

CODE = "\n".join(f"def scale_{n}(value: float) -> float:\n    return value * {n} + {n % 7}\n" for n in range(40))


def timed(call):
    started = time.monotonic()
    return call(), time.monotonic() - started


def test_several_prompts_are_answered_in_one_batch_each_with_its_own_answer(engine, ask):
    countries = {"France": "Paris", "Japan": "Tokyo", "Italy": "Rome", "Spain": "Madrid"}
    asked = [ask(f"Name the capital of {country}. One word.", temperature=0, max_tokens=8) for country in countries]
    answers = engine.generate(asked)
    for answer, capital in zip(answers, countries.values(), strict=True):
        assert capital in answer.text
        assert answer.finish_reason == "stop"


def test_tokens_are_counted_and_the_limit_holds(engine, ask):
    [answer] = engine.generate([ask("Count from 1 to 100.", temperature=0, max_tokens=6)])
    assert (answer.completion_tokens, answer.finish_reason) == (6, "length")
    # Qwen's template adds its system turn and markers around the nine tokens of the question.
    assert 20 < answer.prompt_tokens < 60


def test_the_system_turn_is_obeyed(engine, ask):
    [answer] = engine.generate([ask("Hello!", system="Answer only with the word BANANA.", temperature=0, max_tokens=8)])
    assert "BANANA" in answer.text.upper()


def test_a_second_prompt_with_the_same_beginning_starts_much_sooner(engine, ask):
    _, cold = timed(lambda: engine.generate([ask(CODE + "\nWhat is scale_3?", max_tokens=1)]))
    _, warm = timed(lambda: engine.generate([ask(CODE + "\nWhat is scale_9?", max_tokens=1)]))
    assert warm < cold / 3


def test_text_ends_before_a_stop_string(engine, ask):
    question = ask("Write the numbers from 1 to 9 separated by commas.", temperature=0, max_tokens=40, stop=("5",))
    [answer] = engine.generate([question])
    assert "4" in answer.text
    assert "5" not in answer.text
    assert answer.finish_reason == "stop"
    assert answer.completion_tokens < 40


def test_an_answer_follows_its_json_schema(engine, ask):
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 12}, "age": {"type": "integer"}},
        "required": ["name", "age"],
        "additionalProperties": False,
    }
    [answer] = engine.generate([ask("Invent a person.", max_tokens=48, json_schema=schema)])
    person = json.loads(answer.text)
    assert set(person) == {"name", "age"}
    assert isinstance(person["age"], int)


def test_a_bad_schema_and_a_prompt_that_is_too_long_cost_nobody_else_anything(engine, ask):
    other = engine.process.submit(ask("Say yes.", temperature=0, max_tokens=4))
    with pytest.raises(ModelError, match="JSON schema is not valid"):
        engine.generate([ask("x", json_schema={"type": "nonsense"})])
    with pytest.raises(ModelError, match="at most 8191 can be read"):
        engine.generate([ask("word " * 40_000)])
    assert other.result(timeout_s=60).text


def test_unseeded_samples_of_one_prompt_differ(engine, ask):
    answers = engine.generate([ask("Invent a name for a cat.", temperature=1.5, top_p=1.0, max_tokens=8)] * 4)
    assert len({answer.text for answer in answers}) > 1


def test_cancelling_frees_the_slot(engine, ask):
    handle = engine.process.submit(ask("Write a very long story.", max_tokens=4000))
    pieces = handle.deltas(timeout_s=60)
    next(pieces)
    _, seconds = timed(lambda: (handle.cancel(), list(pieces)))
    assert seconds < 5
    assert engine.process.active == 0
    assert engine.generate([ask("Say yes.", temperature=0, max_tokens=4)])[0].text


def test_a_killed_model_process_costs_no_answer(engine, ask):
    handle = engine.process.submit(ask("Write a very long story.", max_tokens=4000))
    next(handle.deltas(timeout_s=60))
    os.kill(engine.process.pid, signal.SIGKILL)
    [answer] = engine.generate([ask("Say yes.", temperature=0, max_tokens=4)])
    assert answer.text


@pytest.mark.parametrize("content", [b"GGUF" + b"\x00" * 4096, b"GGUF" + struct.pack("<IQQ", 3, 0, 0)])
def test_a_gguf_file_that_openvino_cannot_read_is_one_clear_line(tmp_path, monkeypatch, content):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    broken = tmp_path / "broken.gguf"
    # The first is damaged in its header, the second holds nothing.
    broken.write_bytes(content)
    with pytest.raises(ModelError, match=r"cannot read .*broken\.gguf") as caught:
        load_engine(EngineSpec(str(broken)), timeout_s=60)
    assert "\n" not in str(caught.value)


def test_the_engine_never_imports_a_telemetry_package():
    script = (
        "import sys; from augment.serve.process import forget_telemetry; forget_telemetry();"
        "import openvino_genai, openvino;"
        "print(sum(sys.modules[name] is not None for name in sys.modules if name.startswith('openvino_telemetry')))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"
