"""Every command that a document shows is run: here, on a small project, or by a test that is named."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from shown_commands import REPOSITORY, RUN_ELSEWHERE, Shown, shown_commands

from augment.cli import make_app
from augment.commands.running import run_app
from augment.generation.compose import Piece
from augment.generation.write import TestWriter, as_written
from augment.records import (
    Admission,
    AdmissionState,
    Finding,
    FindingKind,
    Lane,
    Outcome,
    Run,
    Staleness,
    TestKind,
    Verdict,
)
from augment.store import Store

SHOWN = shown_commands()
HERE = [shown for shown in SHOWN if shown.elsewhere is None and shown.text.split()[0].endswith("augment")]
INSTALLS = [shown for shown in SHOWN if shown.text.startswith("pip install")]
BENCHMARKS = [shown for shown in SHOWN if shown.text.startswith("python benchmarks/")]

CART = """
class Cart:
    def __init__(self, prices: list[int]) -> None:
        self.prices = prices

    def total(self) -> int:
        return sum(self.prices)

    def largest(self) -> int:
        return max(self.prices, default=0)
"""
PRICING = "def net(gross: int) -> int:\n    return gross - gross // 5\n"
PRICES = 'def listed(text: str) -> list[str]:\n    """The prices."""\n    return text.split(",") if text else None\n'
TESTS = "from shop.cart import Cart\n\n\ndef test_total():\n    assert Cart([1, 2]).total() == 3\n"
NET = "from shop.pricing import net\n\n\ndef test_net_of_ten():\n    assert net(10) == 8\n"
FOUND = Finding(
    "finding-5e2c5de49b", "shop.prices:listed", "listed('') returns None, not list", "why",
    "from shop.prices import listed\n\n\ndef test_as_stated():\n    assert isinstance(listed(''), list)\n",
    0.85, 1.0, kind=FindingKind.ANNOTATION, rests_on="-> list[str]", observed="listed('') returns None",
    intended_source="from shop.prices import listed\n\n\ndef test_as_it_is():\n    assert listed('') is None\n",
    key="k", rule="return type",
)  # fmt: skip

MEANT = {
    "/path/to/project": ".", "PROJECT": ".", "FILE": "out.json", "NODEID": "tests/test_cart.py::test_total",
    "NAME": "property", "ID": "adm-1", "src/shop/prices.py": "shop/prices.py",
}  # fmt: skip
"""What stands for what in the documents."""
_LIGHT = [word for gate in ("explore", "mutants", "stable", "integration") for word in ("--without", gate)]
SHORTER = {"generate": ["--no-model", "--budget", "1", *_LIGHT], "mutate": ["--seed", "1"]}
"""Added so that a command takes seconds and needs no model."""
ENDS_WITH = {"findings run": {1}, "doctor": {0, 1}, "status": {3}, "stop": {0, 1}}
"""Exit codes other than 0: a finding that still stands, a machine that lacks something, no service that runs."""


def git(root: Path, *arguments: str) -> None:
    named = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    subprocess.run(["git", "-C", str(root), *named, *arguments], check=True, capture_output=True)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a change that is not committed, a finding, and a kept test."""
    root = tmp_path_factory.mktemp("scene")
    files = {
        "pyproject.toml": "[tool.pytest.ini_options]\npythonpath = ['.']\n", "shop/__init__.py": "",
        "shop/cart.py": CART, "shop/pricing.py": PRICING, "shop/prices.py": PRICES, "tests/test_cart.py": TESTS,
    }  # fmt: skip
    for name, text in files.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    git(root, "init", "-q", "-b", "main")
    git(root, "add", ".")
    git(root, "commit", "-qm", "one")
    (root / "shop/cart.py").write_text(CART.replace("default=0", "default=-1"))
    return root


@pytest.fixture
def project(scene: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A copy of the scene, in a state in which the command has something to do."""
    root = Path(shutil.copytree(scene, tmp_path / "project"))
    words = request.node.callspec.params["shown"].words
    store = Store(root / ".augment" / "augment.db")
    try:
        store.put_finding(FOUND)
        store.start_run(Run("run-1", Lane.FAST, "saved shop/cart.py", "r1", 1.0))
        store.record_verdicts("run-1", [Verdict("tests/test_cart.py::test_total", Outcome.PASSED, 0.1)])
        store.admit([_kept(root, pending=words[0] in ("accept", "reject") and "--stale" not in words)])
        if "--stale" in words:
            store.amend([replace(store.admission("adm-1"), stale=Staleness("shop.pricing:net", "h", "rev", 1.0))])
    finally:
        store.close()
    return root


def _kept(root: Path, *, pending: bool) -> Admission:
    made = Admission(
        "adm-1", "", "", "shop.pricing:net", "search", TestKind.UNIT, NET, 1, 0, None, 5, "covers 1 new line", 1.0,
    )  # fmt: skip
    from augment.analysis import discover_project

    writer = TestWriter(discover_project(root), "tests/augment", False)
    file = writer.file_for("shop.pricing")
    if pending:
        return replace(made, nodeid=f"{file}::test_net_of_ten", file=file, state=AdmissionState.HELD)
    composed = writer.add(file, [Piece(NET, "kept: covers 1 new line; by search", "shop.pricing:net")])
    return as_written([replace(made, nodeid=f"{file}::{composed.names[0]}", file=file)], composed)[0]


def meant(shown: Shown) -> tuple[str, ...]:
    """The words of a command as they are said for the scene."""
    words = [MEANT.get(word, word) for word in shown.words]
    if words[:2] == ["findings", "mark"]:
        words[2] = FOUND.id
    return tuple(words)


DIFFERENT = list({meant(shown): shown for shown in HERE}.values())
"""Those that say different things here: pages call the same project by several names."""


@pytest.mark.needs_sandbox
@pytest.mark.parametrize("shown", DIFFERENT, ids=str)
def test_a_shown_command_does_what_it_is_shown_for(
    shown: Shown, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = meant(shown)
    monkeypatch.chdir(project)
    with pytest.raises(SystemExit) as ended:
        run_app(make_app(), [*words, *SHORTER.get(words[0], [])])
    told = capsys.readouterr()
    wanted = next((codes for begin, codes in ENDS_WITH.items() if " ".join(words).startswith(begin)), {0})
    assert ended.value.code in wanted, told.out + told.err
    assert told.out.strip()


@pytest.mark.parametrize("shown", BENCHMARKS, ids=str)
def test_a_shown_benchmark_knows_its_flags(shown: Shown) -> None:
    script, *words = shown.words
    done = subprocess.run(
        [sys.executable, script, "--help"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    flags = {word for word in words if word.startswith("-")}
    assert flags <= set(re.findall(r"--[\w-]+", done.stdout))


@pytest.mark.parametrize("shown", INSTALLS, ids=str)
def test_a_shown_extra_exists(shown: Shown) -> None:
    """Installing takes minutes, which CI spends on the extra for developers; the others are looked up."""
    extras = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert shown.words[:2] == ["install", "-e"]
    assert set(re.findall(r"\[(.*)\]", shown.words[2])) <= set(extras)


@pytest.mark.parametrize("shown", [item for item in SHOWN if item not in [*HERE, *BENCHMARKS, *INSTALLS]], ids=str)
def test_what_needs_more_is_run_by_the_test_that_is_named(shown: Shown) -> None:
    assert shown.elsewhere is not None, f"no test runs it: {shown}"
    file, how = shown.elsewhere
    assert how in (REPOSITORY / file).read_text(encoding="utf-8")


def test_no_command_is_said_to_run_elsewhere_that_no_document_shows() -> None:
    used = {shown.elsewhere for shown in SHOWN}
    assert [begin for begin, place in RUN_ELSEWHERE.items() if place not in used] == []
