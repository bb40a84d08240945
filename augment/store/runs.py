"""Runs, verdicts and the newest word on each test, with counts kept in the same transaction.

Every function takes the connection of a transaction that the caller owns. Nothing here reads all verdicts: counts are
columns that each write moves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert

from augment.errors import AugmentError
from augment.records import Outcome, Run, Verdict
from augment.store.coding import essence, in_parts, pack_text, unpack_text
from augment.store.schema import attempt_batches, attempts, flaky, outputs, runs, tests, verdicts

OUTCOMES = tuple(outcome.value for outcome in Outcome)
BROKEN = (Outcome.FAILED.value, Outcome.ERROR.value)
MUTED = "muted"
_MESSAGE_CHARS = 300


class UnknownRunError(AugmentError):
    """A verdict or an end was reported for a run that was never started."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a delivery of verdicts changed: the run as it stands now, and the verdicts that were not known before."""

    run: dict[str, Any]
    fresh: tuple[Verdict, ...]
    resumed: bool = False
    muted: frozenset[str] = frozenset()
    """Of the fresh ones: tests that are muted and did not pass."""


def start(conn: Connection, run: Run) -> bool:
    """Write a new run. False when a run of this id is already there."""
    added = conn.execute(
        insert(runs)
        .values(
            id=run.id,
            lane=run.lane.value,
            reason=run.reason,
            revision=run.revision,
            started_at=run.started_at,
            finished_at=run.finished_at,
        )
        .on_conflict_do_nothing(index_elements=["id"])
    )
    return added.rowcount > 0


def record(conn: Connection, run_id: str, new: Sequence[Verdict], at: float) -> Recorded:
    """Write verdicts of a run; those already known change nothing.

    A verdict that differs from the one already known for the same test in the same run replaces it (a fault that was
    retried), but a fault never replaces a real verdict. A run that was closed as interrupted is open again: its
    reporter died, its executor did not.
    """
    run = _row(conn, run_id)
    change: Counter[str] = Counter()
    muted: set[str] = set()
    fresh = tuple(verdict for verdict in new if _record_one(conn, run.seq, verdict, at, change, muted))
    resumed = bool(fresh and run.interrupted)
    values: dict[str, Any] = {name: runs.c[name] + by for name, by in change.items() if by}
    if resumed:
        values |= {"finished_at": None, "interrupted": False}
    if values:
        conn.execute(update(runs).where(runs.c.seq == run.seq).values(**values))
    return Recorded(run_json(_row(conn, run_id)), fresh, resumed, frozenset(muted))


def _record_one(
    conn: Connection, run_seq: int, verdict: Verdict, at: float, change: Counter[str], muted: set[str]
) -> bool:
    test = _test(conn, verdict.nodeid)
    key = and_(verdicts.c.run_seq == run_seq, verdicts.c.test_id == test.id)
    old = conn.execute(select(verdicts).where(key)).one_or_none()
    if old is not None and not _replaces(old.outcome, fault_json(old.fault_kind, old.fault_detail), verdict):
        return False
    hushed = (test.muted_until or 0.0) > at and verdict.outcome.value in BROKEN
    row = {
        "outcome": verdict.outcome.value,
        "duration_s": verdict.duration_s,
        "at": at,
        "fault_kind": verdict.fault.kind.value if verdict.fault else None,
        "fault_detail": verdict.fault.detail if verdict.fault else None,
        "muted": hushed,
    }
    conn.execute(
        insert(verdicts)
        .values(run_seq=run_seq, test_id=test.id, **row)
        .on_conflict_do_update(index_elements=["run_seq", "test_id"], set_=row)
    )
    _write_output(conn, run_seq, test.id, verdict.output, replaces=old is not None)
    moved = Counter({verdict.outcome.value: 1})
    if old is not None:
        moved[old.outcome] -= 1
    change.update(moved)
    change[MUTED] += int(hushed) - int(old is not None and old.muted)
    if hushed:
        muted.add(verdict.nodeid)
    _move_test(conn, test, run_seq, row | {"message": _message(verdict)}, moved)
    return True


def _replaces(old_outcome: str, old_fault: Mapping[str, str] | None, verdict: Verdict) -> bool:
    if verdict.outcome is Outcome.FAULT and old_outcome != Outcome.FAULT.value:
        return False
    # The detail of a fault counts: after its retries it says what they came to.
    fault = fault_json(verdict.fault.kind.value, verdict.fault.detail) if verdict.fault else None
    return (old_outcome, old_fault) != (verdict.outcome.value, fault)


def _write_output(conn: Connection, run_seq: int, test_id: int, output: str, *, replaces: bool) -> None:
    if replaces:
        conn.execute(delete(outputs).where(outputs.c.run_seq == run_seq, outputs.c.test_id == test_id))
    if output:
        conn.execute(insert(outputs).values(run_seq=run_seq, test_id=test_id, text=pack_text(output)))


def _test(conn: Connection, nodeid: str) -> Row[Any]:
    query = (
        select(tests.c.id, tests.c.run_seq, tests.c.outcome, flaky.c.muted_until)
        .outerjoin(flaky, flaky.c.test_id == tests.c.id)
        .where(tests.c.nodeid == nodeid)
    )
    found = conn.execute(query).one_or_none()
    if found is None:
        conn.execute(insert(tests).values(nodeid=nodeid))
        found = conn.execute(query).one()
    return found


def find_or_add_test(conn: Connection, nodeid: str) -> int:
    """The key of a test, which need not have come to a verdict yet."""
    return int(_test(conn, nodeid).id)


def _move_test(
    conn: Connection, test: Row[Any], run_seq: int, row: Mapping[str, Any], moved: Mapping[str, int]
) -> None:
    """Move the test's counts, and its newest word when this run is not older than the one that gave it.

    A fault says nothing of the test: it is noted beside the last real outcome and never takes its place.
    """
    values: dict[str, Any] = {name: tests.c[name] + by for name, by in moved.items() if by}
    values["known"] = True
    if run_seq >= test.run_seq:
        values |= {"fault_kind": row["fault_kind"], "fault_detail": row["fault_detail"]}
        if row["outcome"] != Outcome.FAULT.value or test.outcome in (None, Outcome.FAULT.value):
            newest = {name: row[name] for name in ("outcome", "duration_s", "at", "message")}
            values |= newest | {"run_seq": run_seq}
    conn.execute(update(tests).where(tests.c.id == test.id).values(**values))


def _message(verdict: Verdict) -> str:
    return "" if verdict.outcome is Outcome.PASSED else essence(verdict.output)[:_MESSAGE_CHARS]


def finish(conn: Connection, run_id: str, finished_at: float) -> bool:
    """Close a run. False when it was closed before."""
    _row(conn, run_id)
    closed = conn.execute(
        update(runs)
        .where(runs.c.id == run_id, runs.c.finished_at.is_(None) | runs.c.interrupted)
        .values(finished_at=finished_at, interrupted=False)
    )
    return closed.rowcount > 0


def close_interrupted(conn: Connection) -> list[str]:
    """Close runs that were under way when the last writer died, at the time of their last verdict; return their ids."""
    open_runs = conn.execute(select(runs.c.seq, runs.c.id, runs.c.started_at).where(runs.c.finished_at.is_(None))).all()
    for row in open_runs:
        last = conn.execute(select(func.max(verdicts.c.at)).where(verdicts.c.run_seq == row.seq)).scalar_one()
        values = {"finished_at": last or row.started_at, "interrupted": True}
        conn.execute(update(runs).where(runs.c.seq == row.seq).values(**values))
    return [row.id for row in open_runs]


def forget(conn: Connection, nodeids: Sequence[str]) -> None:
    """Take tests off the list of known ones."""
    for nodeid in nodeids:
        conn.execute(update(tests).where(tests.c.nodeid == nodeid).values(known=False))


def prune_outputs(conn: Connection, keep_runs: int) -> int:
    """Drop the outputs of all but the newest ``keep_runs`` runs; return how many.

    The output behind the newest word on each test stays, however old: it is what the list of failing tests shows.
    """
    newest = conn.execute(select(func.max(runs.c.seq))).scalar_one() or 0
    still_shown = (
        select(tests.c.id)
        .where(tests.c.id == outputs.c.test_id, tests.c.run_seq == outputs.c.run_seq)
        .correlate(outputs)
        .exists()
    )
    return conn.execute(delete(outputs).where(outputs.c.run_seq <= newest - keep_runs, ~still_shown)).rowcount


# --------------------------------------------------------------------------- reading


def _row(conn: Connection, run_id: str) -> Row[Any]:
    row = conn.execute(select(runs).where(runs.c.id == run_id)).one_or_none()
    if row is None:
        raise UnknownRunError(f"no run is called {run_id!r}; report its start first")
    return row


def run_json(row: Row[Any]) -> dict[str, Any]:
    """A run as the REST interface shows it."""
    return {
        "id": row.id,
        "lane": row.lane,
        "reason": row.reason,
        "revision": row.revision,
        "started_at": row.started_at,
        "finished_at": row.finished_at,
        "interrupted": bool(row.interrupted),
        "counts": _counts(row),
        "muted": row.muted,
    }


def _counts(row: Row[Any]) -> dict[str, int]:
    return {name: getattr(row, name) for name in OUTCOMES}


def fault_json(kind: str | None, detail: str | None) -> dict[str, str] | None:
    """A fault as the REST interface shows it."""
    return None if kind is None else {"kind": kind, "detail": detail or ""}


def page(conn: Connection, limit: int, after: str | None) -> list[dict[str, Any]]:
    """Runs, newest first, below the run ``after``. An unknown ``after`` raises UnknownRunError."""
    query = select(runs).order_by(runs.c.seq.desc()).limit(limit)
    if after is not None:
        query = query.where(runs.c.seq < _row(conn, after).seq)
    return [run_json(row) for row in conn.execute(query)]


def find(conn: Connection, run_id: str) -> dict[str, Any] | None:
    """A run without its verdicts, or None."""
    row = conn.execute(select(runs).where(runs.c.id == run_id)).one_or_none()
    return None if row is None else run_json(row)


def detail(conn: Connection, run_id: str) -> dict[str, Any] | None:
    """A run with its verdicts in order of arrival, or None."""
    row = conn.execute(select(runs).where(runs.c.id == run_id)).one_or_none()
    if row is None:
        return None
    retried = _retried(conn, row.revision)
    found = conn.execute(
        select(verdicts, tests.c.nodeid, outputs.c.text)
        .join(tests, tests.c.id == verdicts.c.test_id)
        .outerjoin(outputs, and_(outputs.c.run_seq == verdicts.c.run_seq, outputs.c.test_id == verdicts.c.test_id))
        .where(verdicts.c.run_seq == row.seq)
        .order_by(verdicts.c.at, verdicts.c.test_id)
    )
    return run_json(row) | {
        "verdicts": [
            {
                "nodeid": verdict.nodeid,
                "outcome": verdict.outcome,
                "duration_s": verdict.duration_s,
                "output": unpack_text(verdict.text) if verdict.text is not None else "",
                "fault": fault_json(verdict.fault_kind, verdict.fault_detail),
                "muted": bool(verdict.muted),
                "retried": verdict.test_id in retried,
            }
            for verdict in found
        ]
    }


def _retried(conn: Connection, revision: str) -> set[int]:
    """Tests that a fault ended on this revision and that were tried again."""
    query = (
        select(attempts.c.test_id)
        .join(attempt_batches, attempt_batches.c.seq == attempts.c.batch_seq)
        .where(attempt_batches.c.revision == revision, attempt_batches.c.purpose == "retry")
    )
    return set(conn.execute(query).scalars())


def known_tests(
    conn: Connection,
    now: float,
    outcomes: Sequence[str] | None = None,
    limit: int | None = None,
    *,
    muted: bool | None = None,
) -> list[dict[str, Any]]:
    """Known tests with their newest verdict, by name; only those whose newest outcome is among ``outcomes``, and only
    those that are ``muted`` at the time ``now``, or are not.
    """
    query = (
        select(tests, runs.c.id.label("run_id"), runs.c.revision, flaky.c.muted_until, flaky.c.is_flaky)
        .outerjoin(runs, runs.c.seq == tests.c.run_seq)
        .outerjoin(flaky, flaky.c.test_id == tests.c.id)
        .where(tests.c.known, tests.c.outcome.is_not(None))
        .order_by(tests.c.nodeid)
        .limit(limit)
    )
    if outcomes is not None:
        query = query.where(tests.c.outcome.in_(outcomes))
    if muted is not None:
        hushed = func.coalesce(flaky.c.muted_until, 0.0) > now
        query = query.where(hushed if muted else ~hushed)
    return [
        {
            "nodeid": row.nodeid,
            "outcome": row.outcome,
            "duration_s": row.duration_s,
            "at": row.at,
            "message": row.message,
            "run_id": row.run_id,
            "revision": row.revision,
            "fault": fault_json(row.fault_kind, row.fault_detail),
            "counts": _counts(row),
            "flaky": bool(row.is_flaky),
            "muted_until": row.muted_until if (row.muted_until or 0.0) > now else None,
        }
        for row in conn.execute(query)
    ]


def newest_outcomes(conn: Connection, nodeids: Collection[str] | None = None) -> dict[str, str]:
    """nodeid -> newest outcome of every known test, or of those among ``nodeids``."""
    query = select(tests.c.nodeid, tests.c.outcome).where(tests.c.known, tests.c.outcome.is_not(None))
    queries = [query] if nodeids is None else [query.where(tests.c.nodeid.in_(part)) for part in in_parts(nodeids)]
    return {row.nodeid: row.outcome for each in queries for row in conn.execute(each)}


def totals(conn: Connection) -> dict[str, int]:
    """How many known tests stand at each newest outcome, and ``total``."""
    query = select(tests.c.outcome, func.count()).where(tests.c.known, tests.c.outcome.is_not(None))
    found = dict.fromkeys(OUTCOMES, 0)
    found.update((name, count) for name, count in conn.execute(query.group_by(tests.c.outcome)))
    return found | {"total": sum(found.values())}


def muted_broken(conn: Connection, now: float) -> int:
    """How many known tests are broken and muted."""
    query = select(func.count()).select_from(tests).join(flaky, flaky.c.test_id == tests.c.id)
    broken = (tests.c.known, tests.c.outcome.in_(BROKEN), flaky.c.muted_until > now)
    return int(conn.execute(query.where(*broken)).scalar_one())


def history(conn: Connection, nodeid: str, limit: int) -> list[dict[str, Any]]:
    """The newest verdicts of one test, newest first."""
    query = (
        select(verdicts.c.outcome, verdicts.c.duration_s, verdicts.c.at, runs.c.id.label("run_id"), runs.c.revision)
        .join(tests, tests.c.id == verdicts.c.test_id)
        .join(runs, runs.c.seq == verdicts.c.run_seq)
        .where(tests.c.nodeid == nodeid)
        .order_by(verdicts.c.run_seq.desc())
        .limit(limit)
    )
    return [dict(row) for row in conn.execute(query).mappings()]
