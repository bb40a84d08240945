"""Run a project's tests once under one way of recording, and print the seconds (run by ``recording.py``).

``python recording_child.py RUNNER_PARENT CORE PYTEST_ARGUMENT...`` in the project's folder.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, sys.argv[1])

import pytest
from runner import measure, monitor, recording, scope, tracer

WAYS = ("plain", "monitor", "tracer")


def main() -> None:
    way, arguments = sys.argv[2], sys.argv[3:]
    root = str(Path.cwd())
    sys.path[0] = root
    measurement = None
    if way != "plain":
        measurement = measure.Measurement({"cwd": root, "measure": [], "private": False})
        measurement._scope = scope.Scope(root, [], True)
        close = measurement._scope.closeness
        measurement._core = monitor.Monitor(close) if way == "monitor" else tracer.Tracer(root, [])
    plugins = [recording.Recorder(measurement, lambda nodeid: nodeid)] if measurement else []
    told = io.StringIO()
    began = time.perf_counter()
    with contextlib.redirect_stdout(told):
        if measurement is not None:
            measurement.start()
        code = pytest.main(["-q", "-p", "no:cacheprovider", *arguments], plugins=plugins)
        if measurement is not None:
            measurement.stop()
    seconds = time.perf_counter() - began
    described = list(measurement.files([])) if measurement else []
    lines = sum(len(part) for one in described for part in one.get("lines", {}).values())
    print(json.dumps({"seconds": seconds, "exit": int(code), "lines": lines}))


if __name__ == "__main__":
    main()
