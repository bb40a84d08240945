# Paths stay plain strings here: they are compared as pytest, coverage and the import system give them.
# ruff: noqa: PTH100, PTH113, PTH117, PTH118, PTH120, PTH206
"""Which files are measured, and how closely."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

NOT_MEASURED, LINES, BRANCHES = 0, 1, 2
"""How closely a file is followed: test modules and conftests by their lines, the project's code with its branches."""

_OTHERS = (".augment", ".venv", "venv", ".tox", ".nox")
_SCRIPTS = ("setup.py", "noxfile.py")
_RUNNER = os.path.dirname(os.path.abspath(__file__)) + os.sep


class Scope:
    """Says of a path how closely to follow it.

    ``chosen`` are files or folders to follow alone; without them it is every file of the project, and with ``support``
    its test modules and conftests too.
    """

    def __init__(self, root: str, chosen: Iterable[str], support: bool) -> None:
        self._prefix = root + os.sep
        self._chosen = tuple(chosen)
        self._folders = tuple(path + os.sep for path in self._chosen)
        self._support = LINES if support else NOT_MEASURED

    def closeness(self, file: str) -> int:
        """How closely to follow the code that comes from ``file``."""
        path = file if os.path.isabs(file) else os.path.abspath(file)
        if self._chosen:
            return BRANCHES if path in self._chosen or path.startswith(self._folders) else NOT_MEASURED
        if not path.startswith(self._prefix) or path.startswith(_RUNNER):
            return NOT_MEASURED
        parts = path[len(self._prefix) :].split(os.sep)
        if parts[0] in _OTHERS or "site-packages" in parts or (len(parts) == 1 and parts[0] in _SCRIPTS):
            return NOT_MEASURED
        return self._support if is_support(parts) else BRANCHES

    def python_files(self) -> Iterator[str]:
        """Every Python file that was chosen by name or lies in a chosen folder."""
        for path in self._chosen:
            if os.path.isfile(path):
                yield path
            for folder, _, names in os.walk(path):
                yield from (os.path.join(folder, name) for name in names if name.endswith(".py"))


def is_support(parts: list[str]) -> bool:
    """Whether a path, given by its parts, is a test module, a conftest, or lies in a folder of tests."""
    name = parts[-1]
    named = name == "conftest.py" or (name.startswith("test_") and name.endswith(".py")) or name.endswith("_test.py")
    return named or "tests" in parts[:-1] or (len(parts) > 1 and parts[0] == "test")
