"""The safetensors that engines built on torch load: as they are, or made of a GGUF file the first time."""

from __future__ import annotations

from pathlib import Path

from augment.errors import ModelError
from augment.serve.cache import ModelFiles
from augment.serve.convert import converted
from augment.serve.engine import EngineSpec
from augment.serve.extras import missing_line, missing_modules
from augment.serve.fetch import locate_files


def safetensors_for(spec: EngineSpec, engine: str) -> tuple[ModelFiles, Path]:
    """The files of the model of ``spec``, and the folder that ``engine`` loads.

    Raises ModelError where the engine's packages are missing, or the files are not there or of another engine's form.
    """
    missing = missing_modules(engine)
    if missing:
        raise ModelError(missing_line(engine, missing))
    files = locate_files(spec.model, source=spec.source, path=spec.path)
    if files.format == "openvino":
        raise ModelError(f"{files.main} is a model of OpenVINO, which `{engine}` cannot read; set engine openvino.")
    return files, converted(files, "safetensors") if files.format == "gguf" else files.main
