import pytest

from bookshop.money import format_price, parse_price, percent_of, split_evenly


def test_prices_with_point_and_comma():
    assert parse_price("12.50") == parse_price("12,50") == 1250


def test_a_word_is_not_a_price():
    with pytest.raises(ValueError, match="not a price"):
        parse_price("cheap")


def test_price_with_symbol():
    assert format_price(1999) == "€19.99"


def test_percentages_are_rounded():
    assert percent_of(1999, 10) == 200


def test_shares_add_up():
    assert split_evenly(1000, 3) == [334, 333, 333]
