"""What the project's interpreter has installed."""

from __future__ import annotations

from pathlib import Path

from augment.analysis import Environment, read_environment
from augment.errors import ProjectError
from augment.execution import probe_interpreter


class Installed:
    """The distributions of one interpreter.

    Looking costs one ``stat`` while nothing changes: installing a package changes its folder's time.
    """

    def __init__(self, interpreter: str) -> None:
        self._interpreter = interpreter
        self._folders: tuple[Path, ...] | None = None
        self._python = ""
        self._mark: tuple[int, ...] = ()
        self._seen: Environment | None = None

    def look(self, known: Environment | None = None) -> Environment:
        """What is installed now. ``known`` is what was once found, so that not all of it is read the first time."""
        mark = self._marks()
        if self._seen is None or mark != self._mark:
            self._seen = read_environment(self._python, self._folders or (), self._seen or known)
            self._mark = mark
        return self._seen

    def _marks(self) -> tuple[int, ...]:
        if self._folders is None:
            try:
                info = probe_interpreter(self._interpreter)
            except ProjectError:  # the executor says so; without an interpreter there is nothing to compare
                return ()
            self._folders = tuple(
                Path(folder) for folder in dict.fromkeys((info.site, *filter(_holds_packages, info.sys_path)))
            )
            self._python = ".".join(str(part) for part in info.version)
        return tuple(folder.stat().st_mtime_ns for folder in self._folders if folder.exists())


def _holds_packages(folder: str) -> bool:
    return Path(folder).name in ("site-packages", "dist-packages")
