"""What the service must not forget: its queue of jobs, remembered values, and the coverage of every test.

Every function takes the connection of a transaction that the caller owns.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Connection, Row, Table, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert

from augment.errors import AugmentError
from augment.records import Coverage, CoverageReport, FileCoverage, Job, JobState, Lane
from augment.store.coding import in_parts, pack_coverage, pack_text, unpack_coverage, unpack_text
from augment.store.schema import file_coverage, jobs, memory, test_coverage, test_inputs

_URGENCY = {lane.value: urgency for urgency, lane in enumerate(Lane)}
_IMPORTS, _POSSIBLE = "imports", "possible"


class UnknownJobError(AugmentError):
    """A job was named that was never queued."""


# --------------------------------------------------------------------------- jobs


def enqueue(conn: Connection, new: Sequence[Job]) -> None:
    """Add jobs; a pending job for the same target gives way, unless it is of a more urgent lane or newer: then the new
    one does. A job whose id is known is not added again.
    """
    for job in new:
        if conn.execute(select(jobs.c.id).where(jobs.c.id == job.id)).one_or_none() is not None:
            continue
        state, urgency = job.state, _URGENCY[job.lane.value]
        if state is JobState.PENDING:
            # Dropped, not deleted: a late second delivery of the old job must not bring it back.
            same = (jobs.c.target == job.target, jobs.c.state == JobState.PENDING.value)
            newer = (jobs.c.urgency == urgency) & (jobs.c.created_at > job.created_at)
            ahead = select(jobs.c.id).where(*same, (jobs.c.urgency < urgency) | newer)
            if conn.execute(ahead).first() is not None:
                state = JobState.DROPPED
            else:
                conn.execute(update(jobs).where(*same).values(state=JobState.DROPPED.value))
        conn.execute(
            insert(jobs).values(
                id=job.id,
                target=job.target,
                lane=job.lane.value,
                urgency=urgency,
                reason=job.reason,
                created_at=job.created_at,
                priority=job.priority,
                attempts=job.attempts,
                state=state.value,
            )
        )


def pending(conn: Connection, limit: int) -> list[Job]:
    """Pending jobs: by lane, then priority, then age."""
    query = (
        select(jobs)
        .where(jobs.c.state == JobState.PENDING.value)
        .order_by(jobs.c.urgency, jobs.c.priority, jobs.c.created_at)
        .limit(limit)
    )
    return [
        Job(
            id=row.id,
            target=row.target,
            lane=Lane(row.lane),
            reason=row.reason,
            created_at=row.created_at,
            priority=row.priority,
            attempts=row.attempts,
            state=JobState(row.state),
        )
        for row in conn.execute(query)
    ]


def count_pending(conn: Connection) -> int:
    """How many jobs wait."""
    query = select(func.count()).select_from(jobs).where(jobs.c.state == JobState.PENDING.value)
    return conn.execute(query).scalar_one()


def finish_job(conn: Connection, job_id: str, state: JobState) -> None:
    """Give a job its last state. Unknown ids are ignored."""
    conn.execute(update(jobs).where(jobs.c.id == job_id).values(state=state.value))


def count_attempt(conn: Connection, job_id: str) -> int:
    """Note that work on a job begins; return how often it has begun. Unknown ids raise UnknownJobError."""
    statement = update(jobs).where(jobs.c.id == job_id).values(attempts=jobs.c.attempts + 1)
    count = conn.execute(statement.returning(jobs.c.attempts)).scalar_one_or_none()
    if count is None:
        raise UnknownJobError(f"no job is called {job_id!r}; queue it first")
    return int(count)


# --------------------------------------------------------------------------- remembered values


def remember(conn: Connection, key: str, value: Any) -> None:
    """Keep a JSON-ready value."""
    row = {"value": json.dumps(value)}
    statement = insert(memory).values(key=key, **row)
    conn.execute(statement.on_conflict_do_update(index_elements=["key"], set_=row))


def recall(conn: Connection, key: str) -> Any:
    """The value kept under ``key``, or None."""
    found = conn.execute(select(memory.c.value).where(memory.c.key == key)).scalar_one_or_none()
    return None if found is None else json.loads(found)


# --------------------------------------------------------------------------- coverage


def put_coverage(conn: Connection, revision: str, report: CoverageReport) -> None:
    """Replace what is known of each test, of each file's imports and of its possible lines, where ``report`` has it."""
    for nodeid, covered in report.tests.items():
        row = {"revision": revision, "data": pack_coverage(covered)}
        statement = insert(test_coverage).values(nodeid=nodeid, **row)
        conn.execute(statement.on_conflict_do_update(index_elements=["nodeid"], set_=row))
    _put_inputs(conn, revision, report)
    _put_files(conn, revision, _IMPORTS, report.imports)
    _put_files(conn, revision, _POSSIBLE, report.possible)


def _put_inputs(conn: Connection, revision: str, report: CoverageReport) -> None:
    for name in {**report.support, **report.reads}:
        row: dict[str, Any] = {"revision": revision}
        if name in report.support:
            row["support"] = pack_coverage(report.support[name])
        if name in report.reads:
            row["reads"] = pack_text(json.dumps(sorted(report.reads[name])))
        statement = insert(test_inputs).values(nodeid=name, **row)
        conn.execute(statement.on_conflict_do_update(index_elements=["nodeid"], set_=row))


def _put_files(conn: Connection, revision: str, kind: str, files: Coverage) -> None:
    for file, covered in files.items():
        row = {"revision": revision, "data": pack_coverage({file: covered})}
        statement = insert(file_coverage).values(kind=kind, file=file, **row)
        conn.execute(statement.on_conflict_do_update(index_elements=["kind", "file"], set_=row))


def get_coverage(
    conn: Connection, names: Collection[str] | None = None, paths: Collection[str] | None = None
) -> CoverageReport:
    """All that is known, or what is known of these tests (or reading modules) and files."""
    tests: Mapping[str, Coverage] = {
        row.nodeid: unpack_coverage(row.data) for row in _rows(conn, test_coverage, test_coverage.c.nodeid, names)
    }
    files: dict[str, dict[str, FileCoverage]] = {_IMPORTS: {}, _POSSIBLE: {}}
    for row in _rows(conn, file_coverage, file_coverage.c.file, paths):
        files[row.kind].update(unpack_coverage(row.data))
    inputs = _rows(conn, test_inputs, test_inputs.c.nodeid, names)
    return CoverageReport(
        tests,
        files[_IMPORTS],
        files[_POSSIBLE],
        {row.nodeid: unpack_coverage(row.support) for row in inputs if row.support is not None},
        {row.nodeid: frozenset(json.loads(unpack_text(row.reads))) for row in inputs if row.reads is not None},
    )


def _rows(conn: Connection, table: Table, key: Column[Any], wanted: Collection[str] | None) -> list[Row[Any]]:
    if wanted is None:
        return list(conn.execute(select(table)))
    return [row for part in in_parts(wanted) for row in conn.execute(select(table).where(key.in_(part)))]


def forget_coverage(conn: Connection, nodeids: Sequence[str]) -> None:
    """Drop the coverage of tests that no longer exist."""
    for nodeid in nodeids:
        conn.execute(delete(test_coverage).where(test_coverage.c.nodeid == nodeid))
        conn.execute(delete(test_inputs).where(test_inputs.c.nodeid == nodeid))
