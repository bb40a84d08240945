"""Ray clusters as their owners start them: ``ray start --head`` on loopback, with folders of their own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import psutil
from running import free_port, wait_for

RAY = str(Path(sys.executable).with_name("ray"))
ENVIRON = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}


JOINED: list[str] = []
"""Namespaces of the Rays that this process has been a driver of. After one, Ray ends the actors that the process makes
on another that listens on loopback only."""


class Head:
    """The head of a cluster that has no other node. ``environ`` is what a process needs to talk to it.

    ``prefix`` is a command that starts the command after it, such as ``unshare``.
    """

    def __init__(
        self, *flags: str, token: str | None = None, dashboard: bool = False, prefix: Sequence[str] = ()
    ) -> None:
        self.environ = {**ENVIRON, "RAY_AUTH_MODE": "token" if token else "disabled"}
        if token:
            self.environ["RAY_AUTH_TOKEN"] = token
        port, dashboard_port = free_port(), free_port()
        self.address = f"127.0.0.1:{port}"
        self.dashboard = f"http://127.0.0.1:{dashboard_port}"
        # Short, because a Unix socket's path may have 107 characters.
        self._folder = Path(tempfile.mkdtemp(prefix="ra-", dir="/tmp"))
        options = [f"--port={port}", "--node-ip-address=127.0.0.1", f"--temp-dir={self._folder}"]
        options += [f"--include-dashboard={str(dashboard).lower()}", f"--dashboard-port={dashboard_port}"]
        # Jobs are taken by the agent: at its usual port that of another Ray of this machine may listen.
        options += [f"--dashboard-agent-listen-port={free_port()}"]
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "PYTEST_", "COV_"))}
        self._log = (self._folder / "start.log").open("wb")
        self.process = subprocess.Popen(
            [*prefix, RAY, "start", "--head", "--block", *options, *flags],
            env={**kept, **self.environ},
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        # The last thing that it tells: by then a node is there, and the dashboard where one was asked for.
        wait_for(lambda: self._says("--block"), "the cluster is up", 90)
        assert listens(port)

    def _says(self, words: str) -> bool:
        said = (self._folder / "start.log").read_text()
        assert self.process.poll() is None, f"ray start has ended: {said}"
        return words in said

    def titles(self) -> list[str]:
        """The command lines of all its processes."""
        found = []
        for process in psutil.Process(self.process.pid).children(recursive=True):
            try:
                found.append(" ".join(process.cmdline()))
            except psutil.Error:
                continue
        return found

    def actors(self) -> list[str]:
        """The titles of the actors that run there."""
        return [title for title in self.titles() if title.startswith("ray::") and "Actor" in title]

    def stop(self) -> None:
        """End it with all that came from it."""
        alive = self.process.poll() is None
        family = psutil.Process(self.process.pid).children(recursive=True) if alive else []
        self.process.send_signal(signal.SIGTERM)
        for member in family:
            try:
                member.kill()
            except psutil.NoSuchProcess:
                continue
        self.process.kill()
        self.process.wait(20)
        self._log.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def listens(port: int) -> bool:
    """Whether somebody listens on this port of loopback."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
