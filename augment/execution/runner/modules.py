# Paths stay plain strings here: they are compared as the import system gives them.
# ruff: noqa: PTH113, PTH118
"""What a process has loaded before its order came, and what of it the project must load afresh."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any

_OURS = frozenset({"pytest", "_pytest", "pluggy", "coverage", "_augment_runner", "__main__", "sys", "builtins"})


class LoadedModules:
    """Looked at once, while nobody waits. ``early`` are the names that plain pytest loads too."""

    def __init__(self, early: set[str]) -> None:
        self.names = set(sys.modules)
        self._elsewhere: list[tuple[str, str]] = []
        """Modules that are not from an installed package, with their files: they may be the project's."""
        self._hideable: set[str] = set()
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if not file or name.partition(".")[0] in sys.builtin_module_names:
                continue
            installed = "site-packages" in file
            if not installed and not file.startswith(sys.prefix + os.sep):
                self._elsewhere.append((name, file))
            if "." not in name and (installed or name not in early):
                self._hideable.add(name)

    def forget(self, order: dict[str, Any]) -> None:
        """Drop modules that came from the project itself (its own pytest plugin, which may have changed since), and
        modules from elsewhere that the project's folders hide; of those that plain pytest loads too the standard
        library's stay.
        """
        inside = (order["project_root"] + os.sep, order["cwd"] + os.sep)
        doomed = {name.partition(".")[0] for name, file in self._elsewhere if file.startswith(inside)}
        for source in (*order["source_roots"], "."):
            doomed |= _names_in(os.path.normpath(os.path.join(order["cwd"], source))) & self._hideable
        doomed -= _OURS
        for name in [name for name in sys.modules if name.partition(".")[0] in doomed]:
            del sys.modules[name]


def _names_in(folder: str) -> set[str]:
    """The modules and packages that importing finds in a folder."""
    found = set()
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".py"):
                found.add(entry.name[:-3])
            elif os.path.isfile(os.path.join(entry.path, "__init__.py")):
                found.add(entry.name)
    return found
