"""Limits, means and shares of numbers."""

from __future__ import annotations


def clamp(value: float, low: float, high: float) -> float:
    """Bring a value into a range.

    :param value: any number
    :param low: the least result
    :param high: the greatest result
    :returns: ``value`` where it lies in the range, otherwise the nearer limit
    :raises ValueError: if ``low`` is above ``high``
    """
    return max(low, min(value, high))


def rescale(value: float, low: float, high: float) -> float:
    """Say where a value lies in a range: 0 at its low end, 1 at its high end.

    :param value: any number
    :param low: what becomes 0
    :param high: what becomes 1
    :returns: the place of ``value``, below 0 or above 1 outside the range
    :raises ValueError: if ``low`` equals ``high``
    """
    if low == high:
        raise ValueError("the range is empty")
    return (value - low) / (high - low)


def average(values: list[float]) -> float:
    """Add up and divide.

    Args:
        values: Numbers, in any order.

    Returns:
        The mean of the values; 0.0 for an empty list.
    """
    return sum(values) / len(values)


def median(values: list[float]) -> float:
    """Find the middle.

    Args:
        values: Numbers, in any order.

    Returns:
        The middle value, or the mean of the two in the middle; 0.0 for an empty list.
    """
    if not values:
        return 0.0
    ordered = sorted(values)
    half = len(ordered) // 2
    if len(ordered) % 2:
        return float(ordered[half])
    return (ordered[half - 1] + ordered[half]) / 2


def percent(part: float, whole: float) -> int:
    """How many percent ``part`` is of ``whole``, to the nearest whole number; 0 where ``whole`` is zero."""
    if whole == 0:
        return 0
    return round(100 * part / whole, 0)


def per_mille(part: float, whole: float) -> int:
    """How many thousandths of ``whole`` ``part`` is, to the nearest whole number; 0 where ``whole`` is zero."""
    if whole == 0:
        return 0
    return round(1000 * part / whole)
