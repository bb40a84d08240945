"""Old and new code on the same calls: what is told of a change, what is not, and what is offered to be pinned."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from augment.analysis import build_context, discover_project, project_sources, project_targets, take_snapshot
from augment.behaviour import BehaviourChange, Compared, Edit
from augment.execution import LocalExecutor
from augment.exploring import Leaf, Raised, Sight
from augment.generation import Comparison, DifferenceGenerator, GenerationPass, GenerationSettings, NullSink
from augment.generation.difference.calls import imports_for, said, steps_of
from augment.generation.difference.sights import differences, is_same
from augment.records import CoverageReport, Lane, TestKind

PRICING = textwrap.dedent(
    '''
    from shop.rates import RATES


    class PriceError(ValueError):
        pass


    def double(x):
        return 2 * x


    def discount(price, level="none"):
        """The price less its discount."""
        if price < 0:
            raise PriceError(f"negative price: {price}")
        if price > 100:
            return price * 0.5
        return price


    class Cart:
        def __init__(self, owner):
            self.owner = owner
            self.items = []

        def add(self, name, price):
            self.items.append((name, price))

        def total(self):
            return sum(price for _, price in self.items)

        def first(self):
            return self.items[0]


    def tag(text):
        return f"{text}:{id(text) % 3}"


    def levels():
        return list({"gold", "silver", "bronze"})
    '''
).lstrip()
TESTS = textwrap.dedent(
    """
    from shop.pricing import Cart


    def test_total():
        cart = Cart("me")
        cart.add("tea", 3)
        assert cart.total() == 3
    """
).lstrip()


@pytest.fixture(scope="module")
def executor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalExecutor]:
    local = LocalExecutor(2, scratch_dir=tmp_path_factory.mktemp("scratch"))
    yield local
    local.close()


Compare = Callable[..., Compared]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = {
        "shop/__init__.py": "",
        "shop/rates.py": "RATES = {'gold': 0.2}\n",
        "shop/pricing.py": PRICING,
        "tests/test_pricing.py": TESTS,
        "pyproject.toml": "[tool.pytest.ini_options]\npythonpath = ['.']\n",
    }
    for name, text in files.items():
        path = tmp_path / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "project"


@pytest.fixture
def compare(root: Path, executor: LocalExecutor) -> Compare:
    """Apply edits (old text -> new text) to the pricing module and compare with what was there."""

    def run(*edits: tuple[str, str], others: dict[str, str | None] | None = None, most_targets: int = 8) -> Compared:
        new = PRICING
        for before, after in edits:
            assert before in new
            new = new.replace(before, after)
        (root / "shop/pricing.py").write_text(new)
        edit = Edit("before", take_snapshot(root), {"shop/pricing.py": PRICING, **(others or {})})
        project = discover_project(root)
        return Comparison(project, executor, lane=Lane.FAST, most_targets=most_targets).run(edit)

    return run


def sentences(compared: Compared) -> list[str]:
    assert not compared.problem, compared.problem
    return [change.sentence for change in compared.changes]


# --------------------------------------------------------------------------- with a real executor


@pytest.mark.needs_sandbox
def test_each_changed_function_is_told_by_its_smallest_calls(compare: Compare, root: Path) -> None:
    compared = compare(
        ("2 * x", "3 * x"),  # the same length, within a second: nothing may come from a cache of compiled code
        ("price > 100", "price >= 100"),
        ("negative price: {price}", "below zero: {price}"),
        ("return self.items[0]", "return self.items[0] if self.items else None"),
    )
    said = sentences(compared)
    assert "`double(2)` was 4, is 6" in said
    assert "`discount(100)` was 100, is 50.0" in said
    assert "`discount(-1)` raised PriceError: negative price: -1, now raises PriceError: below zero: -1" in said
    first = [change for change in compared.changes if change.target == "shop.pricing:Cart.first"]
    assert [(change.before, change.after) for change in first] == [
        ("raises IndexError: list index out of range", "None")
    ]
    assert all(change.revision == take_snapshot(root).revision for change in compared.changes)
    assert max(sum(item.target == change.target for item in compared.changes) for change in compared.changes) <= 5


@pytest.mark.needs_sandbox
def test_calls_of_the_projects_tests_are_inputs_too(compare: Compare) -> None:
    compared = compare(("sum(price for _, price in self.items)", "sum(price for _, price in self.items) * 2"))
    assert sentences(compared)[0] == "`cart.total()` was 3, is 6, after `cart = Cart('me'); cart.add('tea', 3)`"
    assert {change.target for change in compared.changes} == {"shop.pricing:Cart.total"}


@pytest.mark.needs_sandbox
def test_what_did_not_change_is_not_told_and_can_be_pinned(compare: Compare) -> None:
    compared = compare(("2 * x", "x + x"), ("price * 0.5", "price / 2"))
    assert sentences(compared) == []
    assert compared.calls > 20
    assert len(compared.unchanged["shop.pricing:discount"]) > 5
    assert all("== ..." in source for source in compared.unchanged["shop.pricing:discount"])


@pytest.mark.needs_sandbox
def test_addresses_and_the_order_of_sets_are_no_behaviour(compare: Compare) -> None:
    compared = compare(("% 3", "% 5"), ('{"gold", "silver", "bronze"}', '{"bronze", "gold", "silver"}'))
    assert not [change for change in compared.changes if change.target == "shop.pricing:levels"]


@pytest.mark.needs_sandbox
def test_a_renamed_function_is_compared_with_what_it_was_called(compare: Compare, root: Path) -> None:
    (root / "shop/rates.py").write_text("RATES = {'gold': 0.5}\n")
    (root / "shop/rating.py").write_text(
        "from shop.rates import RATES\n\n\ndef share(level='gold'):\n    return RATES[level]\n"
    )
    old = "from shop.rates import RATES\n\n\ndef rate(level='gold'):\n    return RATES[level]\n"
    compared = compare(
        others={"shop/rates.py": "RATES = {'gold': 0.2}\n", "shop/rating.py": old},
    )
    change = compared.changes[0]
    assert change.sentence == "`share()` was 0.2, is 0.5"
    assert (change.target, change.was) == ("shop.rating:share", "shop.rating:rate")


@pytest.mark.needs_sandbox
def test_a_call_that_no_longer_ends_or_is_no_longer_taken_is_told(compare: Compare) -> None:
    compared = compare(
        ("def double(x):\n    return 2 * x", "def double(x):\n    while x == 2:\n        pass\n    return 2 * x"),
        ("def first(self):", "def first(self, number):"),
    )
    said = sentences(compared)
    assert "`double(2)` was 4, now does not end" in said
    assert not [line for line in said if "discount" in line]


@pytest.mark.needs_sandbox
def test_code_that_does_not_parse_or_load_tells_nothing(compare: Compare) -> None:
    assert compare(("def double(x):", "def double(x:")).targets == 0
    compared = compare(("from shop.rates import RATES", "from shop.rates import GONE"), ("2 * x", "3 * x"))
    assert compared.changes == ()


@pytest.mark.needs_sandbox
def test_only_so_many_targets_are_compared_and_the_rest_is_said(compare: Compare) -> None:
    compared = compare(("2 * x", "3 * x"), ("price > 100", "price > 50"), most_targets=1)
    assert compared.targets == 1
    assert compared.problem == "1 more changed targets were not compared"
    assert {change.target for change in compared.changes} == {"shop.pricing:double"}


def test_a_comparison_that_is_cancelled_tells_nothing(root: Path, executor: LocalExecutor) -> None:
    (root / "shop/pricing.py").write_text(PRICING.replace("2 * x", "3 * x"))
    comparison = Comparison(discover_project(root), executor, lane=Lane.FAST)
    comparison.cancel()
    compared = comparison.run(Edit("before", take_snapshot(root), {"shop/pricing.py": PRICING}))
    assert (compared.changes, compared.superseded) == ((), True)


@pytest.mark.needs_sandbox
def test_unchanged_calls_become_tests_where_nothing_pins_them(root: Path, executor: LocalExecutor) -> None:
    project, snapshot = discover_project(root), take_snapshot(root)
    target = next(item for item in project_targets(project, snapshot) if item.qualname == "discount")
    sketch = "from shop.pricing import discount\n\n\ndef test_it():\n    assert discount(150) == ...\n"
    known = {target.id: {"hash": target.hash, "sources": [sketch]}}
    generator = DifferenceGenerator(lambda: known)
    settings = GenerationSettings(
        kinds=(TestKind.UNIT,), budget_s_per_module=8, without=frozenset({"stable", "guidance"})
    )
    work = GenerationPass(
        project, snapshot, executor, NullSink(), None, settings, generators=(), more=(generator,), lane=Lane.FAST
    )
    result = work.run([target], CoverageReport())
    assert any("assert discount(150) == pytest.approx(75.0)" in item.source for item in result.admitted)
    assert {item.generator for item in result.admitted} == {"difference"}


def test_of_a_target_that_changed_since_nothing_is_proposed(root: Path) -> None:
    project, snapshot = discover_project(root), take_snapshot(root)
    target = next(item for item in project_targets(project, snapshot) if item.qualname == "double")
    context = build_context(project, target, project_sources(project, snapshot))
    known = {target.id: {"hash": target.hash, "sources": ["def test_it():\n    assert double(2) == ...\n"] * 3}}
    assert len(DifferenceGenerator(lambda: known).propose(context, 0, 2)) == 2
    other = replace(context, target=replace(target, hash="another"))
    assert DifferenceGenerator(lambda: known).propose(other, 0, 2) == []


# --------------------------------------------------------------------------- two sights

SCENARIO = "def scenario():\n    subject = Cart(3)\n    __augment_look__(0, subject.total())\n"
PLAIN = "def scenario():\n    __augment_look__(0, f(2))\n"


def sight(*leaves: tuple[str, str], raised: Raised | None = None, **more: object) -> Sight:
    return Sight("s", tuple(Leaf(0, path, text) for path, text in leaves), raised, **more)  # type: ignore[arg-type]


def error(
    message: str, by_project: bool = True, in_project: bool = True, line: int = 2, kind: str = "shop.Bad"
) -> Raised:
    return Raised(kind, message, line, in_project, by_project)


def changes_of(before: Sight, after: Sight, source: str = PLAIN) -> list[tuple[str, str, str]]:
    return [(item.path, item.before, item.after) for item in differences(source, before, after)]


def test_a_value_that_is_used_once_stands_where_it_is_used() -> None:
    assert said(steps_of(SCENARIO), 1) == ((), "Cart(3).total()")
    twice = "def scenario():\n    c = Cart(3)\n    c.add(1)\n    __augment_look__(0, c.total())\n"
    assert said(steps_of(twice), 2) == (("c = Cart(3)", "c.add(1)"), "c.total()")
    block = "def scenario():\n    with Cart(3) as c:\n        c.add(1)\n    __augment_look__(0, c.total())\n"
    assert said(steps_of(block), 1) is None


def test_numbers_that_are_nearly_equal_are_the_same_and_types_are_not() -> None:
    assert changes_of(sight(("{}", "0.3")), sight(("{}", "0.30000000000000004"))) == []
    assert changes_of(sight(("{}", "{'a': [0.3]}")), sight(("{}", "{'a': [0.30000000000000004]}"))) == []
    assert changes_of(sight(("{}", "1")), sight(("{}", "True"))) == [("{}", "1", "True")]
    assert changes_of(sight(("{}", "{'a': 1, 'b': 2}")), sight(("{}", "{'b': 2, 'a': 1}"))) == []


def test_of_an_object_the_most_telling_part_is_told() -> None:
    before = sight(("type({}).__name__", "'Cart'"), ("{}.total", "3"), ("{}.items", "[1, 2]"))
    after = sight(("type({}).__name__", "'Basket'"), ("{}.total", "4"), ("{}.items", "[1, 2]"))
    assert changes_of(before, after) == [("{}.total", "3", "4")]
    assert changes_of(sight(("{}", "3")), after) == [("{}", "3", "a Basket object")]


def test_an_exception_is_told_by_its_type_and_message() -> None:
    value = sight(("{}", "3"))
    assert changes_of(value, sight(raised=error("no"))) == [("{}", "3", "raises Bad: no")]
    assert changes_of(sight(raised=error("no")), value) == [("{}", "raises Bad: no", "3")]
    assert changes_of(sight(raised=error("no")), sight(raised=error("never"))) == [
        ("{}", "raises Bad: no", "raises Bad: never")
    ]
    unstable = sight(raised=error("at 0x7f0011223344"))
    assert changes_of(sight(raised=error("at 0x7f0000000000")), unstable) == []


def test_what_the_interpreter_says_of_senseless_arguments_is_nobodys_behaviour() -> None:
    old = sight(raised=error("unsupported operand", by_project=False, kind="builtins.TypeError"))
    new = sight(raised=error("'int' has no len()", by_project=False, kind="builtins.AttributeError"))
    assert changes_of(old, new) == []


def test_where_the_old_code_did_not_take_the_call_there_is_nothing_to_compare() -> None:
    refused = sight(raised=error("unexpected keyword", by_project=False, in_project=False, kind="builtins.TypeError"))
    assert changes_of(refused, sight(("{}", "3"))) == []
    (now,) = differences(PLAIN, sight(("{}", "3")), refused)
    assert now.odd == 2
    assert changes_of(sight(problem="ended differently the second time"), sight(("{}", "3"))) == []


def test_the_first_thing_that_raises_ends_the_comparison() -> None:
    constructor = sight(raised=error("no", line=2))
    found = differences(SCENARIO, sight(("{}", "3")), constructor)
    assert [(item.call, item.before, item.after) for item in found] == [("Cart(3)", "no exception", "raises Bad: no")]


def test_slow_code_is_not_told_as_endless() -> None:
    hung = sight(problem="took longer than 0.5 s")
    assert changes_of(sight(("{}", "3"), seconds=0.01), hung) == [("{}", "3", "does not end")]
    assert changes_of(sight(("{}", "3"), seconds=0.4), hung) == []


def test_the_same_is_what_a_test_can_state() -> None:
    assert is_same(sight(("{}", "3")), sight(("{}", "3")))
    assert not is_same(sight(("{}", "3")), sight(("{}", "4")))
    assert not is_same(sight(("{}", "3")), sight(("{}", "3"), ("{}.a", "1")))
    assert is_same(sight(raised=error("no")), sight(raised=error("no")))
    assert not is_same(sight(), sight())


def test_a_difference_knows_the_imports_that_its_call_needs() -> None:
    source = "from decimal import Decimal\nfrom shop import f, g\n\ndef scenario():\n    _look(0, f(Decimal(1)))\n"
    assert imports_for(source, ("f(Decimal(1))",), {"shop.errors.CartError", "builtins.ValueError"}) == (
        "from decimal import Decimal",
        "from shop import f, g",
        "from shop.errors import CartError",
    )
    assert imports_for(source, ("h(2)",), ()) == ()


def test_the_identity_of_a_change_is_what_it_says_of_which_code() -> None:
    change = BehaviourChange("m:f", "f(2)", "3", "4", "new", "old", 1.0)
    assert change.id == replace(change, revision="newer", at=2.0).id
    assert change.id != replace(change, after="5").id
    assert replace(change, path="len({})").sentence == "`len(f(2))` was 3, is 4"
    assert (
        replace(change, before="no exception", after="raises Bad").sentence == "`f(2)` raised nothing, now raises Bad"
    )
    assert (
        replace(change, before="raises Bad", after="no exception").sentence == "`f(2)` raised Bad, now raises nothing"
    )
