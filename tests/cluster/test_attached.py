"""Attaching to a Ray cluster that somebody else started, and leaving it as it was."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from running import Start, copy_of_example, free_port, wait_for

ENVIRON = {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}


@pytest.fixture
def cluster() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """``ray start --head`` on loopback with folders of its own; its address and its process."""
    port = free_port()
    # Short, because a Unix socket's path may have 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="ra-", dir="/tmp"))
    command = [Path(sys.executable).with_name("ray"), "start", "--head", "--block", f"--port={port}"]
    options = ["--node-ip-address=127.0.0.1", "--num-cpus=2", "--include-dashboard=false", f"--temp-dir={folder}"]
    process = subprocess.Popen(
        [*map(str, command), *options],
        env={**os.environ, **ENVIRON},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for(lambda: _listens(process, port), "the cluster listens", 60)
        yield f"127.0.0.1:{port}", process
    finally:
        family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        process.send_signal(signal.SIGTERM)
        for member in [*family, process]:
            try:
                member.kill()
            except psutil.NoSuchProcess:
                continue
        process.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


def _listens(process: subprocess.Popen[bytes], port: int) -> bool:
    import socket

    assert process.poll() is None, "ray start has ended"
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_cluster_is_used_by_its_address_and_left_alone(
    cluster: tuple[str, subprocess.Popen[bytes]], tmp_path: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, head = cluster
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AUGMENT_RESOURCE_THRESHOLD", "1.0")
    monkeypatch.setenv("RAY_ADDRESS", address)
    project = copy_of_example(tmp_path)
    # By RAY_ADDRESS, as on a cluster's head; no --address is given.
    command = [sys.executable, "-m", "augment.launch", str(project), "--no-model"]
    service = start(project, command=command)
    assert f"attached, {address}" in service.output
    (run,) = wait_for(service.finished_runs, "the first run ends", 60)
    assert run["counts"]["passed"] >= 15
    ray = str(Path(sys.executable).with_name("ray"))
    told = subprocess.run([ray, "status", "--address", address], capture_output=True, text=True, check=True)
    assert "CPU" in told.stdout
    before = _actors(head)
    assert before
    assert service.stop() < 10
    assert head.poll() is None
    wait_for(lambda: not _actors(head), f"no actor is left: {before}", 10)


def test_a_dead_address_is_one_line_within_five_seconds(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    command = [
        sys.executable,
        "-m",
        "augment.launch",
        str(copy_of_example(tmp_path)),
        "--no-model",
        "--address",
        address,
    ]
    service_port = ["--port", str(free_port()), "--log-dir", str(tmp_path / "logs")]
    began = time.monotonic()
    done = subprocess.run([*command, *service_port], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert address in done.stderr
    # Five seconds on a machine that has nothing else to do; the interpreter and its imports take the most of them.
    assert time.monotonic() - began < 20


def _actors(head: subprocess.Popen[bytes]) -> list[str]:
    names = []
    for process in psutil.Process(head.pid).children(recursive=True):
        try:
            title = " ".join(process.cmdline())
        except psutil.Error:
            continue
        if "Actor" in title:
            names.append(title)
    return names
