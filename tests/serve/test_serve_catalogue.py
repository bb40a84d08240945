import pytest

from augment.errors import ModelError
from augment.serve import TIERS, Hardware, catalogue, choose_tier, default_model, find_model
from augment.serve.hardware import parse_gpus

GB = 10**9


def test_every_tier_has_one_default_and_every_model_a_source_and_its_needs():
    assert sorted(entry.tier for entry in catalogue() if entry.default) == sorted(TIERS)
    for entry in catalogue():
        assert entry.sources
        assert entry.licence == "Apache-2.0"
        assert min(entry.download_bytes, entry.disk_bytes, entry.memory_bytes, entry.context_length) > 0


def test_the_embedded_default_comes_from_packages_whose_parts_add_up():
    source = default_model("small").packages
    assert source is not None
    assert sum(part.bytes for part in source.parts) == source.bytes == 1_117_320_768
    assert len({part.requirement for part in source.parts}) == 22


@pytest.mark.parametrize(
    "name", ["Qwen2.5-Coder-1.5B-Instruct", "qwen2.5-coder-1.5b-instruct", "Qwen/Qwen2.5-Coder-1.5B-Instruct"]
)
def test_a_model_is_found_with_or_without_its_organisation_in_any_case(name):
    assert find_model(name) is default_model("small")


def test_any_hub_name_is_accepted():
    entry = find_model("someone/Some-Model")
    assert (entry.sources, entry.folder) == (("hub",), "someone--Some-Model")


def test_a_gguf_file_and_a_folder_are_accepted(tmp_path):
    file = tmp_path / "mine.gguf"
    file.write_bytes(b"GGUF")
    assert find_model(str(file)).local == file
    assert find_model(str(tmp_path)).sources == ("path",)


@pytest.mark.parametrize("name", ["nonsense", "a/b/c", "missing/file.gguf", ""])
def test_anything_else_is_one_clear_line(name):
    with pytest.raises(ModelError, match="neither in the catalogue"):
        find_model(name) if name else find_model("?")


def test_a_file_that_is_no_model_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(ModelError, match="not a GGUF file"):
        find_model(str(tmp_path / "notes.txt"))


@pytest.mark.parametrize(
    ("memory", "cores", "vram", "tier"),
    [
        (25, 2, 0, "small"),
        (64, 4, 0, "small"),
        (32, 8, 0, "medium"),
        (64, 32, 0, "large"),
        (3, 4, 0, "tiny"),
        (16, 4, 24, "large"),
        (16, 4, 12, "medium"),
        (16, 4, 4, "small"),
    ],
)
def test_the_tier_follows_memory_cores_and_gpu(memory, cores, vram, tier):
    assert choose_tier(Hardware(memory * GB, memory * GB, cores, vram * GB)) == tier


def test_an_unknown_tier_names_the_known_ones():
    with pytest.raises(ModelError, match="tiny, small, medium, large"):
        default_model("huge")


def test_the_largest_gpu_counts():
    assert parse_gpus("NVIDIA A, 8192, 8000\nNVIDIA B, 24576, 20480\n") == ("NVIDIA B", 24576 * 2**20, 20480 * 2**20)
    assert parse_gpus("No devices were found\n") == ("", 0, 0)
