"""What all tests of a project came to, as one exit code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from augment.records import Outcome

_BROKEN = (Outcome.FAILED, Outcome.ERROR, Outcome.FAULT)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Counts of the newest outcomes; ``uncollected`` counts files that could not be collected."""

    counts: Mapping[str, int]
    uncollected: int = 0

    @classmethod
    def of(cls, outcomes: Mapping[str, str]) -> Outcomes:
        """From node id -> outcome; what is no test (no ``::``) is a file that could not be collected."""
        tests = {nodeid: outcome for nodeid, outcome in outcomes.items() if "::" in nodeid}
        return cls(Counter(tests.values()), len(outcomes) - len(tests))

    @property
    def exit_code(self) -> int:
        """As pytest's: 0 passed, 1 failed, 2 not collected, 5 no tests; 1 for a fault too."""
        if self.uncollected:
            return 2
        if not sum(self.counts.values()):
            return 5
        return 1 if any(self.counts.get(outcome.value) for outcome in _BROKEN) else 0

    def __str__(self) -> str:
        told = [f"{count} {outcome}" for outcome in Outcome if (count := self.counts.get(outcome.value, 0))]
        told += [f"{self.uncollected} files not collected"] if self.uncollected else []
        return ", ".join(told) or "no tests"
