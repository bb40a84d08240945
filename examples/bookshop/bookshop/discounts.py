"""Discounts on a number of copies of one book."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import date

from bookshop.money import percent_of


class Discount(ABC):
    """A rule that takes something off a price."""

    name = "discount"

    @abstractmethod
    def amount(self, price: int, copies: int) -> int:
        """The cents to take off ``copies`` copies at ``price`` cents each."""

    def total(self, price: int, copies: int) -> int:
        """What is left to pay, never less than nothing."""
        if copies < 0:
            raise ValueError("copies cannot be negative")
        return max(0, price * copies - self.amount(price, copies))

    def describe(self, price: int, copies: int) -> str:
        """A line for the receipt, or nothing where nothing is taken off."""
        saved = self.amount(price, copies)
        return f"{self.name}: -{saved / 100:.2f}" if saved else ""


class NoDiscount(Discount):
    """The full price."""

    name = "full price"

    def amount(self, price: int, copies: int) -> int:
        return 0


class PercentOff(Discount):
    """A percentage off every copy."""

    name = "percent off"

    def __init__(self, percent: float) -> None:
        if not 0 < percent <= 100:
            raise ValueError("percent must be above 0 and at most 100")
        self.percent = percent

    def amount(self, price: int, copies: int) -> int:
        return percent_of(price * copies, self.percent)


class BuyMorePayLess(Discount):
    """One copy free in every group of ``group`` copies."""

    name = "one free"

    def __init__(self, group: int = 3) -> None:
        if group < 2:
            raise ValueError("a group has at least two copies")
        self.group = group

    def amount(self, price: int, copies: int) -> int:
        return copies // self.group * price


class SeasonalDiscount(Discount):
    """A fixed sum off on the days of a sale, if enough is bought."""

    name = "sale"

    def __init__(self, cents: int, first: date, last: date, minimum: int = 0) -> None:
        if last < first:
            raise ValueError("the sale ends before it begins")
        self.cents = cents
        self.first = first
        self.last = last
        self.minimum = minimum
        self.today = first

    def on(self, day: date) -> SeasonalDiscount:
        """Say which day it is, and return the discount itself."""
        self.today = day
        return self

    def is_active(self) -> bool:
        """Whether the sale is on; its first and its last day count."""
        return self.first <= self.today <= self.last

    def amount(self, price: int, copies: int) -> int:
        if not self.is_active() or price * copies < self.minimum:
            return 0
        return min(self.cents, price * copies)


def best_discount(discounts: list[Discount], price: int, copies: int) -> Discount:
    """The discount that saves the customer most; the first of several, or none where nothing helps."""
    best: Discount = NoDiscount()
    for discount in discounts:
        if discount.amount(price, copies) > best.amount(price, copies):
            best = discount
    return best


def loyalty_percent(years: int, orders: int) -> int:
    """The percentage for a faithful customer: one a year up to five, and two more from ten orders on.

    >>> loyalty_percent(3, 12), loyalty_percent(9, 0)
    (5, 5)
    """
    if years < 0 or orders < 0:
        raise ValueError("years and orders cannot be negative")
    percent = min(years, 5)
    if orders >= 10:
        percent += 2
    return percent
