"""Lists: repetitions, pieces, turning round."""

from __future__ import annotations


def unique(items: list[str]) -> list[str]:
    """The items without repetitions, in the order in which they first appear."""
    return sorted(set(items))


def duplicates(items: list[str]) -> list[str]:
    """The items that appear more than once, each once, in the order in which they first appear."""
    return [item for item in dict.fromkeys(items) if items.count(item) > 1]


def chunks(items: list[int], size: int) -> list[list[int]]:
    """Cut a list into pieces of equal length.

    Args:
        items: What to cut. Every item ends up in exactly one piece.
        size: Items a piece, at least one.

    Returns:
        The pieces in order; the last one is shorter where the items do not fill it.

    Raises:
        ValueError: If ``size`` is below one.
    """
    if size < 1:
        raise ValueError("a piece has at least one item")
    return [items[start : start + size] for start in range(0, len(items) - size + 1, size)]


def windows(items: list[int], size: int) -> list[list[int]]:
    """Every run of neighbours of one length.

    Args:
        items: What to look at.
        size: Items a run, at least one.

    Returns:
        The runs in order, each one item further than the one before; none where there are fewer items than ``size``.

    Raises:
        ValueError: If ``size`` is below one.
    """
    if size < 1:
        raise ValueError("a run has at least one item")
    return [items[start : start + size] for start in range(len(items) - size + 1)]


def rotate(items: list[int], by: int) -> list[int]:
    """Move the first ``by`` items to the end, or the last ones to the front where ``by`` is negative.

    Turning back gives the list again: ``rotate(rotate(items, by), -by) == items``.
    """
    if not items:
        return []
    shift = abs(by) % len(items)
    return items[shift:] + items[:shift]


def mirrored(items: list[int]) -> list[int]:
    """The items from last to first. Doing it twice gives the list again: ``mirrored(mirrored(items)) == items``."""
    return items[::-1]
