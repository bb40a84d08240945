"""Admissions, rejections, samples, activities and token counts.

Every function takes the connection of a transaction that the caller owns. Admissions are never deleted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert

from augment.errors import AugmentError
from augment.records import (
    Activity,
    Admission,
    AdmissionState,
    Rejection,
    ResourceSample,
    Ruling,
    Staleness,
    TestKind,
)
from augment.store.coding import pack_text
from augment.store.schema import activities, admissions, rejection_counts, rejections, samples, tokens

_KEEP_REJECTED_SOURCES = 5_000
_KEEP_SAMPLES_S = 24 * 3600.0


class UnknownAdmissionError(AugmentError):
    """An admission was named that the store does not hold."""


# --------------------------------------------------------------------------- admissions


def admit(conn: Connection, new: Sequence[Admission]) -> list[Admission]:
    """Write admissions; return those that were not known before. A known one keeps the state a person gave it."""
    return [admission for admission in new if _admit_one(conn, admission)]


def _admit_one(conn: Connection, admission: Admission) -> bool:
    row = {"id": admission.id, "state": admission.state.value, "record": json.dumps(asdict(admission))}
    added = conn.execute(insert(admissions).values(**row).on_conflict_do_nothing(index_elements=["id"]))
    return added.rowcount > 0


def update_admission(conn: Connection, admission: Admission) -> None:
    """Replace what is kept of an admission, such as its state after a review. Unknown ids raise."""
    get_admission(conn, admission.id)
    row = {"state": admission.state.value, "record": json.dumps(asdict(admission))}
    conn.execute(update(admissions).where(admissions.c.id == admission.id).values(**row))


def set_admission_state(conn: Connection, admission_id: str, state: AdmissionState) -> Admission:
    """Give an admission another state and return it. Unknown ids raise UnknownAdmissionError."""
    changed = replace(get_admission(conn, admission_id), state=state)
    update_admission(conn, changed)
    return changed


def get_admission(conn: Connection, admission_id: str) -> Admission:
    """The admission of this id; UnknownAdmissionError when there is none."""
    found = conn.execute(select(admissions.c.record).where(admissions.c.id == admission_id)).scalar_one_or_none()
    if found is None:
        raise UnknownAdmissionError(
            f"no admission is called {admission_id!r}; the dashboard and TASKS.md show the ids of those that wait"
        )
    return _admission(json.loads(found))


def _admission(plain: dict[str, Any]) -> Admission:
    stale = plain.get("stale")
    return Admission(
        **plain
        | {
            "kind": TestKind(plain["kind"]),
            "state": AdmissionState(plain["state"]),
            "parents": tuple(plain["parents"]),
            "support": tuple(plain.get("support", ())),
            "stale": Staleness(**stale | {"ruling": Ruling(stale["ruling"])}) if stale else None,
        }
    )


def read_admission(record: str) -> Admission:
    """The admission of a stored record."""
    return _admission(json.loads(record))


def admissions_json(conn: Connection, limit: int | None = None) -> list[dict[str, Any]]:
    """Admissions, newest first."""
    query = select(admissions.c.record).order_by(admissions.c.seq.desc()).limit(limit)
    return [json.loads(record) for record in conn.execute(query).scalars()]


def all_admissions(conn: Connection, state: AdmissionState | None) -> list[Admission]:
    """Admissions as records, oldest first; only those in ``state`` when it is given."""
    query = select(admissions.c.record).order_by(admissions.c.seq)
    if state is not None:
        query = query.where(admissions.c.state == state.value)
    return [_admission(json.loads(record)) for record in conn.execute(query).scalars()]


def admission_totals(conn: Connection) -> dict[str, int]:
    """How many admissions stand in each state, and ``total``."""
    query = select(admissions.c.state, func.count()).group_by(admissions.c.state)
    found: dict[str, int] = {state.value: 0 for state in AdmissionState}
    found.update((name, count) for name, count in conn.execute(query))
    return found | {"total": sum(found.values())}


# --------------------------------------------------------------------------- rejections


def reject(conn: Connection, new: Sequence[Rejection], at: float) -> None:
    """Write why candidates were turned away. The reason is kept for good, the source for the newest few thousand."""
    for rejection in new:
        candidate = rejection.candidate
        added = conn.execute(
            insert(rejections)
            .values(
                candidate_id=candidate.id,
                target=candidate.target,
                generator=candidate.generator,
                gate=rejection.gate,
                detail=rejection.detail,
                source=pack_text(candidate.source),
                at=at,
            )
            .on_conflict_do_nothing(index_elements=["candidate_id"])
        )
        if added.rowcount > 0:
            _add(conn, rejection_counts, {"gate": rejection.gate}, {"count": 1})
    newest = conn.execute(select(func.max(rejections.c.seq))).scalar_one() or 0
    stale = rejections.c.seq.between(newest - _KEEP_REJECTED_SOURCES - len(new), newest - _KEEP_REJECTED_SOURCES)
    conn.execute(update(rejections).where(stale).values(source=None))


def rejection_totals(conn: Connection) -> dict[str, int]:
    """gate -> how many candidates it turned away, the most first."""
    query = select(rejection_counts).order_by(rejection_counts.c.count.desc(), rejection_counts.c.gate)
    return {row.gate: row._mapping["count"] for row in conn.execute(query)}


# --------------------------------------------------------------------------- samples, activities, tokens


def put_sample(conn: Connection, sample: ResourceSample) -> None:
    """Write a look at the machine and drop those older than a day before it."""
    row = {"record": json.dumps(asdict(sample))}
    statement = insert(samples).values(at=sample.at, **row)
    conn.execute(statement.on_conflict_do_update(index_elements=["at"], set_=row))
    conn.execute(delete(samples).where(samples.c.at < sample.at - _KEEP_SAMPLES_S))


def samples_json(conn: Connection, since: float) -> list[dict[str, Any]]:
    """Looks at the machine after ``since``, oldest first."""
    query = select(samples.c.record).where(samples.c.at > since).order_by(samples.c.at)
    return [json.loads(record) for record in conn.execute(query).scalars()]


def put_activity(conn: Connection, activity: Activity) -> None:
    """Write what a part is doing now, in place of what it did before."""
    row = {"text": activity.text, "at": activity.at}
    statement = insert(activities).values(part=activity.part, **row)
    conn.execute(statement.on_conflict_do_update(index_elements=["part"], set_=row))


def activities_json(conn: Connection) -> list[dict[str, Any]]:
    """What each part is doing, the latest first."""
    query = select(activities).order_by(activities.c.at.desc(), activities.c.part)
    return [dict(row) for row in conn.execute(query).mappings()]


def add_tokens(conn: Connection, model: str, prompt: int, completion: int) -> None:
    """Add to the tokens that a model read and wrote."""
    _add(conn, tokens, {"model": model}, {"prompt": prompt, "completion": completion})


def token_totals(conn: Connection) -> dict[str, dict[str, int]]:
    """model -> tokens read (``prompt``) and written (``completion``)."""
    rows = conn.execute(select(tokens).order_by(tokens.c.model))
    return {row.model: {"prompt": row.prompt, "completion": row.completion} for row in rows}


def _add(conn: Connection, table: Any, key: Mapping[str, str], amounts: Mapping[str, int]) -> None:
    statement = insert(table).values(**key, **amounts)
    summed = {name: table.c[name] + amount for name, amount in amounts.items()}
    conn.execute(statement.on_conflict_do_update(index_elements=list(key), set_=summed))
