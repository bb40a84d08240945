"""The review of written tests: a person's word on one, carried out in its file first and then on record."""

from __future__ import annotations

from typing import Protocol

from augment.errors import AugmentError
from augment.generation import apply_admission, remove_admission
from augment.records import Admission, AdmissionState, Project


class AdmissionRecords(Protocol):
    """Where admissions stand: the store, or the reporter that owns it."""

    def admission(self, admission_id: str) -> Admission:
        """The admission of this id; an AugmentError when there is none."""

    def update_admission(self, admission: Admission) -> None:
        """Replace what is kept of it."""


def decide(records: AdmissionRecords, project: Project, admission_id: str, wanted: AdmissionState) -> Admission:
    """Keep or reject a test; returns the admission as it stands afterwards.

    Deciding the same again changes nothing. Raises AugmentError for an unknown id and where a rejected test is to be
    kept, for its state says that it is not wanted.
    """
    admission = records.admission(admission_id)
    if admission.state is wanted:
        return admission
    if admission.state is AdmissionState.REJECTED:
        raise AugmentError(f"{admission_id} was rejected before; a test is proposed anew when its target changes")
    change = apply_admission if wanted is AdmissionState.KEPT else remove_admission
    decided = change(project, admission)
    records.update_admission(decided)
    return decided
