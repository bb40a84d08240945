"""The table of ``benchmarks/engines.py``."""

import argparse
from pathlib import Path

import pytest
from engines import Row, code, measure, names, table

OPTIONS = argparse.Namespace(model="Qwen", tokens=128, budget=120.0, pythons={}, base_url=None)


def test_an_engine_that_was_not_measured_is_a_row_that_says_why() -> None:
    measured = Row(
        "openvino", load_s=4.04, single=17.3, at_once=61.8, memory=2_900_000_000, tests=9, tests_a_minute=4.5
    )
    missing = measure("openai", OPTIONS)
    shown = table([measured, missing], OPTIONS)
    assert "| openvino | 4.04 | 17 | 62 | - | - | 2.90 | 9 | 4.50 |" in shown
    assert "| openai | - | - | - | - | - | - | - | - |" in shown
    assert "`openai`: no server named (--base-url)" in shown


def test_an_interpreter_without_the_engine_is_told_with_what_to_install(tmp_path: Path) -> None:
    OPTIONS.pythons["transformers"] = str(tmp_path / "none")
    assert "pip install -e '.[transformers]'" in measure("transformers", OPTIONS).said


def test_engines_are_named_with_commas_and_others_are_refused() -> None:
    assert names("vllm, openvino") == ["vllm", "openvino"]
    with pytest.raises(argparse.ArgumentTypeError, match="no engine llama"):
        names("openvino,llama")


def test_prompts_of_another_number_share_no_beginning() -> None:
    assert code(1)[:20] != code(2)[:20]
