"""The gates: what a candidate must survive to be kept, the cheapest first.

Each stage takes candidates and gives back those that go on; the rest become rejections with the gate's name. The
names, in order: ``repeat``, ``parses``, ``harmless``, ``asserts``, ``imports``, ``collects``, ``fault``, ``falsified``,
``passes``, ``target``, ``gain``, ``stable``.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from augment.generation.ledger import Gain, Ledger
from augment.generation.model import BrokenTest
from augment.generation.observe import Sighting, has_placeholder, instrument, prepare, rebuild
from augment.generation.replies import key_of
from augment.generation.settings import GenerationSettings
from augment.generation.static_gates import STATIC_GATES
from augment.generation.trials import Trial, TrialRunner, Variation
from augment.records import Candidate, Finding, Rejection, TestKind, new_id

if TYPE_CHECKING:
    from augment.analysis import TargetContext

GATES = ("repeat", "harmless", "asserts", "target", "gain", "stable")
"""The gates that can be switched off by name."""
GATE_RUNS = 5
"""Runs that a kept test passed: two in one process, two in fresh ones with everything varied, one alone."""
DOCTEST = "doctest"
_DETAIL = 600


@dataclass(frozen=True, slots=True)
class Proven:
    """A candidate that passed every gate, and what it adds."""

    candidate: Candidate
    gain: Gain
    runs: int


@dataclass(slots=True)
class Judgement:
    """What the gates made of one batch. ``broken`` are failing tests that the model may mend, once."""

    proven: list[Proven] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    broken: list[BrokenTest] = field(default_factory=list)

    def reject(self, candidate: Candidate, gate: str, detail: str) -> None:
        """Turn a candidate away, with the reason."""
        self.rejections.append(Rejection(candidate, gate, detail.strip()[-_DETAIL:]))


@dataclass(frozen=True, slots=True)
class _Tried:
    candidate: Candidate
    trial: Trial


class Judge:
    """Runs candidates through the gates. Remembers what it has seen, so that nothing is tried twice.

    ``known`` are the keys of tests that exist already.
    """

    def __init__(
        self, runner: TrialRunner, ledger: Ledger, settings: GenerationSettings, known: Sequence[str] = ()
    ) -> None:
        self._runner = runner
        self._ledger = ledger
        self._settings = settings
        self._seen = set(known)

    def judge(self, candidates: Sequence[Candidate], contexts: Mapping[str, TargetContext]) -> Judgement:
        """Judge one batch; ``contexts`` are by target id."""
        judgement = Judgement()
        fresh = self._read(candidates, contexts, judgement)
        open_ended = [item for item in fresh if has_placeholder(item.source)]
        tried = self._try([item for item in fresh if not has_placeholder(item.source)], judgement)
        failing = [item for item in tried if not item.trial.passed]
        passing = [item for item in tried if item.trial.passed]
        mended = self._observe([*failing, *(_Tried(item, Trial()) for item in open_ended)], contexts, judgement)
        again = self._try(self._read(mended, contexts, judgement), judgement)
        for item in again:
            if not item.trial.passed:
                judgement.reject(item.candidate, "passes", item.trial.error)
        passing += [item for item in again if item.trial.passed]
        judgement.proven = self._prove(passing, contexts, judgement)
        return judgement

    # ------------------------------------------------------------------ reading

    def _read(
        self, candidates: Sequence[Candidate], contexts: Mapping[str, TargetContext], judgement: Judgement
    ) -> list[Candidate]:
        """The static gates; a test that was seen before is a repeat."""
        kept = []
        for candidate in candidates:
            objection = self._static_objection(candidate, contexts[candidate.target])
            if objection is not None:
                judgement.reject(candidate, *objection)
                continue
            key = key_of(candidate.source)
            if key in self._seen and self._settings.enabled("repeat"):
                judgement.reject(candidate, "repeat", "the same test was tried before")
                continue
            self._seen.add(key)
            kept.append(candidate)
        return kept

    def _static_objection(self, candidate: Candidate, context: TargetContext) -> tuple[str, str] | None:
        for gate in STATIC_GATES:
            if gate.name == "parses" or self._settings.enabled(gate.name):
                objection = gate.objection(candidate, context)
                if objection is not None:
                    return gate.name, objection
        return None

    # ------------------------------------------------------------------ running

    def _try(self, candidates: Sequence[Candidate], judgement: Judgement) -> list[_Tried]:
        """One run with coverage; what could not be collected or was ended by a fault is turned away here."""
        if not candidates:
            return []
        result = self._runner.run(candidates, Variation(coverage=True))
        self._ledger.learn(result.imports, result.possible)
        tried = []
        for candidate in candidates:
            trial = result.trials.get(candidate.id)
            if trial is None:
                judgement.reject(candidate, "fault", "stopped before it ran")
            elif trial.collection_error:
                judgement.reject(candidate, _collection_gate(trial.error), trial.error)
            elif trial.fault is not None:
                judgement.reject(candidate, "fault", trial.fault)
            else:
                tried.append(_Tried(candidate, trial))
        return tried

    def _observe(
        self, failing: Sequence[_Tried], contexts: Mapping[str, TargetContext], judgement: Judgement
    ) -> list[Candidate]:
        """Mend failing tests by what they are observed to do in two fresh processes with different hash seeds."""
        probes: dict[str, Candidate] = {}
        prepared: dict[str, str] = {}
        for item in failing:
            if item.candidate.kind is TestKind.PROPERTY:
                judgement.reject(item.candidate, "falsified", item.trial.error)
                continue
            prepared[item.candidate.id] = prepare(item.candidate.source, item.trial.failure)
            instrumented = instrument(prepared[item.candidate.id])
            if instrumented is not None and self._settings.enabled("observe"):
                probes[item.candidate.id] = replace(item.candidate, source=instrumented)
            else:
                judgement.reject(item.candidate, "passes", item.trial.error)
        if not probes:
            return []
        runs = self._runner.run_several([(list(probes.values()), Variation(hash_seed=seed)) for seed in (11, 12)])
        mended = []
        for item in failing:
            probe = probes.get(item.candidate.id)
            if probe is None:
                continue
            trials = [run.trials.get(item.candidate.id, Trial()) for run in runs]
            source = self._rebuilt(prepared[item.candidate.id], probe, trials)
            mended += self._settle(item, source, trials, contexts, judgement)
        return mended

    def _rebuilt(self, prepared: str, probe: Candidate, trials: Sequence[Trial]) -> str | None:
        if any(trial.fault is not None or trial.collection_error or not trial.outcomes for trial in trials):
            return None
        return rebuild(prepared, probe.source, [Sighting(trial.observations, trial.failure) for trial in trials])

    def _settle(
        self,
        item: _Tried,
        source: str | None,
        trials: Sequence[Trial],
        contexts: Mapping[str, TargetContext],
        judgement: Judgement,
    ) -> list[Candidate]:
        """What follows from the observation of one failing test: a mended one, a finding, or a rejection."""
        candidate = item.candidate
        if source is not None and candidate.origin.startswith(DOCTEST):
            judgement.findings.append(_finding(candidate, source, item.trial))
            return []
        if source is not None:
            return [
                replace(
                    candidate,
                    id=new_id("cand"),
                    source=source,
                    parents=(*candidate.parents, candidate.id),
                    characterization=True,
                )
            ]
        error = next((trial.error for trial in trials if trial.error), item.trial.error)
        judgement.reject(candidate, "passes", error or "no stable value was observed")
        if not candidate.parents and candidate.model is not None:
            judgement.broken.append(BrokenTest(contexts[candidate.target], candidate, error))
        return []

    # ------------------------------------------------------------------ proving

    def _prove(
        self, passing: Sequence[_Tried], contexts: Mapping[str, TargetContext], judgement: Judgement
    ) -> list[Proven]:
        """Those that reach their target, add coverage and stay stable. The one that adds most goes first."""
        waiting = []
        for item in passing:
            target = contexts[item.candidate.target].target
            if self._settings.enabled("target") and not self._ledger.reaches(target, item.trial.coverage):
                judgement.reject(item.candidate, "target", f"no line of {target.id} ran")
            else:
                waiting.append(item)
        chosen, useless = _greedy(waiting, self._ledger.copy(), self._settings.enabled("gain"))
        for item in useless:
            judgement.reject(item.candidate, "gain", "no line or branch that is not covered already")
        proven = self._stable(chosen, judgement)
        kept = {item.candidate.id for item in proven}
        for item, _ in chosen:
            if item.candidate.id in kept:
                self._ledger.add(item.trial.coverage)
        return proven

    def _stable(self, chosen: Sequence[tuple[_Tried, Gain]], judgement: Judgement) -> list[Proven]:
        """Five more runs: no single way of rerunning shows all kinds of flakiness."""
        candidates = [item.candidate for item, _ in chosen]
        if not candidates or not self._settings.enabled("stable"):
            return [Proven(item.candidate, gain, 1) for item, gain in chosen]
        together = [
            (candidates, Variation(repeat=2, hash_seed=21)),
            (candidates, Variation(hash_seed=22, shuffle_seed=1)),
            (candidates, Variation(hash_seed=23, shuffle_seed=2)),
        ]
        alone = [([candidate], Variation(hash_seed=24)) for candidate in candidates]
        results = self._runner.run_several([*together, *alone])
        proven = []
        for item, gain in chosen:
            trials = [run.trials[item.candidate.id] for run in results if item.candidate.id in run.trials]
            passed = sum(len(trial.outcomes) for trial in trials if trial.passed)
            if passed >= GATE_RUNS and all(trial.passed for trial in trials):
                proven.append(Proven(item.candidate, gain, passed))
            else:
                error = next((trial.fault or trial.error for trial in trials if not trial.passed), "did not run")
                judgement.reject(item.candidate, "stable", error)
        return proven


def _greedy(
    waiting: Sequence[_Tried], ledger: Ledger, must_gain: bool
) -> tuple[list[tuple[_Tried, Gain]], list[_Tried]]:
    """Take the test that adds most, again and again, until none adds anything. The rest come second."""
    left = list(waiting)
    chosen: list[tuple[_Tried, Gain]] = []

    def worth(item: _Tried) -> tuple[int, int, int]:
        gain = ledger.gain(item.trial.coverage)
        return gain.lines + gain.branches, item.candidate.source.count("assert "), -len(item.candidate.source)

    while left:
        best = max(left, key=worth)
        gain = ledger.gain(best.trial.coverage)
        if not gain and must_gain:
            break
        left.remove(best)
        ledger.add(best.trial.coverage)
        chosen.append((best, gain))
    return chosen, left


def _collection_gate(error: str) -> str:
    return "imports" if "ImportError" in error or "ModuleNotFoundError" in error else "collects"


def _finding(candidate: Candidate, observed: str, trial: Trial) -> Finding:
    """The documentation gives a value that the code does not."""
    return Finding(
        id=new_id("finding"),
        target=candidate.target,
        title=f"A documented example of {candidate.target} does not hold",
        detail=f"What the code does instead:\n\n{observed.strip()}\n\n{trial.error.strip()[-_DETAIL:]}",
        source=candidate.source,
        confidence=0.8,
        created_at=time.time(),
    )
