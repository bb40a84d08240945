"""Hypothesis's tables of Unicode, kept in the user's cache: to work them out takes each new process 1 to 3 s.

Confined processes can neither read nor write the cache. They are handed the tables with their first order, and the
first one that had none tells those that it made, before it has run any test.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import logging
import re
from collections.abc import Mapping
from pathlib import Path

from augment.execution.overlay import default_cache
from augment.files import write_atomically

log = logging.getLogger("augment.execution")

_NAME = re.compile(r"[0-9]+(\.[0-9]+)*/[A-Za-z0-9-]+(\.[A-Za-z0-9]+)+")
"""Version of Unicode, and a file of Hypothesis's folder ``unicode_data``."""
_LARGEST = 2**20


def known_tables(interpreter: str, overlay: str) -> dict[str, str]:
    """What is kept for this interpreter: path below ``unicode_data`` -> content in base64; empty before the first."""
    folder = _folder(interpreter, overlay)
    found = {}
    for path in sorted(folder.glob("*/*")):
        name = path.relative_to(folder).as_posix()
        if _NAME.fullmatch(name):  # a temporary file of another process is none
            found[name] = base64.b64encode(path.read_bytes()).decode()
    return found


def keep_tables(interpreter: str, overlay: str, told: Mapping[str, str]) -> None:
    """Keep what a process made. What does not look like tables is left out; a full disk is no reason to stop."""
    folder = _folder(interpreter, overlay)
    for name, text in told.items():
        if not _NAME.fullmatch(name) or len(text) > _LARGEST:
            continue
        try:
            write_atomically(folder / name, base64.b64decode(text, validate=True))
        except (OSError, binascii.Error) as error:
            log.info("the tables of Hypothesis are not kept: %s", error)
            return


def _folder(interpreter: str, overlay: str) -> Path:
    key = hashlib.sha256(f"{interpreter}\n{overlay}".encode()).hexdigest()[:16]
    return default_cache() / "hypothesis" / key
