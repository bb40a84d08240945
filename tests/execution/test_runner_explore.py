"""Explorations through a real executor: what scenarios show, how they end, and which mutants they notice."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from execution_support import batch, snapshot

from augment.analysis import discover_project, project_targets, take_snapshot
from augment.execution import LocalExecutor, mutants_of
from augment.exploring import OUTCOME, Exploration, Explored, Scenario, Sight
from augment.mutants import Mutant

MODULE = """
    import os
    import random
    import time

    from shop.errors import PricingError

    calls = 0


    def price(amount, level="none"):
        if amount < 0:
            raise PricingError(f"negative: {amount}")
        if level == "gold":
            amount = amount - 10
        return {"price": amount, "level": level}


    def counted():
        global calls
        calls += 1
        return calls


    def chance():
        return {"number": random.random(), "fixed": 3}


    def slow(seconds):
        time.sleep(seconds)
        return seconds


    def stuck():
        while True:
            try:
                time.sleep(0.01)
            except Exception:
                pass


    def leave():
        os._exit(7)


    def total(numbers):
        result = 0
        index = 0
        while index < len(numbers):
            result += numbers[index]
            index += 1
        return result


    def climb(top):
        step = 0
        while step < top:
            step += 1
        return step


    def say(name):
        print("hello", name)


    def note(path, text):
        path.write_text(text)
        return path.name
"""
FILES = {
    "shop/__init__.py": "",
    "shop/errors.py": "class PricingError(ValueError):\n    pass\n",
    "shop/pricing.py": MODULE,
    "tests/test_holder.py": "def test_nothing():\n    pass\n",
}


@pytest.fixture
def shop(make_project: Callable[..., Path]) -> Path:
    return make_project(FILES)


Explore = Callable[..., Explored]


@pytest.fixture
def explore(shop: Path, executor: LocalExecutor) -> Explore:
    """Explore scenarios given by their bodies: each a test of ``shop.pricing``, whose ``look`` shows values."""

    def run(*bodies: str, mutants: tuple[Mutant, ...] = (), head: str = "", **more: Any) -> Explored:
        scenarios = tuple(_scenario(f"s{index}", body, head) for index, body in enumerate(bodies))
        wanted = Exploration(scenarios, ("shop/pricing.py",), mutants, **more)
        result = executor.run(
            batch(shop, "tests/test_holder.py", snapshot=snapshot(shop), private=True, hash_seed=0, explore=wanted)
        )
        assert result.fault is None
        assert result.explored is not None
        return result.explored

    return run


def _scenario(name: str, body: str, head: str) -> Scenario:
    fixtures = tuple(item for item in ("capsys", "monkeypatch", "tmp_path") if item in body)
    text = textwrap.indent(textwrap.dedent(body).replace("look(", "__augment_look__("), "    ")
    return Scenario(name, f"{head}import shop.pricing as p\ndef scenario({', '.join(fixtures)}):\n{text}\n", fixtures)


def _shown(sight: Sight) -> dict[str, str]:
    return {leaf.key: leaf.text for leaf in sight.leaves}


def _mutants(root: Path, qualname: str) -> tuple[Mutant, ...]:
    targets = project_targets(discover_project(root), take_snapshot(root))
    target = next(item for item in targets if item.qualname == qualname)
    return tuple(mutants_of((root / target.file).read_text(), target))


def test_sights_tell_values_lines_and_arcs(explore: Explore, shop: Path) -> None:
    first, second = explore("look(0, p.price(3))\nlook(1, p.price(50, 'gold')['price'])", "look(0, p.total([]))").sights
    assert _shown(first) == {"0|{}": "{'price': 3, 'level': 'none'}", "1|{}": "40"}
    assert _shown(second) == {"0|{}": "0"}
    lines = (shop / "shop/pricing.py").read_text().splitlines()
    gold = lines.index("        amount = amount - 10") + 1
    assert gold in first.ran["shop/pricing.py"].lines
    assert (gold - 1, gold) in first.ran["shop/pricing.py"].branches
    assert gold not in second.ran["shop/pricing.py"].lines
    assert first.problem == second.problem == ""
    assert first.seconds >= 0


def test_what_is_raised_is_told_with_its_place(explore: Explore) -> None:
    own, foreign, mine = explore(
        "look(0, p.price(1))\np.price(-1)", "p.price('a')", "look(0, p.price(1))\nraise ValueError('mine')"
    ).sights
    assert own.raised is not None
    assert (own.raised.type, own.raised.message) == ("shop.errors.PricingError", "negative: -1")
    assert (own.raised.lineno, own.raised.in_project, own.raised.by_project) == (4, True, True)
    assert _shown(own)  # what was shown before it stays
    assert foreign.raised is not None
    assert foreign.raised.type == "builtins.TypeError"
    assert mine.raised is not None
    assert not mine.raised.in_project


def test_what_a_callback_raises_through_the_project_counts_as_the_projects(explore: Explore) -> None:
    body = """
    class Touchy:
        def write_text(self, text):
            raise KeyError(text)
    p.note(Touchy(), 'a')
    """
    raised = explore(body).sights[0].raised
    assert raised is not None
    assert raised.in_project
    assert not raised.by_project
    assert raised.lineno == 7


def test_fixtures_are_those_of_pytest(explore: Explore) -> None:
    printed, written, patched, after = explore(
        "p.say('ada')\nlook(0, capsys.readouterr().out)",
        "look(0, p.note(tmp_path / 'a.txt', 'x'))\nlook(1, (tmp_path / 'a.txt').read_text())",
        "monkeypatch.setattr('shop.pricing.total', lambda numbers: 5)\nlook(0, p.total([1]))",
        "look(0, p.total([1]))",
    ).sights
    assert _shown(printed) == {"0|{}": "'hello ada\\n'"}
    assert _shown(written) == {"0|{}": "'a.txt'", "1|{}": "'x'"}
    assert _shown(patched) == {"0|{}": "5"}
    assert _shown(after) == {"0|{}": "1"}


def test_a_scenario_that_hangs_or_ends_the_process_costs_itself_only(explore: Explore) -> None:
    good, late, stuck, gone, last = explore(
        "look(0, p.total([1]))",
        "look(0, p.slow(30))",
        "p.stuck()",
        "p.leave()",
        "look(0, p.total([2]))",
        scenario_s=0.3,
    ).sights
    assert _shown(good) == {"0|{}": "1"}
    assert _shown(last) == {"0|{}": "2"}
    assert "took longer" in late.problem
    assert "took longer" in stuck.problem
    assert gone.problem == "the process exited with status 7"


def test_what_differs_from_run_to_run_is_not_told(explore: Explore) -> None:
    chance, counted, other, ends = explore(
        "look(0, p.chance())",
        "look(0, p.counted())",
        "look(0, p.counted())\nlook(1, 'same')",
        "import random\nif random.random() < 2 and p.counted() > 2: raise ValueError('odd')",
    ).sights
    assert _shown(chance) == {}
    assert "0|{}" not in _shown(counted) or "0|{}" not in _shown(other)
    assert _shown(other)["1|{}"] == "'same'"
    assert ends.problem == "ended differently the second time"


def test_a_scenario_that_cannot_be_loaded_says_why(explore: Explore) -> None:
    (bad,) = explore("look(0, 1)", head="import shop.missing\n").sights
    assert "cannot be loaded: ModuleNotFoundError" in bad.problem


def test_mutants_are_noticed_by_the_leaves_that_differ(explore: Explore, shop: Path) -> None:
    mutants = _mutants(shop, "price")
    explored = explore(
        "look(0, p.price(3))", "look(0, p.price(50, 'gold')['price'])", "p.price(-1)", mutants=mutants, enough=9
    )
    minus = next(item for item in mutants if "+        amount = amount + 10" in item.diff)
    assert explored.noticed[minus.id] == {"s1": ("0|{}",)}
    raising = [by["s2"] for by in explored.noticed.values() if "s2" in by]
    assert raising
    assert set(raising) == {(OUTCOME,)}
    assert explored.unapplied == {}
    assert {name for name, by in explored.noticed.items() if by} >= {minus.id}


def test_a_mutant_that_loops_forever_is_noticed(explore: Explore, shop: Path) -> None:
    mutants = _mutants(shop, "climb")
    explored = explore("look(0, p.climb(3))", mutants=mutants, scenario_s=0.3)
    endless = [item for item in mutants if "+        step -= 1" in item.diff]
    assert endless
    assert [explored.noticed[item.id] for item in endless] == [{"s0": (OUTCOME,)}] * len(endless)
    assert len(explored.noticed) == len(mutants)


def test_no_more_scenarios_are_tried_than_are_enough(explore: Explore, shop: Path) -> None:
    mutants = _mutants(shop, "total")
    bodies = [f"look(0, p.total([1, {number}]))" for number in range(2, 8)]
    explored = explore(*bodies, mutants=mutants, enough=2, scenario_s=0.3)
    assert max(len(by) for by in explored.noticed.values()) == 2


def test_a_mutant_does_not_stay(explore: Explore, shop: Path) -> None:
    mutants = _mutants(shop, "price")
    explored = explore("look(0, p.price(3))", "look(0, p.price(3))", mutants=mutants)
    assert _shown(explored.sights[1]) == {"0|{}": "{'price': 3, 'level': 'none'}"}


def test_a_project_that_starts_threads_is_not_explored(explore: Explore) -> None:
    head = "import threading, time\nthreading.Thread(target=time.sleep, args=(5,), daemon=True).start()\n"
    (sight,) = explore("look(0, p.total([1]))", head=head).sights
    assert sight.problem == "threads of the project run once it is imported"
