"""The seam between the executor and the processes that run tests: what a runner is, and where runners come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from augment.execution.tree import ProcessTree
from augment.seams import Limits


class Confinement(Protocol):
    """Keeps runners of untrusted kinds away from the rest of the machine. Hashable: it is part of what a runner is.

    It acts at two places: :meth:`command` wraps the process that is started (a fresh runner, or the warm process that
    forks), and :meth:`order` is handed to ``confine.enter`` in the process of the batch, before any code of the
    project runs there.
    """

    @property
    def forks(self) -> bool:
        """Whether batches may be forked from one warm process inside; else each needs a fresh one."""

    @property
    def limits_files(self) -> bool:
        """Whether temporary files are on a file system of limited size, so that nobody has to watch them."""

    def command(self, command: Sequence[str], kind: RunnerKind, scratch: Path) -> list[str]:
        """The command that starts ``command`` inside. ``scratch`` is the folder it may write to; the folders of its
        batches lie below it. Inherited descriptors (standard streams and one socket or pipe) must reach it."""

    def order(self, cwd: Path, scratch: Path, limits: Limits) -> Mapping[str, Any]:
        """What ``confine.enter`` needs for one batch, JSON-ready."""


@dataclass(frozen=True, slots=True)
class RunnerKind:
    """What must be decided when a runner starts; runners of one kind can stand in for each other."""

    interpreter: str
    overlay: str
    python_path: str
    """PYTHONPATH: what the user set, as far as it lies in the project."""
    trusted: bool
    hash_seed: int | None = None
    root: str = ""
    """The project: which third-party modules are worth having is learned for each."""
    confinement: Confinement | None = None


class Runner(Protocol):
    """One process of the project's interpreter, in a session of its own, good for one batch."""

    @property
    def kind(self) -> RunnerKind:
        """What it was made as."""

    @property
    def scratch(self) -> Path:
        """The folder for temporary files of the batch."""

    @property
    def events(self) -> int:
        """Descriptor to read events from."""

    @property
    def output(self) -> int:
        """Descriptor to read standard output and error from."""

    @property
    def exit_descriptor(self) -> int | None:
        """Descriptor that becomes readable when the process has ended, where there is such a thing."""

    @property
    def environment(self) -> Mapping[str, str]:
        """All variables that the batch is to see."""

    @property
    def lost(self) -> bool:
        """Whether the process went because of what Augment itself started beside it, not by its own doing."""

    def order(self, line: bytes) -> None:
        """Hand over the batch. A runner that has died meanwhile shows as the end of its events."""

    def alive(self) -> bool:
        """Whether the process has not ended yet."""

    def wait(self, timeout_s: float) -> int | None:
        """The exit status (negative: the signal that ended it), or None when it is still there or not known."""

    def signal(self, number: int) -> None:
        """Send a signal to the runner itself."""

    def black_box(self) -> bytes:
        """What the runner noted where it survives it: see ``runner/blackbox.py``."""

    @property
    def tree(self) -> ProcessTree:
        """The runner and everything it started."""

    def end(self) -> None:
        """Kill the runner and every descendant; remove its temporary files."""


class RunnerSource(Protocol):
    """Where runners come from."""

    def take(self, kind: RunnerKind) -> Runner:
        """A runner for one batch, as ready as can be. Raises OSError when the interpreter cannot be started."""

    def refill(self, kind: RunnerKind) -> None:
        """Get what the next batch of this kind needs ready, in the background."""

    def learn(self, kind: RunnerKind, modules: Sequence[str]) -> None:
        """Take note that a batch of this kind imported these modules from outside the project, in this order."""

    def close(self) -> None:
        """End the processes that wait. Idempotent."""
