"""The code base under test, its revisions, its targets, and what ran of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class TargetKind(StrEnum):
    """What sort of definition a target is."""

    FUNCTION = "function"
    METHOD = "method"
    CLASS = "class"


@dataclass(frozen=True, slots=True)
class Target:
    """A function, method or class that tests may be written for.

    ``hash`` is of the normalised syntax tree: comments, blank lines and formatting do not change it, a docstring does.
    ``lineno`` and ``end_lineno`` are 1-based and inclusive, decorators included.
    """

    module: str
    qualname: str
    kind: TargetKind
    file: str
    lineno: int
    end_lineno: int
    hash: str
    is_async: bool = False
    is_abstract: bool = False

    @property
    def id(self) -> str:
        """``module:qualname``."""
        return f"{self.module}:{self.qualname}"


@dataclass(frozen=True, slots=True)
class FileCoverage:
    """What ran in one file: executed statement lines, and executed branches as (from line, to line).

    A negative ``to`` is an exit of the code block, as in coverage.py.
    """

    lines: frozenset[int] = frozenset()
    branches: frozenset[tuple[int, int]] = frozenset()

    def __or__(self, other: FileCoverage) -> FileCoverage:
        return FileCoverage(self.lines | other.lines, self.branches | other.branches)

    def __sub__(self, other: FileCoverage) -> FileCoverage:
        return FileCoverage(self.lines - other.lines, self.branches - other.branches)

    def __bool__(self) -> bool:
        return bool(self.lines or self.branches)


Coverage = Mapping[str, FileCoverage]
"""Project file -> what ran in it."""


@dataclass(frozen=True, slots=True)
class CoverageReport:
    """Coverage measured by one batch.

    ``tests`` maps each nodeid to what ran during it (setup and teardown included); ``imports`` is what ran while
    modules were imported, outside every test; ``possible`` is every statement and branch of each measured file.

    ``support`` is the same as ``tests`` for test modules and conftests, which are nobody's target: under each nodeid
    what ran of them during the test, under "" what ran while they were imported and collected. ``reads`` has for each
    test the project's files that it read as data: paths, folders that it listed (ending in ``/``), and
    :data:`PROCESSES` where it started processes, whose own reading and running nobody sees. What a module read while it
    was imported stands under the module's path. A test that was measured has an entry, be it empty.
    """

    tests: Mapping[str, Coverage] = field(default_factory=dict)
    imports: Coverage = field(default_factory=dict)
    possible: Coverage = field(default_factory=dict)
    support: Mapping[str, Coverage] = field(default_factory=dict)
    reads: Mapping[str, frozenset[str]] = field(default_factory=dict)


PROCESSES = "<processes>"
"""Among the reads of a test: it started other processes, and what they run and read is not recorded."""


def merge_coverage(parts: Iterable[Coverage]) -> dict[str, FileCoverage]:
    """The union of several coverages, file by file."""
    total: dict[str, FileCoverage] = {}
    for part in parts:
        for file, covered in part.items():
            total[file] = total.get(file, FileCoverage()) | covered
    return total


def content_hash(data: bytes) -> str:
    """The content address of a file's bytes: the first 32 hex digits of SHA-256."""
    return hashlib.sha256(data).hexdigest()[:32]


def revision_of(files: Mapping[str, str]) -> str:
    """The name of a revision, from its files' relative paths and content hashes (12 hex digits)."""
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path}\0{files[path]}\n".encode())
    return digest.hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A revision: every project file that is not ignored, by relative path and content hash."""

    revision: str
    files: Mapping[str, str]

    @classmethod
    def of(cls, files: Mapping[str, str]) -> Snapshot:
        """Name the revision that consists of ``files``."""
        return cls(revision_of(files), dict(files))


@dataclass(frozen=True, slots=True)
class Project:
    """The code base under test. Folders are relative to ``root`` (absolute); ``.`` is the root itself.

    ``source_roots`` are the folders to put on ``sys.path`` (``.`` or ``src``), ``packages`` the importable top-level
    packages and modules found there, ``test_folders`` where its tests lie, ``test_patterns`` what pytest takes for
    test files (its option ``python_files``).
    """

    root: str
    name: str
    interpreter: str
    source_roots: tuple[str, ...]
    packages: tuple[str, ...]
    test_folders: tuple[str, ...]
    test_patterns: tuple[str, ...] = ("test_*.py", "*_test.py")
