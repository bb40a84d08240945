"""Functions of numpy values."""

import numpy as np


def scaled(values: list[float]) -> np.ndarray:
    """Values between nought and one."""
    array = np.asarray(values, dtype=float)
    if array.size == 0:
        raise ValueError("no values")
    low, high = array.min(), array.max()
    if high == low:
        return np.zeros_like(array)
    return (array - low) / (high - low)


def masked(matrix: np.ndarray, limit: float) -> np.ndarray:
    """A matrix without what is above the limit."""
    return np.where(matrix > limit, 0, matrix)


def noisy(size: int) -> np.ndarray:
    """Numbers by chance."""
    return np.random.default_rng().integers(0, 100, size) + 1
