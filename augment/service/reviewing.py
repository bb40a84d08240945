"""The review of written tests: a person's word on one, carried out in its file first and then on record."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from augment.errors import AugmentError
from augment.generation import apply_admission, put_back, take_out
from augment.records import Admission, AdmissionState, Note, NoteKind, Project, new_id


class AdmissionRecords(Protocol):
    """Where admissions stand: the store, or the reporter that owns it."""

    def admission(self, admission_id: str) -> Admission:
        """The admission of this id; an AugmentError when there is none."""

    def admission_records(self, state: AdmissionState | None = None) -> list[Admission]:
        """Admissions, oldest first, optionally of one state."""

    def amend(self, admissions: Sequence[Admission], notes: Sequence[Note] = ()) -> object:
        """Replace what is kept of admissions, and note why."""

    def note(self, note_id: str) -> Note | None:
        """The note of this id."""


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
    if wanted is AdmissionState.REJECTED:
        return _taken_out(records, project, admission, "was rejected", NoteKind.UNDONE, force=False)
    decided = apply_admission(project, admission)
    records.amend([decided])
    return decided


def newest_write(records: AdmissionRecords) -> list[Admission]:
    """The kept tests of the write that Augment did last. Raises AugmentError where there is none."""
    kept = records.admission_records(AdmissionState.KEPT)
    if not kept:
        raise AugmentError("there is nothing to undo: no test of Augment's stands in the project")
    newest = max(kept, key=lambda item: item.created_at)
    return [item for item in kept if item.id == newest.id or (item.write and item.write == newest.write)]


def undo(records: AdmissionRecords, project: Project, what: str | None, *, force: bool = False) -> list[Admission]:
    """Undo the last write (None), a write or an admission by its id, or a note of a test that was retired or re-pinned.

    A kept test is taken out exactly as it was put in; a retired one is put back; a re-pinned one gets the assertions
    back that it had. Raises AugmentError for an unknown id, and EditedError where the user has edited the test.
    """
    if what is None:
        return [_undone(records, project, item, force) for item in newest_write(records)]
    if what.startswith("note-"):
        return [_back_to(records, project, what, force)]
    if what.startswith("write-"):
        found = [item for item in records.admission_records(AdmissionState.KEPT) if item.write == what]
        if not found:
            raise AugmentError(f"no write that still stands is called {what!r}; `augment undo` lists them")
        return [_undone(records, project, item, force) for item in found]
    admission = records.admission(what)
    if admission.state is AdmissionState.KEPT:
        return [_undone(records, project, admission, force)]
    if admission.state is AdmissionState.RETIRED:
        return [_restored(records, project, admission, admission.source)]
    raise AugmentError(f"{what} is {admission.state.value}: there is nothing of it to undo")


def _undone(records: AdmissionRecords, project: Project, admission: Admission, force: bool) -> Admission:
    return _taken_out(records, project, admission, "was taken out by `augment undo`", NoteKind.UNDONE, force=force)


def _taken_out(
    records: AdmissionRecords, project: Project, admission: Admission, why: str, kind: NoteKind, *, force: bool
) -> Admission:
    changed: list[Admission] = []
    before = admission.source
    notes = []
    if admission.state is AdmissionState.KEPT:
        taken = take_out(project, admission, records.admission_records(AdmissionState.KEPT), force=force)
        changed, before = list(taken.heirs), taken.before
        notes = [note_on(admission, kind, why, before)]
    decided = replace(
        admission, state=AdmissionState.REJECTED, source=before, written="", support=(), write="", stale=None
    )
    records.amend([decided, *changed], notes)
    return decided


def _restored(records: AdmissionRecords, project: Project, admission: Admission, source: str) -> Admission:
    restored = put_back(project, admission, source)
    records.amend([restored], [note_on(restored, NoteKind.RESTORED, "was put back by `augment undo`")])
    return restored


def _back_to(records: AdmissionRecords, project: Project, note_id: str, force: bool) -> Admission:
    """Put a test back as it stood before what a note tells of."""
    note = records.note(note_id)
    if note is None or not note.before:
        raise AugmentError(f"no note that can be undone is called {note_id!r}; `augment undo` lists them")
    admission = records.admission(note.admission)
    if admission.state is AdmissionState.KEPT:
        admission = _undone(records, project, admission, force)
    return _restored(records, project, admission, note.before)


def note_on(admission: Admission, kind: NoteKind, text: str, before: str = "") -> Note:
    """A note on a kept test, of now."""
    return Note(new_id("note"), admission.id, kind, admission.target, admission.nodeid, text, time.time(), before)
