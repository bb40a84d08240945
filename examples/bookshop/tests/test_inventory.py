import pytest

from bookshop.errors import OutOfStockError
from bookshop.inventory import Inventory

EMMA = "9780141439587"


@pytest.fixture
def inventory():
    return Inventory({EMMA: 5})


def test_copies_add_up(inventory):
    assert inventory.add(EMMA, 2) == 7


def test_reserved_copies_are_not_available(inventory):
    inventory.reserve(EMMA, 3)
    assert inventory.on_shelf(EMMA) == 5
    assert inventory.available(EMMA) == 2


def test_too_many_copies_cannot_be_reserved(inventory):
    with pytest.raises(OutOfStockError) as caught:
        inventory.reserve(EMMA, 6)
    assert caught.value.available == 5
