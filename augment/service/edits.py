"""What a save replaced, from the sources of past revisions."""

from __future__ import annotations

from collections.abc import Callable

from augment.analysis import ProjectChange
from augment.behaviour import Edit, layable
from augment.records import Snapshot


def edit_of(change: ProjectChange, old: Snapshot, new: Snapshot, read: Callable[[str], bytes | None]) -> Edit:
    """The Python files that ``change`` says differ, with their old texts. ``read`` gives bytes by their hash.

    Left out is a file whose old text is not known or cannot be laid over: of it nothing can be compared.
    """
    replaced: dict[str, str | None] = {}
    for file in change.files:
        if not file.is_python:
            continue
        digest = old.files.get(file.file)
        data = read(digest) if digest is not None else None
        text = layable(data) if data is not None else None
        if digest is None or text is not None:
            replaced[file.file] = text
    return Edit(old.revision, new, replaced)
