"""Words that the tests of this folder share."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

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


def other_interpreter(minor: int) -> str:
    """A working interpreter of that minor version on this machine; the test is skipped where there is none."""
    candidates = sorted((Path.home() / ".pyenv" / "versions").glob(f"3.{minor}.*/bin/python"))
    candidates += [Path(folder) / f"python3.{minor}" for folder in os.get_exec_path()]
    for path in candidates:
        works = path.exists() and subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode == 0
        if works:
            return str(path)
    pytest.skip(f"no Python 3.{minor} on this machine")
