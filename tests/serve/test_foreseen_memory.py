"""Headers of model files, and the memory that is foreseen from them."""

import json
import struct
from dataclasses import replace

import pytest
from gguf_files import KEYS, gguf

from augment.errors import ModelError
from augment.serve import EngineSpec, Hardware, cached, find_model
from augment.serve.cache import ModelFiles
from augment.serve.gguf import parse_gguf, read_gguf
from augment.serve.hardware import container_room
from augment.serve.memory import (
    ModelShape,
    fitting_entry,
    foresee,
    memory_trouble,
    read_shape,
    safetensors_parameters,
    shape_of_gguf,
    token_bytes,
)

GB = 10**9
SMALL = ModelShape("gguf", 1_117_320_768, 1_777_088_000, 28_672, 32_768)
SEVEN = ModelShape("gguf", 4_683_000_000, 7_615_616_512, 57_344, 32_768)


def test_a_header_tells_the_shape_and_long_lists_are_passed_over():
    words, kinds = [f"word{at}" for at in range(1000)], list(range(500))
    data = gguf(
        {"tokenizer.tokens": words, "tokenizer.kinds": kinds, **KEYS}, [("a", (1536, 1000)), ("b", (7,)), ("c", ())]
    )
    header = parse_gguf(data)
    assert header.lengths == {"tokenizer.tokens": 1000, "tokenizer.kinds": 500}
    assert header.values["tokenizer.tokens"][:2] == ["word0", "word1"]
    assert shape_of_gguf(header, 99) == ModelShape("gguf", 99, 1536 * 1000 + 7 + 1, 28 * 2 * 128 * 2 * 2, 32768)


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"GGUF",
        b"GGUF" + b"\x00" * 4096,
        b"nonsense" * 100,
        gguf(KEYS, version=9),
        gguf(KEYS, [("a", (2, 2))])[:-9],
        gguf({"x": ["a" * 40] * 100})[:400],
        b"GGUF" + struct.pack("<IQQ", 3, 2**60, 1),
    ],
)
def test_a_damaged_header_is_one_line_that_names_the_file(tmp_path, damaged):
    file = tmp_path / "broken.gguf"
    file.write_bytes(damaged)
    with pytest.raises(ModelError, match=r"cannot .*read.*") as caught:
        read_gguf(file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def write_safetensors(path, shapes):
    header = {name: {"dtype": "BF16", "shape": shape, "data_offsets": [0, 0]} for name, shape in shapes.items()}
    data = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    path.write_bytes(struct.pack("<Q", len(data)) + data)


def test_a_folder_of_safetensors_tells_its_shape_in_several_files(tmp_path):
    write_safetensors(tmp_path / "model-1.safetensors", {"a": [10, 20], "b": [5]})
    write_safetensors(tmp_path / "model-2.safetensors", {"c": [3, 3]})
    config = {"num_hidden_layers": 2, "num_attention_heads": 4, "hidden_size": 64, "max_position_embeddings": 512}
    (tmp_path / "config.json").write_text(json.dumps({"text_config": config}))
    shape = read_shape(ModelFiles("m", tmp_path, "safetensors", tmp_path, "path", tmp_path))
    assert (shape.parameters, shape.token_bytes, shape.context) == (214, 2 * 4 * 16 * 4, 512)
    (tmp_path / "model-2.safetensors").write_bytes(b"no header")
    with pytest.raises(ModelError, match=r"model-2.safetensors"):
        safetensors_parameters(tmp_path / "model-2.safetensors")


def test_attention_that_differs_from_layer_to_layer_is_not_guessed_at():
    assert token_bytes({"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": [1, 2]}) == 0
    assert token_bytes({}) == 0


@pytest.mark.parametrize(("in_16_bits", "bytes_of_vllm"), [(True, 2), (False, 4)])
def test_weights_are_counted_as_the_engine_keeps_them(monkeypatch, in_16_bits, bytes_of_vllm):
    monkeypatch.setattr("augment.serve.memory.computes_in_16_bits", lambda: in_16_bits)
    needs = {engine: foresee(SMALL, EngineSpec("m", engine=engine)) for engine in ("openvino", "transformers", "vllm")}
    assert needs["openvino"].weights < 1.5 * GB
    assert needs["transformers"].weights == 2 * SMALL.parameters
    assert needs["vllm"].weights == bytes_of_vllm * SMALL.parameters
    assert foresee(SMALL, EngineSpec("m", engine="vllm", num_gpus=1)).weights == 2 * SMALL.parameters
    assert needs["openvino"].total < needs["transformers"].total < needs["vllm"].total
    assert all(need.cache == GB for need in needs.values())


def test_the_attention_cache_is_no_larger_than_all_answers_can_fill():
    spec = EngineSpec("m", engine="transformers", kv_cache_gb=4.0, max_ongoing=2, context_length=1000)
    assert foresee(SMALL, spec).cache == 28_672 * 1000 * 2
    assert foresee(replace(SMALL, token_bytes=0), spec).cache == 4 * GB
    # OpenVINO is given whole gigabytes.
    assert foresee(SMALL, EngineSpec("m", kv_cache_gb=1.5)).cache == 2 * GB


def test_what_does_not_fit_is_told_with_need_room_and_the_tier_that_does():
    here = Hardware(16 * GB, 9 * GB, 8)
    said = memory_trouble("Seven", SEVEN, EngineSpec("m", engine="transformers"), here)
    assert "Seven needs about 17.0 GB" in said
    assert "weights 15.2" in said
    assert "9.0 GB are free here" in said
    assert "the tier that fits is small (--model-name Qwen/Qwen2.5-Coder-1.5B-Instruct)" in said
    assert memory_trouble("Seven", SEVEN, EngineSpec("m"), here) == ""


def test_a_gpu_is_judged_by_its_own_memory():
    here = Hardware(4 * GB, 2 * GB, 8, 24 * GB, "NVIDIA B", 20 * GB)
    spec = EngineSpec("m", engine="vllm", num_gpus=1)
    assert memory_trouble("Seven", SEVEN, spec, here) == ""
    said = memory_trouble("Seven", SEVEN, spec, replace(here, vram_free=6 * GB))
    assert "6.0 GB are free on NVIDIA B" in said
    assert "4.0 GB" not in said


def test_where_nothing_fits_the_way_out_is_no_model():
    said = memory_trouble("Small", SMALL, EngineSpec("m"), Hardware(GB, GB, 1))
    assert "no model of the catalogue fits" in said
    assert "--no-model" in said


def test_the_tier_that_fits_is_the_largest_that_does():
    tiers = {free: fitting_entry(EngineSpec("m"), free * GB) for free in (1, 3, 5, 15, 40)}
    assert {free: entry and entry.tier for free, entry in tiers.items()} == {
        1: None,
        3: "tiny",
        5: "small",
        15: "medium",
        40: "large",
    }


def test_a_container_has_what_its_limit_leaves(tmp_path):
    assert container_room(tmp_path) == []
    (tmp_path / "memory.max").write_text("4000\n")
    (tmp_path / "memory.current").write_text("3000\n")
    (tmp_path / "memory.stat").write_text("anon 100\ninactive_file 500\n")
    assert container_room(tmp_path) == [1500]
    (tmp_path / "memory.max").write_text("max\n")
    assert container_room(tmp_path) == []


def test_the_models_of_the_cache_tell_what_is_known_of_them():
    files = cached(find_model("Qwen2.5-Coder-1.5B-Instruct"))
    if files is None:
        pytest.skip("the model has not been fetched; tests/engines reads its header too")
    assert read_shape(files) == SMALL
