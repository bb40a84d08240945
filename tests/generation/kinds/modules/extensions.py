"""Functions whose work is done by C code."""

import math
import struct
import zlib
from collections import Counter, deque


def packed(values: list[int]) -> bytes:
    """A length and numbers, in network order."""
    return struct.pack(f"!H{len(values)}i", len(values), *values)


def checksum(text: str, start: int = 0) -> str:
    """Eight hexadecimal digits."""
    return f"{zlib.crc32(text.encode(), start):08x}"


def spread(values: list[float]) -> float:
    """How far values are from their middle."""
    if not values:
        return 0.0
    middle = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - middle) ** 2 for value in values) / len(values))


def recent(words: list[str], most: int = 2) -> deque:
    """The last words."""
    return deque(words, maxlen=most)


def letters(text: str) -> Counter:
    """How often each letter occurs."""
    return Counter(letter for letter in text.lower() if letter.isalpha())
