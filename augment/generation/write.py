"""Keeps admitted tests in files, and takes them out again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from augment.errors import ProjectError
from augment.files import write_atomically
from augment.generation.compose import Composed, Piece, add_pieces, remove_test
from augment.generation.formatting import tidy
from augment.generation.merge import merged, users_test_file
from augment.generation.paths import HEADER, conftest_files, output_file
from augment.generation.replies import keys_in
from augment.records import Admission, AdmissionState, Project


class TestWriter:
    """Writes tests of one project into files of Augment's own, or merges them into the user's.

    ``output`` is the folder for own files, relative to the root. Every write is atomic, and a file that does not
    carry Augment's header is written to only when ``merge`` is on, and then only by adding lines.
    """

    __test__ = False

    def __init__(self, project: Project, output: str, merge: bool = False) -> None:
        self._project = project
        self._output = output
        self._merge = merge

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
        existing = path.read_bytes().decode("utf-8") if path.exists() else ""
        if self._is_users(existing):
            text, names = merged(existing, pieces)
            return Composed(text, names)
        composed = add_pieces(existing, pieces)
        return Composed(tidy(composed.text, path), composed.names)

    def save(self, file: str, text: str) -> None:
        """Write ``file`` atomically, with the ``conftest.py`` that it needs beside it."""
        if file.startswith(self._output):
            for name, content in conftest_files(self._project, self._output).items():
                path = Path(self._project.root, name)
                if not path.exists() or path.read_text(encoding="utf-8") != content:
                    write_atomically(path, content.encode())
        write_atomically(Path(self._project.root, file), text.encode())

    def add(self, file: str, pieces: Sequence[Piece]) -> tuple[str, ...]:
        """Compose and save; the names that the tests got."""
        composed = self.compose(file, pieces)
        self.save(file, composed.text)
        return composed.names

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

    def _is_users(self, existing: str) -> bool:
        if not existing or existing.startswith(HEADER):
            return False
        if not self._merge:
            raise ProjectError(
                f"A test file of Augment's name exists in {self._output} without Augment's header; "
                "rename it, or choose another folder with --output."
            )
        return True


def apply_admission(project: Project, admission: Admission) -> Admission:
    """Write a held test into its file and return the admission as *kept*, under the name that it got."""
    folder = Path(admission.file).parent.as_posix()
    writer = TestWriter(project, folder, merge=not _is_own_name(admission.file))
    names = writer.add(
        admission.file, [Piece(admission.source, kept_because(admission.reason, admission.model, admission.generator))]
    )
    return replace(admission, nodeid=f"{admission.file}::{names[0]}", state=AdmissionState.KEPT)


def kept_because(reason: str, model: str | None, generator: str) -> str:
    """The comment above a kept test: why, and who proposed it (the model by its short name, else the generator)."""
    return f"kept: {reason}; by {model.rsplit('/', 1)[-1] if model else generator}"


def remove_admission(project: Project, admission: Admission) -> Admission:
    """Refuse a test: take it out of its file if it was written, and return the admission as *rejected*."""
    if admission.state is AdmissionState.KEPT:
        folder = Path(admission.file).parent.as_posix()
        TestWriter(project, folder).remove(admission.nodeid)
    return replace(admission, state=AdmissionState.REJECTED)


def _is_own_name(file: str) -> bool:
    return file.endswith("_augment.py")
