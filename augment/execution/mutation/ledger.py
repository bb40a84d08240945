"""What is known of a mutation order while its runners tell of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from augment.mutants import Mutant, MutantOutcome, MutantVerdict
from augment.records import Fault, FaultKind
from augment.seams import MutantSink, MutationOrder, MutationResult

_NOTICED = {
    FaultKind.TIMEOUT: MutantOutcome.TIMEOUT,
    FaultKind.OUT_OF_MEMORY: MutantOutcome.KILLED,
    FaultKind.CRASH: MutantOutcome.KILLED,
    FaultKind.OUTPUT_LIMIT: MutantOutcome.KILLED,
    FaultKind.SANDBOX_DENIAL: MutantOutcome.KILLED,
}
"""Losing the runner under a mutant is something that the mutant did, unless the machine took it."""


def outcome_of(fault: Fault) -> MutantOutcome | None:
    """How a mutant counts whose tests ended in this fault; None where the fault says nothing of the mutant."""
    return _NOTICED.get(fault.kind)


class MutationLedger:
    """Takes the runner's events, as :class:`augment.execution.ledger.Ledger` does for a batch.

    ``running`` stays None: the runner itself watches how long a mutant takes. ``unapplied`` are the mutants that could
    not be put in place in memory, with the reason; ``missing`` the node ids that pytest does not find.
    """

    def __init__(self, order: MutationOrder, on_outcome: MutantSink | None) -> None:
        self.running: str | None = None
        self.ready = False
        self.done = False
        self.missing: list[str] = []
        self.unapplied: dict[str, str] = {}
        self.uncollectable: dict[str, str] = {}
        self._order = order
        self._sink = on_outcome
        self._trying: str | None = None
        self._untold: list[MutantVerdict] = []
        self._verdicts: dict[str, MutantVerdict] = {}
        self._asked = {mutant.id for mutant in order.mutants}

    def take(self, event: Mapping[str, Any]) -> None:
        """Note one event; those that say nothing of mutants are passed over."""
        kind = event["kind"]
        if kind == "ready":
            self.ready = True
        elif kind == "done":
            self.done = True
        elif kind == "uncollectable":
            self.uncollectable[event["file"]] = event["text"]
        elif kind == "not_found":
            self.missing.extend(event["nodeids"])
        elif kind in ("mutating", "mutant", "unapplied"):
            self._take_mutant(kind, event)

    def _take_mutant(self, kind: str, event: Mapping[str, Any]) -> None:
        name = event["id"]
        if name not in self._asked or name in self._verdicts:
            raise ValueError(f"no such mutant is to be tried: {name}")
        if kind == "mutating":
            self._trying = name
        elif kind == "unapplied":
            self.unapplied[name] = event["why"]
            self._trying = None
        else:
            outcome = MutantOutcome(event["outcome"])
            self.add(MutantVerdict(name, outcome, event["nodeid"], float(event["seconds"]), event["detail"]))

    def add(self, verdict: MutantVerdict) -> None:
        """Note what became of a mutant."""
        self._verdicts[verdict.mutant] = verdict
        self._untold.append(verdict)
        self._trying = None

    def tell(self) -> None:
        """Give new verdicts to whoever asked for them."""
        untold, self._untold = self._untold, []
        if self._sink is not None:
            for verdict in untold:
                self._sink(verdict)

    def next_attempt(self) -> None:
        """A new runner begins."""
        self.ready = self.done = False
        self._trying = None

    def lose_trying(self, fault: Fault) -> bool:
        """The runner was lost under the mutant being tried, which counts as noticed. False when none was."""
        outcome = outcome_of(fault)
        if self._trying is None or outcome is None:
            return False
        self.add(MutantVerdict(self._trying, outcome, detail=f"{fault.kind.value}: {fault.detail}"))
        self.tell()
        return True

    def left(self) -> list[Mutant]:
        """The mutants without a verdict that could still be tried in memory."""
        done = self._verdicts.keys() | self.unapplied.keys()
        return [mutant for mutant in self._order.mutants if mutant.id not in done]

    def undecided(self) -> list[Mutant]:
        """The mutants without a verdict."""
        return [mutant for mutant in self._order.mutants if mutant.id not in self._verdicts]

    def result(self, fault: Fault | None, seconds: float) -> MutationResult:
        """All of it."""
        return MutationResult(self._order.id, tuple(self._verdicts.values()), fault, seconds)
