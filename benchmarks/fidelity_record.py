"""A pytest plugin that notes the raw reports of a plain run, one JSON object a line, in the file FIDELITY_REPORT."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

_REPORT = Path(os.environ["FIDELITY_REPORT"])
"""Read once: a test may replace the environment."""
_SEEN: dict[str, Any] = {"root": "", "cwd": str(Path.cwd())}


def pytest_sessionstart(session: Any) -> None:
    """Learn where node ids start from; a worker of xdist leaves the telling to the process that gathers."""
    _SEEN["root"] = str(session.config.rootpath)
    _SEEN["worker"] = hasattr(session.config, "workerinput")


def pytest_collectreport(report: Any) -> None:
    """Note a file that cannot be collected."""
    if report.failed:
        _note(nodeid=_name(report.nodeid).partition("::")[0], when="collect", outcome="failed", xfail=False)


def pytest_runtest_logreport(report: Any) -> None:
    """Note one phase of a test; those of subtests tell nothing that the test's own do not."""
    if type(report).__name__ != "SubtestReport":
        expected = hasattr(report, "wasxfail")
        _note(nodeid=_name(report.nodeid), when=report.when, outcome=report.outcome, xfail=expected)


def pytest_sessionfinish(exitstatus: int) -> None:
    """Note pytest's own exit code."""
    _note(exit=int(exitstatus))


def _name(nodeid: str) -> str:
    path, mark, rest = nodeid.partition("::")
    moved = os.path.relpath(Path(_SEEN["root"]) / path, _SEEN["cwd"])
    return moved.replace(os.sep, "/") + mark + rest


def _note(**record: Any) -> None:
    if not _SEEN.get("worker"):
        with _REPORT.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
