"""Kept tests live with the project: they follow their targets, and what a change made stale is told first.

What a save asks for is noted when it has its verdicts, durably, and carried out in idle time: a chore that dies goes on
from there.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from augment.analysis import Change, ChangeKind, module_of, project_targets
from augment.errors import AugmentError
from augment.generation import Follower, Following, Move, output_file, put_back, renames_of, rewrite
from augment.records import (
    Activity,
    Admission,
    AdmissionState,
    CoverageReport,
    Lane,
    Note,
    NoteKind,
    Project,
    Ruling,
    Snapshot,
    Staleness,
)
from augment.seams import Executor
from augment.service.repinning import Repinner, StaleRecords, retire
from augment.service.reviewing import note_on
from augment.service.staleness import STALE_MAKING, Outcomes, newly_stale

log = logging.getLogger(__name__)

TO_FOLLOW = "to follow"
"""Memory key: renamed and moved targets whose tests have not followed yet, as [old id, new id, tries]."""

GONE = "gone targets"
"""Memory key: deleted targets, newest last: id, kind, hash of the body, and the tests that were retired for it (None
while that is still to be done). A target that comes back, elsewhere or under another name, brings them back."""

MOST_GONE = 200
MAX_TRIES = 3
MINUTE_S = 60.0
PART = "kept tests"


class LivingRecords(StaleRecords, Protocol):
    """The reporter as a memory of what is to be done, and of admissions."""

    def remember(self, key: str, value: Any) -> None:
        """Keep a JSON-ready value under ``key``."""

    def recall(self, key: str) -> Any:
        """The value kept under ``key``, or None."""

    def latest_outcomes(self) -> dict[str, str]:
        """nodeid -> newest outcome of every known test."""

    def activity(self, activity: Activity) -> None:
        """Say what a part is doing."""


class Known(Protocol):
    """What the coordinator knows once a revision has its verdicts."""

    def latest_outcomes(self) -> dict[str, str]:
        """nodeid -> newest outcome of every known test."""

    def known_coverage(self) -> CoverageReport:
        """What each test ran, in the line numbers of that revision."""


@dataclass(frozen=True, slots=True)
class LivingPolicy:
    """``output`` is the folder of Augment's own tests. ``repin_after_minutes`` re-pins stale tests unasked, that long
    after their code was changed and once the project was saved again with everything else passing; None never does.
    """

    output: str = "tests/augment"
    repin_after_minutes: float | None = None


class Living:
    """Notes what a save means for kept tests (:meth:`tested`), and is the chore that carries it out (:meth:`step`).

    Thread-safe: the coordinator notes, the idle loop works. Nothing is ever bent to a change unasked: a test that a
    change broke is only marked, and said, until a person or the configured grace decides.
    """

    name = PART

    def __init__(
        self,
        project: Project,
        executor: Executor,
        records: LivingRecords,
        policy: LivingPolicy,
        look: Callable[[], Snapshot],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._project = project
        self._executor = executor
        self._records = records
        self._policy = policy
        self._repinner = Repinner(project, executor, records, look, policy.output)
        self._clock = clock
        self._looked_at: dict[str, str] = {}
        self._lock = threading.Lock()

    # ----------------------------------------------------------------- noting

    def tested(self, changes: Sequence[Change], snapshot: Snapshot, known: Known) -> None:
        """Take note of a revision that has its verdicts: ``changes`` are its targets' since the one before."""
        self._note_moves(changes)
        outcomes = Outcomes(known.latest_outcomes())
        self._note_passing(outcomes)
        if not outcomes.any_broken() or not any(change.kind in STALE_MAKING for change in changes):
            return
        kept = self._records.admission_records(AdmissionState.KEPT)
        marked = newly_stale(kept, outcomes, changes, known.known_coverage().tests, snapshot.revision, self._clock())
        self._mark(marked)

    def _mark(self, marked: Sequence[Admission]) -> None:
        """Tell the user first: the verdict stands, and nothing else happens."""
        if not marked:
            return
        by_cause: dict[str, int] = {}
        notes = []
        for admission in marked:
            assert admission.stale is not None
            cause = admission.stale.cause
            by_cause[cause] = by_cause.get(cause, 0) + 1
            notes.append(note_on(admission, NoteKind.STALE, f"no longer holds since {cause} changed"))
        self._records.amend(marked, notes)
        for cause, count in by_cause.items():
            tests = "1 generated test" if count == 1 else f"{count} generated tests"
            self._say(
                f"stale: {tests} of {cause} no longer {'holds' if count == 1 else 'hold'} after your change: "
                f"`augment accept --stale {cause}` re-pins, or fix the code"
            )

    def _note_passing(self, outcomes: Outcomes) -> None:
        stale = self._records.stale_admissions()
        if holding := [replace(item, stale=None) for item in stale if outcomes.passed(item)]:
            self._records.amend(holding)

    def _note_moves(self, changes: Sequence[Change]) -> None:
        moved = [(c.previous.id, c.target.id) for c in changes if c.previous is not None and _is_move(c)]
        gone = [change.target for change in changes if change.kind is ChangeKind.DELETED]
        come = [change.target for change in changes if change.kind is ChangeKind.ADDED]
        if not (moved or gone or come):
            return
        with self._lock:
            waiting = self._waiting()
            away = self._gone()
            for target in come:
                entry = next((item for item in reversed(away) if _came_back(item, target.id, target.hash)), None)
                if entry is None:
                    continue
                if entry["retired"] is None:
                    away.remove(entry)  # its tests are still in place
                    moved += [(entry["target"], target.id)]
                else:
                    entry["back"] = target.id
            for old, new in moved:
                # What was to follow an older name follows on; a name that came back needs nothing.
                waiting = [[first, new if last == old else last, tries] for first, last, tries in waiting]
                waiting.append([old, new, 0])
            waiting = [item for item in waiting if item[0] != item[1]]
            lost = {target.id for target in gone}
            for target in gone:
                away.append({"target": target.id, "body": _body(target.hash), "retired": None})
            for first, last, _ in waiting:
                if last in lost:
                    away.append({"target": first, "body": "", "retired": None})
            waiting = [item for item in waiting if item[1] not in lost]
            self._records.remember(TO_FOLLOW, waiting)
            self._records.remember(GONE, away[-MOST_GONE:])

    def _waiting(self) -> list[list[Any]]:
        return list(self._records.recall(TO_FOLLOW) or [])

    def _gone(self) -> list[dict[str, Any]]:
        return list(self._records.recall(GONE) or [])

    # ----------------------------------------------------------------- the chore

    def step(self, snapshot: Snapshot, should_stop: Callable[[], bool]) -> str:
        """One piece: follow, retire what has no target any more, bring back, or re-pin after the configured grace."""
        for piece in (self._follow, self._retire, self._bring_back, self._repin):
            if should_stop():
                return ""
            if done := piece(snapshot):
                return done
        return ""

    def _follow(self, snapshot: Snapshot) -> str:
        with self._lock:
            waiting = self._waiting()
        if not waiting:
            return ""
        moves = [Move(old, new) for old, new, _ in waiting]
        kept = self._records.admission_records(AdmissionState.KEPT)
        present = [target.id for target in project_targets(self._project, snapshot)]
        modules = {module_of(self._project, file) for file in snapshot.files}
        gone = {move.before[0] for move in moves} - modules
        follower = Follower(self._project, snapshot, self._executor, self._policy.output)
        try:
            result = follower.follow(moves, kept, present, [module for module in gone if module])
        except AugmentError:
            self._forget_moves(waiting, tried=True)
            raise
        last_try = {old for old, _, tries in waiting if tries + 1 >= MAX_TRIES}
        if result.fault:
            done = {*result.left, *(admission.id for admission in result.followed)}
            missed = [item for item in kept if item.target in last_try and item.id not in done]
            result.left |= {item.id: f"it could not be run ({result.fault.partition(chr(10))[0]})" for item in missed}
        self._record_followed(kept, result, moves, snapshot)
        if not result.superseded:
            self._forget_moves(waiting, tried=bool(result.fault))
        return _told(result, moves)

    def _record_followed(
        self, kept: Sequence[Admission], result: Following, moves: Sequence[Move], snapshot: Snapshot
    ) -> None:
        before = {admission.id: admission for admission in kept}
        news = {move.old: move.new for move in moves}
        changed: list[Admission] = []
        notes: list[Note] = []
        for admission in result.followed:
            old = before[admission.id]
            cause = admission.target
            stale = admission.stale
            if admission.id in result.broken and stale is None:
                stale = Staleness(cause, "", snapshot.revision, self._clock())
                notes.append(note_on(admission, NoteKind.STALE, f"no longer holds since {cause} changed"))
            changed.append(replace(admission, stale=stale))
            text = (
                f"follows {old.target} to {admission.target}"
                if old.target != cause
                else f"says the new name in {cause}"
            )
            notes.append(note_on(admission, NoteKind.FOLLOWED, text, old.source))
        for admission_id, why in result.left.items():
            left = before.get(admission_id)
            if left is None:
                continue
            cause = news.get(left.target, left.target)
            stale = left.stale or Staleness(cause, "", snapshot.revision, self._clock())
            changed.append(replace(left, target=cause, stale=stale))
            notes.append(note_on(left, NoteKind.STALE, f"did not follow to {cause}: {why}"))
        if changed:
            self._records.amend(changed, notes)

    def _forget_moves(self, done: Sequence[Sequence[Any]], *, tried: bool) -> None:
        """Take moves from the list, or count a try that came to nothing."""
        with self._lock:
            pairs = [(old, new) for old, new, _ in done]
            left = []
            for old, new, tries in self._waiting():
                if (old, new) not in pairs:
                    left.append([old, new, tries])
                elif tried and tries + 1 < MAX_TRIES:
                    left.append([old, new, tries + 1])
            self._records.remember(TO_FOLLOW, left)

    def _retire(self, _snapshot: Snapshot) -> str:
        """Tests of deleted targets leave the suite: their whole file could not be imported any more."""
        with self._lock:
            away = self._gone()
        entry = next((item for item in away if item["retired"] is None), None)
        if entry is None:
            return ""
        target = entry["target"]
        kept = self._records.admission_records(AdmissionState.KEPT)
        retired = [
            retire(self._records, self._project, admission, f"{target} was deleted").admission.id
            for admission in kept
            if admission.target == target
        ]
        self._update_gone(target, {"retired": retired})
        count = len(retired)
        return (
            f"retired {count} generated test{'s' if count != 1 else ''} of {target}, which was deleted" if count else ""
        )

    def _bring_back(self, snapshot: Snapshot) -> str:
        with self._lock:
            entry = next((item for item in self._gone() if item.get("back")), None)
        if entry is None:
            return ""
        move = Move(entry["target"], entry["back"])
        self._update_gone(move.old, None)
        restored = 0
        for admission_id in entry["retired"]:
            admission = self._records.admission(admission_id)
            if admission.state is AdmissionState.RETIRED:
                restored += self._restore(admission, move, snapshot)
        return f"brought back {restored} generated tests of {move.new}" if restored else ""

    def _restore(self, admission: Admission, move: Move, snapshot: Snapshot) -> bool:
        """Put a retired test back for the target that came back, if it passes."""
        source = rewrite(admission.source, renames_of([move], [move.new], []))
        wanted = replace(admission, target=move.new, source=source, file=self._file_for(admission, move))
        if not self._repinner.passes(wanted, snapshot):
            return False
        back = put_back(self._project, wanted, source)
        self._records.amend([back], [note_on(back, NoteKind.RESTORED, f"came back with {move.new}")])
        return True

    def _file_for(self, admission: Admission, move: Move) -> str:
        folder, _, _ = admission.file.rpartition("/")
        usual = output_file(folder, move.before[0])
        return output_file(folder, move.after[0]) if admission.file == usual else admission.file

    def _update_gone(self, target: str, change: Mapping[str, Any] | None) -> None:
        with self._lock:
            away = self._gone()
            entry = next((item for item in away if item["target"] == target), None)
            if entry is None:
                return
            if change is None:
                away.remove(entry)
            else:
                entry.update(change)
            self._records.remember(GONE, away)

    def _repin(self, snapshot: Snapshot) -> str:
        """What the user was told of long enough ago, and saved on without a word, is re-pinned where that is set."""
        minutes = self._policy.repin_after_minutes
        if minutes is None:
            return ""
        due = [item for item in self._records.stale_admissions() if self._is_due(item, minutes, snapshot)]
        if not due:
            return ""
        outcomes = Outcomes(self._records.latest_outcomes())
        if outcomes.others_broken(self._records.stale_admissions()):
            return ""
        why = f"unasked, {minutes:g} minutes after the change (repin_after_minutes)"
        self._looked_at |= {item.id: snapshot.revision for item in due}
        settled = self._repinner.repin(due, why, Lane.IDLE)
        return "; ".join(f"{item.admission.nodeid} {item.text}" for item in settled)

    def _is_due(self, admission: Admission, minutes: float, snapshot: Snapshot) -> bool:
        stale = admission.stale
        if stale is None or stale.ruling is not Ruling.OPEN:
            return False
        if snapshot.revision in (stale.revision, self._looked_at.get(admission.id)):
            return False  # not saved again; or a fault ended the look at it, and another look waits for the next save
        return self._clock() - stale.at >= minutes * MINUTE_S

    def _say(self, text: str) -> None:
        log.info("%s", text)
        self._records.activity(Activity(PART, text, self._clock()))


def _is_move(change: Change) -> bool:
    return change.kind in (ChangeKind.RENAMED, ChangeKind.MOVED)


def _body(target_hash: str) -> str:
    """The part of a target's hash that a rename leaves as it is."""
    return target_hash.partition("-")[2]


def _came_back(entry: Mapping[str, Any], target: str, target_hash: str) -> bool:
    return entry["target"] == target or (bool(entry["body"]) and entry["body"] == _body(target_hash))


def _told(result: Following, moves: Sequence[Move]) -> str:
    if result.superseded or not (result.followed or result.left):
        return ""
    names = ", ".join(f"{move.old} to {move.new}" for move in moves[:3])
    parts = [f"{len(result.followed)} generated tests follow {names}"] if result.followed else []
    parts += [f"{len(result.left)} did not: {next(iter(result.left.values()))}"] if result.left else []
    return "; ".join(parts)
