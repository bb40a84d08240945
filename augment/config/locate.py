"""Where the configuration files lie."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from augment.errors import SettingsError

GENERATOR_FILE = "test_generator_config.json"
MODEL_FILE = "model_config.json"
FILES = {"generator": GENERATOR_FILE, "model": MODEL_FILE}
"""Section -> the file of the configuration folder that holds it."""

MARKER = "augment_config"
"""Key that says a JSON file is ours: a machine-learning project may have a ``config/model_config.json`` of its own."""


def find_config_dir(config_dir: Path | None, environ: Mapping[str, str], cwd: Path | None = None) -> Path:
    """The configuration folder, which need not exist unless it was asked for by name.

    ``config_dir`` (the flag) wins, then ``AUGMENT_CONFIG_DIR``, then ``config`` of the working folder if a file in it
    carries our marker, then ``augment`` of the user's XDG configuration folder. Raises SettingsError for a named folder
    that is not there: its settings would silently not count.
    """
    if config_dir is not None:
        return _existing(config_dir, "--config-dir")
    if named := environ.get("AUGMENT_CONFIG_DIR"):
        return _existing(Path(named), "AUGMENT_CONFIG_DIR")
    local = (cwd or Path.cwd()) / "config"
    if any(_carries_marker(local / name) for name in FILES.values()):
        return local
    xdg = environ.get("XDG_CONFIG_HOME") or str(Path(environ.get("HOME") or Path.home()) / ".config")
    return Path(xdg) / "augment"


def _existing(named: Path, origin: str) -> Path:
    folder = named.expanduser()
    if not folder.is_dir():
        raise SettingsError(
            f"{origin} names {folder}, which is no folder: name one that holds {' or '.join(FILES.values())}"
        )
    return folder


def _carries_marker(path: Path) -> bool:
    """Whether the file is ours. A broken file that names the marker counts, so that its error is shown, not hidden."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    try:
        content = json.loads(text)
    except ValueError:
        return f'"{MARKER}"' in text
    return isinstance(content, dict) and MARKER in content
