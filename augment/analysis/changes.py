"""Two snapshots -> everything that differs between them, ready for the choice of tests."""

from __future__ import annotations

import configparser
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from augment.analysis.blocks import changed_lines, changed_trees, line_map
from augment.analysis.imports import Imported, build_graph, imported_names, reverse, steps_to
from augment.analysis.model import Change, ChangedBlock, FileChange, FileState, ProjectChange
from augment.analysis.project import is_test_file, module_of
from augment.analysis.source import ReadSource, parse, problem_of
from augment.analysis.targets import diff_targets, targets_of
from augment.analysis.testfiles import test_edits
from augment.records import Project, Snapshot, Target

PYTEST_FILES = frozenset({"pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg"})


@dataclass
class SourceIndex:
    """What was read of each file's content before, so that a save costs one file and not the whole project."""

    imports: dict[str, Imported] = field(default_factory=dict)
    graph: KnownGraph | None = None


@dataclass(frozen=True)
class KnownGraph:
    """The reversed import graph as last built, and what it was built from.

    Building it for 10,000 files takes half a second, and few saves change an import.
    """

    digests: Mapping[str, tuple[str | None, str | None]]
    imports: Mapping[str, Imported]
    importers: Mapping[str, set[str]]


def compare(
    old: Snapshot,
    new: Snapshot,
    read_old: ReadSource,
    read_new: ReadSource,
    project: Project,
    index: SourceIndex | None = None,
    *,
    targets: bool = True,
) -> ProjectChange:
    """What differs between two revisions of a project.

    ``read_old`` and ``read_new`` give the text of a file of each (None where it cannot be had; then the whole file
    counts as changed). Comments and formatting make no change. ``index`` is brought up to date: keep it between calls.
    Without ``targets`` there are none in the result: see :func:`changed_targets`.
    """
    comparison = _Comparison(old, new, read_old, read_new, project, index or SourceIndex())
    names = [name for name in sorted({*old.files, *new.files}) if old.files.get(name) != new.files.get(name)]
    files = tuple(comparison.file_change(name) for name in names)
    found = comparison.target_changes(_with_targets(files)) if targets else []
    # What a module read while it was imported concerns its importers: only then is the graph wanted for data.
    graph = comparison.imported_by() if any(not change.is_python for change in files) else {}
    return ProjectChange(old.revision, new.revision, files, tuple(found), dict(comparison.problems), graph)


def changed_targets(
    change: ProjectChange, old: Snapshot, new: Snapshot, read_old: ReadSource, read_new: ReadSource, project: Project
) -> tuple[Change, ...]:
    """The targets that ``change`` touched: what should be written, as against what must run. Costs as much as the
    choice of tests, and nobody waits for it.
    """
    comparison = _Comparison(old, new, read_old, read_new, project, SourceIndex())
    comparison.problems.update(change.problems)
    return tuple(comparison.target_changes(_with_targets(change.files)))


def _with_targets(files: Iterable[FileChange]) -> list[FileChange]:
    return [change for change in files if change.is_python and not change.is_test]


class _Comparison:
    def __init__(
        self,
        old: Snapshot,
        new: Snapshot,
        read_old: ReadSource,
        read_new: ReadSource,
        project: Project,
        index: SourceIndex,
    ) -> None:
        self._old, self._new = old, new
        self._read_old, self._read_new = read_old, read_new
        self._project, self._index = project, index
        self._importers: Mapping[str, set[str]] | None = None
        self.problems: dict[str, str] = {}

    def file_change(self, file: str) -> FileChange:
        state = FileState.CHANGED
        if file not in self._old.files or file not in self._new.files:
            state = FileState.DELETED if file in self._old.files else FileState.ADDED
        if not file.endswith(".py"):
            return self._data_change(file, state)
        before = self._read_old(file) if state is not FileState.ADDED else ""
        after = self._read_new(file) if state is not FileState.DELETED else ""
        blocks, moved = self._blocks(file, before, after), None
        edited = None
        is_test = is_test_file(file, self._project.test_patterns)
        if is_test and state is FileState.CHANGED and file not in self.problems:
            blocks, edited = _test_blocks(before, after, blocks)
        if state is FileState.CHANGED and before is not None and after is not None:
            moved = line_map(before, after)
        importers = steps_to(self.imported_by(), file) if blocks or state is not FileState.CHANGED else {}
        return FileChange(file, state, True, is_test, blocks, importers, line_map=moved, edited_tests=edited or ())

    def target_changes(self, files: list[FileChange]) -> list[Change]:
        """Changed targets of the files; none for a file that does not parse now (its targets are not gone)."""
        old, new = list[Target](), list[Target]()
        for change in files:
            module = module_of(self._project, change.file)
            if module is None or change.file in self.problems:
                continue
            if change.state is not FileState.ADDED:
                old += self._targets(self._read_old(change.file), module, change.file)
            if change.state is not FileState.DELETED:
                new += self._targets(self._read_new(change.file), module, change.file)
        return diff_targets(old, new)

    def _targets(self, source: str | None, module: str, file: str) -> list[Target]:
        try:
            return targets_of(source or "", module, file)
        except SyntaxError:  # the old text; a new one that does not parse was reported
            return []

    def _blocks(self, file: str, before: str | None, after: str | None) -> tuple[ChangedBlock, ...]:
        try:
            parse(after or "")
        except SyntaxError as error:
            self.problems[file] = problem_of(error)
        whole = ChangedBlock(1, (before or "").count("\n") + 1, on_import=True)
        if before is None or after is None or file in self.problems:
            return (whole,)
        if file not in self._old.files or file not in self._new.files:
            return (whole,) if (before + after).strip() else ()
        try:
            return changed_lines(before, after)
        except (SyntaxError, RecursionError):  # the old text did not parse: anything may differ
            return (whole,)

    # ----- installed packages

    def users_of(self, modules: Collection[str]) -> dict[str, int]:
        """Project files that import one of the top-level ``modules`` (1), or a file that does (more steps)."""
        importers = self.imported_by()
        known = self._index.graph
        direct = [] if known is None else [file for file, names in known.imports.items() if _names(names, modules)]
        steps: dict[str, int] = {}
        for file in direct:
            for user, far in {file: 0, **steps_to(importers, file)}.items():
                steps[user] = min(far + 1, steps.get(user, far + 1))
        return steps

    # ----- data and configuration

    def _data_change(self, file: str, state: FileState) -> FileChange:
        name = file.rpartition("/")[2]
        configures = file in PYTEST_FILES and self._pytest_settings_differ(file)
        mentions = tuple(
            other
            for other in self._new.files
            if other.endswith(".py") and name in (self._read_new(other) or "") and other != file
        )
        return FileChange(file, state, False, False, mentions=mentions, configures_pytest=configures)

    def _pytest_settings_differ(self, file: str) -> bool:
        before = self._read_old(file) if file in self._old.files else ""
        after = self._read_new(file) if file in self._new.files else ""
        return _pytest_settings(file, before or "") != _pytest_settings(file, after or "")

    # ----- imports

    def imported_by(self) -> Mapping[str, set[str]]:
        """Who imports whom in either revision: a deleted file's importers are those that it had."""
        if self._importers is None:
            files = {name for name in {*self._old.files, *self._new.files} if name.endswith(".py")}
            digests = {file: (self._old.files.get(file), self._new.files.get(file)) for file in files}
            known = self._index.graph
            if known is None or not self._still_holds(known, digests):
                imports = {file: self._imports(file) for file in sorted(files)}
                importers = reverse(build_graph(self._project, imports, imports.__getitem__))
                known = self._index.graph = KnownGraph(digests, imports, importers)
            self._importers = known.importers
        return self._importers

    def _still_holds(self, known: KnownGraph, digests: Mapping[str, tuple[str | None, str | None]]) -> bool:
        """Whether the same files import the same modules as when the graph was built."""
        if known.digests.keys() != digests.keys():
            return False
        edited = (file for file, pair in digests.items() if pair != known.digests[file])
        return all(set(self._imports(file)) == set(known.imports[file]) for file in edited)

    def _imports(self, file: str) -> Imported:
        found: list[tuple[str, tuple[str, ...]]] = []
        for snapshot, read in ((self._new, self._read_new), (self._old, self._read_old)):
            digest = snapshot.files.get(file)
            if digest is None:
                continue
            if digest not in self._index.imports:
                self._index.imports[digest] = imported_names(read(file) or "")
            found += self._index.imports[digest]
        return tuple(dict.fromkeys(found))


def users_of_modules(
    snapshot: Snapshot, read: ReadSource, project: Project, modules: Collection[str], index: SourceIndex | None = None
) -> dict[str, int]:
    """Project files that import one of the installed top-level ``modules``, with the number of steps to it."""
    return _Comparison(snapshot, snapshot, read, read, project, index or SourceIndex()).users_of(modules)


def _names(imported: Imported, modules: Collection[str]) -> bool:
    return any(module.partition(".")[0] in modules for module, _ in imported)


def _test_blocks(
    before: str | None, after: str | None, blocks: tuple[ChangedBlock, ...]
) -> tuple[tuple[ChangedBlock, ...], tuple[str, ...] | None]:
    """The blocks of a test module beside its new and redefined tests, and these tests."""
    if before is None or after is None:
        return blocks, None
    try:
        edits = test_edits(before, after)
    except SyntaxError:
        return blocks, None
    return changed_trees(edits.old_tree, edits.new_tree), edits.functions


def _pytest_settings(file: str, text: str) -> object:
    """What a configuration file tells pytest; the text itself where it cannot be read, so that any edit counts."""
    try:
        if file.endswith(".toml"):
            return tomllib.loads(text).get("tool", {}).get("pytest", {})
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        parser.read_string(text)
    except (ValueError, configparser.Error):
        return text
    return {name: dict(parser.items(name)) for name in ("pytest", "tool:pytest") if parser.has_section(name)}
