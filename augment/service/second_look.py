"""What other nodes say of the user's own tests, and why anything but *passed* is looked at again beside the project.

A test that passes on another node has passed on exactly the bytes of its revision. One that does not may lack what is
no part of the revision: build output, data and settings that git ignores. So whatever another node does not see pass
runs once more in the project itself, and that verdict is the one that counts.
"""

from __future__ import annotations

from dataclasses import replace

from augment.records import FaultKind, Outcome, Verdict
from augment.seams import Batch, BatchResult, VerdictSink
from augment.service.planning import merged

MOST_REFUTED = 3
"""Tests that a node may see not pass and that pass beside the project, before the user's own tests are kept from it."""

_TOLD = frozenset({Outcome.PASSED, Outcome.FAULT})
"""A fault is retried on another executor anyway."""


class SecondLook:
    """One batch of the user's own tests on another node. Verdicts go to ``sink`` once they count."""

    def __init__(self, batch: Batch, sink: VerdictSink) -> None:
        self._batch = batch
        self._sink = sink

    def told(self, verdict: Verdict) -> None:
        """A verdict of the other node."""
        if verdict.outcome in _TOLD:
            self._sink(verdict)

    def again(self, first: BatchResult) -> Batch | None:
        """The batch that runs in the project what the other node did not see pass; None when there is nothing."""
        doubted = [verdict.nodeid for verdict in first.verdicts if verdict.outcome not in _TOLD]
        wanted = tuple(dict.fromkeys([*doubted, *first.collection_errors]))
        ended = first.fault is not None and first.fault.kind is FaultKind.SUPERSEDED
        return replace(self._batch, nodeids=wanted, share=None, avoid="") if wanted and not ended else None


def together(first: BatchResult, second: BatchResult) -> BatchResult:
    """The result of a batch whose doubted tests ran again: what the second says of a test is what counts.

    A doubted test that the second does not tell of has no verdict.
    """
    kept = [verdict for verdict in first.verdicts if verdict.outcome in _TOLD]
    again = {verdict.nodeid for verdict in second.verdicts}
    passed = {verdict.nodeid for verdict in kept} - again
    return replace(
        first,
        verdicts=(*(verdict for verdict in kept if verdict.nodeid in passed), *second.verdicts),
        collected=tuple(dict.fromkeys([*first.collected, *second.collected])),
        collection_errors=dict(second.collection_errors),
        files={**first.files, **second.files},
        failures=second.failures,
        observations=(*(seen for seen in first.observations if seen.nodeid in passed), *second.observations),
        coverage=merged([first.coverage, second.coverage]),
        fault=second.fault or first.fault,
        output=f"{first.output}\n{second.output}".strip(),
        exit_code=None if first.exit_code is None else second.exit_code,
        seconds=first.seconds + second.seconds,
    )


def refuted(first: BatchResult, second: BatchResult) -> list[str]:
    """Tests that another node did not see pass and that pass in the project."""
    passed = {verdict.nodeid for verdict in second.verdicts if verdict.outcome is Outcome.PASSED}
    return [verdict.nodeid for verdict in first.verdicts if verdict.nodeid in passed and verdict.outcome not in _TOLD]
