"""What the tests of a project took, kept in its ``.augment`` folder for the next run of the whole suite."""

from __future__ import annotations

import json
from pathlib import Path

from augment.files import write_atomically
from augment.service.revisions import state_folder

_FILE = "durations.json"


def recall_durations(root: Path) -> object:
    """What was kept; None when there is nothing, or nothing that can be read."""
    try:
        return json.loads((root / ".augment" / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def keep_durations(root: Path, durations: object) -> None:
    """Keep it. A project that cannot be written to, as in some CI, is left as it is: the next run goes by sizes."""
    try:
        write_atomically(state_folder(root) / _FILE, json.dumps(durations, separators=(",", ":")).encode())
    except OSError:
        return
