"""The review of held tests and of findings, as the dashboard and ``augment accept`` ask a running service for it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import ray

from augment.actors.reporter import ReporterClient
from augment.analysis import take_snapshot
from augment.errors import AugmentError
from augment.records import AdmissionState, FindingState, Project
from augment.seams import Executor
from augment.service import muting
from augment.service.marking import mark
from augment.service.repinning import Repinner, keep_as_regression
from augment.service.reviewing import decide, undo

log = logging.getLogger("augment.launch")


class ReviewActions:
    """:class:`augment.dashboard.Actions` over the reporter."""

    def __init__(
        self,
        project: Project,
        reporter: ReporterClient,
        mute_days: float = muting.DAYS,
        executor: Executor | None = None,
        output: str = "tests/augment",
    ) -> None:
        self._project = project
        self._executor = executor
        self._output = output
        self._mute_days = mute_days or muting.DAYS
        self._reporter = reporter
        self._one_at_a_time = threading.Lock()

    def accept(self, admission_id: str) -> dict[str, Any]:
        """Write a held test to its file."""
        return self._decide(admission_id, AdmissionState.KEPT)

    def reject(self, admission_id: str) -> dict[str, Any]:
        """Turn a test away; one that was kept is taken out of its file."""
        return self._decide(admission_id, AdmissionState.REJECTED)

    def _decide(self, admission_id: str, wanted: AdmissionState) -> dict[str, Any]:
        with self._one_at_a_time, _in_its_own_words():
            decided = decide(self._reporter, self._project, admission_id, wanted)
            log.info("review of %s: %s is %s", admission_id, decided.nodeid, decided.state)
            return asdict(decided)

    def accept_stale(self, what: str | None) -> list[dict[str, Any]]:
        """Re-pin stale tests to what the code does now."""
        if self._executor is None:
            raise AugmentError("this dashboard only shows; start Augment to re-pin tests")
        root = self._project.root
        with self._one_at_a_time, _in_its_own_words():
            repinner = Repinner(
                self._project, self._executor, self._reporter, lambda: take_snapshot(root), self._output
            )
            return [item.as_json() for item in repinner.accept(what)]

    def reject_stale(self, what: str | None) -> list[dict[str, Any]]:
        """Leave stale tests as they are: the code is wrong."""
        with self._one_at_a_time, _in_its_own_words():
            return [item.as_json() for item in keep_as_regression(self._reporter, what)]

    def undo(self, what: str | None, force: bool) -> list[dict[str, Any]]:
        """Undo the last write, or what ``what`` names."""
        with self._one_at_a_time, _in_its_own_words():
            return [asdict(item) for item in undo(self._reporter, self._project, what, force=force)]

    def mark(self, finding_id: str, state: str) -> dict[str, Any]:
        """Say what a finding is."""
        with self._one_at_a_time, _in_its_own_words():
            marked = mark(self._reporter, self._project, finding_id, FindingState(state), self._output)
            log.info("finding %s of %s is %s", finding_id, marked.target, marked.state)
            return asdict(marked)

    def mute(self, nodeid: str, days: float | None) -> dict[str, Any]:
        """Show a test's failures apart for a while."""
        with _in_its_own_words():
            return muting.mute(self._reporter, nodeid, days or self._mute_days)

    def unmute(self, nodeid: str) -> dict[str, Any]:
        """End a mute."""
        with _in_its_own_words():
            return muting.unmute(self._reporter, nodeid)


@contextmanager
def _in_its_own_words() -> Iterator[None]:
    """Ray wraps what the reporter raised; a person is to read the reporter's own words."""
    try:
        yield
    except ray.exceptions.RayTaskError as error:
        cause = getattr(error, "cause", None)
        raise cause if isinstance(cause, AugmentError) else error from None
