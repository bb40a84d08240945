"""Questions to recorded coverage: who ran this, who read that. Indexed as far as it is asked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from augment.records import CoverageReport, FileCoverage

_SCANS = 20
"""Files looked for one by one; for more of them one pass over everything is cheaper."""

EARLY = ""
"""In the support: what ran while tests were imported and collected."""


class Recorded:
    """A view of one CoverageReport in which the project's code and the tests' own are one."""

    def __init__(self, coverage: CoverageReport) -> None:
        self._coverage = coverage
        self._ran: dict[str, list[str]] = {}
        self._all: dict[str, list[str]] | None = None
        self._readers: dict[str, list[str]] | None = None

    def ran(self, file: str) -> list[str]:
        """Tests that ran anything of ``file``."""
        if self._all is None and file not in self._ran:
            if len(self._ran) < _SCANS:
                self._ran[file] = [nodeid for nodeid in self._coverage.tests if self._of(nodeid, file)]
            else:
                self._all = self._index()
        return self._all.get(file, []) if self._all is not None else self._ran[file]

    def ran_between(self, file: str, start: int, end: int) -> Iterator[str]:
        """Tests that ran a line of ``file`` from ``start`` to ``end``."""
        for nodeid in self.ran(file):
            if any(start <= line <= end for covered in self._of(nodeid, file) for line in covered.lines):
                yield nodeid

    def ran_on_import(self, file: str, start: int, end: int) -> bool:
        """Whether a line from ``start`` to ``end`` ran outside every test."""
        early = (self._coverage.imports, self._coverage.support.get(EARLY, {}))
        return any(start <= line <= end for part in early if file in part for line in part[file].lines)

    def measured(self, file: str) -> bool:
        """Whether ``file`` was followed at all, so that who did not run it did not need it."""
        return file in self._coverage.possible or file in self._coverage.support.get(EARLY, {}) or bool(self.ran(file))

    def readers(self, path: str) -> list[str]:
        """Tests that read ``path`` (a file, or a folder ending in a slash)."""
        return [name for name in self._reads().get(path, ()) if "::" in name]

    def reading_modules(self, path: str) -> list[str]:
        """Files of the project that read ``path`` while they were imported."""
        return [name for name in self._reads().get(path, ()) if "::" not in name]

    def _of(self, nodeid: str, file: str) -> list[FileCoverage]:
        parts = (self._coverage.tests.get(nodeid, {}), self._coverage.support.get(nodeid, {}))
        return [part[file] for part in parts if file in part and part[file].lines]

    def _index(self) -> dict[str, list[str]]:
        found: defaultdict[str, list[str]] = defaultdict(list)
        for nodeid in self._coverage.tests:
            for part in (self._coverage.tests[nodeid], self._coverage.support.get(nodeid, {})):
                for file, covered in part.items():
                    if covered.lines:
                        found[file].append(nodeid)
        return dict(found)

    def _reads(self) -> dict[str, list[str]]:
        if self._readers is None:
            found: defaultdict[str, list[str]] = defaultdict(list)
            for name, paths in self._coverage.reads.items():
                for path in paths:
                    found[path].append(name)
            self._readers = dict(found)
        return self._readers
