"""Names of tests that say what is stated."""

from __future__ import annotations

import ast

import pytest

from augment.exploring import Leaf, Raised, Sight
from augment.generation.explore.naming import name_for
from augment.generation.syntax import FunctionNode


def named(call: str, call_name: str, leaves: tuple[Leaf, ...] = (), raised: Raised | None = None) -> str:
    function = ast.parse(f"def test_it():\n    assert {call} == ...\n").body[0]
    assert isinstance(function, FunctionNode)
    return name_for(function, call_name, Sight("s", leaves, raised), leaves)


@pytest.mark.parametrize(
    ("call", "call_name", "literal", "expected"),
    [
        ("price(3)", "price", "5", "test_price_with_3"),
        ("price(-3)", "price", "True", "test_price_is_true_for_negative_3"),
        ("price(None)", "price", "None", "test_price_is_none_for_none"),
        ("price('')", "price", "[]", "test_price_is_empty_for_empty"),
        ("subject.addItem('a b', 2)", "ShopCart.addItem", "1", "test_shop_cart_add_item_with_a_b_and_2"),
        ("price()", "price", "1", "test_price"),
        ("wrap(price(7))", "price", "1", "test_price_with_7"),
    ],
)
def test_names_say_the_call_what_came_of_it_and_with_what(
    call: str, call_name: str, literal: str, expected: str
) -> None:
    assert named(call, call_name, (Leaf(0, "{}", literal),)) == expected


def test_names_say_what_is_raised() -> None:
    raised = Raised("shop.errors.PricingError", "no", 2, True)
    assert named("price('gold')", "price", (), raised) == "test_price_raises_pricing_error_for_gold"


def test_names_stay_readable_identifiers() -> None:
    name = named(f"price({'word ' * 40!r}, {'other ' * 40!r})", "a_rather_long_name_of_a_function_to_be_tested" * 2)
    assert name.isidentifier()
    assert len(name) <= 80
