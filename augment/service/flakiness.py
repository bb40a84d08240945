"""How likely a test's verdict is to flip, and how much one more execution would tell: a Beta posterior a test.

The chance that an attempt gives the rarer of a test's two outcomes is a rate; its prior is learned from all tests of
the project together, because one test alone has too few attempts to go by. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from augment.probability import estimate_rate
from augment.records import Evidence

THRESHOLD = 0.02
"""A test whose score is above it, after ``ENOUGH`` attempts with both outcomes on one revision, is flaky."""
ENOUGH = 4
_MEAN, _STRENGTH = 0.01, 10.0
"""What is believed of a project without history: one attempt in a hundred flips, as sure as after ten attempts."""
_WORTH = 5e-6
"""The least fall of the posterior's variance that one more second is spent on: about 16 attempts of a quick test that
never flipped, 45 of a suspicious one, hardly one of a test that takes ten seconds."""


@dataclass(frozen=True, slots=True)
class Prior:
    """Beta(a, b) over the chance of the rarer outcome."""

    a: float = _MEAN * _STRENGTH
    b: float = (1 - _MEAN) * _STRENGTH


def flips(evidence: Evidence) -> int:
    """How many attempts gave the rarer outcome; none counts before both were seen on one revision."""
    return min(evidence.passes, evidence.failures) if evidence.mixed else 0


def learn_prior(history: Iterable[Evidence]) -> Prior:
    """The prior of this project: the pooled rate of all its tests, drawn towards the default by ten tests' worth."""
    known = [(flips(evidence), evidence.attempts) for evidence in history]
    weight = 10 * _STRENGTH
    mean = (weight * _MEAN + sum(k for k, _ in known)) / (weight + sum(n for _, n in known))
    return Prior(min(mean, 0.2) * _STRENGTH, (1 - min(mean, 0.2)) * _STRENGTH)


def scored(evidence: Evidence, prior: Prior, threshold: float = THRESHOLD) -> Evidence:
    """``evidence`` with its score, its interval and whether that makes the test flaky."""
    rate = estimate_rate(flips(evidence), evidence.attempts, level=0.9, prior=(prior.a, prior.b))
    flaky = flips(evidence) > 0 and evidence.attempts >= ENOUGH and rate.mean > threshold
    return replace(evidence, score=rate.mean, low=rate.low, high=rate.high, is_flaky=flaky)


def gain(evidence: Evidence, prior: Prior, suspicion: float = 0.0) -> float:
    """The fall of the posterior's variance that one more attempt is expected to bring. ``suspicion`` is in flips."""
    seen = evidence.attempts + evidence.silent
    a, b = prior.a + flips(evidence) + suspicion, prior.b + seen - flips(evidence)
    return a * b / ((a + b) ** 2 * (a + b + 1) ** 2)


def is_worth(expected: float, seconds: float) -> bool:
    """Whether an attempt that takes ``seconds`` is still worth its time."""
    return expected > _WORTH * (1.0 + seconds)
