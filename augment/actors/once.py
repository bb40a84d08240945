"""One round instead of watching: the verdicts, one pass of generation, and what pytest would exit with."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import ray

from augment.actors.reporter import ReporterClient
from augment.errors import AugmentError
from augment.service import TESTED_REVISION, Outcomes

POLL_S = 0.5


class Once:
    """Waits for the actors of a launch to have done one round.

    ``revision`` tells the project's present one. ``stopped`` is asked while waiting; a round that was stopped has no
    exit code.
    """

    def __init__(self, reporter: ReporterClient, revision: Callable[[], str], stopped: Callable[[], bool]) -> None:
        self._reporter = reporter
        self._revision = revision
        self._stopped = stopped

    def verdicts(self, limit_s: float) -> Outcomes:
        """Wait for the verdicts of the present revision. Raises AugmentError when they do not come in time."""
        self._wait(lambda: self._reporter.recall(TESTED_REVISION) == self._revision(), limit_s, "the tests did not end")
        outcomes: Mapping[str, str] = self._reporter.latest_outcomes()
        return Outcomes.of(outcomes)

    def one_pass(self, generator: Any, limit_s: float) -> None:
        """Wait until the writer of tests has done a pass, or has nothing to do."""
        self._wait(lambda: bool(ray.get(generator.rounds.remote())), limit_s, "no pass of generation ended")

    def _wait(self, done: Callable[[], bool], limit_s: float, what: str) -> None:
        deadline = time.monotonic() + limit_s
        while not self._stopped() and not done():
            if time.monotonic() > deadline:
                raise AugmentError(f"{what} within {limit_s:.0f} s; `logs/` and the dashboard say what it waits for")
            time.sleep(POLL_S)
