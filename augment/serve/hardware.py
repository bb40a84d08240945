"""What this machine has, and which size of model fits it."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psutil

GB = 10**9
_NEEDED_CPU = (("large", 40 * GB, 16), ("medium", 20 * GB, 8), ("small", 5 * GB, 1))
"""Tier, memory and cores without a GPU: a 7B answers at a quarter of the speed of a 1.5B, so it takes cores."""
_NEEDED_GPU = (("large", 24 * GB), ("medium", 8 * GB), ("small", 2 * GB))


@dataclass(frozen=True, slots=True)
class Hardware:
    """Memory and GPU memory in bytes; ``cores`` are those this process may use. ``vram`` is of the largest GPU.

    ``memory_free`` is what may be taken without anybody being swapped out, within the limit of a container.
    """

    memory: int
    memory_free: int
    cores: int
    vram: int = 0
    gpu: str = ""
    vram_free: int = 0

    def describe(self) -> str:
        """One line for a person."""
        gpu = f"{self.gpu} with {self.vram / GB:.0f} GB" if self.vram else "no GPU"
        return f"{self.memory / GB:.0f} GB memory ({self.memory_free / GB:.0f} GB free), {self.cores} cores, {gpu}"


def detect_hardware() -> Hardware:
    """Look at this machine."""
    memory = psutil.virtual_memory()
    gpu, vram, vram_free = _largest_gpu()
    free = min([memory.available, *container_room(Path("/sys/fs/cgroup"))])
    return Hardware(memory.total, free, usable_cores(), vram, gpu, vram_free)


def container_room(folder: Path) -> list[int]:
    """Bytes that the control group in ``folder`` still allows; empty where it sets no limit, or is of version 1."""
    try:
        most, used = ((folder / name).read_text(encoding="ascii").strip() for name in ("memory.max", "memory.current"))
        # Cached files count as used, and go when memory is wanted.
        cached = dict(line.split() for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines())
        return [max(0, int(most) - int(used) + int(cached.get("inactive_file", 0)))] if most != "max" else []
    except (OSError, ValueError):
        return []


def computes_in_16_bits() -> bool:
    """Whether this processor multiplies bfloat16 without a detour, which costs x86 without AVX-512 a factor of five."""
    try:
        known = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True  # no Linux
    flags = next((line for line in known.splitlines() if line.startswith("flags")), "")
    return not flags or "avx512bw" in flags.split()


def usable_cores() -> int:
    """The cores that this process may run on, which a container can make fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _largest_gpu() -> tuple[str, int, int]:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return "", 0, 0
    query = [tool, "--query-gpu=name,memory.total,memory.free", "--format=csv,noheader,nounits"]
    try:
        listing = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return "", 0, 0  # a driver that does not answer is no GPU to run on
    return parse_gpus(listing)


def parse_gpus(listing: str) -> tuple[str, int, int]:
    """Name, bytes and free bytes of the largest GPU in ``nvidia-smi``'s lines ``name, MiB, MiB``; zeros without one."""
    found = [("", 0, 0)]
    for line in listing.splitlines():
        name, *sizes = (part.strip() for part in line.rsplit(",", 2))
        if len(sizes) == 2 and all(size.isdigit() for size in sizes):
            found.append((name, int(sizes[0]) * 2**20, int(sizes[1]) * 2**20))
    return max(found, key=lambda gpu: gpu[1])


def choose_tier(hardware: Hardware) -> str:
    """The largest tier that runs well here, leaving memory for the project's own tests."""
    for tier, vram in _NEEDED_GPU:
        if hardware.vram >= vram and tier != "small":
            return tier
    for tier, memory, cores in _NEEDED_CPU:
        if hardware.memory >= memory and hardware.cores >= cores:
            return tier
    return "tiny"
