"""From raw lines and arcs to statements and branches, with the shape of each file remembered by its content."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from augment.records import CoverageReport, FileCoverage, merge_coverage

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

    def translate(self, arcs: Iterable[tuple[int, int]], ran: Iterable[int] = ()) -> FileCoverage:
        """The statements and branches that raw arcs and raw lines ran."""
        lines = {self._first(line) for line in ran}
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
        self._support: dict[str, dict[str, FileCoverage]] = {}
        self._reads: dict[str, set[str]] | None = None
        self._uses: dict[str, set[str]] = {}
        self._imports: dict[str, FileCoverage] = {}
        self._possible: dict[str, FileCoverage] = {}

    @property
    def known(self) -> list[str]:
        """Content hashes whose shape need not be told."""
        return list(self._known)

    def add(self, event: Mapping[str, Any]) -> None:
        """Note what one runner measured in one file."""
        if "support" in event:
            self._add_support(event["file"], event["support"])
            return
        file, shape = event["file"], self._shape(event)
        self._possible[file] = shape.possible
        for context, raw in event["contexts"].items():
            covered = shape.translate(((arc[0], arc[1]) for arc in raw), event.get("lines", {}).get(context, ()))
            files = self._tests.setdefault(context, {}) if context else self._imports
            if covered:
                files[file] = files.get(file, FileCoverage()) | covered

    def add_inputs(self, event: Mapping[str, Any]) -> None:
        """Note what was read, and which tests have part in what shared fixtures ran."""
        for context, shared in event["uses"].items():
            self._uses.setdefault(context, set()).update(shared)
        if event["reads"] is not None:
            self._reads = self._reads if self._reads is not None else {}
            for name, read in event["reads"].items():
                self._reads.setdefault(name, set()).update(read)

    def _add_support(self, file: str, contexts: Mapping[str, Iterable[int]]) -> None:
        for context, lines in contexts.items():
            files = self._support.setdefault(context, {})
            files[file] = files.get(file, FileCoverage()) | FileCoverage(frozenset(lines))

    def measured(self, nodeids: Iterable[str]) -> None:
        """These tests were measured to their end, those that ran nothing of the project too.

        A test whose runner was lost before it told what it measured is not in the report at all.
        """
        for nodeid in nodeids:
            self._tests.setdefault(nodeid, {})
            if self._reads is not None:
                self._reads.setdefault(nodeid, set())
                self._support.setdefault(nodeid, {})

    def _shape(self, event: Mapping[str, Any]) -> Shape:
        if event["shape"] is None:
            return self._known[event["hash"]]
        shape = Shape.of(event["shape"])
        self._known[event["hash"]] = shape
        if self._trusted:
            self._memory.remember(self._interpreter, event["hash"], shape)
        return shape

    def report(self) -> CoverageReport:
        """What is known so far, with what shared fixtures ran and read counted to every test that uses them."""
        share = self._shares()
        reads = {} if self._reads is None else {name: frozenset(found) for name, found in self._reads.items()}
        return CoverageReport(
            {nodeid: self._whole(nodeid, share, self._tests) for nodeid in self._tests if not _is_shared(nodeid)},
            self._imports,
            self._possible,
            {nodeid: self._whole(nodeid, share, self._support) for nodeid in self._support if not _is_shared(nodeid)},
            {
                name: found.union(*(reads.get(context, frozenset()) for context in share.get(name, ())))
                for name, found in reads.items()
                if not _is_shared(name)
            },
        )

    def _shares(self) -> dict[str, set[str]]:
        """Context -> every shared context that it has part in, directly or through another."""
        found: dict[str, set[str]] = {}
        for context, shared in self._uses.items():
            reached, pending = set[str](), list(shared)
            while pending:
                one = pending.pop()
                if one not in reached:
                    reached.add(one)
                    pending.extend(self._uses.get(one, ()))
            found[context] = reached
        return found

    @staticmethod
    def _whole(
        nodeid: str, share: Mapping[str, Iterable[str]], contexts: Mapping[str, dict[str, FileCoverage]]
    ) -> Mapping[str, FileCoverage]:
        shared = [contexts[context] for context in share.get(nodeid, ()) if context in contexts]
        return merge_coverage([contexts[nodeid], *shared]) if shared else contexts[nodeid]


def _is_shared(context: str) -> bool:
    return context.startswith("\0")
