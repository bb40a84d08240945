"""``augment mutate``: a score, the surviving mutants as diffs, and one line for what cannot be done."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from augment.commands import mutate as command
from augment.commands.running import run_app
from augment.errors import SandboxError
from augment.execution import Sandbox, Tier
from augment.records import Coverage, CoverageReport, FileCoverage
from augment.store import Store

Run = Callable[..., tuple[int, str, str]]

PRICE = """\
def tax(x):
    return x * 2


def untested(x):
    return x - 1


def unchecked(x):
    return x // 3
"""

TESTS = """\
import price

def test_tax():
    assert price.tax(3) == 6

def test_unchecked():
    price.unchecked(9)

def test_broken():
    assert price.tax(1) == 3
"""


@pytest.fixture
def augment(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command line; returns exit code, standard output and standard error."""
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    app = typer.Typer()
    command.register(app)
    app.callback()(lambda: None)

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            run_app(app, ["mutate", *map(str, arguments)])
        told = capsys.readouterr()
        return int(ended.value.code or 0), told.out, told.err

    return run


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    root.mkdir()
    (root / "price.py").write_text(PRICE)
    (root / "test_price.py").write_text(TESTS)
    return root


def test_the_score_and_the_survivors_are_shown(augment: Run, shop: Path, tmp_path: Path) -> None:
    code, out, err = augment("--project", shop, "--json", tmp_path / "out.json")
    assert code == 0
    assert "price.py:6: arithmetic in price:untested, which no test reaches" in out
    assert "price.py:10: arithmetic in price:unchecked\n" in out
    assert "-    return x // 3\n    +    return x / 3\n" in out
    assert "x / 2" not in out
    assert "1 tests do not pass" in err
    report = json.loads((tmp_path / "out.json").read_text())
    score = report["score"]
    # tax: /, 3, None; unchecked and untested: the same three each
    assert (score["killed"], score["survived"], score["no_tests"], score["timeout"]) == (3, 3, 3, 0)
    assert score["share"] == pytest.approx(1 / 3, abs=1e-4)
    assert "33.3 % of 9 mutants noticed: 3 killed, 0 timed out, 3 survived, 3 reached by no test; 2 tests" in out
    assert {one["killed_by"] for one in report["mutants"] if one["killed_by"]} == {"test_price.py::test_tax"}


def test_one_function_and_chosen_tests(augment: Run, shop: Path, tmp_path: Path) -> None:
    code, out, _ = augment("price:tax", "--project", shop, "--tests", "test_price.py::test_unchecked")
    assert code == 0
    assert "0.0 % of 3 mutants noticed" in out
    assert "price:untested" not in out


def test_a_sample_is_as_large_as_asked_for(augment: Run, shop: Path) -> None:
    first = augment("--project", shop, "--sample", 4, "--seed", 1)[1]
    assert "of 4 mutants noticed" in first


def test_recorded_coverage_says_which_test_files_to_run(augment: Run, shop: Path) -> None:
    (shop / "test_other.py").write_text("def test_other():\n    assert False\n")
    ran: Coverage = {"price.py": FileCoverage(frozenset({2}))}
    (shop / ".augment").mkdir()
    store = Store(shop / ".augment" / "augment.db")
    store.put_coverage(
        "r1",
        CoverageReport(
            {"test_price.py::test_tax": ran, "test_other.py::test_other": {}}, {"price.py": ran["price.py"]}
        ),
    )
    store.close()
    _, _, err = augment("price:tax", "--project", shop)
    assert "1 tests do not pass" in err  # test_broken; test_other was not run


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("nothing",), "nothing names no file, module or target"),
        (("--tests", "test_gone.py"), "--tests test_gone.py: there is no such file"),
        (("--json", "/nowhere/out.json"), "--json /nowhere/out.json cannot be written"),
        (("--sample", "0"), "greater than or equal to 1"),
    ],
)
def test_what_cannot_be_done_is_one_line(augment: Run, shop: Path, arguments: tuple[str, ...], line: str) -> None:
    code, _, err = augment(*arguments, "--project", shop)
    assert code == 2
    assert line in err
    assert len(err.strip().splitlines()) == 1


def test_tests_that_cannot_be_collected_are_no_score_of_zero(augment: Run, shop: Path) -> None:
    (shop / "test_price.py").write_text("import nothing_of_that_name\n")
    code, out, err = augment("price:tax", "--project", shop)
    assert (code, out) == (2, "")
    assert "nothing_of_that_name" in err
    assert len(err.strip().splitlines()) == 1


def test_a_tier_that_was_asked_for_by_name_is_had_or_nothing_runs(
    augment: Run, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "require_sandbox", _refuse)
    code, _, err = augment("price:tax", "--project", shop, "--sandbox", "namespaces")
    assert code == 2
    assert "no namespaces here" in err


def test_without_any_tier_it_is_said_that_mutants_have_the_users_rights(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "find_sandbox", lambda _mode: Sandbox(Tier.NONE, reason="no Landlock"))
    assert command._with_users_rights("auto")
    assert "your own rights" in capsys.readouterr().err


def _refuse(_mode: str) -> None:
    raise SandboxError("no namespaces here")
