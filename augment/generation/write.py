"""Keeps admitted tests in files, and takes them out again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from augment.errors import ProjectError
from augment.files import write_atomically
from augment.generation.annotating import annotated, is_typed
from augment.generation.compose import Addition, Composed, Piece, add_pieces, remove_test
from augment.generation.formatting import tidy
from augment.generation.merge import merged, users_test_file
from augment.generation.paths import HEADER, conftest_files, output_file
from augment.generation.replies import keys_in
from augment.generation.standing import segment
from augment.records import Admission, AdmissionState, Project, new_id


class FileChangedError(ProjectError):
    """A file was saved by somebody else between being read and being written: nothing was written."""


class TestWriter:
    """Writes tests of one project into files of Augment's own, or merges them into the user's.

    ``output`` is the folder for own files, relative to the root. Every write is atomic, and a file that does not
    carry Augment's header is written to only when ``merge`` is on, and then only by adding lines. What was composed
    is written only while the file is still what it was composed from.
    """

    __test__ = False

    def __init__(self, project: Project, output: str, merge: bool = False) -> None:
        self._project = project
        self._output = output
        self._merge = merge
        self._composed_from: dict[str, bytes | None] = {}

    def file_for(self, module: str) -> str:
        """Where tests of ``module`` go, relative to the root."""
        own = users_test_file(self._project, module) if self._merge else None
        if own is not None:
            return own.relative_to(self._project.root).as_posix()
        return output_file(self._output, module)

    def known_keys(self) -> list[str]:
        """The keys of every test that Augment has written before."""
        folder = Path(self._project.root, self._output)
        found: list[str] = []
        for path in sorted(folder.glob("test_*.py")):
            try:
                found += keys_in(path.read_text(encoding="utf-8"))
            except (SyntaxError, UnicodeDecodeError):
                continue  # a file that the user is editing: nothing in it can be recognised now
        return found

    def formatted(self, file: str, source: str) -> str:
        """A single test module as it would look in ``file``."""
        return tidy(source, Path(self._project.root, file))

    def compose(self, file: str, pieces: Sequence[Piece]) -> Composed:
        """The text of ``file`` with ``pieces`` added, formatted, and the tests' names. Writes nothing."""
        path = Path(self._project.root, file)
        # Not read_text, which would turn a user's line endings into others.
        data = path.read_bytes() if path.exists() else None
        self._composed_from[file] = data
        try:
            existing = (data or b"").decode("utf-8")
        except UnicodeDecodeError as error:
            raise ProjectError(f"{file} is not UTF-8: tests cannot be added to it") from error
        if self._is_users(existing):
            return merged(existing, pieces, path, self._project.packages)
        if self._typed:
            pieces = [piece if piece.verbatim else replace(piece, source=annotated(piece.source)) for piece in pieces]
        composed = add_pieces(existing, pieces)
        text = tidy(composed.text, path)
        return Composed(text, composed.names, additions_in(text, composed.names))

    def save(self, file: str, text: str) -> None:
        """Write ``file`` atomically, with the ``conftest.py`` that it needs beside it.

        Raises FileChangedError when it is no longer what ``text`` was composed from.
        """
        path = Path(self._project.root, file)
        if file in self._composed_from and self._composed_from.pop(file) != _bytes_of(path):
            raise FileChangedError(f"{file} was saved while tests for it were tried; it was left alone")
        if file.startswith(self._output):
            for name, content in conftest_files(self._project, self._output).items():
                conftest = Path(self._project.root, name)
                if not conftest.exists() or conftest.read_text(encoding="utf-8") != content:
                    write_atomically(conftest, content.encode())
        write_atomically(path, text.encode())

    def add(self, file: str, pieces: Sequence[Piece]) -> Composed:
        """Compose and save; what was added, with the names that the tests got."""
        composed = self.compose(file, pieces)
        self.save(file, composed.text)
        return composed

    def remove(self, nodeid: str) -> bool:
        """Take one test out of its file; the file goes when it was the last. False when it is not there."""
        file, _, name = nodeid.partition("::")
        path = Path(self._project.root, file)
        if not path.exists():
            return False
        existing = path.read_text(encoding="utf-8")
        if name.split("::", maxsplit=1)[0] not in existing:
            return False
        if not existing.startswith(HEADER):
            raise ProjectError(f"{file} is not a file of Augment's: take {name} out by hand.")
        left = remove_test(existing, name)
        if left is None:
            path.unlink()
        else:
            write_atomically(path, tidy(left, path).encode())
        return True

    @cached_property
    def _typed(self) -> bool:
        return is_typed(self._project)

    def _is_users(self, existing: str) -> bool:
        if not existing or existing.startswith(HEADER):
            return False
        if not self._merge:
            raise ProjectError(
                f"A test file of Augment's name exists in {self._output} without Augment's header; "
                "rename it, or choose another folder with --output."
            )
        return True


def additions_in(text: str, names: Sequence[str]) -> tuple[Addition, ...]:
    """The tests called ``names`` as they stand in a file of Augment's own."""
    return tuple(Addition(segment(text, name) or "") for name in names)


def writer_for(project: Project, file: str) -> TestWriter:
    """A writer for one known file: merging where it is the user's."""
    return TestWriter(project, Path(file).parent.as_posix(), merge=not is_own_name(file))


def apply_admission(project: Project, admission: Admission) -> Admission:
    """Write a held test into its file and return the admission as *kept*, under the name that it got."""
    piece = Piece(
        admission.source,
        kept_because(admission.reason, admission.model, admission.generator),
        admission.target,
    )
    composed = writer_for(project, admission.file).add(admission.file, [piece])
    return replace(
        admission,
        nodeid=f"{admission.file}::{composed.names[0]}",
        state=AdmissionState.KEPT,
        written=composed.additions[0].text,
        support=composed.additions[0].support,
        write=new_id("write"),
        stale=None,
    )


def as_written(admissions: Sequence[Admission], composed: Composed) -> list[Admission]:
    """Admissions of one write, with exactly what it put into the file for each."""
    write = new_id("write")
    return [
        replace(admission, written=addition.text, support=addition.support, write=write)
        for admission, addition in zip(admissions, composed.additions, strict=True)
    ]


def kept_because(reason: str, model: str | None, generator: str) -> str:
    """The comment above a kept test: why, and who proposed it (the model by its short name, else the generator)."""
    return f"kept: {reason}; by {model.rsplit('/', 1)[-1] if model else generator}"


def is_own_name(file: str) -> bool:
    """Whether a file has a name that Augment gives its own."""
    return file.endswith("_augment.py")


def _bytes_of(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None
