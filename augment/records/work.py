"""The work itself: lanes, jobs, what each part does, and the machine."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from enum import StrEnum


def new_id(prefix: str) -> str:
    """A short unique identifier such as ``run-4f9c01d2ab``."""
    return f"{prefix}-{uuid.uuid4().hex[:10]}"


class Lane(StrEnum):
    """Why work is done, in order of urgency."""

    FAST = "fast"
    WRITE = "write"
    IDLE = "idle"


@dataclass(frozen=True, slots=True)
class ResourceSample:
    """One look at the machine. Shares are fractions from 0 to 1; ``gpu`` and ``gpu_memory`` are None without a GPU.

    ``own_cpu`` is the part of ``cpu`` that Augment itself used. ``pending_cpus`` is CPU demand of other jobs that the
    cluster could not place yet.
    """

    at: float
    cpu: float
    memory: float
    disk: float
    gpu: float | None = None
    gpu_memory: float | None = None
    pending_cpus: float = 0.0
    own_cpu: float = 0.0

    @property
    def highest(self) -> tuple[str, float]:
        """The resource that others use most and its share, for throttling.

        A disk is in nobody's way until it is nearly full, so it counts from 95 % on.
        """
        shares = {"CPU of others": max(self.cpu - self.own_cpu, 0.0), "memory": self.memory}
        if self.disk >= 0.95:
            shares["disk"] = self.disk
        if self.gpu_memory is not None:
            shares["GPU memory"] = self.gpu_memory
        name = max(shares, key=lambda key: shares[key])
        return name, shares[name]


@dataclass(frozen=True, slots=True)
class Activity:
    """What one part of Augment is doing now, in words for the dashboard."""

    part: str
    text: str
    at: float


class JobState(StrEnum):
    """Where a job of the write or idle lane stands."""

    PENDING = "pending"
    DONE = "done"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Job:
    """A durable request to write tests for a target. ``priority``: smaller goes first."""

    id: str
    target: str
    lane: Lane
    reason: str
    created_at: float
    priority: float = 0.0
    attempts: int = 0
    state: JobState = JobState.PENDING
