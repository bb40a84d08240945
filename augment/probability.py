"""What is known of a rate after some trials: the Beta posterior, without a numeric library."""

from __future__ import annotations

import math
from dataclasses import dataclass

_PRECISION = 1e-10
_STEPS = 200


@dataclass(frozen=True, slots=True)
class Rate:
    """An estimated rate: its posterior mean, and the bounds of its equal-tailed credible interval (all 0 to 1)."""

    mean: float
    low: float
    high: float


def estimate_rate(hits: int, trials: int, *, level: float = 0.95, prior: tuple[float, float] = (0.5, 0.5)) -> Rate:
    """The rate of an event seen ``hits`` times in ``trials``.

    The prior is Jeffreys' unless another Beta is given. With no hits the interval begins at 0, with hits only it ends
    at 1, as nothing speaks for less or more. Raises ValueError for hits outside 0 to ``trials``.
    """
    if not 0 <= hits <= trials:
        raise ValueError(f"{hits} hits in {trials} trials")
    a, b = hits + prior[0], trials - hits + prior[1]
    tail = (1.0 - level) / 2
    low = beta_quantile(tail, a, b) if hits else 0.0
    high = beta_quantile(1.0 - tail, a, b) if hits < trials or not trials else 1.0
    return Rate(a / (a + b), low, high)


def beta_quantile(probability: float, a: float, b: float) -> float:
    """Where the Beta(a, b) distribution function reaches ``probability``; by bisection."""
    low, high = 0.0, 1.0
    while high - low > _PRECISION:
        middle = (low + high) / 2
        if beta_cdf(middle, a, b) < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def beta_cdf(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function."""
    if x <= 0.0 or x >= 1.0:
        return float(x >= 1.0)
    scale = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    # The continued fraction converges fast on one side of the mean only; the other follows by symmetry.
    if x < (a + 1.0) / (a + b + 2.0):
        return math.exp(scale) * _fraction(x, a, b) / a
    return 1.0 - math.exp(scale) * _fraction(1.0 - x, b, a) / b


def _fraction(x: float, a: float, b: float) -> float:
    """Lentz's evaluation of the continued fraction of the incomplete beta function."""
    tiny = 1e-300
    c, d = 1.0, 1.0 / _apart(1.0 - (a + b) * x / (a + 1.0), tiny)
    value = d
    for step in range(1, _STEPS):
        even = step * (b - step) * x / ((a + 2 * step - 1) * (a + 2 * step))
        odd = -(a + step) * (a + b + step) * x / ((a + 2 * step) * (a + 2 * step + 1))
        for term in (even, odd):
            d = 1.0 / _apart(1.0 + term * d, tiny)
            c = _apart(1.0 + term / c, tiny)
            value *= d * c
        if abs(d * c - 1.0) < _PRECISION:
            break
    return value


def _apart(value: float, tiny: float) -> float:
    return value if abs(value) > tiny else tiny
