"""The gates: what a candidate must survive to be kept, the cheapest first.

Each stage takes candidates and gives back those that go on; the rest become rejections with the gate's name. The
names, in order: ``repeat``, ``parses``, ``harmless``, ``asserts``, ``imports``, ``collects``, ``fault``, ``falsified``,
``passes``, ``disagrees``, ``target``, ``gain``, ``vacuous``, ``stable``. ``disagrees`` is a test that pins what the
statements of its target contradict; ``gain`` is a new line or branch, or (``mutants``) a mutant that nothing noticed
before; ``vacuous`` is a test that only covers and would not notice any change of its target.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from augment.generation.doubts import Doubts
from augment.generation.explore import opened
from augment.generation.falsified import aftermath
from augment.generation.findings import Settled, finding_of_example
from augment.generation.ledger import Gain, Ledger
from augment.generation.mending import SECOND_SEED, Mended, Pending, mend, open_pending
from augment.generation.minimise import minimised
from augment.generation.model import BrokenTest
from augment.generation.mutant_book import MutantBook
from augment.generation.observe import has_placeholder
from augment.generation.replies import key_of
from augment.generation.settings import GenerationSettings
from augment.generation.static_gates import STATIC_GATES
from augment.generation.trials import FIRST_SEED, Trial, TrialRunner, Variation
from augment.mutants import Mutant, MutantOutcome
from augment.records import Candidate, Finding, Rejection, TestKind, merge_coverage

if TYPE_CHECKING:
    from augment.analysis import TargetContext

GATES = ("repeat", "harmless", "asserts", "target", "gain", "mutants", "vacuous", "minimise", "stable")
"""The gates that can be switched off by name."""
GATE_RUNS = 5
"""Runs that a kept test passed: two in one process, two in fresh ones with everything varied, one alone."""
DOCTEST = "doctest"
THIRD_SEED, FOURTH_SEED = 2, 3
"""Hash seeds beside those of the first runs. There are four in all, since each needs a warm process of its own."""
FAR_ZONE = "Pacific/Kiritimati"
"""Fourteen hours before UTC: what depends on the machine's own time zone shows there."""
_DETAIL = 600
_MUTANTS_EACH = 24
"""Changes of its target that a test which kills nothing new is held against."""
_NO_GAIN = "no line or branch that is not covered already, and no mutant that nothing noticed"


@dataclass(frozen=True, slots=True)
class Proven:
    """A candidate that passed every gate, and what it adds."""

    candidate: Candidate
    gain: Gain
    runs: int
    kills: frozenset[str] | None = None
    """The mutants that it is kept for; None where mutants were not tried."""


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
        self,
        runner: TrialRunner,
        ledger: Ledger,
        settings: GenerationSettings,
        known: Sequence[str] = (),
        book: MutantBook | None = None,
        settled: Settled | None = None,
    ) -> None:
        self._runner = runner
        self._ledger = ledger
        self._book = book if settings.enabled("mutants") else None
        self._settings = settings
        self._seen = set(known)
        self.doubts = Doubts(runner, settled or Settled())
        self._expected: frozenset[str] | None = None
        self._ran_alone: set[str] = set()

    def judge(
        self,
        candidates: Sequence[Candidate],
        contexts: Mapping[str, TargetContext],
        expected: frozenset[str] | None = None,
    ) -> Judgement:
        """Judge one batch; ``contexts`` are by target id.

        ``expected`` are the mutants that exploration saw the candidates notice: only these are tried then, as each of
        the others would be tried on every test in vain.
        """
        judgement = Judgement()
        self._expected = expected
        passing, pending = self._first_run(self._read(candidates, contexts, judgement), contexts, judgement)
        mended = [self._settled(item, contexts, judgement) for item in mend(pending, self._runner, self._ledger)]
        alive = [item for item in mended if item is not None]
        good = {item.id for item in self._read([item.candidate for item in alive], contexts, judgement)}
        passing += [item for item in alive if item.candidate.id in good]
        judgement.proven = self._prove(self._undoubted(passing, contexts, judgement), contexts, judgement)
        return judgement

    def has_tried(self, source: str) -> bool:
        """Whether the same test was judged before."""
        return key_of(source) in self._seen

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

    def _first_run(
        self, candidates: Sequence[Candidate], contexts: Mapping[str, TargetContext], judgement: Judgement
    ) -> tuple[list[_Tried], list[Pending]]:
        """Run everything once with coverage: those that pass, and those to be mended.

        Open-ended tests run in their instrumented form, which counts as the first of their two sightings.
        """
        opened = {item.id: open_pending(item) for item in candidates if has_placeholder(item.source)}
        forms = [pending.probe if (pending := opened.get(item.id)) else item for item in candidates]
        result = self._runner.run(forms, Variation(hash_seed=FIRST_SEED, coverage=True))
        self._ledger.learn(result.imports, result.possible)
        passing: list[_Tried] = []
        to_mend: list[Pending] = []
        for candidate in candidates:
            trial = result.trials.get(candidate.id)
            rejection = _first_objection(candidate, trial)
            if trial is None or rejection is not None:
                judgement.reject(candidate, *(rejection or ("fault", "")))
                if trial is not None and rejection is not None and rejection[0] == "falsified":
                    to_mend += self._falsified(candidate, trial, contexts[candidate.target], judgement)
                continue
            seen = opened.get(candidate.id)
            if seen is None and trial.passed:
                passing.append(_Tried(candidate, trial))
                continue
            if seen is None and self._is_explored(candidate):
                self._break(candidate, trial, trial.error, contexts, judgement)
                continue
            pending = replace(seen, first=trial) if seen is not None else open_pending(candidate, trial)
            if pending is None or not self._settings.enabled("observe"):
                judgement.reject(candidate, "passes", trial.error)
            elif self._worth_mending(candidate, trial, contexts, judgement):
                to_mend.append(pending)
        return passing, to_mend

    def _is_explored(self, candidate: Candidate) -> bool:
        """Whether the calls of a failing test are explored anyhow: what they give is then seen more cheaply there."""
        on = self._settings.enabled("explore") and not candidate.origin.startswith(DOCTEST)
        return on and opened(candidate.source) is not None

    def _falsified(
        self, candidate: Candidate, trial: Trial, context: TargetContext, judgement: Judgement
    ) -> list[Pending]:
        """A counterexample is a finding where the property was promised, else an example that is judged in its turn."""
        result = aftermath(candidate, trial, context)
        if isinstance(result, Finding):
            judgement.findings += self.doubts.falsified(candidate, result)
        if not isinstance(result, Candidate) or not self._settings.enabled("observe"):
            return []
        key = key_of(result.source)
        pending = open_pending(result) if key not in self._seen else None
        self._seen.add(key)
        return [pending] if pending is not None else []

    def _worth_mending(
        self, candidate: Candidate, trial: Trial, contexts: Mapping[str, TargetContext], judgement: Judgement
    ) -> bool:
        """A test that has run to its only assertion without covering anything new is not worth two more runs."""
        target = contexts[candidate.target].target
        if not trial.passed and not self._ledger.reaches(target, trial.coverage):
            self._break(candidate, trial, trial.error, contexts, judgement)
            return False
        if candidate.source.count("assert ") > 1 or candidate.origin.startswith(DOCTEST):
            return True
        return self._promises(_Tried(candidate, trial), contexts, judgement)

    def _promises(self, item: _Tried, contexts: Mapping[str, TargetContext], judgement: Judgement) -> bool:
        """Whether a test reaches its target and may add something: new coverage, or lines with living mutants."""
        target = contexts[item.candidate.target].target
        if self._settings.enabled("target") and not self._ledger.reaches(target, item.trial.coverage):
            judgement.reject(item.candidate, "target", f"no line of {target.id} ran")
            return False
        if not self._settings.enabled("gain") or self._ledger.gain(item.trial.coverage):
            return True
        if not self._mutants_near([item]):
            judgement.reject(item.candidate, "gain", _NO_GAIN)
            return False
        return True

    def _mutants_near(self, items: Sequence[_Tried]) -> list[Mutant]:
        """The living mutants in functions of which the tests ran a line, and that importing does not run."""
        if self._book is None:
            return []
        ran = merge_coverage(item.trial.coverage for item in items)
        alive = self._book.alive(ran.keys())
        if self._expected is not None:
            alive = [mutant for mutant in alive if mutant.id in self._expected]
        return [mutant for mutant in alive if self._ledger.touches(mutant, ran)]

    def _settled(self, item: Mended, contexts: Mapping[str, TargetContext], judgement: Judgement) -> _Tried | None:
        """What follows from observing one test: a mended one that goes on, a finding, or a rejection."""
        candidate = item.pending.candidate
        if item.candidate is None:
            self._break(candidate, item.trial, item.error, contexts, judgement)
            return None
        if candidate.origin.startswith(DOCTEST):
            found = finding_of_example(candidate, item.candidate.source, item.pending.original.error)
            judgement.findings += self.doubts.report([found])
            judgement.reject(candidate, "disagrees", found.title)
            return None
        return _Tried(item.candidate, item.trial)

    def _break(
        self,
        candidate: Candidate,
        trial: Trial,
        error: str,
        contexts: Mapping[str, TargetContext],
        judgement: Judgement,
    ) -> None:
        """Turn a failing test away that cannot be mended mechanically; the model may try once.

        Not where only a value was wrong: its calls are explored, whatever it expected of them.
        """
        judgement.reject(candidate, "passes", error)
        wrong_value = trial.failure is not None and trial.failure.exception.endswith(("AssertionError", "Failed"))
        if not candidate.parents and candidate.model is not None and not wrong_value:
            judgement.broken.append(BrokenTest(contexts[candidate.target], candidate, error))

    def _undoubted(
        self, passing: Sequence[_Tried], contexts: Mapping[str, TargetContext], judgement: Judgement
    ) -> list[_Tried]:
        """Those that pin nothing which what is stated of their target contradicts: that becomes a finding instead."""
        if not self._settings.enabled("findings"):
            return list(passing)
        doubted = self.doubts.about([item.candidate for item in passing], contexts)
        judgement.findings += doubted.findings
        for item in passing:
            if item.candidate.id in doubted.because:
                judgement.reject(item.candidate, "disagrees", doubted.because[item.candidate.id])
        return [item for item in passing if item.candidate.id not in doubted.because]

    # ------------------------------------------------------------------ proving

    def _prove(
        self, passing: Sequence[_Tried], contexts: Mapping[str, TargetContext], judgement: Judgement
    ) -> list[Proven]:
        """Those that reach their target, add coverage or kill mutants, and stay stable. What adds most goes first."""
        waiting = [item for item in passing if self._promises(item, contexts, judgement)]
        chosen, rest = _greedy(waiting, self._ledger.copy(), self._settings.enabled("gain"))
        kills = self._kills([*(item for item, _ in chosen), *rest])
        for item in rest:
            if kills.get(item.candidate.id):
                chosen.append((item, Gain({})))
            else:
                judgement.reject(item.candidate, "gain", _NO_GAIN)
        chosen = self._telling(chosen, kills, contexts, judgement)
        if self._book is not None and self._settings.enabled("minimise"):
            chosen = [(self._minimised(item, kills), gain) for item, gain in chosen]
        proven = [replace(item, kills=kills.get(item.candidate.id)) for item in self._stable(chosen, judgement)]
        by_id = {item.candidate.id: item for item, _ in chosen}
        for one in proven:
            self._ledger.add(by_id[one.candidate.id].trial.coverage)
            if self._book is not None:
                self._book.kill(one.kills or ())
        return proven

    def _telling(
        self,
        chosen: Sequence[tuple[_Tried, Gain]],
        kills: Mapping[str, frozenset[str]],
        contexts: Mapping[str, TargetContext],
        judgement: Judgement,
    ) -> list[tuple[_Tried, Gain]]:
        """Those that notice at least one change of their target, where it has changes that they could notice."""
        quiet = [item for item, _ in chosen if not kills.get(item.candidate.id)]
        if self._book is None or not quiet or not self._settings.enabled("vacuous"):
            return list(chosen)
        vacuous = set()
        for item in quiet:
            target = contexts[item.candidate.target].target
            near = [m for m in self._book.of(target) if self._ledger.touches(m, item.trial.coverage)][:_MUTANTS_EACH]
            verdicts = self._runner.mutate({item.candidate: item.trial}, near, *self._ledger.known)
            survived = [verdict for verdict in verdicts if verdict.outcome is MutantOutcome.SURVIVED]
            if survived and not any(verdict.outcome.noticed for verdict in verdicts):
                vacuous.add(item.candidate.id)
                judgement.reject(item.candidate, "vacuous", f"none of {len(survived)} changes of {target.id} fails it")
        return [(item, gain) for item, gain in chosen if item.candidate.id not in vacuous]

    def _minimised(self, item: _Tried, kills: dict[str, frozenset[str]]) -> _Tried:
        """The test without what kills nothing; what it kills stays noted under its new name."""
        assert self._book is not None
        own = kills.get(item.candidate.id, frozenset())
        smaller = minimised(item.candidate, item.trial, own, self._runner, self._book, self._ledger.known)
        kills[smaller.id] = own
        return replace(item, candidate=smaller)

    def _kills(self, items: Sequence[_Tried]) -> dict[str, frozenset[str]]:
        """Candidate -> the living mutants that it is the first to kill; empty where mutants are not tried."""
        if self._book is None or not items:
            return {}
        mutants = self._mutants_near(items)
        tried = {item.candidate: item.trial for item in items}
        verdicts = self._runner.mutate(tried, mutants, *self._ledger.known)
        owner = {nodeid: item.candidate.id for item in items for nodeid in item.trial.nodeids}
        found: dict[str, set[str]] = {item.candidate.id: set() for item in items}
        for verdict in verdicts:
            if verdict.outcome.noticed and verdict.nodeid in owner:
                found[owner[verdict.nodeid]].add(verdict.mutant)
        # A kill counts only once its test has passed without a mutant, alone in a process: that is one of the runs.
        self._ran_alone = {name for name, mutants in found.items() if mutants}
        self._book.leave_out(verdict.mutant for verdict in verdicts if verdict.outcome is MutantOutcome.NOT_APPLICABLE)
        return {name: frozenset(mutants) for name, mutants in found.items()}

    def _stable(self, chosen: Sequence[tuple[_Tried, Gain]], judgement: Judgement) -> list[Proven]:
        """Five more runs: no single way of rerunning shows all kinds of flakiness."""
        candidates = [item.candidate for item, _ in chosen]
        if not candidates or not self._settings.enabled("stable"):
            return [Proven(item.candidate, gain, 1) for item, gain in chosen]
        together = [
            (candidates, Variation(repeat=2, hash_seed=SECOND_SEED)),
            (candidates, Variation(hash_seed=THIRD_SEED, shuffle_seed=1, time_zone=FAR_ZONE)),
            (candidates, Variation(hash_seed=FOURTH_SEED, shuffle_seed=2)),
        ]
        alone = [
            ([candidate], Variation(hash_seed=SECOND_SEED))
            for candidate in candidates
            if candidate.id not in self._ran_alone
        ]
        results = self._runner.run_several([*together, *alone])
        proven = []
        for item, gain in chosen:
            trials = [run.trials[item.candidate.id] for run in results if item.candidate.id in run.trials]
            passed = sum(len(trial.outcomes) for trial in trials if trial.passed)
            passed += item.candidate.id in self._ran_alone
            if passed >= GATE_RUNS and all(trial.passed for trial in trials):
                proven.append(Proven(item.candidate, gain, passed))
            else:
                error = next((trial.fault or trial.error for trial in trials if not trial.passed), "did not run")
                judgement.reject(item.candidate, "stable" if passed else "passes", error)
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


def _first_objection(candidate: Candidate, trial: Trial | None) -> tuple[str, str] | None:
    """The gate that the first run ends at, where mending is no help."""
    if trial is None:
        return "fault", "stopped before it ran"
    if trial.collection_error:
        return _collection_gate(trial.error), trial.error
    if trial.fault is not None:
        return "fault", trial.fault
    if not trial.passed and candidate.kind is TestKind.PROPERTY:
        return "falsified", trial.error
    return None


def _collection_gate(error: str) -> str:
    return "imports" if "ImportError" in error or "ModuleNotFoundError" in error else "collects"
