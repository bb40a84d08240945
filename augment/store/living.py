"""What became of kept tests: those that are stale, and notes of what was done to them.

Every function takes the connection of a transaction that the caller owns.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.sqlite import insert

from augment.records import Admission, AdmissionState, Note, NoteKind, Ruling
from augment.store.ledger import read_admission
from augment.store.schema import admissions, notes, stale


def mark(conn: Connection, admission: Admission) -> None:
    """Bring the list of stale tests in line with what was just written of ``admission``."""
    if admission.stale is None or admission.state is not AdmissionState.KEPT:
        conn.execute(delete(stale).where(stale.c.admission == admission.id))
        return
    row = {"cause": admission.stale.cause, "ruling": admission.stale.ruling.value}
    statement = insert(stale).values(admission=admission.id, **row)
    conn.execute(statement.on_conflict_do_update(index_elements=["admission"], set_=row))


def stale_admissions(conn: Connection) -> list[Admission]:
    """Kept tests that no longer hold, whatever was said of them; oldest first."""
    query = select(admissions.c.record).join(stale, stale.c.admission == admissions.c.id).order_by(admissions.c.seq)
    return [read_admission(record) for record in conn.execute(query).scalars()]


def stale_json(conn: Connection) -> list[dict[str, Any]]:
    """Stale tests that wait for a word, in one entry for each target whose change broke them."""
    entries: dict[str, dict[str, Any]] = {}
    for admission in stale_admissions(conn):
        if admission.stale is None or admission.stale.ruling is not Ruling.OPEN:
            continue
        about = admission.stale
        entry = entries.setdefault(about.cause, {"target": about.cause, "since": about.at, "tests": []})
        entry["tests"].append({"id": admission.id, "nodeid": admission.nodeid, "revision": about.revision})
        entry["since"] = min(entry["since"], about.at)
    for cause, entry in entries.items():
        count = len(entry["tests"])
        hold = "1 generated test no longer holds" if count == 1 else f"{count} generated tests no longer hold"
        entry["text"] = f"{hold} since {cause} changed"
        entry["accept"] = f"augment accept --stale {cause}"
        entry["reject"] = f"augment reject --stale {cause}"
    return list(entries.values())


def put_notes(conn: Connection, new: Sequence[Note]) -> list[Note]:
    """Write notes; return those that were not known."""
    return [note for note in new if _put_note(conn, note)]


def _put_note(conn: Connection, note: Note) -> bool:
    row = {"id": note.id, "admission": note.admission, "record": json.dumps(asdict(note))}
    return conn.execute(insert(notes).values(**row).on_conflict_do_nothing(index_elements=["id"])).rowcount > 0


def note_of(conn: Connection, note_id: str) -> Note | None:
    """The note of this id."""
    found = conn.execute(select(notes.c.record).where(notes.c.id == note_id)).scalar_one_or_none()
    if found is None:
        return None
    plain = json.loads(found)
    return Note(**plain | {"kind": NoteKind(plain["kind"])})


def notes_json(conn: Connection, limit: int) -> list[dict[str, Any]]:
    """Notes, newest first."""
    query = select(notes.c.record).order_by(notes.c.seq.desc()).limit(limit)
    return [json.loads(record) for record in conn.execute(query).scalars()]
