"""Overloaded functions."""

from typing import overload


@overload
def seconds(value: int) -> int: ...
@overload
def seconds(value: str) -> int: ...
@overload
def seconds(value: tuple[int, int]) -> int: ...


def seconds(value):
    """A time in seconds."""
    if isinstance(value, tuple):
        minutes, rest = value
        return minutes * 60 + rest
    if isinstance(value, str):
        if value.endswith("m"):
            return int(value[:-1]) * 60
        return int(value)
    return value
