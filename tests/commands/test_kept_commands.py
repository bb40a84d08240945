"""``augment accept --stale``, ``reject --stale`` and ``undo`` where no service runs: on the store itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from augment.analysis import discover_project
from augment.commands import review, undo
from augment.errors import AugmentError
from augment.generation.compose import Piece
from augment.generation.write import TestWriter, as_written
from augment.records import Admission, AdmissionState, Ruling, Staleness, TestKind
from augment.store import Store, UnknownAdmissionError

SOURCE = "from shop import double\n\n\ndef test_double_of_two():\n    assert double(2) == 4\n"
USERS = "from shop import double\n\n\ndef test_mine():\n    assert double(1) == 2\n"


def double_is(project: Path, body: str) -> None:
    (project / "shop.py").write_text(f"def double(x):\n    return {body}\n")


def admit(project: Path, *, merge: bool = False) -> Admission:
    """A kept test, in its file and on record."""
    writer = TestWriter(discover_project(project), "tests/augment", merge)
    file = writer.file_for("shop")
    composed = writer.add(file, [Piece(SOURCE, "kept: covers 1 new line; by search", "shop:double")])
    made = Admission(
        "adm-1", f"{file}::{composed.names[0]}", file, "shop:double", "search", TestKind.UNIT, SOURCE, 1, 0, None, 5,
        "covers 1 new line", 1.0,
    )  # fmt: skip
    admission = as_written([made], composed)[0]
    with_store(project, lambda store: store.admit([admission]))
    return admission


def with_store(project: Path, act: object) -> object:
    store = Store(project / ".augment" / "augment.db")
    try:
        return act(store)  # type: ignore[operator]
    finally:
        store.close()


def state(project: Path) -> Admission:
    found = with_store(project, lambda store: store.admission("adm-1"))
    assert isinstance(found, Admission)
    return found


def make_stale(project: Path) -> None:
    stale = Staleness("shop:double", "h", "rev", 1.0)
    with_store(project, lambda store: store.amend([replace(store.admission("adm-1"), stale=stale)]))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    double_is(tmp_path, "2 * x")
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\npythonpath = ['.']\n")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_shop.py").write_text(USERS)
    return tmp_path


def augment(*arguments: str) -> str:
    app = typer.Typer()
    review.register(app)
    undo.register(app)
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.needs_sandbox
def test_accepting_a_stale_test_pins_it_to_what_the_code_does_now_and_undo_gives_it_back(project: Path) -> None:
    admission = admit(project)
    before = (project / admission.file).read_text()
    make_stale(project)
    double_is(project, "3 * x")
    assert "was re-pinned by `augment accept --stale`" in augment("accept", "--stale", "shop:double", str(project))
    assert "double(2) == 6" in (project / admission.file).read_text()
    assert state(project).stale is None
    listed = augment("undo", str(project))
    note = next(word for word in listed.split() if word.startswith("note-"))
    assert "put back" in augment("undo", note, str(project))
    assert (project / admission.file).read_text() == before


def test_rejecting_a_stale_test_leaves_it_and_takes_it_from_the_list(project: Path) -> None:
    admission = admit(project)
    before = (project / admission.file).read_text()
    make_stale(project)
    assert "regression" in augment("reject", "--stale", str(project))
    assert (project / admission.file).read_text() == before
    ruled = state(project).stale
    assert ruled is not None
    assert ruled.ruling is Ruling.REGRESSION
    with pytest.raises(AugmentError, match="no generated test is stale"):
        augment("reject", "--stale", str(project))


def test_undo_takes_out_exactly_what_was_merged_whatever_else_was_edited(project: Path) -> None:
    admit(project, merge=True)
    file = project / "tests/test_shop.py"
    assert file.read_text() != USERS
    file.write_text(file.read_text().replace("test_mine", "test_mine_renamed"))
    assert "write-" in augment("undo", str(project))
    assert "took out tests/test_shop.py::test_double_of_two" in augment("undo", str(project), "--last")
    assert file.read_text() == USERS.replace("test_mine", "test_mine_renamed")
    assert state(project).state is AdmissionState.REJECTED
    assert "nothing to undo" in augment("undo", str(project))


def test_undo_refuses_a_test_that_was_edited_and_force_does_not(project: Path) -> None:
    admission = admit(project)
    path = project / admission.file
    path.write_text(path.read_text().replace("== 4", "== 4  # I checked this"))
    with pytest.raises(AugmentError, match="was edited since") as refused:
        augment("undo", "adm-1", str(project))
    assert "\n" not in str(refused.value)
    assert path.exists()
    augment("undo", "adm-1", str(project), "--force")
    assert not path.exists()


def test_what_cannot_be_undone_is_one_clear_line(project: Path) -> None:
    admit(project)
    with pytest.raises(UnknownAdmissionError, match="adm-9"):
        augment("undo", "adm-9", str(project))
    with pytest.raises(AugmentError, match="no write"):
        augment("undo", "write-9", str(project))
    with pytest.raises(AugmentError, match="no note"):
        augment("undo", "note-9", str(project))
    with pytest.raises(AugmentError, match="not both"):
        augment("undo", "adm-1", str(project), "--last")
    with pytest.raises(AugmentError, match="--stale"):
        augment("accept")
