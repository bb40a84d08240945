# Paths stay plain strings here: they are compared as pytest, coverage and the import system give them.
# ruff: noqa: PTH118, PTH123
"""What each test runs and reads, in memory: raw lines and arcs, each file's shape, and what was read as data.

Raw numbers are translated to statements and branches on Augment's side, which remembers the shape of files by content:
reading the shape costs about 10 ms a file, so it is sent only for contents that Augment has not seen.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from typing import Any

from coverage.exceptions import CoverageException
from coverage.parser import PythonParser

from .monitor import Monitor, MonitorUnavailableError
from .reads import Reads
from .scope import LINES, NOT_MEASURED, Scope
from .tracer import Tracer, make_ready, tracer_for

_EXCLUDE = r"#\s*(pragma|PRAGMA)[:\s]?\s*(no|NO)\s*(cover|COVER)"


class Measurement:
    """Measures the project's files, or only those in ``measure``, into one context a test.

    On Python 3.12 and newer by ``sys.monitoring``, before that by coverage.py's tracer. In the user's own project,
    everything measured, it also notes what selection needs beside: lines of the tests themselves, and what is read.
    """

    def __init__(self, order: dict[str, Any]) -> None:
        self._root = order["cwd"]
        chosen = [os.path.join(self._root, path) for path in order["measure"]]
        inputs = not chosen and not order.get("private", False)
        self._scope = Scope(self._root, chosen, inputs)
        self._core = _core(self._root, chosen, self._scope)
        self._reads = Reads(self._root) if inputs else None
        self._uses: dict[str, set[str]] = {}

    def start(self) -> None:
        """Begin; everything until the first :meth:`switch` counts as import time."""
        if self._reads is not None:
            self._reads.start()
        self._core.start()

    def stop(self) -> None:
        """End measuring."""
        self._core.stop()
        if self._reads is not None:
            self._reads.stop()

    def switch(self, context: str) -> None:
        """Count what runs from now on to ``context`` ("" is import time)."""
        self._core.switch(context)
        if self._reads is not None:
            self._reads.switch(context)

    def use(self, context: str, shared: Iterable[str]) -> None:
        """Note that ``context`` has part in what the ``shared`` contexts ran and read."""
        self._uses.setdefault(context, set()).update(shared)

    def inputs(self) -> dict[str, Any]:
        """What each context read (None where that was not noted), and which contexts it has part in."""
        uses = {name: sorted(shared) for name, shared in self._uses.items() if shared}
        return {"uses": uses, "reads": None if self._reads is None else self._reads.found()}

    def files(self, known: Iterable[str]) -> Iterator[dict[str, Any]]:
        """For each measured file: its path, content hash, raw data by context, and its shape if not in ``known``."""
        known = set(known)
        names = {os.path.abspath(name): name for name in self._core.files()}  # noqa: PTH100
        for path in sorted(set(names) | set(self._scope.python_files())):
            close = self._scope.closeness(path)
            if close == NOT_MEASURED:
                continue
            name = names.get(path, path)
            described = self._support(path, name) if close == LINES else self._describe(path, name, known)
            if described is not None:
                yield described

    def _support(self, path: str, name: str) -> dict[str, Any]:
        lines = {context: sorted(found) for context, found in self._core.lines(name).items()}
        return {"file": self._relative(path), "support": lines}

    def _describe(self, path: str, name: str, known: set[str]) -> dict[str, Any] | None:
        try:
            with open(path, "rb") as file:
                content = hashlib.sha256(file.read()).hexdigest()[:32]
            shape = None if content in known else _shape(path)
        except (OSError, CoverageException, SyntaxError, ValueError):
            return None  # gone meanwhile, or generated code without a source file
        arcs, lines = self._core.arcs(name), self._core.lines(name)
        return {
            "file": self._relative(path),
            "hash": content,
            "shape": shape,
            "contexts": {context: [list(arc) for arc in sorted(arcs.get(context, ()))] for context in lines},
            "lines": {context: sorted(found) for context, found in lines.items()},
        }

    def _relative(self, path: str) -> str:
        return os.path.relpath(path, self._root).replace(os.sep, "/")


def _core(root: str, chosen: list[str], scope: Scope) -> Monitor | Tracer:
    try:
        return Monitor(scope.closeness)
    except MonitorUnavailableError:
        return tracer_for(root, chosen)


def warm_up(folder: str) -> None:
    """Measure nothing once: coverage.py loads and sets up much on first use (about 60 ms)."""
    measurement = Measurement({"cwd": folder, "measure": [], "private": True})
    measurement.start()
    measurement.switch("warm-up")
    measurement.stop()
    list(measurement.files(()))
    if isinstance(measurement._core, Tracer):
        make_ready(folder)


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
