from bookshop.discounts import BuyMorePayLess, PercentOff


def test_a_tenth_off():
    assert PercentOff(10).total(1000, 2) == 1800


def test_every_third_copy_is_free():
    assert BuyMorePayLess(3).total(500, 7) == 2500
