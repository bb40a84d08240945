import sys
import venv
from pathlib import Path

import filelock
import psutil
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


@pytest.fixture(scope="session")
def bare_python(tmp_path_factory):
    """The interpreter of an environment without any package."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=False)
    return folder / "bin" / "python"


@pytest.fixture(scope="session")
def other_python(tmp_path_factory):
    """The interpreter of another environment: it has what a model's process needs, and the engine for tests."""
    folder = tmp_path_factory.mktemp("other")
    venv.create(folder, with_pip=False)
    packages = folder / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    for module in (filelock, psutil):
        (packages / module.__name__).symlink_to(Path(module.__file__).parent)
    (packages / "augment_echo").symlink_to(ENGINES / "augment_echo")
    return folder / "bin" / "python"
