"""Generators and iterators."""


def chunked(items: list[int], size: int):
    """Parts of at most ``size`` items."""
    if size < 1:
        raise ValueError("size must be at least 1")
    for start in range(0, len(items), size):
        yield items[start : start + size]


def numbers(start: int = 1):
    """Numbers without an end."""
    while True:
        yield start
        start += 2


class Countdown:
    """Counts down to one."""

    def __init__(self, start: int):
        self.left = start

    def __iter__(self):
        return self

    def __next__(self) -> int:
        if self.left <= 0:
            raise StopIteration
        self.left -= 1
        return self.left + 1
