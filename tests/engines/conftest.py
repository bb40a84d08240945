"""The real model. It is fetched once into the user's models folder, and loaded once for all tests of an engine."""

import os
import shutil
import socket
from pathlib import Path

import pytest

from augment.seams import Message, Request, Sampling
from augment.serve import EngineSpec, fetch_model, load_engine

MODEL = "Qwen/Qwen2.5-Coder-1.5B-Instruct"


@pytest.fixture(scope="session")
def model_files():
    return fetch_model(MODEL, "auto", progress=print)


@pytest.fixture(scope="session")
def engines_python():
    """The interpreter of .venv-engines, a path for ``EngineSpec(python=...)``: it has vLLM for the CPU, torch,
    transformers, gguf and accelerate. scripts/test.sh makes it; without it the tests that ask for it are skipped."""
    folder = Path(__file__).parents[2] / ".venv-engines"
    python = os.environ.get("ENGINES_PYTHON_FOR_TESTS") or str(folder / "bin" / "python")
    if not Path(python).exists() or (folder in Path(python).parents and not (folder / ".augment-installed").exists()):
        pytest.skip("no .venv-engines with vLLM, torch and transformers; ./scripts/test.sh tests/engines makes it")
    return python


@pytest.fixture(scope="session")
def spec(model_files):
    # Not as nice as in production: tests share their machine, and wait for what they ask.
    return EngineSpec(MODEL, nice=0)


@pytest.fixture(scope="module")
def engine(spec):
    with load_engine(spec) as loaded:
        yield loaded


@pytest.fixture(scope="session")
def ask():
    def make(text, system=None, **sampling):
        turns = [Message("system", system)] if system else []
        return Request((*turns, Message("user", text)), Sampling(**sampling))

    return make


@pytest.fixture(scope="session")
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def own_ray(tmp_path_factory):
    """A Ray of its own, which ends with the session and touches no other."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    import ray

    # Socket paths below it must stay under 107 characters, which pytest's own folders exceed.
    folder = f"/tmp/ray-{os.getpid()}"
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, _temp_dir=folder)
    yield
    ray.shutdown()
    shutil.rmtree(folder, ignore_errors=True)
