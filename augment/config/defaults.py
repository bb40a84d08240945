"""The packaged default files, and writing them where a folder has none."""

from __future__ import annotations

import json
import os
import tempfile
from importlib import resources
from pathlib import Path
from typing import Any

from augment.config.locate import FILES
from augment.errors import SettingsError

_TIERS: dict[str, dict[str, Any]] = {
    "tiny": {"model_name": "TinyLlama/TinyLlama-1.1B-Chat-v1.0", "kv_cache_gb": 0.5},
    "small": {},
    "medium": {"model_name": "Qwen/Qwen2.5-Coder-7B-Instruct", "kv_cache_gb": 2.0},
    "large": {"model_name": "Qwen/Qwen2.5-Coder-14B-Instruct", "kv_cache_gb": 4.0, "max_ongoing": 16},
}
"""What a machine of each size starts with, beside the defaults."""


def write_default_config(folder: Path, *, model: str | None = None, tier: str | None = None) -> list[Path]:
    """Write the default files that ``folder`` lacks and return those written. An existing file is never touched.

    ``model`` is a catalogue or hub name, or an existing local path; ``tier`` (tiny, small, medium, large) picks a
    model where none is named. Each file appears complete or not at all. Raises SettingsError for an unknown tier or a
    folder that cannot be written.
    """
    changes = {"generator": {}, "model": _model_values(model, tier)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [
            folder / name
            for section, name in FILES.items()
            if _write_new(folder / name, {**packaged_defaults(name), **changes[section]})
        ]
    except OSError as error:
        raise SettingsError(f"cannot write the configuration to {folder}: {error.strerror or error}") from error


def packaged_defaults(name: str) -> dict[str, Any]:
    """The content of a packaged default file, marker included."""
    text = resources.files("augment.config").joinpath(name).read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text)
    return content


def _model_values(model: str | None, tier: str | None) -> dict[str, Any]:
    if tier is not None and tier not in _TIERS:
        raise SettingsError(f"unknown tier {tier!r}; it must be one of {', '.join(_TIERS)}")
    values = dict(_TIERS[tier]) if tier else {}
    if model is None:
        return values
    local = Path(model).expanduser()
    if local.exists():
        return {**values, "model_name": local.name, "source": "path", "path": str(local.resolve())}
    return {**values, "model_name": model}


def _write_new(path: Path, content: dict[str, Any]) -> bool:
    """Create ``path`` whole or leave the one there: a hard link, unlike a rename, fails where the name is taken."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(json.dumps(content, indent=2) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(0o644)
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        Path(temporary).unlink()
    return True
