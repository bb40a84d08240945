"""What happened to a project that ``compatibility.py`` tried."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Options:
    """How a project is tried."""

    cache: Path
    minute_s: float
    seed: int
    logs: Path | None = None


@dataclass
class Saved:
    """A save that broke a function. ``seconds`` until the first failing verdict, and until it passed when mended."""

    target: str
    file: str
    failing: int
    seconds: float | None = None
    mended: float | None = None


@dataclass
class Happened:
    """What happened to one project. ``wrong`` has everything that should not have."""

    release: str
    files: int = 0
    tests: int = 0
    pytest: dict[str, int] = field(default_factory=dict)
    pytest_s: float = 0.0
    augment: dict[str, int] = field(default_factory=dict)
    augment_s: float = 0.0
    doctor: int = 0
    doctor_says: list[str] = field(default_factory=list)
    unsteady: list[str] = field(default_factory=list)
    ready_s: float = 0.0
    first_look_s: float = 0.0
    saves: list[Saved] = field(default_factory=list)
    kept_watching: int = 0
    generated: str = ""
    kept: int = 0
    kept_files: list[str] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    faults: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    memory_mb: int = 0
    stop_code: int | None = None
    stop_s: float = 0.0
    kept_passed: int = 0
    flaky: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    note: str = ""
    """What somebody wrote about it into the JSON file: the page shows it."""

    @classmethod
    def of_json(cls, row: Mapping[str, Any]) -> Happened:
        """What ``asdict`` gave."""
        return cls(**{**row, "saves": [Saved(**one) for one in row["saves"]]})
