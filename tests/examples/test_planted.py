"""The package with planted disagreements: the planted ones are real, the look-alikes do what they say."""

from __future__ import annotations

import doctest
import importlib
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]
FOLDER = REPOSITORY / "examples" / "planted"
KNOWN = json.loads((REPOSITORY / "benchmarks" / "planted.json").read_text(encoding="utf-8"))


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(FOLDER))
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "handbook"]:
        del sys.modules[name]


def raises(kind: type[Exception], function: Callable[..., Any], *arguments: object) -> bool:
    try:
        function(*arguments)
    except kind:
        return True
    return False


def keeps(argument: dict[str, int], function: Callable[..., Any], *more: object) -> bool:
    before = dict(argument)
    function(argument, *more)
    return argument == before


def holds(entry: dict[str, str]) -> bool:
    """Whether the code does what its documentation says."""
    module: ModuleType = importlib.import_module(entry["target"].partition(":")[0])
    return bool(eval(entry["shows"], {**vars(module), "raises": raises, "keeps": keeps}))


def ids(entry: dict[str, str]) -> str:
    return entry["target"].rpartition(":")[2]


@pytest.mark.parametrize("entry", KNOWN["planted"], ids=ids)
def test_a_planted_function_breaks_its_promise(entry: dict[str, str]) -> None:
    assert not holds(entry)


@pytest.mark.parametrize("entry", KNOWN["planted"], ids=ids)
def test_a_mended_function_keeps_its_promise(
    entry: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(FOLDER / "handbook", tmp_path / "handbook")
    file = tmp_path / entry["file"]
    text = file.read_text(encoding="utf-8")
    assert text.count(entry["code"]) == 1
    file.write_text(text.replace(entry["code"], entry["mended"]), encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert holds(entry)


@pytest.mark.parametrize("entry", KNOWN["clean"], ids=ids)
def test_a_look_alike_keeps_the_same_promise(entry: dict[str, str]) -> None:
    assert holds(entry)


def test_every_function_is_one_or_the_other() -> None:
    listed = sorted(entry["target"] for kind in ("planted", "clean") for entry in KNOWN[kind])
    defined = []
    for path in sorted((FOLDER / "handbook").glob("[!_]*.py")):
        module = importlib.import_module(f"handbook.{path.stem}")
        defined += [f"{module.__name__}:{name}" for name, value in vars(module).items() if callable(value)]
    assert listed == sorted(defined)


def test_only_the_planted_examples_fail() -> None:
    modules = [importlib.import_module(f"handbook.{path.stem}") for path in (FOLDER / "handbook").glob("[!_]*.py")]
    examples = [test for module in modules for test in doctest.DocTestFinder().find(module)]
    runner = doctest.DocTestRunner(verbose=False)
    failed = [test.name for test in examples if runner.run(test, out=lambda _text: None).failed]
    assert failed == ["handbook.text.initials"]


def test_nothing_in_the_code_tells_which_they_are() -> None:
    for path in (FOLDER / "handbook").glob("*.py"):
        text = path.read_text(encoding="utf-8").lower()
        assert "#" not in text
        assert not {"planted", "bug", "todo", "wrong"} & set(text.split())
