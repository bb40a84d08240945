"""Results as files: one JSON document a run and an always-current summary."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from augment.files import write_atomically

_SAFE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
_SUMMARY = "summary.json"


class ResultFiles:
    """The folder of result files. Every file is replaced in one step; the newest ``keep`` runs stay."""

    def __init__(self, folder: Path, keep: int = 200) -> None:
        self.folder = folder
        self._keep = keep

    def write_run(self, run: Mapping[str, Any]) -> Path:
        """Write one run (as REST shows it) and drop the oldest files beyond the limit. Raises OSError."""
        path = self.folder / f"{_file_name(str(run['id']))}.json"
        write_atomically(path, _document(run))
        self._prune()
        return path

    def write_summary(self, summary: Mapping[str, Any]) -> None:
        """Replace ``summary.json`` unless it says the same already. Raises OSError."""
        path = self.folder / _SUMMARY
        document = _document(summary)
        if not path.exists() or path.read_bytes() != document:
            write_atomically(path, document)

    def _prune(self) -> None:
        files = [path for path in self.folder.glob("*.json") if path.name != _SUMMARY]
        if len(files) > self._keep:
            files.sort(key=lambda path: (path.stat().st_mtime_ns, path.name))
            for path in files[: -self._keep]:
                path.unlink(missing_ok=True)


def _file_name(run_id: str) -> str:
    if _SAFE_NAME.fullmatch(run_id) and run_id != "summary":
        return run_id
    return "run-" + hashlib.sha256(run_id.encode("utf-8", "replace")).hexdigest()[:16]


def _document(data: Mapping[str, Any]) -> bytes:
    # ASCII only: test output may hold lone surrogates, which UTF-8 cannot.
    return (json.dumps(data, indent=1) + "\n").encode("ascii")
