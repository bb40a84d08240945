"""What the project's interpreter has installed, as part of what was tested."""

from __future__ import annotations

from augment.analysis import (
    Environment,
    PackageChange,
    ReadSource,
    SourceIndex,
    differences,
    modules_touched,
    users_of_modules,
)
from augment.records import Project, Snapshot
from augment.seams import Memory
from augment.service.installed import Installed

ENVIRONMENT = "environment"
"""Memory key: the environment that the newest complete verdicts were given in."""


class Surroundings:
    """Notices that packages were installed, removed or replaced, or that the interpreter is another one."""

    def __init__(self, project: Project, memory: Memory) -> None:
        self._project = project
        self._memory = memory
        self._installed = Installed(project.interpreter)
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
        self._seen = self._installed.look(self._known())
        return self._seen
