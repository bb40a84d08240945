"""Samples of the real machine, and GPU figures from what nvidia-smi prints."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from augment.service.resources import ResourceMonitor, parse_nvidia_smi


def test_shares_are_fractions_and_there_is_no_gpu_without_one(tmp_path: Path) -> None:
    sample = ResourceMonitor(tmp_path, lambda: [os.getpid()], gpu=lambda: None).sample()
    assert 0 <= sample.own_cpu <= sample.cpu <= 1
    assert 0 < sample.memory < 1
    assert 0 < sample.disk <= 1
    assert sample.gpu is None
    assert sample.gpu_memory is None


def test_work_of_own_processes_is_told_apart(tmp_path: Path) -> None:
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        mine = ResourceMonitor(tmp_path, lambda: [busy.pid], gpu=lambda: None)
        others = ResourceMonitor(tmp_path, list, gpu=lambda: None)
        time.sleep(0.6)
        assert mine.sample().own_cpu > 0.05
        assert others.sample().own_cpu == 0
    finally:
        busy.kill()
        busy.wait()


def test_a_process_that_has_ended_is_no_error(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", "pass"])
    ended.wait()
    assert ResourceMonitor(tmp_path, lambda: [ended.pid], gpu=lambda: None).sample().own_cpu == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("35, 2000, 8000\n", (0.35, 0.25)),
        ("5, 100, 1000\n90, 50, 1000\n", (0.9, 0.1)),
        ("[N/A], 10, 100\n", None),
        ("", None),
    ],
)
def test_the_busiest_gpu_counts(text: str, expected: tuple[float, float] | None) -> None:
    assert parse_nvidia_smi(text) == expected
