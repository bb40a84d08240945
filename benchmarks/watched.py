"""A real Augment service for the benchmarks: started as its user starts it, followed over its own event stream."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
from environments import user_environ

Seen = tuple[float, str, dict[str, Any]]
"""(monotonic time of arrival, name of the event, its data)"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Service:
    """``python -m augment.launch PROJECT`` in a process of its own, with an own Ray; a context manager."""

    def __init__(self, project: Path, *flags: str, logs: Path | None = None) -> None:
        self.project = project
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/api/v1"
        self.logs = logs or Path(tempfile.mkdtemp(prefix="augment-logs-"))
        self._command = [sys.executable, "-m", "augment.launch", str(project), "--address", "local"]
        self._command += ["--port", str(self.port), "--log-dir", str(self.logs), *flags]
        self._events: list[Seen] = []
        self._arrived = threading.Condition()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Service:
        """Start; return once its dashboard answers and its event stream is open."""
        output = (self.logs / "output.txt").open("wb")
        self._process = subprocess.Popen(
            self._command, env=user_environ(), stdout=output, stderr=output, start_new_session=True
        )
        deadline = time.monotonic() + 120
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"the service did not start:\n{(self.logs / 'output.txt').read_text()}")
            time.sleep(0.2)
        self._listen()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            family = self.processes()
            self._process.terminate()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
            for process in family:
                if process.is_running():
                    process.kill()

    def stop(self, limit_s: float) -> int:
        """Ask it to stop, as Ctrl-C does; its exit code. Raises TimeoutExpired when it does not end in time."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(limit_s)

    @property
    def pid(self) -> int:
        """The driver's process id."""
        assert self._process is not None
        return self._process.pid

    def processes(self) -> list[psutil.Process]:
        """The driver and everything that came from it."""
        driver = psutil.Process(self.pid)
        return [driver, *driver.children(recursive=True)]

    def get(self, path: str) -> Any:
        """An answer of the REST interface."""
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"{self.url}/{path}", timeout=30) as got:
            return json.load(got)

    def events(self) -> int:
        """How many events have come so far: what to wait behind."""
        with self._arrived:
            return len(self._events)

    def wait_for(
        self, wanted: Callable[[str, dict[str, Any]], bool], after: int = 0, timeout_s: float = 60.0
    ) -> Seen | None:
        """The first event past the first ``after`` ones that is wanted; None when it does not come in time."""
        deadline = time.monotonic() + timeout_s
        with self._arrived:
            while True:
                for seen in self._events[after:]:
                    if wanted(seen[1], seen[2]):
                        return seen
                after = len(self._events)
                if not self._arrived.wait(max(0.0, deadline - time.monotonic())):
                    return None

    def first_look(self, timeout_s: float = 300.0) -> list[dict[str, Any]]:
        """Wait until the first run of the whole project is over and all is quiet; its tests."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            runs = self.get("runs?limit=1")
            if runs and runs[0]["finished_at"]:
                time.sleep(2.0)
                tests: list[dict[str, Any]] = self.get("tests")
                return tests
            time.sleep(0.2)
        raise SystemExit(f"the first look did not end within {timeout_s:g} s; see {self.logs}")

    def _answers(self) -> bool:
        try:
            return bool(self.get("health")["status"] == "ok")
        except OSError:
            return False

    def _listen(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=None)
        connection.request("GET", "/api/v1/events")
        answer = connection.getresponse()
        threading.Thread(target=self._follow, args=(answer,), daemon=True).start()

    def _follow(self, answer: http.client.HTTPResponse) -> None:
        name = ""
        try:
            for raw in answer:
                if raw.startswith(b"event:"):
                    name = raw[6:].strip().decode()
                elif raw.startswith(b"data:"):
                    at = time.monotonic()
                    with self._arrived:
                        self._events.append((at, name, json.loads(raw[5:])))
                        self._arrived.notify_all()
        except (OSError, http.client.HTTPException):
            return  # the service has ended


def quiet(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """End the processes started for a peer, each with its group."""
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, 15)
            process.wait(10)
