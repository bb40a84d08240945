"""What saves changed of what the code does.

Every function takes the connection of a transaction that the caller owns.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects.sqlite import insert

from augment.behaviour import BehaviourChange, change_of
from augment.store.schema import behaviour

KEPT = 1_000
"""Older ones are about code that is long gone."""


def put(conn: Connection, changes: Sequence[BehaviourChange]) -> list[BehaviourChange]:
    """Write changes; return those that were not known."""
    new = []
    for change in changes:
        row = {
            "id": change.id,
            "target": change.target,
            "revision": change.revision,
            "at": change.at,
            "record": json.dumps(asdict(change)),
        }
        added = conn.execute(insert(behaviour).values(**row).on_conflict_do_nothing(index_elements=["id"]))
        if added.rowcount:
            new.append(change)
    newest = conn.execute(select(func.max(behaviour.c.seq))).scalar_one() or 0
    conn.execute(delete(behaviour).where(behaviour.c.seq <= newest - KEPT))
    return new


def listed(conn: Connection, limit: int) -> list[dict[str, Any]]:
    """The changes of the newest saves: saves newest first, those of one save in the order of reading."""
    query = select(behaviour.c.record, behaviour.c.revision).order_by(behaviour.c.seq.desc()).limit(limit)
    saves: dict[str, list[dict[str, Any]]] = {}
    for row in conn.execute(query):
        saves.setdefault(row.revision, []).insert(0, as_json(change_of(json.loads(row.record))))
    return [change for changes in saves.values() for change in changes]


def as_json(change: BehaviourChange) -> dict[str, Any]:
    """A change as the REST interface shows it, with its sentence."""
    return {
        **asdict(change),
        "setup": list(change.setup),
        "imports": list(change.imports),
        "id": change.id,
        "subject": change.subject,
        "sentence": change.sentence,
    }
