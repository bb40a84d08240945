"""Asking several suppliers for a price at once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from bookshop.errors import BookshopError


@dataclass(frozen=True)
class Quote:
    """What a supplier asks for one copy, in cents, and how many days it takes."""

    supplier: str
    price: int
    days: int


class Supplier:
    """A supplier with a price list; it answers after ``delay`` seconds."""

    def __init__(self, name: str, prices: dict[str, int], days: int = 2, delay: float = 0.0) -> None:
        self.name = name
        self.prices = prices
        self.days = days
        self.delay = delay

    async def quote(self, isbn: str) -> Quote:
        """The price of a book. Raises BookshopError for a book that is not on the list."""
        await asyncio.sleep(self.delay)
        if isbn not in self.prices:
            raise BookshopError(f"{self.name} does not have {isbn}")
        return Quote(self.name, self.prices[isbn], self.days)


async def collect_quotes(suppliers: list[Supplier], isbn: str, timeout: float = 1.0) -> list[Quote]:
    """The quotes of all suppliers that have the book and answer in time, the cheapest first."""

    async def ask(supplier: Supplier) -> Quote | None:
        try:
            return await asyncio.wait_for(supplier.quote(isbn), timeout)
        except (BookshopError, TimeoutError):
            return None

    answers = await asyncio.gather(*(ask(supplier) for supplier in suppliers))
    return sorted((quote for quote in answers if quote is not None), key=lambda quote: (quote.price, quote.days))


def choose_quote(quotes: list[Quote], max_days: int | None = None) -> Quote | None:
    """The cheapest quote that is quick enough, the quicker one among equals; None if there is none."""
    quick = [quote for quote in quotes if max_days is None or quote.days <= max_days]
    if not quick:
        return None
    return min(quick, key=lambda quote: (quote.price, quote.days))


def margin_percent(cost: int, price: int) -> float:
    """The share of the price that the shop keeps, in percent, rounded to one place.

    >>> margin_percent(600, 800)
    25.0
    """
    if price <= 0:
        raise ValueError("the price must be positive")
    return round((price - cost) / price * 100, 1)


async def cheapest_price(suppliers: list[Supplier], isbn: str, max_days: int | None = None) -> int:
    """The lowest price that is quick enough. Raises BookshopError if no supplier can help."""
    quote = choose_quote(await collect_quotes(suppliers, isbn), max_days)
    if quote is None:
        raise BookshopError(f"nobody can supply {isbn}")
    return quote.price
