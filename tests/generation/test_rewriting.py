"""Tests say the new names of what was renamed or moved, and everything else stays as it is written."""

from __future__ import annotations

import pytest

from augment.generation.rewriting import Move, Renames, new_test_name, renames_of, rewrite


def renames(*moves: tuple[str, str], present: tuple[str, ...] = (), gone: tuple[str, ...] = ()) -> Renames:
    return renames_of([Move(old, new) for old, new in moves], present, gone)


NET = renames(("shop.pricing:net", "shop.pricing:net_price"))
MOVED = renames(("shop.pricing:net", "shop.taxes:net"))
MODULE = renames(("shop.pricing:net", "shop.taxes:net"), gone=("shop.pricing",))
METHOD = renames(("shop.cart:Cart.add", "shop.cart:Cart.put"), present=("shop.cart:Cart",))
CLASS = renames(("shop.cart:Cart.add", "shop.cart:Basket.add"))


@pytest.mark.parametrize(
    ("how", "before", "after"),
    [
        (NET, "from shop.pricing import net, x  # why\nnet(1)  # net\n",
         "from shop.pricing import net_price, x  # why\nnet_price(1)  # net\n"),
        (NET, "from shop.pricing import net as n\nn(1)\n", "from shop.pricing import net_price as n\nn(1)\n"),
        (NET, "from shop import pricing\npricing.net(1)\n", "from shop import pricing\npricing.net_price(1)\n"),
        (NET, "import shop.pricing as p\np.net(1)\n", "import shop.pricing as p\np.net_price(1)\n"),
        (NET, "from other import net\nnet(1)\n", "from other import net\nnet(1)\n"),
        (
            NET,
            "from shop.pricing import net\ndef test_a(net):\n    assert net\n",
            "from shop.pricing import net_price\ndef test_a(net):\n    assert net\n",
        ),
        (NET, "patch('shop.pricing.net', 1)\n", "patch('shop.pricing.net_price', 1)\n"),
        (NET, "patch('shop.pricing.network', 1)\n", "patch('shop.pricing.network', 1)\n"),
        (
            NET,
            "from shop import pricing\nmonkeypatch.setattr(pricing, \"net\", 1)\n",
            "from shop import pricing\nmonkeypatch.setattr(pricing, \"net_price\", 1)\n",
        ),
        (
            NET,
            "# kept: covers 1 new line, testing shop.pricing:net; by search\nx = 1\n",
            "# kept: covers 1 new line, testing shop.pricing:net_price; by search\nx = 1\n",
        ),
        (
            MOVED,
            "from shop.pricing import net, RATES\nnet(RATES)\n",
            "from shop.taxes import net\nfrom shop.pricing import RATES\nnet(RATES)\n",
        ),
        (MOVED, "from shop.pricing import net\nnet(1)\n", "from shop.taxes import net\nnet(1)\n"),
        (
            MOVED,
            "from shop import pricing\npricing.net(pricing.RATES)\n",
            "from shop import pricing\nimport shop.taxes\nshop.taxes.net(pricing.RATES)\n",
        ),
        (
            MODULE,
            "from shop.pricing import net, RATES\nfrom shop import pricing\npricing.net(RATES)\n",
            "from shop.taxes import net, RATES\nfrom shop import taxes\ntaxes.net(RATES)\n",
        ),
        (MODULE, "import shop.pricing\nshop.pricing.net(1)\n", "import shop.taxes\nshop.taxes.net(1)\n"),
        (MODULE, "patch('shop.pricing.RATES')\n", "patch('shop.taxes.RATES')\n"),
        (
            METHOD,
            "from shop.cart import Cart\nc = Cart()\nc.add(1)\nCart().add(2)\nCart.add(c, 3)\nset().add(4)\n",
            "from shop.cart import Cart\nc = Cart()\nc.put(1)\nCart().put(2)\nCart.put(c, 3)\nset().add(4)\n",
        ),
        (
            CLASS,
            "from shop.cart import Cart\nCart().add(1)\n",
            "from shop.cart import Basket\nBasket().add(1)\n",
        ),
    ],
)  # fmt: skip
def test_imports_uses_patches_and_comments_follow(how: Renames, before: str, after: str) -> None:
    assert rewrite(before, how) == after


def test_objects_of_unknown_origin_are_renamed_only_on_demand() -> None:
    source = "def test_a(cart):\n    cart.add(1)\n"
    assert rewrite(source, METHOD) == source
    assert "cart.put(1)" in rewrite(source, METHOD, broad=True)


def test_a_class_that_is_still_there_was_not_renamed() -> None:
    how = renames(("shop.cart:Cart.add", "shop.cart:Basket.add"), present=("shop.cart:Cart",))
    assert ("shop.cart", "Cart") not in how.symbols


@pytest.mark.parametrize(
    ("name", "old", "new", "wanted"),
    [
        ("test_net_of_zero", "m:net", "m:net_price", "test_net_price_of_zero"),
        ("test_net", "m:net", "m:price", "test_price"),
        ("test_network", "m:net", "m:price", "test_network"),
        ("test_cart_add", "m:Cart.add", "m:Cart.put", "test_cart_put"),
        ("test_line_item_total", "m:LineItem", "m:Row", "test_row_total"),
    ],
)
def test_a_test_that_is_called_after_its_target_is_called_after_it_still(
    name: str, old: str, new: str, wanted: str
) -> None:
    assert new_test_name(name, Move(old, new)) == wanted
    assert f"def {wanted}():" in rewrite(f"def {name}():\n    pass\n", Renames(), {name: wanted})
