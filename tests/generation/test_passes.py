from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from augment.analysis import discover_project, project_targets, take_snapshot
from augment.errors import ModelError
from augment.execution import LocalExecutor, mutants_of
from augment.generation import GenerationPass, GenerationSettings, NullSink, PassResult
from augment.records import AdmissionState, Candidate, CoverageReport, TestKind
from augment.seams import Completion, Request

DISCOUNTS = """Here you are:
```python
import pytest
from shop.pricing import apply_discount

class PricingError(Exception):
    pass

@pytest.mark.parametrize("price, level, expected", [(100, "gold", 70), (50, "none", 50)])
def test_discount(price, level, expected):
    assert apply_discount(price, level) == expected

def test_negative():
    with pytest.raises(PricingError, match="too low"):
        apply_discount(-1, "gold")

def test_says_nothing():
    assert True

def test_broken():
    assert apply_discount(100, "gold", 3, 4) == 3
```"""
LOTTERY = """```python
def test_lottery():
    assert lottery() == 17
```"""
LOOP = """```python
def test_loop():
    assert loop_forever() == 1
```"""
pytestmark = pytest.mark.needs_sandbox
REPLIES = {"`apply_discount`": DISCOUNTS, "`lottery`": LOTTERY, "`loop_forever`": LOOP}
ALONE = frozenset({"scenarios", "guidance"})
"""Switched off, so that nothing is tried but what a test proposes."""
QUICK = GenerationSettings(kinds=(TestKind.UNIT,), samples=1, budget_s_per_module=20, test_wall_s=1.0, without=ALONE)
UNSTABLE = replace(QUICK, without=ALONE | {"stable"})
"""For what has nothing to do with stability: a third of the runs."""
NOTHING = CoverageReport()


@pytest.fixture(scope="module")
def executor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalExecutor]:
    local = LocalExecutor(2, scratch_dir=tmp_path_factory.mktemp("scratch"))
    yield local
    local.close()


def run(
    root: Path,
    executor: LocalExecutor,
    engine: Any,
    settings: GenerationSettings = QUICK,
    names: Sequence[str] = ("apply_discount",),
    generators: Sequence[Any] = (),
    baseline: CoverageReport | None = NOTHING,
) -> PassResult:
    project = discover_project(root)
    snapshot = take_snapshot(root)
    targets = [item for item in project_targets(project, snapshot) if item.qualname in names]
    work = GenerationPass(project, snapshot, executor, NullSink(), engine, settings, generators=generators)
    return work.run(targets, baseline)


def test_what_a_model_gets_wrong_is_mended_and_what_is_worthless_is_turned_away(
    shop: Path, executor: LocalExecutor, canned: Callable[[dict[str, str]], Any]
) -> None:
    result = run(shop, executor, canned(REPLIES), names=["apply_discount", "lottery"])
    written = (shop / "tests/augment/test_shop_pricing_augment.py").read_text()
    assert "== pytest.approx(80.0)" in written
    assert 'apply_discount(50, "none") == 50' in written
    assert 'str(caught.value) == "negative price: -1"' in written
    assert {item.target for item in result.admitted} == {"shop.pricing:apply_discount"}
    assert all(item.runs >= 5 for item in result.admitted)
    assert all(item.lines_gained + item.branches_gained + (item.mutants_killed or 0) > 0 for item in result.admitted)
    assert sum(item.mutants_killed or 0 for item in result.admitted) >= 5
    assert {item.characterization for item in result.admitted} == {True, False}
    assert "asserts" in {item.gate for item in result.rejected}
    random_one = [item for item in result.rejected if item.candidate.target == "shop.pricing:lottery"]
    assert [item.gate for item in random_one] == ["passes"]
    assert result.completion_tokens > 0
    plain = subprocess.run(
        [str(Path(sys.executable).with_name("pytest")), "-q"], cwd=shop, capture_output=True, text=True, check=False
    )
    assert f"{len(result.admitted)} passed" in plain.stdout


def test_second_pass_adds_nothing_that_is_there_already(
    shop: Path, executor: LocalExecutor, canned: Callable[[dict[str, str]], Any]
) -> None:
    first = run(shop, executor, canned(REPLIES), UNSTABLE)
    file = shop / "tests/augment/test_shop_pricing_augment.py"
    before = file.read_text()
    second = run(shop, executor, canned(REPLIES), UNSTABLE, baseline=None)
    assert first.admitted
    assert second.admitted == []
    assert file.read_text() == before


def test_test_that_hangs_costs_only_itself(
    shop: Path, executor: LocalExecutor, canned: Callable[[dict[str, str]], Any]
) -> None:
    result = run(shop, executor, canned(REPLIES), UNSTABLE, ["loop_forever", "apply_discount"])
    assert [item.gate for item in result.rejected if item.candidate.target.endswith("loop_forever")] == ["fault"]
    assert result.admitted


class LostEngine:
    model = "lost"

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        raise ModelError("the model is gone")


PROPOSAL = "from shop.pricing import apply_discount\n\ndef test_it():\n    assert apply_discount(5, 'x') == ...\n"


class OneProposal:
    """A generator without a model."""

    name = "search"

    def __init__(self, source: str = PROPOSAL, origin: str = "usual") -> None:
        self._source = source
        self._origin = origin

    def propose(self, context: Any, seed: int, limit: int) -> list[Candidate]:
        return [Candidate("cand-1", context.target.id, self.name, TestKind.UNIT, self._source, self._origin)]


def test_lost_model_leaves_the_rest_of_the_pass_alone(shop: Path, executor: LocalExecutor) -> None:
    result = run(shop, executor, LostEngine(), UNSTABLE, generators=[OneProposal()])
    assert [item.generator for item in result.admitted] == ["search"]
    assert result.admitted[0].characterization


def test_review_holds_tests_back_and_writes_nothing(shop: Path, executor: LocalExecutor) -> None:
    settings = replace(UNSTABLE, accept="review")
    result = run(shop, executor, None, settings, generators=[OneProposal()])
    assert [item.state for item in result.admitted] == [AdmissionState.HELD]
    assert not (shop / "tests").exists()


def test_merging_adds_to_the_users_file_and_changes_no_line(shop: Path, executor: LocalExecutor) -> None:
    users = shop / "tests" / "test_pricing.py"
    users.parent.mkdir()
    mine = "def test_mine( ):\n    assert  True # my way\n"
    users.write_text(mine)
    result = run(shop, executor, None, replace(UNSTABLE, merge=True), generators=[OneProposal()])
    assert [item.nodeid for item in result.admitted] == ["tests/test_pricing.py::test_apply_discount_with_5_and_x"]
    assert users.read_text().count("def test_apply_discount_with_5_and_x") == 1
    assert all(line in users.read_text().splitlines() for line in mine.splitlines())
    assert not (shop / "tests" / "augment").exists()


def test_gate_that_is_off_turns_nothing_away(shop: Path, executor: LocalExecutor) -> None:
    trivial = OneProposal("def test_it():\n    assert True\n")
    assert run(shop, executor, None, UNSTABLE, generators=[trivial]).admitted == []
    off = replace(UNSTABLE, without=UNSTABLE.without | {"asserts", "gain", "target"})
    assert len(run(shop, executor, None, off, generators=[trivial]).admitted) == 1


def test_documented_value_that_the_code_breaks_is_a_finding(shop: Path, executor: LocalExecutor) -> None:
    documented = OneProposal(PROPOSAL.replace("...", "7"), origin="doctest")
    result = run(shop, executor, None, UNSTABLE, generators=[documented])
    pinned = [item.source.replace('"', "'") for item in result.admitted]
    assert not any("apply_discount(5, 'x') ==" in source for source in pinned)
    [finding] = result.findings
    assert "== 7" in finding.source
    assert "== 5" in finding.observed


def test_a_log_that_grows_in_the_project_does_not_end_the_pass(shop: Path, executor: LocalExecutor) -> None:
    log = shop / "server.log"
    log.write_text("started\n")
    project, snapshot = discover_project(shop), take_snapshot(shop)
    targets = [item for item in project_targets(project, snapshot) if item.qualname == "apply_discount"]
    log.write_text("started\nserved\n")
    work = GenerationPass(project, snapshot, executor, NullSink(), None, UNSTABLE, generators=[OneProposal()])
    result = work.run(targets, CoverageReport())
    assert not result.superseded
    assert result.admitted


def test_project_that_changes_meanwhile_ends_the_pass(shop: Path, executor: LocalExecutor) -> None:
    project, snapshot = discover_project(shop), take_snapshot(shop)
    targets = [item for item in project_targets(project, snapshot) if item.qualname == "apply_discount"]
    source = shop / "shop" / "errors.py"
    source.write_text(source.read_text() + "\n\nx = 1\n")
    work = GenerationPass(project, snapshot, executor, NullSink(), None, QUICK, generators=[OneProposal()])
    result = work.run(targets, CoverageReport())
    assert result.superseded
    assert result.admitted == []
    assert not (shop / "tests").exists()


def test_pass_stops_when_it_is_told_to(shop: Path, executor: LocalExecutor) -> None:
    project, snapshot = discover_project(shop), take_snapshot(shop)
    work = GenerationPass(
        project, snapshot, executor, NullSink(), None, QUICK, generators=[OneProposal()], should_stop=lambda: True
    )
    assert work.run(project_targets(project, snapshot), CoverageReport()).admitted == []
    assert not (shop / "tests").exists()


def test_what_is_explored_is_kept_for_the_mutants_that_it_kills(shop: Path, executor: LocalExecutor) -> None:
    guided = replace(UNSTABLE, without=frozenset({"stable"}), seed=7, budget_s_per_module=40)
    result = run(shop, executor, None, guided, generators=[OneProposal()])
    assert len(result.admitted) > 1
    assert all(item.generator == "search" for item in result.admitted)
    assert result.survivors["shop.pricing:apply_discount"] <= 3
    assert any("pytest.raises(PricingError)" in item.source for item in result.admitted)


def test_a_fixed_seed_gives_the_same_tests_twice(shop: Path, executor: LocalExecutor, tmp_path: Path) -> None:
    guided = replace(UNSTABLE, without=frozenset({"stable"}), seed=7, budget_s_per_module=40)
    twin = tmp_path / "twin"
    shutil.copytree(shop, twin, ignore=shutil.ignore_patterns(".augment"))
    first, second = (run(root, executor, None, guided, generators=[OneProposal()]) for root in (shop, twin))
    assert [item.source for item in first.admitted] == [item.source for item in second.admitted]


SCENARIOS = '{"calls": ["apply_discount(100, \'gold\')", "apply_discount(-1, \'gold\')", "nonsense("]}'


def test_calls_that_a_model_lists_become_tests_of_what_they_give(
    shop: Path, executor: LocalExecutor, canned: Callable[[dict[str, str]], Any]
) -> None:
    settings = replace(UNSTABLE, without=frozenset({"stable", "guidance"}))
    result = run(shop, executor, canned({"calls of `apply_discount`": SCENARIOS}), settings)
    made = [item for item in result.admitted if item.origin == "scenario/1"]
    assert any("== pytest.approx(80.0)" in item.source for item in made)
    assert any("negative price: -1" in item.source for item in made)
    assert {item.model for item in made} == {"canned"}


def test_mutants_that_are_hidden_keep_nothing(shop: Path, executor: LocalExecutor) -> None:
    project, snapshot = discover_project(shop), take_snapshot(shop)
    [target] = [item for item in project_targets(project, snapshot) if item.qualname == "apply_discount"]
    every = frozenset(item.id for item in mutants_of((shop / target.file).read_text(), target))
    result = run(shop, executor, None, replace(UNSTABLE, hidden_mutants=every), generators=[OneProposal()])
    assert result.admitted
    assert not any(item.mutants_killed for item in result.admitted)
