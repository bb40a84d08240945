"""From what a scenario showed to a test that states it."""

from __future__ import annotations

import datetime
import time

from augment.exploring import OUTCOME, Leaf, Raised, Sight
from augment.generation.explore.sketch import Sketch
from augment.generation.explore.state import is_worth_stating, stated, usable_leaves

CALL = "from shop import price\n\ndef test_it():\n    assert price(3) == ...\n"


def sketch(source: str = CALL) -> Sketch:
    return Sketch("s1", "shop:price", source, "search")


def test_a_value_is_stated_in_the_place_of_the_open_one() -> None:
    source = stated(sketch(), Sight("s1", (Leaf(0, "{}", "5"),)), [], "price") or ""
    assert "    assert price(3) == 5\n" in source


def test_only_the_leaves_that_notice_something_are_stated() -> None:
    leaves = (Leaf(0, "type({}).__name__", "'Cart'"), Leaf(0, "{}.total", "5"), Leaf(0, "{}.owner", "'ada'"))
    source = stated(sketch(), Sight("s1", leaves), ["0|{}.total"], "price") or ""
    assert "assert price(3).total == 5" in source
    assert "owner" not in source


def test_several_leaves_share_one_call() -> None:
    leaves = (Leaf(0, "{}.total", "5"), Leaf(0, "{}.owner", "'ada'"))
    source = stated(sketch(), Sight("s1", leaves), ["0|{}.total", "0|{}.owner"], "price") or ""
    assert source.count("price(3)") == 1
    assert "result = price(3)" in source
    assert "assert result.total == 5" in source
    assert "assert result.owner == 'ada'" in source


def test_floats_are_stated_by_tolerance_wherever_they_lie() -> None:
    flat = stated(sketch(), Sight("s1", (Leaf(0, "{}", "[0.1, 2]"),)), [], "price") or ""
    assert "import pytest" in flat
    assert "== pytest.approx([0.1, 2])" in flat
    deep = stated(sketch(), Sight("s1", (Leaf(0, "{}", "{'a': [0.1, 2], 'b': 'x'}"),)), [], "price") or ""
    assert "== {'a': [pytest.approx(0.1), 2], 'b': 'x'}" in deep


def test_calls_that_nothing_is_stated_of_stay_where_others_follow() -> None:
    source = "from shop import put, total\n\ndef test_it():\n    assert put(1) == ...\n    assert total() == ...\n"
    sight = Sight("s1", (Leaf(0, "{}", "None"), Leaf(1, "{}", "1")))
    found = stated(sketch(source), sight, ["1|{}"], "total") or ""
    assert "    put(1)\n    assert total() == 1\n" in found
    first = stated(sketch(source), sight, ["0|{}"], "put") or ""
    assert "total()" not in first


def test_what_the_project_raises_is_stated_with_its_whole_message() -> None:
    raised = Raised("shop.errors.PricingError", "negative: -3", 4, True, True)
    found = stated(sketch(), Sight("s1", (), raised), [OUTCOME], "price") or ""
    assert "from shop.errors import PricingError" in found
    assert "with pytest.raises(PricingError) as caught:\n        price(3)\n" in found
    assert "assert str(caught.value) == 'negative: -3'" in found


def test_what_others_raise_is_matched_and_what_varies_is_not() -> None:
    foreign = Raised("builtins.ValueError", "bad value", 4, True, False)
    found = stated(sketch(), Sight("s1", (), foreign), [OUTCOME], "price") or ""
    assert "pytest.raises(ValueError, match=re.escape('bad value'))" in found
    varying = Raised("builtins.ValueError", "", 4, True, True)
    bare = stated(sketch(), Sight("s1", (), varying), [OUTCOME], "price") or ""
    assert "with pytest.raises(ValueError):\n" in bare


def test_an_attribute_that_refuses_its_value_is_still_set() -> None:
    body = "    subject = Cart()\n    subject.size = -1\n    assert subject == ...\n"
    source = f"from shop import Cart\n\ndef test_it():\n{body}"
    raised = Raised("builtins.ValueError", "too small", 5, True, True)
    found = stated(sketch(source), Sight("s1", (), raised), [OUTCOME], "Cart.size") or ""
    assert "with pytest.raises(ValueError) as caught:\n        subject.size = -1\n" in found


def test_nothing_is_stated_of_programming_errors_and_of_the_tests_own() -> None:
    assert not is_worth_stating(Sight("s1", (), Raised("builtins.AttributeError", "no", 4, True, True)))
    assert not is_worth_stating(Sight("s1", (), Raised("builtins.ValueError", "no", 4, False)))
    assert not is_worth_stating(Sight("s1", (Leaf(0, "{}", "1"),), problem="hung"))
    assert not is_worth_stating(Sight("s1"))
    assert stated(sketch(), Sight("s1"), [], "price") is None


def test_leaves_that_tell_of_this_machine_or_day_are_not_used() -> None:
    now = time.time()
    today = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")
    telling = [
        f"'{today}'",
        "'/tmp/pytest/x'",
        "'<X object at 0x7f0011223344>'",
        repr(now),
        str(int(now * 1e9)),
        str(int(now)),
    ]
    leaves = tuple(Leaf(slot, "{}", literal) for slot, literal in enumerate([*telling, "1709209800.5", "5"]))
    assert [leaf.text for leaf in usable_leaves(Sight("s1", leaves))] == ["1709209800.5", "5"]
