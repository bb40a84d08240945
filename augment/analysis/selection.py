"""Which tests a change touches, each with its reason in words. Pure functions of change, coverage and history."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from augment.analysis.model import ChangedBlock, FileChange, FileState, ProjectChange, Selection
from augment.analysis.project import is_test_file
from augment.records import Coverage, CoverageReport, FileCoverage

FAILED = frozenset({"failed", "error"})
Pair = tuple[str, str]
"""(nodeid, reason)"""


def select_tests(
    change: ProjectChange, coverage: CoverageReport, tests: Collection[str], outcomes: Mapping[str, str]
) -> list[Selection]:
    """The tests that may see ``change``: those that failed last time first, then the narrowest, unrecorded ones last.

    ``coverage`` must have the line numbers of the change's *old* revision (see :func:`shift_coverage`), ``tests`` are
    the known nodeids, ``outcomes`` their newest outcomes. A whole test file is selected by its path, which then
    stands for all of its tests. Each test appears once, with the first reason that holds.
    """
    if not change:
        return []
    chooser = _Chooser(change, coverage, tests, outcomes)
    reasons: dict[str, str] = {}
    for nodeid, reason in chooser.pairs():
        reasons.setdefault(nodeid, reason)
    whole = {nodeid for nodeid in reasons if "::" not in nodeid}
    kept = [nodeid for nodeid in reasons if nodeid in whole or file_of(nodeid) not in whole]
    return [Selection(nodeid, reasons[nodeid]) for nodeid in sorted(kept, key=chooser.order)]


def gone_tests(change: ProjectChange, tests: Iterable[str]) -> list[str]:
    """Known tests whose file the change deleted."""
    deleted = {item.file for item in change.files if item.state is FileState.DELETED}
    return [nodeid for nodeid in tests if file_of(nodeid) in deleted]


def shift_coverage(coverage: CoverageReport, change: ProjectChange) -> CoverageReport:
    """Coverage of the old revision in the line numbers of the new one.

    To be done after every change that is not a full new measurement, comment-only ones too: tests that were not
    selected keep their coverage, and its lines have moved. Changed lines are dropped, deleted files forgotten.
    """
    maps = {item.file: item.line_map for item in change.files if item.line_map is not None}
    gone = {item.file for item in change.files if item.state is FileState.DELETED}
    if not maps and not gone:
        return coverage

    def shift(part: Coverage) -> Coverage:
        if not (maps.keys() | gone) & part.keys():
            return part
        return {
            file: _shift(covered, maps[file]) if file in maps else covered
            for file, covered in part.items()
            if file not in gone
        }

    tests = {nodeid: shift(part) for nodeid, part in coverage.tests.items()}
    return replace(coverage, tests=tests, imports=shift(coverage.imports), possible=shift(coverage.possible))


def file_of(nodeid: str) -> str:
    """The file of a nodeid."""
    return nodeid.partition("::")[0]


def _shift(covered: FileCoverage, lines: Mapping[int, int]) -> FileCoverage:
    def move(line: int) -> int | None:
        moved = lines.get(abs(line))
        return moved if moved is None or line > 0 else -moved

    branches = ((move(start), move(end)) for start, end in covered.branches)
    return FileCoverage(
        frozenset(lines[line] for line in covered.lines if line in lines),
        frozenset((start, end) for start, end in branches if start is not None and end is not None),
    )


class _Chooser:
    def __init__(
        self, change: ProjectChange, coverage: CoverageReport, tests: Collection[str], outcomes: Mapping[str, str]
    ) -> None:
        self._change, self._coverage, self._tests = change, coverage, tests
        self._failed = {nodeid for nodeid in tests if outcomes.get(nodeid) in FAILED}
        self._gone = set(gone_tests(change, tests))
        self._by_file: defaultdict[str, list[str]] = defaultdict(list)
        for nodeid in tests:
            self._by_file[file_of(nodeid)].append(nodeid)
        self._ran: defaultdict[str, list[str]] = defaultdict(list)
        for nodeid, part in coverage.tests.items():
            for file, covered in part.items():
                if covered.lines:
                    self._ran[file].append(nodeid)

    def pairs(self) -> Iterator[Pair]:
        """Every (test, reason), the strongest reasons first. Deleted tests are left out."""
        known = set(self._tests)
        for item in self._change.files:
            if item.matters:
                for nodeid, reason in self._of_file(item):
                    if nodeid not in self._gone and (nodeid in known or "::" not in nodeid):
                        yield nodeid, reason
        for nodeid in self._tests:
            if nodeid not in self._coverage.tests and nodeid not in self._gone:
                yield nodeid, "never recorded: what it runs is not known yet"

    def order(self, nodeid: str) -> tuple[int, int, str]:
        """Sort key: failed last time, changed test files, narrow before wide, unrecorded."""
        if "::" not in nodeid:
            failed = any(test in self._failed for test in self._by_file.get(nodeid, ()))
            return (0 if failed else 1), 0, nodeid
        part = self._coverage.tests.get(nodeid)
        width = sum(len(covered.lines) for covered in part.values()) if part is not None else 0
        if nodeid in self._failed:
            return 0, width, nodeid
        return (2 if part is None else 1), width + 1, nodeid

    def _of_file(self, item: FileChange) -> Iterator[Pair]:
        if not item.is_python:
            yield from self._of_data(item)
        elif item.file.rpartition("/")[2] == "conftest.py":
            yield from self._below(item.file, f"{item.file} was {item.state}")
        elif item.is_test:
            if item.state is not FileState.DELETED:
                yield item.file, f"{item.file} was {item.state}"
            yield from self._importers(item)
        else:
            yield from self._of_module(item)

    def _of_module(self, item: FileChange) -> Iterator[Pair]:
        for block in item.blocks:
            yield from self._of_block(item.file, block)
        measured = item.file in self._coverage.possible or item.file in self._ran
        if item.on_import or not measured:
            for nodeid in self._ran.get(item.file, ()):
                yield nodeid, f"ran {item.file}, where code that runs on import {_past(item)}"
            yield from self._importers(item)
        else:
            yield from self._unrecorded_importers(item)
        for nodeid in self._failed:
            part = self._coverage.tests.get(nodeid, {})
            if item.file in part or file_of(nodeid) in item.importers:
                yield nodeid, f"failed last time and uses {item.file}, which {_past(item)}"

    def _of_block(self, file: str, block: ChangedBlock) -> Iterator[Pair]:
        where = f"{block.scope} in {file}" if block.scope else f"{file} line {block.start}"
        for nodeid in self._ran.get(file, ()):
            lines = self._coverage.tests[nodeid][file].lines
            if any(block.start <= line <= block.end for line in lines):
                yield nodeid, f"ran the changed lines of {where}"

    def _importers(self, item: FileChange) -> Iterator[Pair]:
        """Tests that may see what a module does when it is imported, the nearest importers first."""
        for importer in sorted(item.importers, key=lambda file: (item.importers[file], file)):
            how = "imports" if item.importers[importer] == 1 else "imports, through other modules,"
            reason = f"{how} {item.file}, which {_past(item)}"
            if importer.rpartition("/")[2] == "conftest.py":
                yield from self._below(importer, f"{importer} {reason}")
                continue
            for nodeid in self._ran.get(importer, ()):
                yield nodeid, f"ran {importer}, which {reason}"
            for nodeid in self._by_file.get(importer, ()):
                yield nodeid, f"{importer} {reason}"
        yield from self._unrecorded_importers(item)

    def _unrecorded_importers(self, item: FileChange) -> Iterator[Pair]:
        """Test files that never got as far as running: what they could not import may be there now."""
        for importer in sorted(item.importers):
            recorded = any(nodeid in self._coverage.tests for nodeid in self._by_file.get(importer, ()))
            if is_test_file(importer) and not recorded:
                yield (
                    importer,
                    f"no coverage is recorded for {importer}, which imports {item.file}, which {_past(item)}",
                )

    def _of_data(self, item: FileChange) -> Iterator[Pair]:
        if item.configures_pytest:
            for nodeid in self._tests:
                yield nodeid, f"pytest's settings in {item.file} {_past(item)}"
        for reader in item.mentions:
            reason = f"{reader} mentions {item.file}, which {_past(item)}"
            if reader.rpartition("/")[2] == "conftest.py":
                yield from self._below(reader, reason)
            for nodeid in [*self._by_file.get(reader, ()), *self._ran.get(reader, ())]:
                yield nodeid, reason

    def _below(self, conftest: str, reason: str) -> Iterator[Pair]:
        folder = conftest.rpartition("/")[0]
        for nodeid in self._tests:
            if not folder or nodeid.startswith(f"{folder}/"):
                yield nodeid, reason


def _past(item: FileChange) -> str:
    return "changed" if item.state is FileState.CHANGED else f"was {item.state}"
