"""``augment accept`` and ``augment reject`` where no service runs: on the store itself."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from fake_reader import admission
from typer.testing import CliRunner

from augment.commands import review
from augment.errors import AugmentError, ProjectError
from augment.records import AdmissionState
from augment.store import Store, UnknownAdmissionError

SOURCE = "from shop import double\n\n\ndef test_double_of_two():\n    assert double(2) == 4\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text("def double(x):\n    return 2 * x\n")
    store = Store(tmp_path / ".augment" / "augment.db")
    held = admission("adm-1", AdmissionState.HELD, "x")
    from dataclasses import replace

    file = "tests/augment/test_shop_augment.py"
    store.admit([replace(held, source=SOURCE, file=file, nodeid=f"{file}::test_double_of_two", target="shop:double")])
    store.close()
    return tmp_path


def augment(*arguments: str) -> str:
    app = typer.Typer()
    review.register(app)
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def state(project: Path) -> AdmissionState:
    store = Store(project / ".augment" / "augment.db")
    try:
        return store.admission("adm-1").state
    finally:
        store.close()


def test_accepting_writes_the_test_and_records_it(project: Path) -> None:
    for _ in range(2):
        assert "kept tests/augment/test_shop_augment.py::test_double_of_two" in augment("accept", "adm-1", str(project))
    written = (project / "tests/augment/test_shop_augment.py").read_text()
    assert written.count("def test_double_of_two") == 1
    assert state(project) is AdmissionState.KEPT


def test_rejecting_writes_nothing(project: Path) -> None:
    assert "rejected" in augment("reject", "adm-1", str(project))
    assert not (project / "tests/augment/test_shop_augment.py").exists()
    assert state(project) is AdmissionState.REJECTED
    with pytest.raises(AugmentError, match="rejected before"):
        augment("accept", "adm-1", str(project))


def test_rejecting_a_kept_test_takes_it_out_again(project: Path) -> None:
    augment("accept", "adm-1", str(project))
    augment("reject", "adm-1", str(project))
    assert not (project / "tests/augment/test_shop_augment.py").exists()


def test_what_cannot_be_reviewed_is_one_clear_line(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(UnknownAdmissionError, match="adm-9"):
        augment("accept", "adm-9", str(project))
    with pytest.raises(ProjectError, match="never run"):
        augment("accept", "adm-1", str(tmp_path_factory.mktemp("other")))
    with pytest.raises(ProjectError, match="no folder"):
        augment("accept", "adm-1", str(project / "missing"))
