"""A person's word on stale tests: re-pinned to what the code does now, or kept because the code is wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from augment.errors import AugmentError
from augment.generation import EditedError, Fate, Repin, is_own_name, observe_again, replace_test, take_out
from augment.records import Admission, AdmissionState, Lane, Note, NoteKind, Project, Ruling, Snapshot
from augment.seams import Executor
from augment.service.reviewing import AdmissionRecords, note_on


class StaleRecords(AdmissionRecords, Protocol):
    """Where stale tests stand: the store, or the reporter that owns it."""

    def stale_admissions(self) -> list[Admission]:
        """Kept tests that no longer hold since their code changed, whatever was said of them."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of one stale test, in words."""

    admission: Admission
    kind: NoteKind | None
    text: str

    def as_json(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "id": self.admission.id,
            "nodeid": self.admission.nodeid,
            "kind": self.kind.value if self.kind else None,
            "text": self.text,
        }


def chosen(records: StaleRecords, what: str | None) -> list[Admission]:
    """The stale tests that ``what`` names: a changed or tested target, a node id or an admission's id; all that wait
    for a word where it is None. Raises AugmentError where there is none.
    """
    stale = records.stale_admissions()
    if what is None:
        found = [item for item in stale if item.stale is not None and item.stale.ruling is Ruling.OPEN]
    else:
        found = [item for item in stale if what in (item.id, item.nodeid, item.target, item.stale and item.stale.cause)]
    if not found:
        about = f" of {what}" if what else ""
        raise AugmentError(f"no generated test{about} is stale; `augment status` and TASKS.md list those that are")
    return found


def keep_as_regression(records: StaleRecords, what: str | None) -> list[Settled]:
    """Leave stale tests as they are: the code is wrong. They are not asked about again until they have passed."""
    ruled = [
        replace(item, stale=replace(item.stale, ruling=Ruling.REGRESSION))
        for item in chosen(records, what)
        if item.stale is not None
    ]
    text = "stays as it is: the change is a regression"
    records.amend(ruled, [note_on(item, NoteKind.REGRESSION, text) for item in ruled])
    return [Settled(item, NoteKind.REGRESSION, text) for item in ruled]


class Repinner:
    """Re-pins stale tests of one project, and retires those of which nothing stable is left.

    ``look`` takes the revision as it stands on disk, ``output`` is the folder of Augment's own tests.
    """

    def __init__(
        self,
        project: Project,
        executor: Executor,
        records: StaleRecords,
        look: Callable[[], Snapshot],
        output: str,
    ) -> None:
        self._project = project
        self._executor = executor
        self._records = records
        self._look = look
        self._output = output

    def accept(
        self, what: str | None, why: str = "by `augment accept --stale`", lane: Lane = Lane.WRITE
    ) -> list[Settled]:
        """Re-pin what ``what`` names (see :func:`chosen`). Raises AugmentError where nothing is, or a save came in
        between.
        """
        return self.repin(chosen(self._records, what), why, lane)

    def passes(self, admission: Admission, snapshot: Snapshot) -> bool:
        """Whether the test, which is in no file, passes on a revision as it is kept."""
        looked = observe_again(self._project, snapshot, self._executor, self._output, [admission], Lane.IDLE)
        return looked[0].fate is Fate.PASSES

    def repin(self, admissions: Sequence[Admission], why: str, lane: Lane) -> list[Settled]:
        """Re-pin these tests, each in its file."""
        snapshot = self._look()
        repins = observe_again(self._project, snapshot, self._executor, self._output, admissions, lane)
        if any(item.fate is Fate.SUPERSEDED for item in repins):
            raise AugmentError("the project was saved while the tests were observed: say it again")
        return [self._settle(item, why) for item in repins]

    def _settle(self, item: Repin, why: str) -> Settled:
        admission = item.admission
        if item.fate is Fate.PASSES:
            holds = replace(admission, stale=None)
            self._records.amend([holds])
            return Settled(holds, None, "passes as it stands")
        if item.fate is Fate.UNSEEN:
            return Settled(
                admission, None, f"could not be observed, and stays as it is: {item.why.partition(chr(10))[0]}"
            )
        if item.fate is Fate.HOPELESS:
            return retire(self._records, self._project, admission, f"nothing stable is left to assert ({item.why})")
        cause = admission.stale.cause if admission.stale else admission.target
        others = self._records.admission_records(AdmissionState.KEPT)
        comment = f"kept: re-pinned since {cause} changed, testing {admission.target}"
        try:
            changed, *heirs = replace_test(self._project, admission, item.source, comment, others)
        except EditedError as error:
            return Settled(admission, None, str(error))
        text = f"was re-pinned {why}: {cause} had changed"
        note = note_on(changed, NoteKind.REPINNED, text, item.before)
        self._records.amend([replace(changed, characterization=True), *heirs], [note])
        return Settled(changed, NoteKind.REPINNED, text)


def retire(records: AdmissionRecords, project: Project, admission: Admission, why: str) -> Settled:
    """Take a test out of the suite with a note. Its source stays in the store, and `augment undo` puts it back.

    A test that the user has edited in a file of theirs is left there: it is theirs now.
    """
    others = records.admission_records(AdmissionState.KEPT)
    try:
        taken = take_out(project, admission, others, force=is_own_name(admission.file))
    except EditedError:
        text = f"is stale ({why}), but was edited: it is left to you"
        owned = replace(admission, state=AdmissionState.RETIRED, stale=None)
        records.amend([owned], [note_on(admission, NoteKind.RETIRED, text)])
        return Settled(owned, NoteKind.RETIRED, text)
    text = f"was retired: {why}; `augment undo {admission.id}` puts it back"
    retired = replace(
        admission, state=AdmissionState.RETIRED, source=taken.before, written="", support=(), write="", stale=None
    )
    note: Note = note_on(admission, NoteKind.RETIRED, text, taken.before)
    records.amend([retired, *taken.heirs], [note])
    return Settled(retired, NoteKind.RETIRED, text)
