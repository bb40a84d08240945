from pathlib import Path

import pytest

from augment.seams import Message, Request, Sampling
from augment.serve import EngineProcess, EngineSpec

ENGINES = Path(__file__).parent / "engines_for_tests"


@pytest.fixture
def ask():
    def make(text, **sampling):
        return Request((Message("user", text),), Sampling(**sampling))

    return make


@pytest.fixture
def echo_spec(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ENGINES))
    # The package of the engine makes its name dotted, as the registry wants of engines that it does not list.
    return lambda model="echo", **more: EngineSpec(model, engine="augment_echo.engine", **more)


@pytest.fixture
def start(echo_spec):
    running = []

    def make(model="echo", **more):
        running.append(EngineProcess(echo_spec(model, **more)))
        return running[-1]

    yield make
    for process in running:
        process.close()


@pytest.fixture
def models_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "augment" / "models"
