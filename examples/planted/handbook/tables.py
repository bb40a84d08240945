"""Dictionaries of counts."""

from __future__ import annotations


def merged(first: dict[str, int], second: dict[str, int]) -> dict[str, int]:
    """Add up two tables of counts.

    Parameters
    ----------
    first, second : dict of str to int
        The tables. Neither of them is changed.

    Returns
    -------
    dict of str to int
        The sum of both counts for every key of either table.
    """
    for key, count in second.items():
        first[key] = first.get(key, 0) + count
    return first


def without(table: dict[str, int], keys: list[str]) -> dict[str, int]:
    """Leave some keys out.

    Parameters
    ----------
    table : dict of str to int
        The table, which is not changed.
    keys : list of str
        What to leave out; keys that are not there are ignored.

    Returns
    -------
    dict of str to int
        A new table of all other keys.
    """
    return {key: count for key, count in table.items() if key not in keys}
