"""An engine's own form of a GGUF file's weights: made once, kept in the model cache, whole or not there at all.

The work is done by a process of its own (:mod:`augment.serve.openvino_convert`,
:mod:`augment.serve.safetensors_convert`), because it takes several times the memory that the model needs afterwards.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from importlib import metadata
from pathlib import Path

from augment.errors import ModelError
from augment.serve import interpreter
from augment.serve.cache import ModelFiles, Progress, exclusive, way_out
from augment.serve.engine import EngineSpec
from augment.serve.extras import missing_line
from augment.serve.gguf import read_gguf
from augment.serve.hardware import detect_hardware
from augment.serve.progress import silent, watched_folder

FORMS = ("safetensors", "openvino")
"""What a GGUF file can be made into. Each is also the name of the format that the engines know it by."""

STAMP = "complete.json"
GB = 10**9
_LIMIT_S = 3600.0
_PROOFS = {"safetensors": "model.safetensors*", "openvino": "openvino_model.xml"}
_ENGINES = {"safetensors": "transformers", "openvino": "openvino"}
_PEAKS = {"safetensors": (1.7 * GB, 1.2), "openvino": (0.5 * GB, 2.5)}
"""What making a form takes at its peak: bytes, and sizes of that form. Measured: 5.8 GB and 3.8 GB for the 1.5B model,
3.2 GB for safetensors of a 0.5B."""
_FORGIVEN = 0.9
_BFLOAT16 = 2
_OPENVINO_GROWTH = 1.2
"""OpenVINO's form of a Q4_K_M file is so many times its size, as it keeps scales and the tied output apart."""


def converted_folder(files: ModelFiles, form: str) -> Path:
    """Where ``form`` of the model lies or will lie. OpenVINO's carries its version, which decides what it can read."""
    name = f"openvino-{metadata.version('openvino-genai')}" if form == "openvino" else "safetensors"
    return files.work / name


def is_converted(files: ModelFiles, form: str) -> bool:
    """Whether ``form`` is there, whole, and made from this very file."""
    return _stamp(converted_folder(files, form)) == _wanted(files)


def converted(
    files: ModelFiles, form: str, *, python: str | None = None, progress: Progress = silent, force: bool = False
) -> Path:
    """The folder with ``form`` of the GGUF file ``files``, made where it is missing or belongs to another file.

    ``python`` is the interpreter whose packages do the work, None for this one. ``force`` makes it anew. Two processes
    that want the same do it once. Raises ModelError when there is no room, a package is missing, or the file cannot be
    read; nothing half written is left.
    """
    folder = converted_folder(files, form)
    if is_converted(files, form) and not force:
        return folder
    with exclusive(files.work, timeout_s=_LIMIT_S, doing="converting"):
        if force or not is_converted(files, form):
            _convert(files, form, python, progress)
    return folder


def expected_bytes(files: ModelFiles, form: str) -> int:
    """About how large ``form`` will be, by what the file says of itself."""
    if form == "openvino":
        return int(files.main.stat().st_size * _OPENVINO_GROWTH)
    return read_gguf(files.main).parameters * _BFLOAT16


def _wanted(files: ModelFiles) -> dict[str, int]:
    stat = files.main.stat()
    return {"bytes": stat.st_size, "mtime_ns": stat.st_mtime_ns}


def _stamp(folder: Path) -> object:
    try:
        return json.loads((folder / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _convert(files: ModelFiles, form: str, python: str | None, progress: Progress) -> None:
    folder = converted_folder(files, form)
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    size = _check_room(files, form)
    try:
        partial.mkdir(parents=True)
        with watched_folder(partial, size, progress, f"converting {files.name} to {form}"):
            _run(files, form, python, partial)
        (partial / STAMP).write_text(json.dumps(_wanted(files)), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        partial.replace(folder)
    except OSError as error:
        raise ModelError(f"{folder} cannot be written: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _check_room(files: ModelFiles, form: str) -> int:
    """The bytes that ``form`` will take. Raises ModelError where disk or memory is too small for making it."""
    size = expected_bytes(files, form)
    base, times = _PEAKS[form]
    need, have = int(base + times * size), detect_hardware().memory_free
    if need * _FORGIVEN > have:
        raise ModelError(
            f"Making {form} of {files.name} takes about {need / GB:.1f} GB of memory, and {have / GB:.1f} GB are free: "
            "close something, or take a smaller model (--model-name)."
        )
    place = next(folder for folder in (files.work, *files.work.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    if size > free:
        raise ModelError(
            f"{files.name} as {form} takes about {size / GB:.1f} GB, but {place} has {free / GB:.1f} GB free; "
            "make room, or set XDG_CACHE_HOME to a larger disk."
        )
    return size


def _run(files: ModelFiles, form: str, python: str | None, partial: Path) -> None:
    spec = EngineSpec(files.name, engine=_ENGINES[form], python=python)
    interpreter.check_interpreter(spec)
    program = str(interpreter.interpreter_of(spec))
    command = [program, "-P", "-m", f"augment.serve.{form}_convert", str(files.main), str(partial)]
    environ = interpreter.environment(spec, os.environ)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_S, check=False, env=environ)
    except subprocess.TimeoutExpired:
        raise ModelError(f"Converting {files.main} to {form} took over {_LIMIT_S / 60:.0f} minutes.") from None
    if done.returncode == 0 and list(partial.glob(_PROOFS[form])):
        return
    missing = missing_module(done.stderr)
    if missing:
        raise ModelError(missing_line(_ENGINES[form], [missing]))
    reason = last_line(done.stderr) or "reading it crashed, as a truncated or damaged file makes it do"
    if "No space left" in reason:
        raise ModelError(f"The disk of {partial.parent} is full: make room, or set XDG_CACHE_HOME to a larger disk.")
    remedy = "Put an intact file there" if files.source == "path" else way_out(files.name)
    raise ModelError(f"{_PROGRAMS[form]} cannot read {files.main}: {reason}. {remedy}")


_PROGRAMS = {"safetensors": "transformers", "openvino": "OpenVINO"}


def missing_module(said: str) -> str:
    """The package whose absence ended a process that said so, or ""."""
    mark = "ModuleNotFoundError: No module named "
    return next((line.removeprefix(mark).strip("'\"") for line in said.splitlines() if line.startswith(mark)), "")


def last_line(error: object) -> str:
    """The telling last line of a library's message, which leads with paths of its build machine."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""
