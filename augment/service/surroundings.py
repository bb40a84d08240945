"""What the project's interpreter has installed, as part of what was tested."""

from __future__ import annotations

from pathlib import Path

from augment.analysis import (
    Environment,
    PackageChange,
    ReadSource,
    SourceIndex,
    differences,
    modules_touched,
    read_environment,
    users_of_modules,
)
from augment.errors import ProjectError
from augment.execution import probe_interpreter
from augment.records import Project, Snapshot
from augment.seams import Memory

ENVIRONMENT = "environment"
"""Memory key: the environment that the newest complete verdicts were given in."""


class Surroundings:
    """Notices that packages were installed, removed or replaced, or that the interpreter is another one.

    Looking costs one ``stat`` while nothing changes: installing a package changes its folder's time.
    """

    def __init__(self, project: Project, memory: Memory) -> None:
        self._project = project
        self._memory = memory
        self._folders: tuple[Path, ...] | None = None
        self._python = ""
        self._mark: tuple[int, ...] = ()
        self._seen: Environment | None = None
        self._settled: Environment | None = None

    def differ(self) -> bool:
        """Whether anything differs from what was tested; False before anything was."""
        settled, seen = self._known(), self._look()
        return settled is not None and seen != settled

    def change(self, snapshot: Snapshot, read: ReadSource, index: SourceIndex) -> PackageChange:
        """What differs from the environment that was tested, and who imports it."""
        settled, seen = self._known(), self._look()
        if settled is None or seen == settled:
            return PackageChange()
        packages = differences(settled, seen)
        modules = modules_touched(settled, seen, packages)
        if modules is None:
            return PackageChange(packages, None)
        return PackageChange(packages, users_of_modules(snapshot, read, self._project, modules, index))

    def settle(self) -> None:
        """The verdicts are of the environment as it was looked at last; at first of the one that is there now."""
        seen = self._seen or self._look()
        if seen != self._settled:
            self._memory.remember(ENVIRONMENT, seen.as_json())
            self._settled = seen

    def _known(self) -> Environment | None:
        if self._settled is None:
            plain = self._memory.recall(ENVIRONMENT)
            self._settled = Environment.of_json(plain) if isinstance(plain, dict) else None
        return self._settled

    def _look(self) -> Environment:
        mark = self._marks()
        if self._seen is None or mark != self._mark:
            self._seen = read_environment(self._python, self._folders or (), self._seen or self._known())
            self._mark = mark
        return self._seen

    def _marks(self) -> tuple[int, ...]:
        if self._folders is None:
            try:
                info = probe_interpreter(self._project.interpreter)
            except ProjectError:  # the executor says so; without an interpreter there is nothing to compare
                return ()
            self._folders = tuple(
                Path(folder) for folder in dict.fromkeys((info.site, *filter(_holds_packages, info.sys_path)))
            )
            self._python = ".".join(str(part) for part in info.version)
        return tuple(folder.stat().st_mtime_ns for folder in self._folders if folder.exists())


def _holds_packages(folder: str) -> bool:
    return Path(folder).name in ("site-packages", "dist-packages")
