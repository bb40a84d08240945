"""What a project's own tests do to its files while they run: no reason to begin anew, and none to run for ever."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from augment.records import Snapshot

_CODE = (".py", ".pyi")
_SETTINGS = frozenset({"pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg"})
HABIT = 2
"""Runs in a row that a file has changed in: then the tests change it, not a person."""


def differing(old: Snapshot, new: Snapshot) -> set[str]:
    """The files that are not the same in two revisions."""
    return {path for path in old.files.keys() | new.files.keys() if old.files.get(path) != new.files.get(path)}


def outdates(old: Snapshot, new: Snapshot, is_test: Callable[[str], bool], *, tests_too: bool) -> bool:
    """Whether a run on ``old`` is to end for ``new``: code or pytest's settings that it runs on are not the same.

    New files and data do not count: tests make temporary files and write logs, and a run that began anew for these
    would never end. They have their turn when it is over. Test files count with ``tests_too``.
    """
    known = (path for path in differing(old, new) if path in old.files)
    return any(path in _SETTINGS or (path.endswith(_CODE) and (tests_too or not is_test(path))) for path in known)


class Litter:
    """Knows which data files change in every run, so that what the tests write is not taken for a save each time."""

    def __init__(self) -> None:
        self._runs: dict[str, int] = {}

    def ran(self, before: Snapshot, after: Snapshot) -> None:
        """Note the revisions at the begin and at the end of a run."""
        changed = (path for path in differing(before, after) if not path.endswith(_CODE) and path not in _SETTINGS)
        self._runs = {path: self._runs.get(path, 0) + 1 for path in changed}

    def is_all(self, paths: Iterable[str]) -> bool:
        """Whether all of these (and there are any) change in every run."""
        listed = list(paths)
        return bool(listed) and all(self._runs.get(path, 0) >= HABIT for path in listed)
