"""The part of the reporter that keeps what becomes of kept tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from augment.records import Admission, Note
from augment.store.store import Store


class LivingReporting:
    """Mixed into :class:`augment.store.Reporter`, which publishes and knows when its files are stale."""

    _store: Store

    def _publish(self, name: str, data: Mapping[str, Any]) -> None:
        raise NotImplementedError

    def amend(self, admissions: Sequence[Admission], notes: Sequence[Note] = ()) -> None:
        """Replace what is kept of known admissions, note why, and announce both."""
        new = self._store.amend(admissions, notes)
        for admission in admissions:
            self._publish("admission", asdict(admission))
        for note in new:
            self._publish("note", asdict(note))

    def stale_admissions(self) -> list[Admission]:
        """Kept tests that no longer hold since their code changed, whatever was said of them; oldest first."""
        return self._store.stale_admissions()

    def stale(self) -> list[dict[str, Any]]:
        """Stale tests that wait for a word, by the target whose change broke them."""
        return self._store.stale()

    def note(self, note_id: str) -> Note | None:
        """The note of this id."""
        return self._store.note(note_id)

    def notes(self, limit: int = 50) -> list[dict[str, Any]]:
        """What became of kept tests, newest first."""
        return self._store.notes(limit)
