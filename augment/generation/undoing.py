"""Takes a written test out of its file again, exactly, and puts one back that was taken out."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from augment.errors import ProjectError
from augment.files import write_atomically
from augment.generation.compose import Composed, Piece, remove_test
from augment.generation.formatting import tidy
from augment.generation.merge import merged
from augment.generation.paths import HEADER
from augment.generation.standing import (
    Removed,
    comment_of,
    cut_out,
    find,
    parsed,
    replace_piece,
    segment,
    standalone,
    without,
)
from augment.generation.syntax import bound_names, import_bindings, loaded_names
from augment.generation.write import FileChangedError, additions_in, apply_admission
from augment.records import Admission, AdmissionState, Project, new_id


class EditedError(ProjectError):
    """The user has edited the generated test: it is taken out only by force."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A test that was taken out. ``before`` is how it stood, as a module of its own; ``heirs`` are other admissions
    that were changed with it, because they still need imports that came with it.
    """

    before: str
    heirs: tuple[Admission, ...] = ()


def take_out(project: Project, admission: Admission, others: Sequence[Admission] = (), *, force: bool = False) -> Taken:
    """Take a kept test out of its file. ``others`` are the other kept tests of Augment's.

    In a file of the user's exactly what was added for it goes, byte for byte, wherever it stands now; imports and
    helpers that something else uses by now stay. A file of Augment's own goes with its last test. Raises EditedError
    when the user has edited the test, unless ``force``. A test that is not there any more is taken out already.
    """
    path = Path(project.root, admission.file)
    if not path.exists():
        return Taken(admission.source)
    data = path.read_bytes()
    text = _decoded(path, data)
    name = admission.nodeid.partition("::")[2]
    if _find(text, name, admission.file) is None and without(text, admission.written) is None:
        return Taken(admission.source)
    before = standalone(text, name) or admission.source
    if text.startswith(HEADER):
        _take_from_own(path, data, text, name, admission, force)
        return Taken(before)
    left, heirs = take_from(text, admission, others, force=force)
    _put(path, data, left.encode())
    return Taken(before, heirs)


def put_back(project: Project, admission: Admission, source: str) -> Admission:
    """Write a test that was taken out into its file again; the admission as kept, under the name that it got."""
    return apply_admission(project, replace(admission, source=source))


def replace_test(
    project: Project, admission: Admission, source: str, comment: str = "", others: Sequence[Admission] = ()
) -> tuple[Admission, ...]:
    """Put ``source``, a module of its own, in the place of a kept test.

    Returns the admission under the name that it has then, and others that were changed with it. Nothing else in the
    file changes; in a file of the user's the test goes to where new tests go. Raises EditedError when the user has
    edited a test in a file of theirs since it was written.
    """
    path = Path(project.root, admission.file)
    data = path.read_bytes()
    text = _decoded(path, data)
    name = admission.nodeid.partition("::")[2]
    piece = Piece(source, comment or comment_of(text, name), admission.target, verbatim=True)
    heirs: tuple[Admission, ...] = ()
    if text.startswith(HEADER):
        raw = replace_piece(text, name, piece)
        tidied = tidy(raw.text, path)
        composed = Composed(tidied, raw.names, additions_in(tidied, raw.names))
    else:
        left, heirs = take_from(text, admission, others)
        composed = merged(left, [piece], path, project.packages)
    _put(path, data, composed.text.encode())
    changed = replace(
        admission,
        nodeid=f"{admission.file}::{composed.names[0]}",
        source=source,
        written=composed.additions[0].text,
        support=composed.additions[0].support,
        write=new_id("write"),
        state=AdmissionState.KEPT,
        stale=None,
    )
    return changed, *heirs


def _take_from_own(path: Path, data: bytes, text: str, name: str, admission: Admission, force: bool) -> None:
    if admission.written and not force and _core(segment(text, name)) != _core(admission.written):
        raise _edited(admission)
    left = remove_test(text, name)
    _unchanged(path, data)
    if left is None:
        path.unlink()
    else:
        write_atomically(path, tidy(left, path).encode())


def take_from(
    text: str, admission: Admission, others: Sequence[Admission] = (), *, force: bool = False
) -> tuple[str, tuple[Admission, ...]]:
    """The text of a file of the user's less exactly what was added for ``admission``, and ``others`` as they are then.

    What something else uses by now stays; it becomes the addition of another test of Augment's that uses it, if one
    does. Raises EditedError when the test is not there as it was written, unless ``force``.
    """
    heirs = {item.id: item for item in others if item.file == admission.file and item.id != admission.id}
    known = dict(heirs)
    gone = without(text, admission.written) if admission.written else None
    if gone is None and not force:
        raise _edited(admission)
    left = gone or Removed(cut_out(text, admission.nodeid.partition("::")[2]))
    _pass_on_ending(left, heirs)
    for block in reversed(admission.support):
        rest = without(left.text, block)
        if rest is None:
            continue  # edited or taken out by the user: theirs now
        if not _is_used(block, rest.text):
            left = rest
            _pass_on_ending(left, heirs)
            continue
        heir = next((item for item in heirs.values() if _names(block) & _reads(item.written)), None)
        if heir is not None:
            heirs[heir.id] = replace(heir, support=(block, *heir.support))
    return left.text, tuple(item for key, item in heirs.items() if item is not known[key])


def _pass_on_ending(left: Removed, heirs: dict[str, Admission]) -> None:
    """A line ending that was added stays for what follows: when that goes too, the ending goes with it."""
    if left.ending is None:
        return
    ending = "\r\n" if left.text[: left.ending].endswith("\r\n") else "\n"
    behind = left.text[left.ending :]
    for key, heir in heirs.items():
        if behind.startswith(heir.written):
            heirs[key] = replace(heir, written=ending + heir.written)
            return
        for index, block in enumerate(heir.support):
            if behind.startswith(block):
                support = (*heir.support[:index], ending + block, *heir.support[index + 1 :])
                heirs[key] = replace(heir, support=support)
                return


def _is_used(block: str, rest: str) -> bool:
    tree = parsed(rest)
    used = loaded_names(tree) | {item.arg for item in ast.walk(tree) if isinstance(item, ast.arg)}
    return bool(_names(block) & used)


def _names(block: str) -> set[str]:
    names: set[str] = set()
    for node in ast.parse(block).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= set(import_bindings(node))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        else:
            names |= bound_names(node)
    return names


def _reads(written: str) -> set[str]:
    """The names that a piece of a file mentions; it may be a method, which does not parse by itself."""
    try:
        tree = ast.parse(f"if True:\n{written}" if written.lstrip("\r\n")[:1].isspace() else written)
    except SyntaxError:
        return set()
    return loaded_names(tree) | {item.arg for item in ast.walk(tree) if isinstance(item, ast.arg)}


def _core(text: str | None) -> str:
    return (text or "").strip()


def _edited(admission: Admission) -> EditedError:
    return EditedError(
        f"{admission.nodeid} was edited since Augment wrote it: take it out by hand, or with "
        f"`augment undo {admission.id} --force`"
    )


def _find(text: str, name: str, file: str) -> ast.stmt | None:
    try:
        return find(parsed(text), name)
    except (SyntaxError, ValueError) as error:
        raise ProjectError(f"{file} does not parse, so it was left alone: {error}") from error


def _decoded(path: Path, data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ProjectError(f"{path.name} is not UTF-8, so it was left alone") from error


def _put(path: Path, before: bytes, after: bytes) -> None:
    _unchanged(path, before)
    write_atomically(path, after)


def _unchanged(path: Path, before: bytes) -> None:
    if path.read_bytes() != before:
        raise FileChangedError(f"{path.name} was saved just now, so it was left alone; try again")
