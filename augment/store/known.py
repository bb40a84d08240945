"""What is known of tests, kept current in another process by what has changed since it last asked.

A save needs the coverage and the outcome of every test. Reading all of it from the store takes 50 ms for 500 tests and
a second for 10,000; what changed since the save before is a handful of tests.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from augment.records import CoverageReport, FileCoverage, new_id

V = TypeVar("V")

_MOST_CHANGES = 2_000
"""Beyond so many changed names everything is read anew: that is one scan instead of many look-ups."""


@dataclass(frozen=True, slots=True)
class KnownChanges:
    """What differs from the state that a reader has. With ``whole`` it is everything there is.

    ``names`` are the tests (and modules that read data on import) and ``files`` the files that changed; one that
    ``coverage`` and ``outcomes`` do not have is gone. ``mark`` is what to ask with the next time.
    """

    mark: str
    whole: bool
    coverage: CoverageReport
    outcomes: Mapping[str, str]
    names: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Differing:
    """Which names and files changed since a mark; None where the mark is unknown or too much has changed."""

    mark: str
    names: frozenset[str] | None
    files: frozenset[str] | None


class ChangeLog:
    """Counts the changes to what is known. Note a change only after it can be read. Thread-safe.

    It lives in memory: a new process starts a new series, whose readers then read everything once.
    """

    def __init__(self) -> None:
        self._series = new_id("known")
        self._count = 0
        self._names: dict[str, int] = {}
        self._files: dict[str, int] = {}
        self._lock = threading.Lock()

    def note(self, names: Iterable[str] = (), files: Iterable[str] = ()) -> None:
        """What is known of these tests and files has changed."""
        with self._lock:
            self._count += 1
            self._names.update(dict.fromkeys(names, self._count))
            self._files.update(dict.fromkeys(files, self._count))

    def note_coverage(self, report: CoverageReport) -> None:
        """What ``report`` has was replaced."""
        self.note({*report.tests, *report.support, *report.reads}, {*report.imports, *report.possible})

    def since(self, mark: str) -> Differing:
        """What changed since ``mark``. To be asked before the changes are read, never after."""
        series, _, count = mark.partition("@")
        with self._lock:
            now = f"{self._series}@{self._count}"
            if series != self._series:
                return Differing(now, None, None)
            seen = int(count)
            names = frozenset(name for name, at in self._names.items() if at > seen)
            files = frozenset(file for file, at in self._files.items() if at > seen)
        if len(names) + len(files) > _MOST_CHANGES:
            return Differing(now, None, None)
        return Differing(now, names, files)


@dataclass
class KnownCopy:
    """A reader's copy. Bring it up to date with :meth:`take`; what it gives out is not changed afterwards."""

    mark: str = ""
    _tests: dict[str, Mapping[str, FileCoverage]] = field(default_factory=dict)
    _imports: dict[str, FileCoverage] = field(default_factory=dict)
    _possible: dict[str, FileCoverage] = field(default_factory=dict)
    _support: dict[str, Mapping[str, FileCoverage]] = field(default_factory=dict)
    _reads: dict[str, frozenset[str]] = field(default_factory=dict)
    _outcomes: dict[str, str] = field(default_factory=dict)

    def take(self, changes: KnownChanges) -> None:
        """Bring the copy up to date."""
        report = changes.coverage
        by_name, by_file = (None, None) if changes.whole else (changes.names, changes.files)
        self._tests = _replaced(self._tests, report.tests, by_name)
        self._support = _replaced(self._support, report.support, by_name)
        self._reads = _replaced(self._reads, report.reads, by_name)
        self._outcomes = _replaced(self._outcomes, changes.outcomes, by_name)
        self._imports = _replaced(self._imports, report.imports, by_file)
        self._possible = _replaced(self._possible, report.possible, by_file)
        self.mark = changes.mark

    def coverage(self) -> CoverageReport:
        """The newest coverage of every test, of the imports, and every possible line."""
        return CoverageReport(self._tests, self._imports, self._possible, self._support, self._reads)

    def outcomes(self) -> dict[str, str]:
        """nodeid -> newest outcome of every known test."""
        return dict(self._outcomes)


def _replaced(old: dict[str, V], new: Mapping[str, V], keys: frozenset[str] | None) -> dict[str, V]:
    if keys is None:
        return dict(new)
    if not keys:
        return old
    changed = dict(old)
    for key in keys:
        if key in new:
            changed[key] = new[key]
        else:
            changed.pop(key, None)
    return changed
