"""A real service as its user starts it, and what a user can ask of it. Real Ray, real processes, real HTTP."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil

T = TypeVar("T")

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLE = REPOSITORY / "examples" / "bookshop"


def copy_of_example(folder: Path) -> Path:
    """The example project in a folder of its own, as a clone would have it: without what Augment wrote there before."""
    ignored = shutil.ignore_patterns(".augment", "augment", "__pycache__", ".pytest_cache", "TASKS.md", "logs")
    return Path(shutil.copytree(EXAMPLE, folder / "bookshop", ignore=ignored))


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(ask: Callable[[], T], what: str, timeout_s: float, every_s: float = 0.1) -> T:
    """The first truthy answer of ``ask``; fails with ``what`` was waited for."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if answer := ask():
            return answer
        time.sleep(every_s)
    raise AssertionError(f"{what}: not within {timeout_s:g} s")


class Service:
    """``python -m augment.launch`` in a process of its own."""

    def __init__(
        self,
        project: Path,
        logs: Path,
        flags: Sequence[str] = (),
        command: Sequence[str] | None = None,
        host: str = "127.0.0.1",
        token: str | None = None,
    ) -> None:
        self.project = project
        self.logs = logs
        self.port = free_port()
        self.url = f"http://{host}:{self.port}"
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
        base = command or (sys.executable, "-m", "augment.launch", str(project), "--address", "local")
        self._command = [*base, "--port", str(self.port), "--log-dir", str(logs), *flags]
        self._process: subprocess.Popen[str] | None = None
        self.lines: list[tuple[float, str]] = []
        self.events: list[tuple[float, str, dict[str, Any]]] = []

    def start(self, timeout_s: float = 90.0) -> None:
        """Start, and wait until the dashboard answers."""
        # What a test runner sets is not what a user's shell has.
        environ = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "COV_"))}
        self._process = subprocess.Popen(
            self._command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environ,
            start_new_session=True,
            cwd=REPOSITORY,
        )
        threading.Thread(target=self._read, daemon=True).start()
        wait_for(self._answers, "the dashboard answers", timeout_s)
        self._listen()

    def get(self, path: str) -> Any:
        """An answer of the REST interface."""
        answer = httpx.get(f"{self.url}/api/v1/{path}", headers=self.headers, timeout=30, trust_env=False)
        answer.raise_for_status()
        return answer.json()

    @property
    def output(self) -> str:
        """What it printed so far."""
        return "\n".join(line for _, line in self.lines)

    @property
    def pid(self) -> int:
        """The driver's process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def ray_dashboard(self) -> str:
        """The address of Ray's own dashboard, as it printed it."""
        return self.output.partition("Ray's own: ")[2].partition(")")[0]

    def processes(self, title: str = "") -> list[psutil.Process]:
        """Its processes, the driver excluded, whose command line holds ``title``."""
        found = []
        for process in psutil.Process(self.pid).children(recursive=True):
            try:
                if title in " ".join(process.cmdline()):
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def kill_actor(self, title: str) -> int:
        """``kill -9`` of the one process with that title; its pid."""
        (process,) = self.processes(title)
        process.send_signal(signal.SIGKILL)
        return process.pid

    def stop(self, number: int = signal.SIGTERM, timeout_s: float = 30.0) -> float:
        """Ask it to stop; how long that took in seconds."""
        assert self._process is not None
        began = time.monotonic()
        self._process.send_signal(number)
        self._process.wait(timeout_s)
        return time.monotonic() - began

    def kill(self) -> None:
        """End it and everything that came from it, for the end of a test."""
        if self._process is None:
            return
        family = self.processes() if psutil.pid_exists(self.pid) and self._process.poll() is None else []
        self._process.kill()
        self._process.wait(10)
        for process in family:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue

    def finished_runs(self) -> list[dict[str, Any]]:
        """Runs that have ended, newest first."""
        return [run for run in self.get("runs?limit=100") if run["finished_at"]]

    def admissions(self, generator: str | None = None) -> list[dict[str, Any]]:
        """Kept tests, optionally of one generator."""
        return [a for a in self.get("admissions") if generator in (None, a["generator"])]

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"the service ended with {self._process.returncode}:\n{self.output}")
        try:
            return bool(self.get("health")["status"] == "ok")
        except httpx.HTTPError:
            return False

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append((time.monotonic(), line.rstrip()))

    def _listen(self) -> None:
        """Follow the event stream, as the dashboard does."""
        connected = threading.Event()

        def follow() -> None:
            try:
                asked = f"{self.url}/api/v1/events"
                with httpx.stream("GET", asked, headers=self.headers, timeout=None, trust_env=False) as stream:
                    connected.set()
                    name = ""
                    for line in stream.iter_lines():
                        if line.startswith("event:"):
                            name = line[6:].strip()
                        elif line.startswith("data:"):
                            self.events.append((time.monotonic(), name, json.loads(line[5:])))
            except httpx.HTTPError:
                connected.set()  # the service has ended

        threading.Thread(target=follow, daemon=True).start()
        assert connected.wait(20)


Start = Callable[..., Service]
"""What the fixture ``start`` gives: starts a service that ends with the test."""
