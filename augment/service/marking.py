"""A person's word on a finding, carried out in files first and then on record; the same for every way of saying it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

from augment.behaviour import CHANGE, change_of
from augment.errors import AugmentError
from augment.generation import apply_admission, finding_of_revision, pinning_admission
from augment.records import Admission, AdmissionState, Finding, FindingState, Project
from augment.service.reviewing import AdmissionRecords, decide

_CHANGES = 1000
"""How many changes of behaviour are looked through."""


class FindingRecords(AdmissionRecords, Protocol):
    """Where findings and admissions stand: the reporter that owns the store."""

    def finding_record(self, finding_id: str) -> Finding:
        """The finding of this id; an AugmentError when there is none."""

    def update_finding(self, finding: Finding) -> None:
        """Replace what is kept of it."""

    def finding_records(self) -> list[Finding]:
        """All findings."""

    def finding(self, finding: Finding) -> None:
        """Keep a new finding."""

    def behaviour(self, limit: int = 50) -> list[dict[str, Any]]:
        """What saves changed of what the code does, the newest saves first."""

    def admitted(self, admissions: Sequence[Admission]) -> None:
        """Keep new admissions."""


def mark(records: FindingRecords, project: Project, finding_id: str, wanted: FindingState, output: str) -> Finding:
    """Give a finding another state; returns it as it stands afterwards. Marking the same again changes nothing.

    A change of behaviour, by its id, becomes a finding with that: what the code did before a save is no promise until
    somebody says so. *Intended* writes the test that pins what the code does, below ``output``; any other state takes
    it out again. Raises AugmentError for an unknown id, where no such test could be written, and where its file cannot
    be.
    """
    finding = _of_change(records, finding_id) if finding_id.startswith(CHANGE) else records.finding_record(finding_id)
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


def _of_change(records: FindingRecords, change_id: str) -> Finding:
    """The finding about a change of behaviour, made where nobody has said anything of it yet."""
    row = next((each for each in records.behaviour(_CHANGES) if each["id"] == change_id), None)
    if row is None:
        raise AugmentError(f"no change of behaviour is called {change_id!r}, or it was long ago")
    made = finding_of_revision(change_of(row))
    known = next((each for each in records.finding_records() if each.id == made.id), None)
    if known is None:
        records.finding(made)
    return known or made


def _pin(records: FindingRecords, project: Project, finding: Finding, output: str) -> str:
    if not finding.intended_source:
        raise AugmentError(
            f"{finding.id} has no test that pins what the code does, for that is not the same each time or no literal "
            "says it; change what is stated, or mark it as noise"
        )
    kept = apply_admission(project, pinning_admission(finding, output, time.time()))
    records.admitted([kept])
    return kept.id
