"""Progress of a long fetch: a bar on a terminal, a plain line every few seconds elsewhere; never silence."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from augment.serve.cache import Progress

_LINE_EVERY_S = 5.0
GB = 10**9


def silent(_label: str, _done: int, _total: int) -> None:
    """No progress shown."""


@contextlib.contextmanager
def shown_progress(say: Callable[[str], None]) -> Iterator[Progress]:
    """A progress callback that shows itself on standard error, or through ``say`` where that is no terminal."""
    if sys.stderr.isatty():
        with _bar() as progress:
            yield progress
    else:
        yield plain_progress(say, time.monotonic)


def plain_progress(say: Callable[[str], None], clock: Callable[[], float]) -> Progress:
    """A callback that says how far each step is, at its beginning, every few seconds, and at its end."""
    last = ("", float("-inf"))

    def progress(label: str, done: int, total: int) -> None:
        nonlocal last
        now = clock()
        if label == last[0] and now - last[1] < _LINE_EVERY_S and done < total:
            return
        last = (label, now)
        share = 100 * done // total if total else 0
        say(f"{label}: {done / GB:.2f} of {total / GB:.2f} GB ({share} %)")

    return progress


@contextlib.contextmanager
def _bar() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("starting", total=None)

        def progress(label: str, done: int, total: int) -> None:
            bar.update(task, description=label, completed=done, total=total)

        yield progress


@contextlib.contextmanager
def watched_folder(folder: Path, total: int, progress: Progress, label: str) -> Iterator[None]:
    """Report once a second how far ``folder`` has grown of ``total`` bytes."""
    over = threading.Event()

    def report() -> None:
        while not over.wait(1.0):
            progress(label, min(_size(folder), total), total)

    watcher = threading.Thread(target=report, name="folder-progress", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # a finished part is renamed under our feet
            total += path.stat().st_size if path.is_file() else 0
    return total
