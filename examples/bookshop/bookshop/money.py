"""Amounts of money as whole cents, so that nothing is lost to rounding."""

from __future__ import annotations

SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£"}


def parse_price(text: str) -> int:
    """Read a price such as ``12.50``, ``12,5`` or ``$3`` as cents.

    >>> parse_price("12.50"), parse_price("12,5"), parse_price("$3")
    (1250, 1250, 300)
    """
    cleaned = text.strip().lstrip("€$£").strip().replace(",", ".")
    if not cleaned:
        raise ValueError("empty price")
    whole, _, fraction = cleaned.partition(".")
    if not whole.isdigit() or (fraction and not fraction.isdigit()) or len(fraction) > 2:
        raise ValueError(f"not a price: {text!r}")
    return int(whole) * 100 + int(fraction.ljust(2, "0") or 0)


def format_price(cents: int, currency: str = "EUR") -> str:
    """Write cents as a price with its symbol, or with the currency's code where there is no symbol.

    >>> format_price(1250), format_price(-5, "USD"), format_price(700, "CHF")
    ('€12.50', '-$0.05', '7.00 CHF')
    """
    sign = "-" if cents < 0 else ""
    amount = f"{abs(cents) // 100}.{abs(cents) % 100:02d}"
    if currency in SYMBOLS:
        return f"{sign}{SYMBOLS[currency]}{amount}"
    return f"{sign}{amount} {currency}"


def percent_of(cents: int, percent: float) -> int:
    """A percentage of an amount, rounded to the nearest cent with halves away from zero.

    >>> percent_of(1999, 10), percent_of(50, 1), percent_of(-50, 1)
    (200, 1, -1)
    """
    exact = cents * percent / 100
    rounded = int(abs(exact) + 0.5)
    return rounded if exact >= 0 else -rounded


def round_to(cents: int, step: int) -> int:
    """Round up to a multiple of ``step`` cents, as shops without small coins do.

    >>> round_to(1213, 5), round_to(1215, 5)
    (1215, 1215)
    """
    if step <= 0:
        raise ValueError("step must be positive")
    remainder = cents % step
    return cents if remainder == 0 else cents + step - remainder


def split_evenly(cents: int, parts: int) -> list[int]:
    """Share an amount so that the shares add up to it; the first shares take the odd cents.

    >>> split_evenly(100, 3)
    [34, 33, 33]
    """
    if parts < 1:
        raise ValueError("at least one part is needed")
    share, rest = divmod(cents, parts)
    return [share + 1 if index < rest else share for index in range(parts)]


def convert(cents: int, rate: float) -> int:
    """Convert an amount at an exchange rate.

    >>> convert(1000, 1.1)
    1100
    """
    if rate <= 0:
        raise ValueError("the rate must be positive")
    return percent_of(cents, rate * 100)


def cheapest(prices: dict[str, int]) -> str | None:
    """The name with the lowest price, the first by name among equals, or None if there are none.

    >>> cheapest({"b": 5, "a": 5, "c": 9})
    'a'
    """
    if not prices:
        return None
    return min(prices, key=lambda name: (prices[name], name))
