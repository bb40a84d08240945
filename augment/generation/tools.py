"""What one run of a pass works with."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from augment.analysis import TargetContext
from augment.generation.accounts import Accounts
from augment.generation.asking import ModelDesk
from augment.generation.gates import Judge, Judgement
from augment.generation.keeping import Keeper
from augment.generation.ledger import Ledger
from augment.generation.mutant_book import MutantBook
from augment.generation.settings import GenerationSettings
from augment.generation.trials import TrialRunner
from augment.records import Candidate, CoverageReport, TestKind

FEWEST_AT_ONCE = 3
_LONG_S = 8.0


@dataclass(slots=True)
class Pace:
    """How many candidates to judge at once: ``size``, and fewer where that takes long or little time is left.

    Leases stay short and the end of a budget is not overrun by much. On a machine that keeps up the number does not
    depend on time, so that a fixed seed gives the same tests twice.
    """

    size: int
    seconds_each: float = 0.1

    def at_once(self, seconds_left: float) -> int:
        """How many to judge now, so that it ends about when the budget does."""
        return max(FEWEST_AT_ONCE, min(self.size, int(seconds_left / self.seconds_each)))

    def learn(self, seconds: float, count: int) -> None:
        """Adjust to how long the last batch took."""
        self.seconds_each = max(0.02, (self.seconds_each + seconds / count) / 2)
        if seconds > _LONG_S:
            self.size = max(FEWEST_AT_ONCE, self.size // 2)


@dataclass(slots=True)
class Tools:
    """What is shared by the modules of one pass. ``spare_s`` is time that modules left over for others."""

    settings: GenerationSettings
    contexts: dict[str, TargetContext]
    baseline: CoverageReport
    ledger: Ledger
    book: MutantBook
    runner: TrialRunner
    judge: Judge
    keeper: Keeper
    desk: ModelDesk | None
    kinds: tuple[TestKind, ...]
    accounts: Accounts
    pace: Pace
    clock: Callable[[], float]
    should_stop: Callable[[], bool]
    spare_s: float = 0.0

    @property
    def over(self) -> bool:
        """Whether the pass has to end: it was told to, or the project has changed."""
        return self.runner.superseded or self.should_stop()

    @property
    def asking(self) -> bool:
        """Whether the model is at work."""
        return self.desk is not None and self.desk.busy

    def is_open(self, context: TargetContext) -> bool:
        """Whether anything of a target is uncovered, or one of its mutants alive."""
        if not self.ledger.knows(context.target.file) or not self.settings.enabled("gain"):
            return True
        lines, branches = self.ledger.missing(context.target)
        return bool(lines or branches or self.book.alive_of(context.target))

    def judge_and_keep(self, candidates: Sequence[Candidate], expected: frozenset[str] | None = None) -> None:
        """Send ``candidates`` through the gates, keep what is proven, and record all of it."""
        if not candidates:
            return
        judgement = self.judge.judge(candidates, self.contexts, expected)
        if self.runner.superseded:
            return  # about a revision that is gone: neither kept nor held against the tests
        self._keep(judgement)
        self.accounts.judged(judgement)
        if self.desk is not None:
            self.desk.add_broken(judgement.broken)

    def _keep(self, judgement: Judgement) -> None:
        proven = sorted(judgement.proven, key=lambda item: item.candidate.target)
        for _, group in itertools.groupby(proven, key=lambda item: item.candidate.target.partition(":")[0]):
            self.accounts.kept(self.keeper.keep(list(group), lambda target_id: self.contexts[target_id].target))
