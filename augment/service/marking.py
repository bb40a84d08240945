"""A person's word on a finding, carried out in files first and then on record; the same for every way of saying it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from augment.errors import AugmentError
from augment.generation import apply_admission, pinning_admission
from augment.records import Admission, AdmissionState, Finding, FindingState, Project
from augment.service.reviewing import AdmissionRecords, decide


class FindingRecords(AdmissionRecords, Protocol):
    """Where findings and admissions stand: the reporter that owns the store."""

    def finding_record(self, finding_id: str) -> Finding:
        """The finding of this id; an AugmentError when there is none."""

    def update_finding(self, finding: Finding) -> None:
        """Replace what is kept of it."""

    def admitted(self, admissions: Sequence[Admission]) -> None:
        """Keep new admissions."""


def mark(records: FindingRecords, project: Project, finding_id: str, wanted: FindingState, output: str) -> Finding:
    """Give a finding another state; returns it as it stands afterwards. Marking the same again changes nothing.

    *Intended* writes the test that pins what the code does, below ``output``; any other state takes it out again.
    Raises AugmentError for an unknown id, where no such test could be written, and where its file cannot be.
    """
    finding = records.finding_record(finding_id)
    if finding.state is wanted:
        return finding
    admission = ""
    if wanted is FindingState.INTENDED:
        admission = _pin(records, project, finding, output)
    elif finding.admission:
        decide(records, project, finding.admission, AdmissionState.REJECTED)
    marked = replace(finding, state=wanted, admission=admission, decided_at=time.time())
    records.update_finding(marked)
    return marked


def _pin(records: FindingRecords, project: Project, finding: Finding, output: str) -> str:
    if not finding.intended_source:
        raise AugmentError(
            f"{finding.id} has no test that pins what the code does, for that is not the same each time; "
            "change what is stated, or mark it as noise"
        )
    kept = apply_admission(project, pinning_admission(finding, output, time.time()))
    records.admitted([kept])
    return kept.id
