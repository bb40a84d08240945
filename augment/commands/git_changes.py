"""Which tests the changes since a git revision touch, from the coverage that the service recorded."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from augment.analysis import compare, decode_source, discover_project, select_tests, take_snapshot
from augment.errors import ProjectError
from augment.records import Coverage, CoverageReport, FileCoverage, Project, Snapshot, content_hash
from augment.store import Store, StoreError


@dataclass(frozen=True, slots=True)
class Affected:
    """What to run. ``nodeids`` None means everything; ``why`` says so for a person."""

    nodeids: tuple[str, ...] | None
    why: str


def affected_tests(project: Project, reference: str) -> Affected:
    """The tests that changes since ``reference`` touch; all of them where no coverage is recorded.

    Raises :class:`ProjectError` when the project is not in a git repository or has no such revision.
    """
    root = Path(project.root)
    changed = changed_files(root, reference)
    recorded = _recorded(root)
    if recorded is None:
        return Affected(None, "no coverage is recorded for this project yet, so all tests run")
    coverage, outcomes = recorded
    new = take_snapshot(root)
    old_files = dict(new.files)
    for file in changed:
        data = file_at(root, reference, file)
        old_files.pop(file, None)
        if data is not None:
            old_files[file] = content_hash(data)
    change = compare(
        Snapshot.of(old_files),
        new,
        lambda file: _text(file_at(root, reference, file) if file in changed else _now(root, file)),
        lambda file: _text(_now(root, file)),
        discover_project(root, project.interpreter),
    )
    selected = select_tests(change, _whole_files(coverage, changed, root, reference), list(outcomes), outcomes)
    # Recorded tests may be gone by now: of a test module that changed all run, and deleted ones are left out.
    files = {item.nodeid: item.nodeid.partition("::")[0] for item in selected}
    wanted = [file if file in changed else nodeid for nodeid, file in files.items() if (root / file).exists()]
    there = tuple(dict.fromkeys(wanted))
    return Affected(there, f"{len(changed)} files changed since {reference}")


def _whole_files(coverage: CoverageReport, changed: set[str], root: Path, reference: str) -> CoverageReport:
    """Let a test that ran any line of a changed file count as having run all of it.

    The recorded lines are those of the newest revision that was run, which need not be ``reference``.
    """
    lengths = {file: _text(file_at(root, reference, file)) for file in changed}
    whole = {
        file: FileCoverage(frozenset(range(1, text.count("\n") + 2)))
        for file, text in lengths.items()
        if text is not None
    }

    def widened(of_tests: Mapping[str, Coverage]) -> dict[str, Coverage]:
        return {
            nodeid: {file: whole.get(file, part) if part and nodeid else part for file, part in parts.items()}
            for nodeid, parts in of_tests.items()
        }

    return replace(coverage, tests=widened(coverage.tests), support=widened(coverage.support))


def _recorded(root: Path) -> tuple[CoverageReport, Mapping[str, str]] | None:
    path = root / ".augment" / "augment.db"
    if not path.exists():
        return None
    try:
        with closing(Store(path)) as store:
            coverage, outcomes = store.known_coverage(), store.latest_outcomes()
    except StoreError:
        return None  # held by the running service
    return (coverage, outcomes) if coverage.tests else None


def changed_files(root: Path, reference: str, option: str = "--changed-since") -> set[str]:
    """Files that differ from ``reference``, new ones included; ``option`` stands in the line of an error.

    Raises :class:`ProjectError` when the project is not in a git repository or has no such revision.
    """
    known = _git(root, "diff", "--name-only", "--no-renames", "--relative", "-z", reference, "--", ".")
    if known is None:
        raise ProjectError(f"{option} {reference}: git knows no such revision in {root}.")
    new = _git(root, "ls-files", "--others", "--exclude-standard", "-z") or b""
    return {name for name in (known + new).decode("utf-8", "surrogateescape").split("\0") if name}


def file_at(root: Path, reference: str, file: str) -> bytes | None:
    """The bytes of a file at ``reference``, None where it was not there."""
    return _git(root, "show", f"{reference}:./{file}")


def _now(root: Path, file: str) -> bytes | None:
    path = root / file
    return path.read_bytes() if path.is_file() else None


def _text(data: bytes | None) -> str | None:
    if data is None:
        return None
    try:
        return decode_source(data)
    except SyntaxError:
        return None  # not text: the whole file counts as changed


def _git(root: Path, *arguments: str) -> bytes | None:
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, check=False)
    except FileNotFoundError as error:
        raise ProjectError("git is not installed, and this option needs it.") from error
    return done.stdout if done.returncode == 0 else None
