"""Functions that make functions."""


def counter(start: int = 0, step: int = 1):
    """A function that counts its calls."""
    count = start

    def following() -> int:
        nonlocal count
        count += step
        return count

    return following


def limiter(low: int, high: int):
    """A function that keeps numbers between two bounds."""
    if low > high:
        raise ValueError("low is above high")

    def limited(value: int) -> int:
        if value < low:
            return low
        return min(value, high)

    return limited


def power(exponent: int):
    """A function that raises to a power."""
    return lambda base: base**exponent
