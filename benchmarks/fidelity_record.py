"""A pytest plugin that notes the raw reports of a plain run, one JSON object a line, in the file FIDELITY_REPORT."""

from __future__ import annotations

import json
import os
import posixpath
from pathlib import Path
from typing import Any

_REPORT = os.open(os.environ["FIDELITY_REPORT"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
"""Opened once, and written without pathlib: a test may replace the environment, or the name of the system."""
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
    if _SEEN["root"] == _SEEN["cwd"]:
        return nodeid
    path, mark, rest = nodeid.partition("::")
    return posixpath.relpath(posixpath.join(_SEEN["root"], path), _SEEN["cwd"]) + mark + rest


def _note(**record: Any) -> None:
    if not _SEEN.get("worker"):
        os.write(_REPORT, (json.dumps(record) + "\n").encode())
