"""Attempts, the evidence that they amount to, and mutes.

Every function takes the connection of a transaction that the caller owns. Rankings read one row a test, never attempts.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, and_, func, or_, select, update
from sqlalchemy.dialects.sqlite import insert

from augment.errors import AugmentError
from augment.records import Attempt, Conditions, Evidence, Outcome
from augment.store.coding import essence
from augment.store.runs import BROKEN, fault_json, find_or_add_test
from augment.store.schema import attempt_batches, attempts, flaky, runs, tests, verdicts

_MESSAGE_CHARS = 300

AUGMENT, USER = "augment", "user"
"""Who muted a test. A user's word, to mute or not to, stands against Augment's."""


class UnknownTestError(AugmentError):
    """A test was named that never ran."""


# --------------------------------------------------------------------------- attempts


def add_attempts(conn: Connection, new: Sequence[Attempt]) -> None:
    """Keep executions; one that is already known (same batch, test and round) changes nothing."""
    batches: dict[str, int] = {}
    for attempt in new:
        if attempt.batch_id not in batches:
            batches[attempt.batch_id] = _batch(conn, attempt)
        row = {
            "batch_seq": batches[attempt.batch_id],
            "test_id": find_or_add_test(conn, attempt.nodeid),
            "round": attempt.conditions.round,
            "number": attempt.number,
            "position": attempt.position,
            "outcome": attempt.outcome.value,
            "duration_s": attempt.duration_s,
            "at": attempt.at,
            "message": essence(attempt.message)[:_MESSAGE_CHARS],
            "fault_kind": attempt.fault.kind.value if attempt.fault else None,
            "fault_detail": attempt.fault.detail if attempt.fault else None,
        }
        conn.execute(insert(attempts).values(**row).on_conflict_do_nothing())


def _batch(conn: Connection, attempt: Attempt) -> int:
    conditions = {name: value for name, value in asdict(attempt.conditions).items() if name != "round"}
    row = {
        "id": attempt.batch_id,
        "revision": attempt.revision,
        "purpose": attempt.purpose,
        "executor": attempt.executor,
        "conditions": json.dumps(conditions),
    }
    conn.execute(insert(attempt_batches).values(**row).on_conflict_do_nothing(index_elements=["id"]))
    query = select(attempt_batches.c.seq).where(attempt_batches.c.id == attempt.batch_id)
    return int(conn.execute(query).scalar_one())


def attempts_of(conn: Connection, nodeid: str, limit: int) -> list[dict[str, Any]]:
    """The newest executions of one test, newest first."""
    batch = attempt_batches.c
    query = (
        select(attempts, batch.id.label("batch_id"), batch.revision, batch.purpose, batch.executor, batch.conditions)
        .join(tests, tests.c.id == attempts.c.test_id)
        .join(attempt_batches, batch.seq == attempts.c.batch_seq)
        .where(tests.c.nodeid == nodeid)
        .order_by(attempts.c.batch_seq.desc(), attempts.c.round.desc())
        .limit(limit)
    )
    return [
        {
            "nodeid": nodeid,
            "revision": row.revision,
            "batch_id": row.batch_id,
            "purpose": row.purpose,
            "number": row.number,
            "outcome": row.outcome,
            "duration_s": row.duration_s,
            "at": row.at,
            "executor": row.executor,
            "position": row.position,
            "message": row.message,
            "fault": fault_json(row.fault_kind, row.fault_detail),
            "conditions": json.loads(row.conditions) | {"round": row.round},
        }
        for row in conn.execute(query)
    ]


def mixed_tests(conn: Connection, newest_runs: int = 200) -> list[str]:
    """Known tests that have both passed and not passed on one revision, in any of the newest runs."""
    good = verdicts.c.outcome == Outcome.PASSED.value
    newest = conn.execute(select(func.max(runs.c.seq))).scalar_one() or 0
    query = (
        select(tests.c.nodeid)
        .select_from(verdicts)
        .join(runs, runs.c.seq == verdicts.c.run_seq)
        .join(tests, tests.c.id == verdicts.c.test_id)
        .where(tests.c.known, runs.c.seq > newest - newest_runs, verdicts.c.outcome.in_((*BROKEN, "passed")))
        .group_by(tests.c.nodeid, runs.c.revision)
        .having(func.max(good) > func.min(good))
    )
    return sorted(set(conn.execute(query).scalars()))


# --------------------------------------------------------------------------- evidence


def put_evidence(conn: Connection, records: Sequence[Evidence]) -> None:
    """Replace what is known of each test. Its mute is left alone."""
    for record in records:
        values = {"evidence": json.dumps(asdict(record)), "score": record.score, "is_flaky": record.is_flaky}
        row = {"test_id": find_or_add_test(conn, record.nodeid), **values}
        statement = insert(flaky).values(**row)
        conn.execute(statement.on_conflict_do_update(index_elements=["test_id"], set_=values))


def all_evidence(conn: Connection) -> list[Evidence]:
    """What is known of each test that was ever rerun and still exists."""
    query = select(tests.c.nodeid, flaky.c.evidence).join(tests, tests.c.id == flaky.c.test_id).where(tests.c.known)
    return [_evidence(row.nodeid, row.evidence) for row in conn.execute(query)]


def _evidence(nodeid: str, text: str) -> Evidence:
    values: dict[str, Any] = {**json.loads(text), "nodeid": nodeid}
    if values.get("failing") is not None:
        values["failing"] = Conditions(**values["failing"])
    for name in ("before", "suspects", "here"):
        if name in values:
            values[name] = tuple(values[name])
    if "tallies" in values:
        values["tallies"] = {words: (counts[0], counts[1]) for words, counts in values["tallies"].items()}
    return Evidence(**values)


def content_changed(conn: Connection, nodeids: Sequence[str]) -> list[str]:
    """Forget what is known of tests that changed, or whose code did, and end their mutes; return whose ended.

    A test file stands for all its tests. What remains is that a test *was* flaky: it is looked at sooner.
    """
    ended: list[str] = []
    for nodeid in nodeids:
        named = tests.c.nodeid == nodeid
        if "::" not in nodeid:
            named = or_(named, tests.c.nodeid.startswith(f"{nodeid}::", autoescape=True))
        query = select(flaky, tests.c.nodeid).join(tests, tests.c.id == flaky.c.test_id).where(named)
        for row in conn.execute(query).all():
            known = _evidence(row.nodeid, row.evidence)
            fresh = Evidence(row.nodeid, was_flaky=known.is_flaky or known.was_flaky)
            if row.muted_until is not None:
                ended.append(row.nodeid)
            conn.execute(
                update(flaky)
                .where(flaky.c.test_id == row.test_id)
                .values(
                    evidence=json.dumps(asdict(fresh)),
                    score=0.0,
                    is_flaky=False,
                    muted_until=None,
                    muted_at=None,
                    muted_by=None,
                )
            )
    return ended


# --------------------------------------------------------------------------- mutes


def mute(conn: Connection, nodeid: str, until: float, by: str, now: float) -> bool:
    """Mute a test; False where a user's word stands against it or it is muted already (unless a user asks).

    An unknown test raises UnknownTestError.
    """
    test_id = _known(conn, nodeid)
    row = conn.execute(select(flaky).where(flaky.c.test_id == test_id)).one_or_none()
    if by != USER and row is not None and (row.muted_by == USER or (row.muted_until or 0.0) > now):
        return False
    values = {"muted_until": until, "muted_at": now, "muted_by": by}
    statement = insert(flaky).values(test_id=test_id, **values)
    conn.execute(statement.on_conflict_do_update(index_elements=["test_id"], set_=values))
    return True


def unmute(conn: Connection, nodeid: str, now: float) -> bool:
    """End a test's mute for good, by a user's word; False where it was not muted. Unknown raises UnknownTestError."""
    test_id = _known(conn, nodeid)
    statement = (
        update(flaky)
        .where(flaky.c.test_id == test_id, flaky.c.muted_until > now)
        .values(muted_until=None, muted_at=now, muted_by=USER)
    )
    return conn.execute(statement).rowcount > 0


def _known(conn: Connection, nodeid: str) -> int:
    found = conn.execute(select(tests.c.id).where(tests.c.nodeid == nodeid, tests.c.known)).scalar_one_or_none()
    if found is None:
        raise UnknownTestError(
            f"no test is called {nodeid!r}; node ids are as the dashboard and `augment test` show them"
        )
    return int(found)


def count_flaky(conn: Connection) -> int:
    """How many known tests are marked as flaky."""
    query = select(func.count()).select_from(flaky).join(tests, tests.c.id == flaky.c.test_id)
    return int(conn.execute(query.where(flaky.c.is_flaky, tests.c.known)).scalar_one())


def listed(conn: Connection, now: float) -> list[dict[str, Any]]:
    """Known tests that are flaky or muted, the worst first, with their evidence."""
    query = (
        select(flaky, tests.c.nodeid, tests.c.outcome, tests.c.at, tests.c.message)
        .join(tests, tests.c.id == flaky.c.test_id)
        .where(
            and_(
                tests.c.known,
                or_(flaky.c.is_flaky, func.json_extract(flaky.c.evidence, "$.mixed") == 1, flaky.c.muted_until > now),
            )
        )
        .order_by(flaky.c.score.desc(), tests.c.nodeid)
    )
    rows = []
    for row in conn.execute(query):
        known = asdict(_evidence(row.nodeid, row.evidence))
        muted = row.muted_until is not None and row.muted_until > now
        rows.append(
            known
            | {
                "attempts": known["passes"] + known["failures"],
                "outcome": row.outcome,
                "at": row.at,
                "message": row.message,
                "muted": muted,
                "muted_until": row.muted_until if muted else None,
                "muted_by": row.muted_by if muted else None,
                "muted_at": row.muted_at if muted else None,
            }
        )
    return rows
