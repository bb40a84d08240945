"""Other forms of a GGUF file: made whole or not at all. With the real model this is run in tests/engines."""

import shutil
import sys
from collections import namedtuple

import pytest
from gguf_files import KEYS, gguf
from typer.testing import CliRunner

from augment.commands.models import app
from augment.errors import ModelError
from augment.serve import Hardware, convert
from augment.serve.convert import converted, expected_bytes, is_converted
from augment.serve.fetch import use_local


@pytest.fixture
def files(tmp_path, models_folder):
    """A file whose header is sound and which holds nothing that a model needs."""
    file = tmp_path / "mine.gguf"
    file.write_bytes(gguf(KEYS, [("a", (1000, 1000))]))
    return use_local(str(file))


def left(files):
    return sorted(path.name for path in files.work.glob("*")) if files.work.exists() else []


def test_what_the_form_will_take_is_known_from_the_header(files):
    assert expected_bytes(files, "safetensors") == 2_000_000


def test_a_full_disk_is_noticed_before_anything_is_written(files, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage(10**9, 10**9, 1000))
    with pytest.raises(ModelError, match=r"takes about 0.0 GB, but .* has 0.0 GB free; make room, or set XDG_CACHE"):
        converted(files, "safetensors")
    assert left(files) == []


def test_too_little_memory_is_noticed_before_anything_is_written(files, monkeypatch):
    monkeypatch.setattr(convert, "detect_hardware", lambda: Hardware(10**9, 1_000_000, 2))
    with pytest.raises(ModelError, match=r"Making safetensors of mine takes about .* GB of memory"):
        converted(files, "safetensors")
    assert left(files) == []


def test_a_missing_package_names_the_extra_and_leaves_nothing(files, tmp_path):
    from venv import create

    create(tmp_path / "empty", with_pip=False)
    with pytest.raises(ModelError, match=r"lacks .*torch"):
        converted(files, "safetensors", python=str(tmp_path / "empty" / "bin" / "python"))
    try:
        import torch  # noqa: F401
    except ImportError:
        with pytest.raises(ModelError, match=r"needs \w+: pip install -e '.\[transformers\]'"):
            converted(files, "safetensors")
    assert left(files) == []


def test_a_file_that_openvino_cannot_read_is_one_line_and_leaves_nothing(files):
    with pytest.raises(ModelError, match=r"OpenVINO cannot read .*mine\.gguf.* Put an intact file there") as caught:
        converted(files, "openvino")
    assert "\n" not in str(caught.value)
    assert left(files) == []


def test_a_form_counts_only_for_the_file_that_it_was_made_of(files, monkeypatch):
    made = []

    def write(_files, form, _python, partial):
        made.append(form)
        (partial / "model.safetensors").write_bytes(b"weights")

    monkeypatch.setattr(convert, "_run", write)
    folder = converted(files, "safetensors")
    assert converted(files, "safetensors") == folder
    assert made == ["safetensors"]
    converted(files, "safetensors", force=True)
    files.main.write_bytes(gguf(KEYS, [("a", (10, 10))]))
    assert not is_converted(files, "safetensors")
    converted(files, "safetensors")
    assert made == ["safetensors"] * 3
    assert left(files) == ["safetensors"]


def test_the_command_refuses_what_it_cannot_convert(files, tmp_path):
    def says(*arguments):
        return str(CliRunner().invoke(app, ["convert", *arguments]).exception)

    assert "take one of safetensors, openvino" in says(str(files.main), "--to", "onnx")
    assert "has not been fetched" in says("Qwen2.5-Coder-1.5B-Instruct")
    (tmp_path / "ready").mkdir()
    (tmp_path / "ready" / "openvino_model.xml").write_text("<net/>")
    assert "is no GGUF file but openvino" in says(str(tmp_path / "ready"))
    assert "OpenVINO cannot read" in says(str(files.main), "--to", "openvino", "--python", sys.executable)
