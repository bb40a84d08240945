"""When a shop is open and when the roads are full, by the hour from 0 to 23."""

from __future__ import annotations


def is_open(hour: int) -> bool:
    """Whether the shop is open in an hour: from 9 up to and including 18.

    An hour outside 0 to 23 is a ValueError.
    """
    if not 0 <= hour <= 23:
        raise ValueError(f"not an hour: {hour}")
    return 9 <= hour < 18


def is_rush_hour(hour: int) -> bool:
    """Whether the roads are full in an hour: from 7 up to, but not including, 9.

    An hour outside 0 to 23 is a ValueError.
    """
    if not 0 <= hour <= 23:
        raise ValueError(f"not an hour: {hour}")
    return 7 <= hour < 9
