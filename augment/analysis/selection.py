"""Which tests a change touches, each with its reason in words. Pure functions of change, coverage and history."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from augment.analysis.imports import steps_to
from augment.analysis.model import ChangedBlock, FileChange, FileState, PackageChange, ProjectChange, Selection
from augment.analysis.project import is_test_file
from augment.analysis.recorded import Recorded
from augment.records import PROCESSES, Coverage, CoverageReport, FileCoverage

FAILED = frozenset({"failed", "error"})
COMPILED = (".so", ".pyd", ".dylib", ".dll")
Pair = tuple[str, str]
"""(nodeid, reason)"""


def select_tests(
    change: ProjectChange,
    coverage: CoverageReport,
    tests: Collection[str],
    outcomes: Mapping[str, str],
    packages: PackageChange | None = None,
) -> list[Selection]:
    """The tests that may see ``change``: those that failed last time first, then the narrowest, unrecorded ones last.

    ``coverage`` must have the line numbers of the change's *old* revision (see :func:`shift_coverage`), ``tests`` are
    the known nodeids, ``outcomes`` their newest outcomes. A whole test file is selected by its path, a new or redefined
    test function by its name without parameters: these stand for all of their tests. Each test appears once, with the
    first reason that holds. ``packages`` is what changed in the environment.
    """
    packages = packages or PackageChange()
    chooser = _Chooser(change, coverage, tests, outcomes)
    reasons: dict[str, str] = {}
    for nodeid, reason in chooser.pairs(packages):
        reasons.setdefault(nodeid, reason)
    known = set(tests)
    # A file that could not be collected is known by its own name.
    whole = {nodeid for nodeid in reasons if nodeid not in known or "::" not in nodeid}
    kept = [nodeid for nodeid in reasons if whole.isdisjoint(groups_of(nodeid)[1:])]
    ordered = sorted(kept, key=chooser.order)
    return [Selection(nodeid, reasons[nodeid], nodeid in whole) for nodeid in ordered]


def groups_of(nodeid: str) -> list[str]:
    """What may stand for a test, the narrowest first: itself, its function, its classes, its file."""
    file, _, test = nodeid.partition("::")
    rest = test.partition("[")[0].split("::") if test else []
    names = ["::".join([file, *rest[:size]]) for size in range(len(rest), -1, -1)]
    return names if names[0] == nodeid else [nodeid, *names]


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

    return replace(
        coverage,
        tests={nodeid: shift(part) for nodeid, part in coverage.tests.items()},
        imports=shift(coverage.imports),
        possible=shift(coverage.possible),
        support={nodeid: shift(part) for nodeid, part in coverage.support.items()},
    )


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
        self._recorded = Recorded(coverage)

    def pairs(self, packages: PackageChange) -> Iterator[Pair]:
        """Every (test, reason), the strongest reasons first. Deleted tests are left out."""
        known = set(self._tests)
        for nodeid, reason in self._from_change():
            if nodeid not in self._gone and (nodeid in known or self._stands_for_many(nodeid)):
                yield nodeid, reason
        for nodeid, reason in self._from_packages(packages):
            if nodeid in known or "::" not in nodeid:
                yield nodeid, reason
        if not (self._change or packages):
            return
        for nodeid in self._tests:
            if nodeid not in self._coverage.tests and nodeid not in self._gone:
                yield nodeid, "never recorded: what it runs is not known yet"

    def _stands_for_many(self, nodeid: str) -> bool:
        return "::" not in nodeid or any(nodeid in _edited(item) for item in self._change.files if item.edited_tests)

    def order(self, nodeid: str) -> tuple[int, int, str]:
        """Sort key: failed last time, changed test files, narrow before wide, unrecorded."""
        if nodeid not in self._coverage.tests and self._stands_for_many(nodeid):
            failed = any(
                nodeid in groups_of(test) for test in self._by_file.get(file_of(nodeid), ()) if test in self._failed
            )
            return (0 if failed else 1), 0, nodeid
        part = self._coverage.tests.get(nodeid)
        width = sum(len(covered.lines) for covered in part.values()) if part is not None else 0
        if nodeid in self._failed:
            return 0, width, nodeid
        return (2 if part is None else 1), width + 1, nodeid

    def _from_change(self) -> Iterator[Pair]:
        for item in self._change.files:
            if item.matters:
                yield from self._of_file(item)
        for item in self._change.files:
            for nodeid in self._recorded.readers(item.file):
                yield nodeid, f"reads {item.file}, which {_past(item)}"
            if item.state is not FileState.CHANGED:
                yield from self._of_listing(item)

    def _of_file(self, item: FileChange) -> Iterator[Pair]:
        if not item.is_python:
            yield from self._of_data(item)
        elif item.is_test:
            yield from self._of_test_file(item)
        elif _is_conftest(item.file):
            yield from self._of_conftest(item)
        else:
            yield from self._of_module(item)

    # ----------------------------------------------------------------- code of the project

    def _of_module(self, item: FileChange) -> Iterator[Pair]:
        for block in item.blocks:
            yield from self._of_block(item.file, block)
        early = next((block for block in item.blocks if self._ran_early(item.file, block)), None)
        if item.on_import or not self._recorded.measured(item.file):
            for nodeid in self._recorded.ran(item.file):
                yield nodeid, f"ran {item.file}, where code that runs on import {_past(item)}"
            yield from self._importers(item)
        elif early is not None:
            yield from self._importers(item, f"whose {early.scope} runs on import and {_past(item)}")
        else:
            yield from self._unrecorded_importers(item)
        for nodeid in self._failed:
            part = self._coverage.tests.get(nodeid, {})
            if item.file in part or file_of(nodeid) in item.importers:
                yield nodeid, f"failed last time and uses {item.file}, which {_past(item)}"
        for nodeid in self._recorded.readers(PROCESSES):
            yield nodeid, f"starts other processes, which may run {item.file}, which {_past(item)}"

    def _of_block(self, file: str, block: ChangedBlock) -> Iterator[Pair]:
        where = f"{block.scope} in {file}" if block.scope else f"{file} line {block.start}"
        for nodeid in self._recorded.ran_between(file, block.start, block.end):
            yield nodeid, f"ran the changed lines of {where}"

    def _ran_early(self, file: str, block: ChangedBlock) -> bool:
        """Whether changed code that is not itself run on import was called while modules were imported or collected."""
        return not block.on_import and self._recorded.ran_on_import(file, block.start, block.end)

    def _importers(self, item: FileChange, which: str = "") -> Iterator[Pair]:
        """Tests that may see what a module does when it is imported, the nearest importers first."""
        yield from self._users(item.importers, item.file, which or f"which {_past(item)}")
        yield from self._unrecorded_importers(item)

    def _users(self, importers: Mapping[str, int], what: str, which: str) -> Iterator[Pair]:
        for importer in sorted(importers, key=lambda file: (importers[file], file)):
            how = "imports" if importers[importer] == 1 else "imports, through other modules,"
            reason = f"{how} {what}, {which}"
            if _is_conftest(importer):
                yield from self._below(importer, f"{importer} {reason}")
                continue
            for nodeid in self._recorded.ran(importer):
                yield nodeid, f"ran {importer}, which {reason}"
            if self._by_file.get(importer):
                # Whole: what it imports may decide which tests it has (parameters).
                yield importer, f"{importer} {reason}"

    def _unrecorded_importers(self, item: FileChange) -> Iterator[Pair]:
        """Test files that never got as far as running: what they could not import may be there now."""
        for importer in sorted(item.importers):
            recorded = any(nodeid in self._coverage.tests for nodeid in self._by_file.get(importer, ()))
            if is_test_file(importer) and not recorded:
                yield (
                    importer,
                    f"no coverage is recorded for {importer}, which imports {item.file}, which {_past(item)}",
                )

    # ----------------------------------------------------------------- tests and fixtures

    def _of_test_file(self, item: FileChange) -> Iterator[Pair]:
        if self._is_provable(item):
            for nodeid in _edited(item):
                yield nodeid, f"new or redefined in {item.file}"
            for block in item.blocks:
                yield from self._of_block(item.file, block)
            yield from self._unrecorded_importers(item)
            return
        if item.state is not FileState.DELETED:
            yield item.file, f"{item.file} was {item.state}"
        yield from self._importers(item)

    def _is_provable(self, item: FileChange) -> bool:
        """Whether lines and names say which tests of a test module an edit concerns."""
        known = self._by_file.get(item.file, ())
        if item.state is not FileState.CHANGED or item.on_import or not known or not self._recorded.measured(item.file):
            return False
        if any(self._ran_early(item.file, block) for block in item.blocks):
            return False
        if item.edited_tests and (item.importers or not all(_function(nodeid).startswith("test") for nodeid in known)):
            return False
        classes = {name for nodeid in known for name in groups_of(nodeid)}
        return all(_is_collected(f"{item.file}::{name}", classes) for name in item.edited_tests)

    def _of_conftest(self, item: FileChange) -> Iterator[Pair]:
        local = item.state is FileState.CHANGED and not item.on_import and self._recorded.measured(item.file)
        if local and not any(self._ran_early(item.file, block) for block in item.blocks):
            for block in item.blocks:
                yield from self._of_block(item.file, block)
            yield from self._unrecorded_importers(item)
            return
        yield from self._below(item.file, f"{item.file} was {item.state}")
        yield from self._importers(item)

    def _below(self, conftest: str, reason: str) -> Iterator[Pair]:
        folder = conftest.rpartition("/")[0]
        for nodeid in self._tests:
            if not folder or nodeid.startswith(f"{folder}/"):
                yield nodeid, reason

    # ----------------------------------------------------------------- data

    def _of_data(self, item: FileChange) -> Iterator[Pair]:
        if item.configures_pytest or item.file.endswith(COMPILED):
            what = "pytest's settings in" if item.configures_pytest else "the compiled module"
            for nodeid in self._tests:
                yield nodeid, f"{what} {item.file} {_past(item)}"
        reading = self._recorded.reading_modules(item.file)
        for module in reading:
            yield from self._of_reading_module(module, item)
        recorded = bool(reading) or any(True for _ in self._recorded.readers(item.file))
        for reader in item.mentions:
            for nodeid in self._mentioning(reader):
                # What is recorded of a test outweighs what its text says, where the file is known to be read at all.
                unseen = PROCESSES in self._coverage.reads.get(nodeid, frozenset({PROCESSES}))
                if not recorded or unseen:
                    yield nodeid, f"{reader} mentions {item.file}, which {_past(item)}"

    def _mentioning(self, reader: str) -> Iterator[str]:
        if _is_conftest(reader):
            yield from (nodeid for nodeid, _ in self._below(reader, ""))
        yield from self._by_file.get(reader, ())
        yield from self._recorded.ran(reader)

    def _of_reading_module(self, module: str, item: FileChange) -> Iterator[Pair]:
        """Tests that may see what ``module`` read while it was imported."""
        importers = {module: 0, **steps_to(self._change.importers, module)}
        reason = f"reads {item.file} on import, which {_past(item)}"
        if _is_conftest(module):
            yield from self._below(module, f"{module} {reason}")
        if self._by_file.get(module):
            yield module, f"{module} {reason}"
        for nodeid in self._recorded.ran(module):
            yield nodeid, f"{module} {reason}"
        del importers[module]
        yield from self._users(importers, module, f"which {reason}")

    def _of_listing(self, item: FileChange) -> Iterator[Pair]:
        folder = f"{item.file.rpartition('/')[0] or '.'}/"
        for nodeid in self._recorded.readers(folder):
            yield nodeid, f"lists the folder {folder}, where {item.file} was {item.state}"
        for module in self._recorded.reading_modules(folder):
            if module != item.file:
                yield from self._of_reading_module(module, item)

    # ----------------------------------------------------------------- environment

    def _from_packages(self, packages: PackageChange) -> Iterator[Pair]:
        if not packages:
            return
        told = ", ".join(f"{name} {how}" for name, how in list(packages.packages.items())[:3])
        if packages.users is None:
            for nodeid in self._tests:
                yield nodeid, f"the environment changed: {told}"
        else:
            yield from self._users(packages.users, "an installed package that changed", told)


def _edited(item: FileChange) -> list[str]:
    return [f"{item.file}::{name}" for name in item.edited_tests]


def _is_collected(nodeid: str, known_groups: Collection[str]) -> bool:
    """Whether pytest surely makes a test of a new definition: beside known ones, or in a plain class of tests."""
    owner, _, name = nodeid.rpartition("::")
    return owner in known_groups if name.startswith("test") else name.startswith("Test")


def _function(nodeid: str) -> str:
    return nodeid.partition("[")[0].rpartition("::")[2]


def _is_conftest(file: str) -> bool:
    return file.rpartition("/")[2] == "conftest.py"


def _past(item: FileChange) -> str:
    return "changed" if item.state is FileState.CHANGED else f"was {item.state}"
