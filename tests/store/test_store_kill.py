"""``kill -9`` of a process in the middle of writing, for real and several times over on the same file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from augment.store import Reporter, Store

ROUNDS = 6


def test_nothing_acknowledged_is_lost_and_no_file_is_torn(tmp_path: Path) -> None:
    (tmp_path / "TASKS.md").write_text("# Mine\n")
    acknowledged: list[list[str]] = []
    for attempt in range(ROUNDS):
        acknowledged += _write_until_killed(tmp_path, attempt)
        _no_file_is_torn(tmp_path)
    reporter = Reporter(Store(tmp_path / "augment.db"), tmp_path, tmp_path / "results", tmp_path / "TASKS.md")
    for what, run_id, *rest in acknowledged:
        found = reporter.run(run_id)
        assert found is not None
        assert found["finished_at"] is not None
        if what == "verdict":
            assert rest[0] in [verdict["nodeid"] for verdict in found["verdicts"]]
        elif what == "end":
            assert not found["interrupted"]
    for run in reporter.runs(limit=1000):
        assert sum(run["counts"].values()) == len(reporter.run(run["id"])["verdicts"])
    assert len(acknowledged) > 8 * ROUNDS
    reporter.close()


def _write_until_killed(folder: Path, attempt: int) -> list[list[str]]:
    command = [sys.executable, str(Path(__file__).with_name("kill_me.py")), str(folder), str(attempt * 100_000)]
    # After a different number of acknowledged records each time, so that the blow falls in different places.
    patience = 9 + 7 * attempt
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ}) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(patience)]
        process.kill()
        lines += process.stdout.readlines()
    assert process.returncode == -9
    # The last line may be cut: then it was never acknowledged.
    return [line.split() for line in lines if line.endswith("\n")]


def _no_file_is_torn(folder: Path) -> None:
    for path in (folder / "results").glob("*.json"):
        json.loads(path.read_text())
    tasks = (folder / "TASKS.md").read_text()
    assert tasks.startswith("# Mine\n")
    assert tasks.count("<!-- augment:begin -->") == tasks.count("<!-- augment:end -->") <= 1
