"""What the tests of a project took, kept in its ``.augment`` folder for the next run of the whole suite."""

from __future__ import annotations

import json
from pathlib import Path

from augment.analysis import is_test_file, list_files
from augment.execution import SuiteHistory
from augment.files import write_atomically
from augment.service.revisions import state_folder

_FILE = "durations.json"


def test_file_sizes(root: Path, history: SuiteHistory) -> dict[str, int]:
    """Bytes of each file that looks like tests or held some when the suite ran last."""
    return {
        file: (root / file).stat().st_size
        for file in list_files(root)
        if (is_test_file(file) or file in history.files) and (root / file).is_file()
    }


def recall_durations(root: Path) -> SuiteHistory:
    """What was kept; empty when there is nothing, or nothing that can be read."""
    try:
        return SuiteHistory.from_json(json.loads((root / ".augment" / _FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return SuiteHistory()


def keep_durations(root: Path, durations: object) -> None:
    """Keep it. A project that cannot be written to, as in some CI, is left as it is: the next run goes by sizes."""
    try:
        write_atomically(state_folder(root) / _FILE, json.dumps(durations, separators=(",", ":")).encode())
    except OSError:
        return
