# Paths stay plain strings here: they are compared as pytest, coverage and the import system give them.
# ruff: noqa: PTH112
"""Lines and branches by coverage.py's tracer, for Pythons before 3.12, through its public interface."""

from __future__ import annotations

import os
from collections.abc import Iterable

import coverage
from coverage.exceptions import CoverageException

_QUIET = [
    "no-data-collected",
    "module-not-measured",
    "module-not-imported",
    "module-not-python",
    "couldnt-parse",
    "trace-changed",
    "no-ctracer",
    "no-sysmon",
    "already-imported",
]


_READY = {}  # type: dict[str, Tracer]


def make_ready(root: str) -> None:
    """Set up coverage.py for the whole project at ``root`` ahead: the first start costs a batch about 15 ms."""
    tracer = Tracer(root, [])
    tracer.start()
    tracer.stop()
    _READY[root] = tracer


def tracer_for(root: str, chosen: Iterable[str]) -> Tracer:
    """One that is ready, else a new one."""
    chosen = list(chosen)
    return (None if chosen else _READY.pop(root, None)) or Tracer(root, chosen)


class Tracer:
    """Counts what runs under ``root`` (or only in ``chosen``) to contexts. Results as those of the monitor."""

    def __init__(self, root: str, chosen: Iterable[str]) -> None:
        chosen = list(chosen)
        self._coverage = coverage.Coverage(
            data_file=None,
            branch=True,
            config_file=False,
            messages=False,
            include=_include(root, chosen),
            omit=None if chosen else _omit(root),
        )
        self._coverage.set_option("run:disable_warnings", _QUIET)
        self._use_settrace()
        self._arcs: dict[str, dict[str, set[tuple[int, int]]]] = {}

    def _use_settrace(self) -> None:
        # Its sys.monitoring core stops looking at a line after its first run, so it cannot tell tests apart.
        try:
            from coverage import tracer  # noqa: F401

            core = "ctrace"
        except ImportError:
            core = "pytrace"
        try:
            self._coverage.set_option("run:core", core)
        except CoverageException:
            return  # an older coverage.py, which knows settrace only

    def start(self) -> None:
        """Begin to count."""
        self._coverage.start()

    def stop(self) -> None:
        """End counting."""
        self._coverage.stop()

    def switch(self, context: str) -> None:
        """Count what runs from now on to ``context``."""
        self._coverage.switch_context(context)

    def files(self) -> list[str]:
        """Names of the files that ran."""
        return sorted(self._coverage.get_data().measured_files())

    def lines(self, file: str) -> dict[str, set[int]]:
        """Context -> lines of ``file`` that ran."""
        return {
            context: {line for arc in arcs for line in arc if line > 0} for context, arcs in self.arcs(file).items()
        }

    def arcs(self, file: str) -> dict[str, set[tuple[int, int]]]:
        """Context -> steps from line to line in ``file``, branches among them."""
        if file not in self._arcs:
            data = self._coverage.get_data()
            names: set[str] = set()
            for contexts in data.contexts_by_lineno(file).values():
                names.update(contexts)
            found = {}
            for name in sorted(names):
                data.set_query_context(name)
                found[name] = set(data.arcs(file) or ())
            data.set_query_contexts(None)
            self._arcs[file] = found
        return self._arcs[file]


def _include(root: str, chosen: list[str]) -> list[str]:
    if not chosen:
        return [_literal(root) + "/*"]
    return [_literal(path) + ("/*" if os.path.isdir(path) else "") for path in chosen]


def _omit(root: str) -> list[str]:
    base = _literal(root)
    others = [".augment/*", ".venv/*", "venv/*", "**/site-packages/*", ".tox/*", ".nox/*", "setup.py", "noxfile.py"]
    return [f"{base}/{pattern}" for pattern in others]


def _literal(path: str) -> str:
    # coverage.py knows ?, *, ** and no escape: a ? stands for the odd character in a folder's name.
    return "".join("?" if character in "*?[]" else character for character in path)
