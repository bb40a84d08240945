"""The review of held tests, as the dashboard and ``augment accept`` ask for it."""

from __future__ import annotations

import threading
from dataclasses import asdict
from typing import Any

from augment.actors.reporter import ReporterClient
from augment.errors import AugmentError
from augment.generation import apply_admission, remove_admission
from augment.records import Admission, AdmissionState, Project


class ReviewActions:
    """:class:`augment.dashboard.Actions` over the reporter: the file first, then the record."""

    def __init__(self, project: Project, reporter: ReporterClient) -> None:
        self._project = project
        self._reporter = reporter
        self._one_at_a_time = threading.Lock()

    def accept(self, admission_id: str) -> dict[str, Any]:
        """Write a held test to its file."""
        return self._decide(admission_id, AdmissionState.KEPT)

    def reject(self, admission_id: str) -> dict[str, Any]:
        """Turn a test away; one that was kept is taken out of its file."""
        return self._decide(admission_id, AdmissionState.REJECTED)

    def _decide(self, admission_id: str, wanted: AdmissionState) -> dict[str, Any]:
        with self._one_at_a_time:
            admission: Admission = self._reporter.call("admission", admission_id)
            if admission.state is wanted:
                return asdict(admission)
            if admission.state is AdmissionState.REJECTED:
                raise AugmentError(
                    f"{admission_id} was rejected before; a test is proposed anew when its target changes"
                )
            change = apply_admission if wanted is AdmissionState.KEPT else remove_admission
            decided = change(self._project, admission)
            self._reporter.call("update_admission", decided)
            return asdict(decided)
