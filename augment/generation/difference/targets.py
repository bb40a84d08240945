"""Which targets an edit changed, and the code as it was before."""

from __future__ import annotations

from collections.abc import Mapping

from augment.analysis import (
    Change,
    ChangeKind,
    ReadSource,
    changed_lines,
    decode_source,
    diff_targets,
    project_targets,
    read_source,
)
from augment.behaviour import Edit
from augment.records import Project, Snapshot, Target, TargetKind

_EXISTED = frozenset({ChangeKind.MODIFIED, ChangeKind.RENAMED, ChangeKind.MOVED})


def changed_by(edit: Edit, project: Project) -> list[Change]:
    """The targets that were there before and are there still, changed: those that tell most of a save first.

    Public ones before private ones, and functions before classes, which change with every method. A file that does not
    parse has none.
    """
    old = _targets(project, edit, _reader_before(edit), [f for f, text in edit.replaced.items() if text is not None])
    new = _targets(project, edit, _reader_now(project), [f for f in edit.replaced if f in edit.snapshot.files])
    found = [change for change in diff_targets(old, new) if change.kind in _EXISTED]
    return sorted(found, key=_order)


def files_before(edit: Edit) -> tuple[Snapshot, Mapping[str, str]]:
    """What a batch takes to run the old code: a revision without what is new, and the old texts laid over it."""
    kept = {file: digest for file, digest in edit.snapshot.files.items() if file not in edit.replaced}
    return Snapshot.of(kept), {file: text for file, text in edit.replaced.items() if text is not None}


def sources_before(edit: Edit, sources: Mapping[str, str]) -> dict[str, str]:
    """The texts of all Python files as they were, from those that there are now."""
    old = {file: text for file, text in sources.items() if file not in edit.replaced}
    read = _reader_before(edit)
    return old | {file: text for file in edit.replaced if (text := read(file)) is not None}


def lines_replaced(edit: Edit, target: Target, project: Project) -> set[int]:
    """The lines of the old ``target`` that ``edit`` replaced; all of them where they cannot be told apart."""
    inside = set(range(target.lineno, target.end_lineno + 1))
    old, new = _reader_before(edit)(target.file), _reader_now(project)(target.file)
    if old is None or new is None:
        return inside
    try:
        blocks = changed_lines(old, new)
    except SyntaxError:  # it is being edited again
        return inside
    return {line for block in blocks for line in range(block.start, block.end + 1)} & inside or inside


def _targets(project: Project, edit: Edit, read: ReadSource, files: list[str]) -> list[Target]:
    named = {file: edit.snapshot.files.get(file, "") for file in files}
    return project_targets(project, Snapshot(edit.snapshot.revision, named), read)


def _reader_before(edit: Edit) -> ReadSource:
    def read(file: str) -> str | None:
        text = edit.replaced.get(file)
        try:
            return None if text is None else decode_source(text.encode())
        except SyntaxError:  # an unknown encoding: nothing can be told of it
            return None

    return read


def _reader_now(project: Project) -> ReadSource:
    return lambda file: read_source(project.root, file)


def _order(change: Change) -> tuple[bool, bool, str, int]:
    target = change.target
    private = any(part.startswith("_") and not part.startswith("__") for part in target.qualname.split("."))
    return target.kind is TargetKind.CLASS, private, target.file, target.lineno
