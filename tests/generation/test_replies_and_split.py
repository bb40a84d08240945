from __future__ import annotations

import ast

from augment.analysis import TargetContext
from augment.generation.replies import key_of, parse_reply
from augment.generation.split import split_reply


def split(reply: str, context: TargetContext) -> list[str]:
    tree = parse_reply(reply)
    return split_reply(tree, context) if tree is not None else []


def test_prose_and_fences_around_code_are_dropped(context: TargetContext) -> None:
    reply = """Sure! Here are the tests you asked for:

```python
def test_gold():
    assert apply_discount(100, "gold") == 70
```

These tests cover the gold level. Let me know if you need more!
"""
    [source] = split(reply, context)
    assert "Sure" not in source
    assert source.startswith("from shop.pricing import apply_discount")


def test_reply_without_code_gives_nothing(context: TargetContext) -> None:
    assert split("I am sorry, I cannot write tests for this.", context) == []


def test_truncated_reply_keeps_everything_before_the_incomplete_tail(context: TargetContext) -> None:
    reply = """```python
import pytest
from shop.pricing import apply_discount

def test_gold():
    assert apply_discount(100, "gold") == 80

@pytest.mark.parametrize("price, level, expected", [
    (100, "gold", 80),
    (100, "silver", 90),
    (100, "sil"""
    sources = split(reply, context)
    assert len(sources) == 1
    assert "test_gold" in sources[0]


def test_function_cut_off_in_the_middle_keeps_its_complete_statements(context: TargetContext) -> None:
    reply = "def test_two():\n    assert apply_discount(1, 'gold') == 1\n    assert apply_discount(2, 'go"
    [source] = split(reply, context)
    assert source.count("assert") == 1


def test_parametrised_test_becomes_one_test_a_case(context: TargetContext) -> None:
    reply = """```python
import pytest
@pytest.mark.parametrize("price, level, expected", [
    (100, "gold", 80),
    (100, "silver", 7),
    pytest.param(50, "none", 50, id="other"),
])
def test_discount(price, level, expected):
    assert apply_discount(price, level) == expected
```"""
    sources = split(reply, context)
    assert len(sources) == 3
    assert 'apply_discount(100, "silver") == 7'.replace('"', "'") in sources[1]
    assert all("parametrize" not in source for source in sources)
    assert len({ast.parse(source).body[-1].name for source in sources}) == 3  # type: ignore[attr-defined]


def test_stacked_parametrisations_multiply(context: TargetContext) -> None:
    reply = """```python
@pytest.mark.parametrize("price", [1, 2])
@pytest.mark.parametrize("level", ["gold", "silver"])
def test_discount(price, level):
    assert apply_discount(price, level) >= 0
```"""
    assert len(split(reply, context)) == 4


def test_loop_over_literal_cases_is_unrolled(context: TargetContext) -> None:
    reply = """```python
def test_levels():
    cases = [(100, "gold", 80), (100, "silver", 1)]
    for price, level, expected in cases:
        assert apply_discount(price, level) == expected
```"""
    [source] = split(reply, context)
    assert source.count("assert") == 2
    assert "for " not in source


def test_long_lists_are_capped(context: TargetContext) -> None:
    rows = ", ".join(f'({n}, "gold", 1)' for n in range(500))
    reply = (
        f'@pytest.mark.parametrize("price, level, expected", [{rows}])\n'
        "def test_discount(price, level, expected):\n    assert apply_discount(price, level) == expected\n"
    )
    assert len(split(reply, context)) <= 30


def test_repeated_tests_are_dropped(context: TargetContext) -> None:
    body = "    assert apply_discount(1, 'gold') == 1\n"
    reply = f"def test_a():\n{body}\ndef test_b():\n    '''Again.'''\n{body}"
    assert len(split(reply, context)) == 1


def test_exception_defined_anew_is_replaced_by_the_projects(context: TargetContext) -> None:
    reply = """```python
import pytest
class PricingError(Exception):
    pass
def test_negative():
    with pytest.raises(PricingError):
        apply_discount(-1, "gold")
```"""
    [source] = split(reply, context)
    assert "class PricingError" not in source
    assert "from shop.errors import PricingError" in source


def test_target_copied_into_the_reply_is_replaced_by_the_real_one(context: TargetContext) -> None:
    reply = """```python
def apply_discount(price, level):
    return price
def test_it():
    assert apply_discount(1, "gold") == 1
```"""
    [source] = split(reply, context)
    assert "def apply_discount" not in source
    assert "from shop.pricing import apply_discount" in source


def test_names_imported_from_the_wrong_module_are_mended(context: TargetContext) -> None:
    reply = """```python
from your_module import apply_discount, PricingError
from shop import Cart
def test_it():
    cart = Cart()
    with pytest.raises(PricingError):
        apply_discount(-1, cart)
```"""
    [source] = split(reply, context)
    assert "your_module" not in source
    assert "from shop.cart import Cart" in source
    assert "import pytest" in source


def test_only_used_imports_and_helpers_come_along(context: TargetContext) -> None:
    reply = """```python
import json
import math
def rate(level):
    return math.floor(2.5)
def unused():
    return json
def test_it():
    assert apply_discount(rate("a"), "gold") == 1
```"""
    [source] = split(reply, context)
    assert "def rate" in source
    assert "import math" in source
    assert "unused" not in source
    assert "json" not in source


def test_methods_that_do_not_need_their_class_become_functions(context: TargetContext) -> None:
    reply = """```python
import unittest
class TestDiscount(unittest.TestCase):
    def setUp(self):
        self.level = "gold"
    def test_gold(self):
        self.assertEqual(apply_discount(100, self.level), 80)
    def test_negative(self):
        with self.assertRaises(PricingError):
            apply_discount(-1, self.level)
```"""
    first, second = split(reply, context)
    assert "class" not in first
    assert "assert apply_discount(100, level) == 80" in first
    assert "pytest.raises(PricingError)" in second


def test_methods_that_need_their_class_keep_it_with_one_test_each(context: TargetContext) -> None:
    reply = """```python
class TestDiscount:
    RATE = 3
    def helper(self):
        return self.RATE
    def test_one(self):
        assert apply_discount(self.helper(), "gold") == 1
    def test_two(self):
        assert apply_discount(self.helper(), "silver") == 2
```"""
    sources = split(reply, context)
    assert len(sources) == 2
    assert all("class TestDiscount" in source for source in sources)
    assert "test_two" not in sources[0]


def test_asynchronous_tests_need_no_plugin(context: TargetContext) -> None:
    reply = """```python
@pytest.mark.asyncio
async def test_it():
    assert await apply_discount(1, "gold") == 1
```"""
    [source] = split(reply, context)
    assert "asyncio.run(" in source
    assert "mark" not in source


def test_name_and_docstring_do_not_make_a_test_another_one() -> None:
    first = "from a import f\n\ndef test_a():\n    '''One.'''\n    assert f() == 1\n"
    second = "def test_b():\n    assert f() == 1\n"
    assert key_of(first) == key_of(second)
    assert key_of(first) != key_of(second.replace("1", "2"))


def test_a_test_that_breaks_off_before_its_assertion_gets_one_with_the_value_left_open(context: TargetContext) -> None:
    reply = """```python
def test_gold():
    price = apply_discount(100, "gold")

def test_silver():
    apply_discount(100, "silver")

def test_bronze():
    with pytest.raises(ValueError):
        apply_discount(100, "bronze")

def test_nothing():
    x = 1
"""
    sources = split(reply, context)
    assert any("assert price == ..." in source for source in sources)
    assert any("assert apply_discount(100, 'silver') == ..." in source for source in sources)
    assert sum("..." in source for source in sources) == 2
