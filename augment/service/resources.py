"""Samples of the machine: CPU, memory, disk and GPU, with Augment's own use told apart from everybody else's."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import psutil

from augment.records import ResourceSample

STEADY_S = 10.0
"""How long a sample stands for those after it that are like it."""

_ALIKE = 0.05
"""A share that has moved by less than this is like the former one."""

GpuProbe = Callable[[], tuple[float, float] | None]
"""Busiest GPU's (utilisation, memory share), or None without a GPU."""


def nvidia_smi() -> tuple[float, float] | None:
    """Ask ``nvidia-smi`` for the busiest GPU's utilisation and memory share (0 to 1); None without one."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return None
    query = [tool, "--query-gpu=utilization.gpu,memory.used,memory.total", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode != 0:
        return None
    return parse_nvidia_smi(done.stdout)


def parse_nvidia_smi(text: str) -> tuple[float, float] | None:
    """The highest utilisation and memory share over the GPUs in ``nvidia-smi``'s CSV output."""
    shares = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) == 3 and all(cell.replace(".", "", 1).isdigit() for cell in cells) and float(cells[2]):
            busy, used, total = map(float, cells)
            shares.append((busy / 100, used / total))
    if not shares:
        return None
    return max(busy for busy, _ in shares), max(memory for _, memory in shares)


def tells_more(sample: ResourceSample, last: ResourceSample | None) -> bool:
    """Whether a sample is worth keeping after ``last``, the one that was kept last."""
    if last is None or sample.at - last.at >= STEADY_S or sample.pending_cpus != last.pending_cpus:
        return True
    shares = [
        (one.cpu, one.memory, one.disk, one.gpu or 0.0, one.gpu_memory or 0.0, one.own_cpu) for one in (sample, last)
    ]
    return any(abs(now - before) >= _ALIKE for now, before in zip(*shares, strict=True))


class ResourceMonitor:
    """Takes samples; CPU is a mean since the last one.

    ``own_pids`` names the roots of Augment's own process trees. Their CPU time is reported apart as ``own_cpu``, so
    that Augment yields to its user's work and not to itself. ``pending`` tells what other jobs of a cluster wait for.
    """

    def __init__(
        self,
        root: Path,
        own_pids: Callable[[], Iterable[int]],
        *,
        gpu: GpuProbe = nvidia_smi,
        pending: Callable[[], float] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._root = root
        self._own_pids = own_pids
        self._gpu = gpu
        self._pending = pending or (lambda: 0.0)
        self._clock = clock
        self._has_gpu = True
        self._cores = psutil.cpu_count() or 1
        self._own_total = 0.0
        self._last = time.monotonic()
        psutil.cpu_percent()  # the first call only starts the measuring interval
        self._own_cpu(1.0)

    def sample(self) -> ResourceSample:
        """Look at the machine now."""
        now = time.monotonic()
        elapsed = max(now - self._last, 1e-3)
        self._last = now
        total = psutil.cpu_percent() / 100
        gpu = self._gpu() if self._has_gpu else None
        self._has_gpu = gpu is not None
        return ResourceSample(
            at=self._clock(),
            cpu=min(total, 1.0),
            memory=psutil.virtual_memory().percent / 100,
            disk=psutil.disk_usage(str(self._root)).percent / 100,
            gpu=gpu[0] if gpu else None,
            gpu_memory=gpu[1] if gpu else None,
            own_cpu=min(self._own_cpu(elapsed), total, 1.0),
            pending_cpus=self._pending(),
        )

    def _own_cpu(self, elapsed: float) -> float:
        """Share of all cores that Augment's own processes used over the last ``elapsed`` seconds.

        Reaped children count with their parent, so the total also holds the many processes too short-lived to be seen.
        """
        total = sum(self._spent())
        used, self._own_total = total - self._own_total, total
        return max(used, 0.0) / (elapsed * self._cores)

    def _spent(self) -> Iterator[float]:
        """CPU seconds of each of Augment's processes. All processes are looked at once, not once for each root."""
        times: dict[int, float] = {}
        children: dict[int, list[int]] = {}
        for process in psutil.process_iter(["ppid", "cpu_times"]):
            spent = process.info["cpu_times"]
            if spent is not None:  # None where the system does not let us see
                times[process.pid] = spent.user + spent.system + spent.children_user + spent.children_system
            children.setdefault(process.info["ppid"], []).append(process.pid)
        seen: set[int] = set()
        pending = list(self._own_pids())
        while pending:
            pid = pending.pop()
            if pid not in seen:
                seen.add(pid)
                pending += children.get(pid, [])
                yield times.get(pid, 0.0)
