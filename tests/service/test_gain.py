"""The estimator puts idle work where a second of it is expected to bring most."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from augment.service import gain
from augment.service.gain import FIRST_GUESS_S, Effort, expected_gain

NONE = Effort()


def of(missing: int = 10, survivors: int | None = None, own: Effort = NONE, alike: Effort = NONE) -> float:
    return expected_gain(missing, survivors, own, alike + own, alike + own)


def test_more_that_is_uncovered_is_worth_more_where_nothing_else_is_known() -> None:
    assert of(missing=20) > of(missing=10) > of(missing=0) == 0
    assert of(missing=10) == pytest.approx(10 / 2 / FIRST_GUESS_S)


def test_mutants_that_survive_are_worth_work_on_code_that_is_covered() -> None:
    assert of(missing=0, survivors=3) > 0
    assert of(missing=5, survivors=3) > of(missing=5, survivors=0) == of(missing=5)


def test_a_target_that_was_tried_in_vain_goes_behind_one_that_was_not() -> None:
    assert of(missing=20, own=Effort(5, 0, 100)) < of(missing=10)
    assert of(missing=10, own=Effort(5, 5, 100)) > of(missing=10, own=Effort(5, 1, 100))


def test_each_try_in_vain_makes_it_less_likely() -> None:
    gains = [of(own=Effort(tries, 0, 20.0 * tries)) for tries in range(10)]
    assert gains == sorted(gains, reverse=True)
    assert gains[-1] > 0


def test_what_is_slow_is_worth_less_a_second() -> None:
    assert of(own=Effort(3, 2, 30)) > of(own=Effort(3, 2, 300))


def test_a_target_that_was_never_tried_is_judged_by_those_like_it() -> None:
    assert of(alike=Effort(10, 9, 200)) > of() > of(alike=Effort(10, 0, 200))


def test_its_own_record_outweighs_that_of_others_in_the_end() -> None:
    good = Effort(50, 50, 1000)
    assert of(own=Effort(30, 0, 600), alike=good) < of(alike=good) / 5


efforts = st.builds(
    lambda tries, share, seconds: Effort(tries, tries * share, seconds),
    st.integers(0, 1000),
    st.floats(0, 1),
    st.floats(0, 1e6),
)


@given(st.integers(0, 10_000), st.none() | st.integers(0, 1000), efforts, efforts, efforts)
def test_it_is_finite_and_never_negative(
    missing: int, survivors: int | None, own: Effort, alike: Effort, others: Effort
) -> None:
    found = expected_gain(missing, survivors, own, own + alike, own + alike + others)
    assert 0 <= found < 1e6


def test_it_stays_an_estimator_of_at_most_fifty_lines() -> None:
    assert len(Path(gain.__file__).read_text().splitlines()) <= 50
