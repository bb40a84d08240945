"""Samples of the real machine, and GPU figures from what nvidia-smi prints."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from augment.records import ResourceSample
from augment.service.resources import STEADY_S, ResourceMonitor, parse_nvidia_smi, tells_more


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


def test_a_process_below_two_roots_counts_once(tmp_path: Path) -> None:
    script = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'while True: pass'])"
    above = subprocess.Popen([sys.executable, "-c", script])
    try:
        time.sleep(0.5)
        (below,) = psutil.Process(above.pid).children()
        both = ResourceMonitor(tmp_path, lambda: [above.pid, below.pid], gpu=lambda: None)
        time.sleep(1.0)
        cores = psutil.cpu_count() or 1
        assert 0.02 / cores < both.sample().own_cpu <= 1.2 / cores
        below.kill()
    finally:
        above.kill()
        above.wait()


SAMPLE = ResourceSample(100.0, cpu=0.2, memory=0.5, disk=0.4, gpu=None, gpu_memory=None, own_cpu=0.0)


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        (replace(SAMPLE, at=102.0, cpu=0.22), False),
        (replace(SAMPLE, at=102.0, cpu=0.3), True),
        (replace(SAMPLE, at=102.0, gpu=0.9, gpu_memory=0.1), True),
        (replace(SAMPLE, at=102.0, pending_cpus=1.0), True),
        (replace(SAMPLE, at=100.0 + STEADY_S), True),
    ],
)
def test_a_sample_like_the_last_is_not_worth_keeping_for_a_while(later: ResourceSample, expected: bool) -> None:
    assert tells_more(SAMPLE, None)
    assert tells_more(later, SAMPLE) is expected


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
