"""Shows where a pass stands: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from augment.generation import Progress as PassProgress


class PassDisplay:
    """A context manager around a pass. Writes to ``console``, never to standard output, which is for results."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[state]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._task = self._bar.add_task("starting", total=None, state="")
        self._last = ""

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._bar.stop()

    def say(self, text: str) -> None:
        """Tell what is being done now."""
        if self._console.is_terminal:
            self._bar.update(self._task, description=text)
        else:
            self._console.print(text, highlight=False, markup=False)

    def update(self, progress: PassProgress) -> None:
        """Take note of where the pass stands."""
        state = f"{progress.admitted} kept, {progress.rejected} rejected"
        if self._console.is_terminal:
            self._bar.update(
                self._task,
                description=progress.module,
                total=progress.total,
                completed=progress.done,
                state=state,
            )
        elif (line := f"[{progress.done}/{progress.total}] {progress.module}: {state}") != self._last:
            self._last = line
            self._console.print(line, highlight=False, markup=False)
