"""Words that the tests of this folder share."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from augment.records import Snapshot, content_hash, new_id
from augment.seams import Batch, BatchResult


def batch(root: Path, *nodeids: str, **more: Any) -> Batch:
    more.setdefault("interpreter", sys.executable)
    return Batch(id=new_id("batch"), root=str(root), nodeids=nodeids, **more)


def snapshot(root: Path) -> Snapshot:
    files = [path for path in root.rglob("*") if path.is_file() and not {".augment", "__pycache__"} & set(path.parts)]
    return Snapshot.of({path.relative_to(root).as_posix(): content_hash(path.read_bytes()) for path in files})


def outcomes(result: BatchResult) -> dict[str, str]:
    """Test name (without its file) -> outcome."""
    return {verdict.nodeid.partition("::")[2]: verdict.outcome.value for verdict in result.verdicts}
