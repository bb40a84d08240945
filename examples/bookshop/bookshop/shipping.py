"""Carriers: what a parcel costs, and when it arrives."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import date

from bookshop.dates import add_working_days
from bookshop.errors import BookshopError

ZONES = {"DE": 1, "AT": 1, "FR": 2, "IT": 2, "GB": 3, "US": 4}


def zone_of(country: str) -> int:
    """The price zone of a country code; countries that are not listed are in zone 4.

    >>> zone_of("de"), zone_of("BR")
    (1, 4)
    """
    code = country.strip().upper()
    if len(code) != 2 or not code.isalpha():
        raise ValueError(f"not a country code: {country!r}")
    return ZONES.get(code, 4)


class Carrier(ABC):
    """Someone who takes parcels."""

    max_grams = 10_000

    @abstractmethod
    def price(self, grams: int, country: str) -> int:
        """What a parcel costs, in cents."""

    @abstractmethod
    def working_days(self, country: str) -> int:
        """How many working days a parcel takes."""

    def accepts(self, grams: int) -> bool:
        """Whether a parcel of that weight is taken."""
        return 0 < grams <= self.max_grams

    def arrival(self, posted: date, country: str) -> date:
        """The day that a parcel arrives."""
        return add_working_days(posted, self.working_days(country))


class Post(Carrier):
    """Cheap and slow. Small parcels within zone 1 go as a letter."""

    def price(self, grams: int, country: str) -> int:
        zone = zone_of(country)
        if zone == 1 and grams <= 500:
            return 225
        return 350 + zone * 150 + grams // 1000 * 100

    def working_days(self, country: str) -> int:
        return 1 + zone_of(country) * 2


class Courier(Carrier):
    """Quick and dear; heavy parcels only near by."""

    max_grams = 30_000

    def __init__(self, express: bool = False) -> None:
        self.express = express

    def price(self, grams: int, country: str) -> int:
        base = 900 * zone_of(country)
        return base + base // 2 if self.express else base

    def working_days(self, country: str) -> int:
        if self.express:
            return 1
        return max(2, zone_of(country))


class Bicycle(Carrier):
    """Same-day delivery for light parcels in the country of the shop."""

    max_grams = 3_000

    def __init__(self, home: str = "DE") -> None:
        self.home = home

    def price(self, grams: int, country: str) -> int:
        if country.strip().upper() != self.home:
            raise BookshopError(f"the bicycle does not go to {country}")
        return 400 if grams <= 1000 else 600

    def working_days(self, country: str) -> int:
        return 0


def cheapest_carrier(carriers: list[Carrier], grams: int, country: str) -> Carrier | None:
    """The carrier that takes the parcel for least, or None if nobody does."""
    best: Carrier | None = None
    best_price = 0
    for carrier in carriers:
        if not carrier.accepts(grams):
            continue
        try:
            price = carrier.price(grams, country)
        except BookshopError:
            continue
        if best is None or price < best_price:
            best, best_price = carrier, price
    return best


def pack(weights: list[int], limit: int) -> list[list[int]]:
    """Put weights into as few parcels as first-fit, the heaviest first, finds; none may weigh more than ``limit``.

    >>> pack([300, 700, 500, 400], 1000)
    [[700, 300], [500, 400]]
    """
    parcels: list[list[int]] = []
    for weight in sorted(weights, reverse=True):
        if weight > limit:
            raise ValueError(f"{weight} g do not fit a parcel of {limit} g")
        for parcel in parcels:
            if sum(parcel) + weight <= limit:
                parcel.append(weight)
                break
        else:
            parcels.append([weight])
    return parcels
