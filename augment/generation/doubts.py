"""Doubts in what is stated, as tests are tried: what was observed becomes findings, each proven by a run of its own."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from augment.generation.disagreements import Observed, Stated, disagreements, read_stated
from augment.generation.findings import Settled
from augment.generation.mending import SECOND_SEED
from augment.generation.seen_calls import asserted_in
from augment.generation.trials import FIRST_SEED, Trial, TrialRunner, Variation
from augment.records import Candidate, Finding, FindingKind, FindingState, Outcome, TestKind, new_id

if TYPE_CHECKING:
    from augment.analysis import TargetContext

_TRIED_OF_ONE = 2
"""Reproductions of one disagreement that are run before it is given up."""
_PROGRAMMING_SLIPS = ("NameError", "ImportError", "ModuleNotFoundError", "UnboundLocalError", "SyntaxError")


@dataclass(slots=True)
class Doubted:
    """What observing a batch brought: findings, and for each candidate that is about one of them why it is not kept."""

    findings: list[Finding] = field(default_factory=list)
    because: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Shown:
    """A possible finding, and the name of the test that showed it."""

    finding: Finding
    candidate: str


class Doubts:
    """Holds observed calls against what is stated of their targets. Reports each disagreement once.

    ``settled`` are those that people have decided about; tests may pin what they are about.
    """

    def __init__(self, runner: TrialRunner, settled: Settled) -> None:
        self._runner = runner
        self._settled = settled
        self._stated: dict[str, Stated] = {}
        self._proven: dict[str, str] = {}
        self._failed: dict[str, int] = {}
        self._examples: dict[tuple[str, str], tuple[str, str]] = {}
        """(target, call) of documented examples that do not hold -> the value documented, and the finding's title."""

    def about(self, passing: Sequence[Candidate], contexts: Mapping[str, TargetContext]) -> Doubted:
        """What tests that pass show by what they assert."""
        calls = {item.id: asserted_in(item.source) for item in passing}
        doubted = self.consider(
            (contexts[item.target], calls[item.id], item.id)
            for item in passing
            if self.read(contexts[item.target]).says_anything
        )
        for item in passing:
            for call in calls[item.id]:
                expected, title = self._examples.get((item.target, call.expression), (call.repr, ""))
                if call.repr != expected:
                    doubted.because.setdefault(item.id, title)
        return doubted

    def consider(self, seen: Iterable[tuple[TargetContext, Sequence[Observed], str]]) -> Doubted:
        """What calls show: for each test the context of its target, the calls it made, and the name it goes by."""
        shown: list[_Shown] = []
        for context, calls, name in seen:
            found = disagreements(self.read(context), calls)
            shown += [_Shown(finding, name) for finding, _ in found if not self._settled.settles(finding)]
        return self._prove(shown)

    def report(self, found: Iterable[Finding]) -> list[Finding]:
        """Those of ``found`` that were neither reported nor settled before."""
        fresh = []
        for finding in found:
            if finding.identity not in self._proven and not self._settled.settles(finding):
                self._proven[finding.identity] = finding.title
                fresh.append(finding)
                if finding.kind is FindingKind.EXAMPLE:
                    for call in asserted_in(finding.source):
                        self._examples[finding.target, call.expression] = (call.repr, finding.title)
        return fresh

    def falsified(self, candidate: Candidate, finding: Finding) -> list[Finding]:
        """``finding`` follows from a property that was falsified: reported if its plain reproduction fails as well."""
        plain = replace(candidate, source=finding.source)
        trial = self._runner.run([plain], Variation(hash_seed=FIRST_SEED)).trials.get(plain.id)
        failed = trial is not None and Outcome.FAILED in trial.outcomes
        return self.report([finding]) if failed else []

    def read(self, context: TargetContext) -> Stated:
        """What is stated of a target."""
        if context.target.id not in self._stated:
            self._stated[context.target.id] = read_stated(context)
        return self._stated[context.target.id]

    def _prove(self, shown: list[_Shown]) -> Doubted:
        """Keep what fails as it is stated and passes as it is, in processes of their own."""
        doubted = Doubted()
        tried: dict[str, Finding] = {}
        for item in shown:
            key = item.finding.identity
            if key not in self._proven and self._failed.get(key, 0) < _TRIED_OF_ONE:
                tried.setdefault(key, item.finding)
        for finding in prove(list(tried.values()), self._runner):
            doubted.findings += self.report([finding])
        for key in tried:
            if key not in self._proven:
                self._failed[key] = self._failed.get(key, 0) + 1
        for item in shown:
            if item.finding.identity in self._proven:
                doubted.because.setdefault(item.candidate, self._proven[item.finding.identity])
        return doubted


def prove(findings: list[Finding], runner: TrialRunner) -> list[Finding]:
    """Those whose reproduction fails twice, in processes with different hash seeds, and whose other test passes.

    One whose pinning test does not pass keeps none.
    """
    if not findings:
        return []
    stated = {item.identity: _as_candidate(item, item.source) for item in findings}
    pinned = {item.identity: _as_candidate(item, item.intended_source) for item in findings if item.intended_source}
    everything = [*stated.values(), *pinned.values()]
    runs = runner.run_several([(everything, Variation()), (everything, Variation(hash_seed=SECOND_SEED))])
    proven = []
    for item in findings:
        if not all(_fails(run.trials.get(stated[item.identity].id)) for run in runs):
            continue
        pin = pinned.get(item.identity)
        passes = pin is not None and all((trial := run.trials.get(pin.id)) and trial.passed for run in runs)
        proven.append(item if passes else replace(item, intended_source=""))
    return proven


def _fails(trial: Trial | None) -> bool:
    """Whether a reproduction failed for what it states, not because it is no test."""
    if trial is None or trial.collection_error or trial.fault is not None or not trial.outcomes:
        return False
    slipped = trial.failure is not None and trial.failure.exception.rpartition(".")[2] in _PROGRAMMING_SLIPS
    return all(outcome is Outcome.FAILED for outcome in trial.outcomes) and not slipped


def _as_candidate(finding: Finding, source: str) -> Candidate:
    return Candidate(new_id("cand"), finding.target, "finding", TestKind.UNIT, source, finding.rule)


def no_longer_standing(known: Sequence[Finding], runner: TrialRunner) -> list[Finding]:
    """Those of the findings that stand no more, as *resolved*: their reproduction passes in two varied runs."""
    again = {item.id: _as_candidate(item, item.source) for item in known}
    if not again:
        return []
    wanted = list(again.values())
    runs = runner.run_several([(wanted, Variation()), (wanted, Variation(hash_seed=SECOND_SEED))])
    passing = [
        item for item in known if all((trial := run.trials.get(again[item.id].id)) and trial.passed for run in runs)
    ]
    return [replace(item, state=FindingState.RESOLVED, decided_at=time.time()) for item in passing]
