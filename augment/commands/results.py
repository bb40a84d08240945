"""Files that commands write their results to."""

from __future__ import annotations

import os
from pathlib import Path

from augment.errors import ProjectError


def check_result_file(path: Path | None, flag: str) -> None:
    """Raise ProjectError, before any work is done, when results cannot be written to ``path``; None is for none."""
    if path is None:
        return
    if path.is_dir():
        raise ProjectError(f"{flag} {path} is a folder: name a file")
    if not path.parent.is_dir():
        raise ProjectError(f"{flag} {path} cannot be written: there is no folder {path.parent}")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ProjectError(f"{flag} {path} cannot be written: permission denied")


def write_result_file(path: Path, text: str) -> None:
    """Write results. Raises ProjectError when the file system refuses."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ProjectError(f"{path} cannot be written: {error.strerror}") from error
