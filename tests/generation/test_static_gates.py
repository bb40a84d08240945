from __future__ import annotations

from collections.abc import Callable

import pytest

from augment.analysis import TargetContext
from augment.generation.static_gates import Asserts, Harmless, Parses
from augment.records import Candidate

Make = Callable[..., Candidate]
IMPORT = "from shop.pricing import apply_discount\nfrom shop.cart import Cart\nimport pytest\n"


@pytest.mark.parametrize("source", ["def test_a(:\n    pass", "x = 1\n", "def test_a(): pass\ndef test_b(): pass\n"])
def test_exactly_one_test_must_parse(source: str, context: TargetContext, candidate: Make) -> None:
    assert Parses().objection(candidate(source), context)


@pytest.mark.parametrize(
    "line",
    [
        "import os\nos.system('ls')\n",
        "print('hello')\n",
        "DATA = open('x').read()\n",
        "for i in range(3):\n    pass\n",
    ],
)
def test_nothing_may_happen_on_import(line: str, context: TargetContext, candidate: Make) -> None:
    assert Harmless().objection(candidate(line + "def test_a():\n    assert 1\n"), context)


@pytest.mark.parametrize("call", ["os._exit(0)", "shutil.rmtree('/')", "exec('x')", "sys.exit(0)", "pytest.skip('no')"])
def test_a_test_may_not_end_or_delete_things(call: str, context: TargetContext, candidate: Make) -> None:
    assert Harmless().objection(candidate(f"def test_a():\n    {call}\n"), context)


def test_constants_and_patterns_at_module_level_are_harmless(context: TargetContext, candidate: Make) -> None:
    source = "import re\nP = re.compile('a')\nN = {'a': [1, 2]}\ndef test_a():\n    assert P\n"
    assert Harmless().objection(candidate(source), context) is None


@pytest.mark.parametrize(
    "body",
    [
        "assert True",
        "assert 1 + 1 == 2",
        "apply_discount(1, 'gold')",
        "cart = Cart('ann')\n    assert cart is not None",
        "cart = Cart('ann')\n    assert isinstance(cart, Cart)",
        "cart = Cart(owner='ann')\n    assert cart.owner == 'ann'",
        "with pytest.raises(Exception):\n        apply_discount(1, 2)",
        "x = 5\n    apply_discount(1, 'gold')\n    assert x == 5",
    ],
)
def test_what_asserts_nothing_about_behaviour_is_turned_away(
    body: str, context: TargetContext, candidate: Make
) -> None:
    assert Asserts().objection(candidate(f"{IMPORT}def test_a():\n    {body}\n"), context)


@pytest.mark.parametrize(
    "body",
    [
        "assert apply_discount(1, 'gold') == 2",
        "result = apply_discount(1, 'gold')\n    assert result == 2",
        "cart = Cart('ann')\n    cart.add('x', 2)\n    assert cart.total() == 2",
        "rows = []\n    apply_discount(rows, 1)\n    assert rows == [1]",
        "with pytest.raises(ValueError):\n        apply_discount(-1, 'gold')",
        "with pytest.raises(ValueError) as error:\n        apply_discount(-1, 'gold')\n    assert 'neg' in str(error)",
        "class Mine(Cart):\n        pass\n    assert Mine().total() == 2",
        "async def collected():\n        return [item async for item in Cart()]\n    assert run(collected()) == [1]",
        "for price in (1, 2):\n        total = apply_discount(price, 'gold')\n        assert total > 0",
    ],
)
def test_what_asserts_behaviour_may_go_on(body: str, context: TargetContext, candidate: Make) -> None:
    assert Asserts().objection(candidate(f"{IMPORT}def test_a():\n    {body}\n"), context) is None
