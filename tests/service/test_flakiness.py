"""How likely a verdict is to flip, and which attempt tells most: pure arithmetic."""

from __future__ import annotations

from dataclasses import replace

import pytest

from augment.records import Evidence
from augment.service.flakiness import Prior, gain, is_worth, learn_prior, scored


def seen(passes: int, failures: int, *, mixed: bool = True, nodeid: str = "t.py::t") -> Evidence:
    return Evidence(nodeid, passes, failures, mixed=mixed)


def test_the_score_follows_the_rarer_outcome_and_its_interval_narrows() -> None:
    few, many = scored(seen(4, 1), Prior()), scored(seen(400, 100), Prior())
    assert few.low < few.score < few.high
    assert many.score == pytest.approx(0.2, abs=0.01)
    assert many.high - many.low < few.high - few.low
    assert scored(seen(100, 400), Prior()).score == pytest.approx(many.score)


def test_failures_that_were_never_passes_on_the_same_revision_are_no_flips() -> None:
    broken = scored(seen(3, 40, mixed=False), Prior())
    assert not broken.is_flaky
    assert broken.low == 0.0


@pytest.mark.parametrize(
    ("passes", "failures", "flaky"),
    [(3, 1, True), (2, 1, False), (30, 1, True), (500, 1, False), (0, 50, False), (50, 0, False)],
)
def test_flaky_takes_enough_attempts_and_a_score_above_the_threshold(passes: int, failures: int, flaky: bool) -> None:
    assert scored(seen(passes, failures), Prior()).is_flaky is flaky


def test_the_prior_is_learned_from_the_project_and_never_runs_away() -> None:
    calm = learn_prior([seen(50, 0, mixed=False) for _ in range(50)])
    wild = learn_prior([seen(30, 20) for _ in range(50)])
    assert calm.a / (calm.a + calm.b) < Prior().a / (Prior().a + Prior().b) < wild.a / (wild.a + wild.b) <= 0.2
    assert learn_prior([]) == Prior()


def test_an_attempt_tells_less_the_more_there_were_and_more_where_a_flip_is_suspected() -> None:
    fresh, tried = gain(seen(0, 0, mixed=False), Prior()), gain(seen(20, 0, mixed=False), Prior())
    assert fresh > tried
    assert gain(seen(20, 0, mixed=False), Prior(), suspicion=1.0) > tried
    assert gain(replace(seen(20, 0, mixed=False), silent=50), Prior()) < tried


def test_slow_tests_are_worth_it_seldom_and_every_test_comes_to_an_end() -> None:
    untried = gain(seen(0, 0, mixed=False), Prior())
    assert is_worth(untried, 0.01)
    assert not is_worth(untried, 60.0)
    assert is_worth(gain(seen(0, 0, mixed=False), Prior(), suspicion=2.0), 60.0)
    assert not is_worth(gain(seen(20, 0, mixed=False), Prior()), 0.01)
    assert not is_worth(gain(seen(150, 50), Prior(), suspicion=2.0), 0.01)


def test_a_flip_that_only_the_standing_verdict_showed_marks_nothing_whatever_the_project_is_like() -> None:
    wild = learn_prior([seen(30, 20) for _ in range(50)])
    assert scored(seen(7, 0), wild).score > 0.02
    assert not scored(seen(7, 0), wild).is_flaky
