"""Estimated rates: the posterior that tables of the Beta distribution give."""

from __future__ import annotations

import pytest

from augment.probability import beta_cdf, beta_quantile, estimate_rate


@pytest.mark.parametrize(
    ("x", "a", "b", "expected"),
    [(0.5, 1, 1, 0.5), (0.3, 2, 1, 0.09), (0.2, 1, 5, 1 - 0.8**5), (0.7, 5, 1, 0.7**5), (0.5, 30, 30, 0.5)],
)
def test_the_distribution_function_has_its_closed_values(x: float, a: float, b: float, expected: float) -> None:
    assert beta_cdf(x, a, b) == pytest.approx(expected, abs=1e-9)
    assert beta_quantile(expected, a, b) == pytest.approx(x, abs=1e-6)


def test_no_miss_in_many_trials_is_a_small_rate_that_begins_at_nought() -> None:
    rate = estimate_rate(0, 1000)
    assert rate.low == 0.0
    assert 0.0 < rate.mean < rate.high < 0.004


def test_nothing_tried_says_nothing() -> None:
    rate = estimate_rate(0, 0)
    assert (rate.mean, rate.low) == (0.5, 0.0)
    assert rate.high > 0.99


def test_the_interval_holds_the_observed_share_and_narrows_with_trials() -> None:
    few, many = estimate_rate(2, 10), estimate_rate(200, 1000)
    assert few.low < 0.2 < few.high
    assert many.low < 0.2 < many.high
    assert many.high - many.low < few.high - few.low
    assert estimate_rate(7, 7).high == 1.0


def test_more_hits_than_trials_is_refused() -> None:
    with pytest.raises(ValueError, match="3 hits in 2 trials"):
        estimate_rate(3, 2)
