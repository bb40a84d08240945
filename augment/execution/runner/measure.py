# Paths stay plain strings here: they are compared as pytest, coverage and the import system give them.
# ruff: noqa: PTH112, PTH113, PTH118, PTH123
"""Coverage per test, in memory, through coverage.py's public interface: raw lines and arcs, and each file's shape.

Raw numbers are translated to statements and branches on Augment's side, which remembers the shape of files by content:
reading the shape costs about 10 ms a file, so it is sent only for contents that Augment has not seen.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from typing import Any

import coverage
from coverage.exceptions import CoverageException
from coverage.parser import PythonParser

_EXCLUDE = r"#\s*(pragma|PRAGMA)[:\s]?\s*(no|NO)\s*(cover|COVER)"
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


class Measurement:
    """Measures the project's files, or only those in ``measure``, into one context a test."""

    def __init__(self, order: dict[str, Any]) -> None:
        self._root = order["cwd"]
        self._chosen = [os.path.join(self._root, path) for path in order["measure"]]
        self._coverage = coverage.Coverage(
            data_file=None,
            branch=True,
            config_file=False,
            messages=False,
            include=_include(self._root, self._chosen),
            omit=None if self._chosen else _omit(self._root),
        )
        self._coverage.set_option("run:disable_warnings", _QUIET)
        self._use_settrace()

    def _use_settrace(self) -> None:
        # The sys.monitoring core stops looking at a line after its first run, so it cannot tell tests apart.
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
        """Begin; everything until the first :meth:`switch` counts as import time."""
        self._coverage.start()

    def stop(self) -> None:
        """End measuring."""
        self._coverage.stop()

    def switch(self, context: str) -> None:
        """Count what runs from now on to ``context`` ("" is import time)."""
        self._coverage.switch_context(context)

    def files(self, known: Iterable[str]) -> Iterable[dict[str, Any]]:
        """For each measured file: its path, content hash, raw data by context, and its shape if not in ``known``."""
        known = set(known)
        data = self._coverage.get_data()
        measured = {path for path in data.measured_files() if path.startswith(self._root + os.sep)}
        for path in sorted(measured | set(_python_files(self._chosen))):
            described = self._describe(data, path, known)
            if described is not None:
                yield described

    def _describe(self, data: Any, path: str, known: set[str]) -> dict[str, Any] | None:
        try:
            with open(path, "rb") as file:
                content = hashlib.sha256(file.read()).hexdigest()[:32]
            shape = None if content in known else _shape(path)
        except (OSError, CoverageException, SyntaxError, ValueError):
            return None  # gone meanwhile, or generated code without a source file
        return {
            "file": os.path.relpath(path, self._root).replace(os.sep, "/"),
            "hash": content,
            "shape": shape,
            "contexts": _contexts(data, path),
        }


def warm_up(folder: str) -> None:
    """Measure nothing once: coverage.py loads and sets up much on first use (about 60 ms)."""
    empty = {"cwd": folder, "measure": []}
    measurement = Measurement(empty)
    measurement.start()
    measurement.switch("warm-up")
    measurement.stop()
    list(measurement.files(()))


def _contexts(data: Any, path: str) -> dict[str, list[list[int]]]:
    names = set()  # type: set[str]
    for contexts in data.contexts_by_lineno(path).values():
        names.update(contexts)
    found = {}
    for name in sorted(names):
        data.set_query_context(name)
        found[name] = [list(arc) for arc in data.arcs(path) or ()]
    data.set_query_contexts(None)
    return found


def _shape(path: str) -> dict[str, Any]:
    parser = PythonParser(filename=path, exclude=_EXCLUDE)
    parser.parse_source()
    exits = parser.exit_counts()
    arcs = [list(arc) for arc in parser.arcs() if exits.get(arc[0], 0) > 1]
    last = max(parser.statements, default=0)
    with open(path, "rb") as file:
        last = max(last, file.read().count(b"\n") + 1)
    moved = [[line, parser.first_line(line)] for line in range(1, last + 1) if parser.first_line(line) != line]
    return {"statements": sorted(parser.statements), "branches": arcs, "moved": moved}


def _include(root: str, chosen: list[str]) -> list[str]:
    if not chosen:
        return [_literal(root) + "/*"]
    return [_literal(path) + ("/*" if os.path.isdir(path) else "") for path in chosen]


def _omit(root: str) -> list[str]:
    base = _literal(root)
    tests = ["test_*.py", "*_test.py", "conftest.py", "tests/*", "test/*"]
    deeper = ["**/test_*.py", "**/*_test.py", "**/conftest.py", "**/tests/*"]
    others = [".augment/*", ".venv/*", "venv/*", "**/site-packages/*", ".tox/*", ".nox/*", "setup.py", "noxfile.py"]
    return [f"{base}/{pattern}" for pattern in (*tests, *deeper, *others)]


def _literal(path: str) -> str:
    # coverage.py knows ?, *, ** and no escape: a ? stands for the odd character in a folder's name.
    return "".join("?" if character in "*?[]" else character for character in path)


def _python_files(paths: Iterable[str]) -> Iterable[str]:
    for path in paths:
        if os.path.isfile(path):
            yield path
        for folder, _, names in os.walk(path):
            yield from (os.path.join(folder, name) for name in names if name.endswith(".py"))
