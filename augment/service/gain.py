"""What another second of work on a target is expected to bring. Pure, and all there is to the choice of idle work."""

from __future__ import annotations

from dataclasses import dataclass

PRIOR_TRIES = 3.0
"""So many tries on targets like it weigh as much as one belief about a target that was never tried."""
FIRST_GUESS_S = 20.0
MUTANT_WORTH = 2.0
"""A surviving mutant is code that runs and that nobody checks: worth as much as two lines that do not run."""


@dataclass(frozen=True, slots=True)
class Effort:
    """Work done before: ``tries``, how many of them brought a kept test (``wins``), and what they took together."""

    tries: float = 0.0
    wins: float = 0.0
    seconds: float = 0.0

    def __add__(self, other: Effort) -> Effort:
        return Effort(self.tries + other.tries, self.wins + other.wins, self.seconds + other.seconds)


def expected_gain(missing: int, survivors: int | None, own: Effort, alike: Effort, every: Effort) -> float:
    """Expected gain a second, in uncovered lines and branches (``missing``; ``survivors`` None: not measured).

    The chance that a try brings a kept test is the mean of a Beta posterior: a target's own tries on top of what is
    believed of targets like it, which in turn rest on all tries, and those on one win in two. The cost of a try is
    shrunk in the same way. ``own`` is part of ``alike``, and ``alike`` of ``every``.
    """
    chance, cost = (every.wins + 1.0) / (every.tries + 2.0), _cost(every, FIRST_GUESS_S, 1.0)
    for effort in (alike, own):
        chance = (effort.wins + PRIOR_TRIES * chance) / (effort.tries + PRIOR_TRIES)
        cost = _cost(effort, cost, PRIOR_TRIES)
    return chance * (missing + MUTANT_WORTH * (survivors or 0)) / cost


def _cost(effort: Effort, believed_s: float, weight: float) -> float:
    return max(0.1, (effort.seconds + weight * believed_s) / (effort.tries + weight))
