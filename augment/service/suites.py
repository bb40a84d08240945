"""How the tests of a run are cut into batches that run side by side, and what a run teaches for the next one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from augment.analysis import is_test_file
from augment.execution import SuiteHistory, share_out, split_batch
from augment.records import FaultKind, Outcome, Verdict, new_id
from augment.seams import Batch, BatchResult

SPLIT_FROM = 40
"""Fewer tests than this of which nothing is known run in one batch: another process costs more than it saves."""

SPLIT_FROM_S = 1.0
"""So do tests that are known to take less than this together, in seconds."""

_DISTURBED = (FaultKind.TIMEOUT, FaultKind.CRASH)


class Suites:
    """Cuts what is to run into at most ``parallel()`` batches. ``recall`` gives what ``remember`` was last given, which
    is JSON-ready; else anything.
    """

    def __init__(
        self, root: Path, parallel: Callable[[], int], recall: Callable[[], object], remember: Callable[[object], None]
    ) -> None:
        self._root = root
        self._parallel = parallel
        self._recall = recall
        self._remember = remember
        self._listed: tuple[str, ...] = ()
        self._batches = 1

    def cut(self, whole: Batch, files: Iterable[str]) -> list[Batch]:
        """The batches that together run ``whole``; ``files`` are those of the project."""
        history = SuiteHistory.from_json(self._recall())
        parallel = 1 if history.alone else self._parallel()
        if parallel == 1:
            batches = [whole]
        elif whole.nodeids:
            batches = self._cut_chosen(whole, history, parallel)
        else:
            batches = self._cut_all(whole, history, files, parallel)
        self._batches = len(batches)
        return batches

    def expected_s(self, nodeids: Iterable[str]) -> float:
        """What tests and files took together when the whole suite ran last, as far as that is known."""
        history = SuiteHistory.from_json(self._recall())
        return sum(history.seconds_of(nodeid) or 0.0 for nodeid in nodeids)

    def _cut_chosen(self, whole: Batch, history: SuiteHistory, parallel: int) -> list[Batch]:
        known = {nodeid: history.seconds_of(nodeid) for nodeid in whole.nodeids}
        seconds = {nodeid: taken for nodeid, taken in known.items() if taken is not None}
        short = sum(seconds.values()) < SPLIT_FROM_S if len(seconds) == len(known) else len(known) < SPLIT_FROM
        usual = sum(seconds.values()) / len(seconds) if seconds else 1.0
        return [whole] if short else split_batch(whole, parallel, dict.fromkeys(known, usual) | seconds)

    def _cut_all(self, whole: Batch, history: SuiteHistory, files: Iterable[str], parallel: int) -> list[Batch]:
        candidates = [file for file in files if is_test_file(file) or file in history.files]
        sizes = {file: (self._root / file).stat().st_size for file in candidates if (self._root / file).is_file()}
        self._listed = tuple(sizes)
        shares = share_out(history, sizes, parallel)
        return [replace(whole, id=new_id("batch"), share=share) for share in shares] if len(shares) > 1 else [whole]

    def learn(self, results: Sequence[BatchResult], retried: Sequence[Verdict] = ()) -> bool:
        """Remember what a run of all tests took; ``retried`` are the verdicts of tests that a fault had ended.

        Returns whether the batches disturbed each other (two servers on one port, say): tests that hung or crashed side
        by side and were well by themselves. From then on they run in one batch.
        """
        if any(result.fault is not None for result in results) or not any(result.verdicts for result in results):
            return False
        was = {verdict.nodeid: verdict.fault for result in results for verdict in result.verdicts}
        faults = [was.get(verdict.nodeid) for verdict in retried if verdict.outcome is not Outcome.FAULT]
        disturbed = self._batches > 1 and any(fault is not None and fault.kind in _DISTURBED for fault in faults)
        alone = disturbed or SuiteHistory.from_json(self._recall()).alone
        self._remember(replace(SuiteHistory.of(results, self._listed), alone=alone).to_json())
        return disturbed
