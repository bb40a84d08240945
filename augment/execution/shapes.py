"""From raw lines and arcs to statements and branches, with the shape of each file remembered by its content."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from augment.records import CoverageReport, FileCoverage

_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class Shape:
    """Every statement and branch of a file, and the first line of each statement that spans several."""

    possible: FileCoverage
    moved: Mapping[int, int]

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Shape:
        """From what a runner tells."""
        branches = frozenset((arc[0], arc[1]) for arc in told["branches"])
        return cls(FileCoverage(frozenset(told["statements"]), branches), dict(told["moved"]))

    def translate(self, arcs: Iterable[tuple[int, int]]) -> FileCoverage:
        """The statements and branches that raw arcs ran."""
        lines: set[int] = set()
        taken: set[tuple[int, int]] = set()
        for start, end in arcs:
            source, target = self._first(start), self._first(end)
            lines.update(line for line in (source, target) if line > 0)
            taken.add((source, target))
        return FileCoverage(self.possible.lines & lines, self.possible.branches & taken)

    def _first(self, line: int) -> int:
        return self.moved.get(line, line) if line > 0 else -self.moved.get(-line, -line)


class ShapeMemory:
    """Shapes by interpreter and content hash: reading one costs a runner about 10 ms a file. Safe to share."""

    def __init__(self) -> None:
        self._shapes: OrderedDict[tuple[str, str], Shape] = OrderedDict()
        self._lock = threading.Lock()

    def known(self, interpreter: str) -> dict[str, Shape]:
        """Content hash -> shape, for one interpreter (its version decides what the branches are)."""
        with self._lock:
            return {content: shape for (owner, content), shape in self._shapes.items() if owner == interpreter}

    def remember(self, interpreter: str, content: str, shape: Shape) -> None:
        """Keep a shape; the oldest of many is dropped."""
        with self._lock:
            self._shapes[interpreter, content] = shape
            if len(self._shapes) > _REMEMBERED:
                self._shapes.popitem(last=False)


class CoverageBuilder:
    """Puts one batch's coverage together from the ``file`` events of its runners.

    What untrusted code tells of a file's shape is used for its own batch only.
    """

    def __init__(self, interpreter: str, memory: ShapeMemory, *, trusted: bool) -> None:
        self._interpreter = interpreter
        self._memory = memory
        self._trusted = trusted
        self._known = memory.known(interpreter)
        self._tests: dict[str, dict[str, FileCoverage]] = {}
        self._imports: dict[str, FileCoverage] = {}
        self._possible: dict[str, FileCoverage] = {}

    @property
    def known(self) -> list[str]:
        """Content hashes whose shape need not be told."""
        return list(self._known)

    def add(self, event: Mapping[str, Any]) -> None:
        """Note what one runner measured in one file."""
        file, shape = event["file"], self._shape(event)
        self._possible[file] = shape.possible
        for context, raw in event["contexts"].items():
            covered = shape.translate((arc[0], arc[1]) for arc in raw)
            files = self._tests.setdefault(context, {}) if context else self._imports
            if covered:
                files[file] = files.get(file, FileCoverage()) | covered

    def measured(self, nodeids: Iterable[str]) -> None:
        """These tests were measured to their end, those that ran nothing of the project too.

        A test whose runner was lost before it told what it measured is not in the report at all.
        """
        for nodeid in nodeids:
            self._tests.setdefault(nodeid, {})

    def _shape(self, event: Mapping[str, Any]) -> Shape:
        if event["shape"] is None:
            return self._known[event["hash"]]
        shape = Shape.of(event["shape"])
        self._known[event["hash"]] = shape
        if self._trusted:
            self._memory.remember(self._interpreter, event["hash"], shape)
        return shape

    def report(self) -> CoverageReport:
        """What is known so far."""
        return CoverageReport(self._tests, self._imports, self._possible)
