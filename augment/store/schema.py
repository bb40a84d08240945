"""The tables, their version, and how an older file is brought up to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    TypeDecorator,
    insert,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy import (
    Text as TextType,
)

from augment.errors import AugmentError

SCHEMA_VERSION = 6

Migrations = Mapping[int, Callable[[Connection], None]]

metadata = MetaData()


def _add_missing_tables(conn: Connection) -> None:
    """The step from a version that only lacks tables; those that are there stay as they are."""
    metadata.create_all(conn)


def _add_mutes(conn: Connection) -> None:
    """Attempts, flakiness and mutes: their tables, and a count of muted verdicts beside the others."""
    _add_missing_tables(conn)
    for table in ("runs", "verdicts"):
        conn.execute(text(f"ALTER TABLE {table} ADD COLUMN muted INTEGER NOT NULL DEFAULT 0"))


def _add_finding_keys(conn: Connection) -> None:
    """What makes two findings the same and what makes them alike; those written before are like none but themselves."""
    present = {column["name"] for column in inspect(conn).get_columns("findings")}
    for column in {"key", "likeness"} - present:
        conn.execute(text(f"ALTER TABLE findings ADD COLUMN {column} TEXT NOT NULL DEFAULT ''"))
    conn.execute(text("UPDATE findings SET key = id WHERE key = ''"))
    for index in findings.indexes:
        index.create(conn, checkfirst=True)


MIGRATIONS: Migrations = {
    1: _add_missing_tables,
    2: _add_mutes,
    3: _add_missing_tables,
    4: _add_finding_keys,
    5: _add_missing_tables,
}
"""Version -> the step that leads from it to the next one. Every released version keeps its step for good."""


class AnyText(TypeDecorator[str]):
    """Text from tests and file names, which may hold lone surrogates that SQLite refuses: they are kept escaped."""

    impl = TextType
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """What SQLite is given."""
        return None if value is None else value.encode("utf-8", "backslashreplace").decode()


def _count_columns() -> list[Column[int]]:
    names = ("passed", "failed", "error", "skipped", "xfailed", "fault")
    return [Column(name, Integer, nullable=False, server_default="0") for name in names]


schema_version = Table("schema_version", metadata, Column("version", Integer, nullable=False))

runs = Table(
    "runs",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("id", AnyText, nullable=False, unique=True),
    Column("lane", String, nullable=False),
    Column("reason", AnyText, nullable=False),
    Column("revision", AnyText, nullable=False),
    Column("started_at", Float, nullable=False),
    Column("finished_at", Float),
    Column("interrupted", Boolean, nullable=False, server_default="0"),
    *_count_columns(),
    # Of the failed ones and the errors: how many were of tests that were muted then.
    Column("muted", Integer, nullable=False, server_default="0"),
    sqlite_autoincrement=True,
)
# Only the handful of runs that are under way, so that reopening does not look at the rest.
Index("runs_unfinished", runs.c.seq, sqlite_where=runs.c.finished_at.is_(None))

tests = Table(
    "tests",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("nodeid", AnyText, nullable=False, unique=True),
    Column("known", Boolean, nullable=False, server_default="1"),
    Column("outcome", String),
    Column("duration_s", Float),
    Column("at", Float),
    Column("message", AnyText, nullable=False, server_default=""),
    Column("run_seq", Integer, nullable=False, server_default="0"),
    Column("fault_kind", String),
    Column("fault_detail", AnyText),
    *_count_columns(),
)
Index("tests_known_outcome", tests.c.known, tests.c.outcome)

verdicts = Table(
    "verdicts",
    metadata,
    Column("run_seq", Integer, ForeignKey("runs.seq"), primary_key=True),
    Column("test_id", Integer, ForeignKey("tests.id"), primary_key=True),
    Column("outcome", String, nullable=False),
    Column("duration_s", Float, nullable=False),
    Column("at", Float, nullable=False),
    Column("fault_kind", String),
    Column("fault_detail", AnyText),
    Column("muted", Boolean, nullable=False, server_default="0"),
    sqlite_with_rowid=False,
)
Index("verdicts_of_test", verdicts.c.test_id, verdicts.c.run_seq)

# Apart from the verdicts: outputs are large and are pruned, verdicts are small and are kept.
outputs = Table(
    "outputs",
    metadata,
    Column("run_seq", Integer, primary_key=True),
    Column("test_id", Integer, primary_key=True),
    Column("text", LargeBinary, nullable=False),
)

# Executions of tests that were run more than once on a revision: retried faults and idle reruns.
attempt_batches = Table(
    "attempt_batches",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("id", AnyText, nullable=False, unique=True),
    Column("revision", AnyText, nullable=False),
    Column("purpose", String, nullable=False),
    Column("executor", AnyText, nullable=False),
    Column("conditions", AnyText, nullable=False),
    sqlite_autoincrement=True,
)
Index("attempt_batches_of_revision", attempt_batches.c.revision, attempt_batches.c.purpose)
attempts = Table(
    "attempts",
    metadata,
    Column("batch_seq", Integer, ForeignKey("attempt_batches.seq"), primary_key=True),
    Column("test_id", Integer, ForeignKey("tests.id"), primary_key=True),
    Column("round", Integer, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("position", Integer, nullable=False),
    Column("outcome", String, nullable=False),
    Column("duration_s", Float, nullable=False),
    Column("at", Float, nullable=False),
    Column("message", AnyText, nullable=False),
    Column("fault_kind", String),
    Column("fault_detail", AnyText),
    sqlite_with_rowid=False,
)
Index("attempts_of_test", attempts.c.test_id, attempts.c.batch_seq)

# One row a test: the counts that its score is made of, so that a ranking reads no attempt; and its mute.
flaky = Table(
    "flaky",
    metadata,
    Column("test_id", Integer, ForeignKey("tests.id"), primary_key=True),
    Column("evidence", AnyText, nullable=False, server_default="{}"),
    Column("score", Float, nullable=False, server_default="0"),
    Column("is_flaky", Boolean, nullable=False, server_default="0"),
    Column("muted_until", Float),
    Column("muted_at", Float),
    Column("muted_by", String),
)
Index("flaky_marked", flaky.c.is_flaky, flaky.c.score)

admissions = Table(
    "admissions",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("id", AnyText, nullable=False, unique=True),
    Column("state", String, nullable=False, index=True),
    Column("record", AnyText, nullable=False),
)

# The admissions that are stale, beside their records, so that a summary reads no other.
stale = Table(
    "stale",
    metadata,
    Column("admission", AnyText, primary_key=True),
    Column("cause", AnyText, nullable=False),
    Column("ruling", String, nullable=False),
)
notes = Table(
    "notes",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("id", AnyText, nullable=False, unique=True),
    Column("admission", AnyText, nullable=False, index=True),
    Column("record", AnyText, nullable=False),
)

findings = Table(
    "findings",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("id", AnyText, nullable=False, unique=True),
    Column("state", String, nullable=False, index=True),
    Column("record", AnyText, nullable=False),
    Column("key", AnyText, nullable=False, server_default=""),
    Column("likeness", AnyText, nullable=False, server_default=""),
)
Index("findings_key", findings.c.key, unique=True)

rejections = Table(
    "rejections",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("candidate_id", AnyText, nullable=False, unique=True),
    Column("target", AnyText, nullable=False),
    Column("generator", String, nullable=False),
    Column("gate", AnyText, nullable=False),
    Column("detail", AnyText, nullable=False),
    Column("source", LargeBinary),
    Column("at", Float, nullable=False),
)
rejection_counts = Table(
    "rejection_counts",
    metadata,
    Column("gate", AnyText, primary_key=True),
    Column("count", Integer, nullable=False),
)

samples = Table("samples", metadata, Column("at", Float, primary_key=True), Column("record", AnyText, nullable=False))
activities = Table(
    "activities",
    metadata,
    Column("part", AnyText, primary_key=True),
    Column("text", AnyText, nullable=False),
    Column("at", Float, nullable=False),
)
tokens = Table(
    "tokens",
    metadata,
    Column("model", AnyText, primary_key=True),
    Column("prompt", Integer, nullable=False),
    Column("completion", Integer, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", AnyText, primary_key=True),
    Column("target", AnyText, nullable=False),
    Column("lane", String, nullable=False),
    Column("urgency", Integer, nullable=False),
    Column("reason", AnyText, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("priority", Float, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("state", String, nullable=False),
)
Index("jobs_pending_target", jobs.c.target, unique=True, sqlite_where=jobs.c.state == "pending")
Index("jobs_order", jobs.c.state, jobs.c.urgency, jobs.c.priority, jobs.c.created_at)

memory = Table("memory", metadata, Column("key", AnyText, primary_key=True), Column("value", AnyText, nullable=False))

test_coverage = Table(
    "test_coverage",
    metadata,
    Column("nodeid", AnyText, primary_key=True),
    Column("revision", AnyText, nullable=False),
    Column("data", LargeBinary, nullable=False),
)
file_coverage = Table(
    "file_coverage",
    metadata,
    Column("kind", String, primary_key=True),
    Column("file", AnyText, primary_key=True),
    Column("revision", AnyText, nullable=False),
    Column("data", LargeBinary, nullable=False),
)

# Beside the coverage: what selection alone needs, so that files written before it had any still open.
test_inputs = Table(
    "test_inputs",
    metadata,
    Column("nodeid", AnyText, primary_key=True),
    Column("revision", AnyText, nullable=False),
    Column("support", LargeBinary),
    Column("reads", LargeBinary),
)

decisions = Table(
    "decisions",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("id", AnyText, nullable=False, unique=True),
    Column("revision", AnyText, nullable=False),
    Column("previous", AnyText, nullable=False),
    Column("at", Float, nullable=False),
    Column("run_id", AnyText, index=True),
    Column("everything", Boolean, nullable=False),
    Column("reasons", LargeBinary, nullable=False),
    Column("changes", LargeBinary, nullable=False),
)

controls = Table(
    "controls",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("nodeid", AnyText, nullable=False),
    Column("revision", AnyText, nullable=False),
    Column("run_id", AnyText, nullable=False),
    Column("at", Float, nullable=False),
    Column("expected", String, nullable=False),
    Column("observed", String, nullable=False),
    Column("stable", Boolean, nullable=False),
    Column("missed", Boolean, nullable=False),
)
Index("controls_once", controls.c.run_id, controls.c.nodeid, unique=True)
Index("controls_missed", controls.c.missed, controls.c.seq)


# Calls that do something else since a save; the record is a BehaviourChange.
behaviour = Table(
    "behaviour",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("id", AnyText, nullable=False, unique=True),
    Column("target", AnyText, nullable=False, index=True),
    Column("revision", AnyText, nullable=False),
    Column("at", Float, nullable=False),
    Column("record", AnyText, nullable=False),
)


class SchemaError(AugmentError):
    """The file was written by a version of Augment that this one cannot read."""


def prepare(conn: Connection, name: str, *, newest: int = SCHEMA_VERSION, migrations: Migrations = MIGRATIONS) -> None:
    """Create the tables in an empty file, or bring an older file up to ``newest``, inside the caller's transaction.

    Raises SchemaError when the file, called ``name`` in the message, is newer than ``newest`` or has no known way up.
    """
    tables = inspect(conn).get_table_names()
    if not tables:
        metadata.create_all(conn)
        conn.execute(insert(schema_version).values(version=newest))
        return
    if "schema_version" not in tables:
        raise SchemaError(f"{name} is an SQLite file, but not a store of Augment; move it away to start afresh")
    version = conn.execute(select(schema_version.c.version)).scalar_one()
    if version > newest:
        raise SchemaError(
            f"{name} was written by a newer Augment (schema {version}, this one knows {newest}); "
            "upgrade Augment, or move the file away to start afresh"
        )
    for step in range(version, newest):
        if step not in migrations:
            raise SchemaError(f"{name} has schema {step}, too old for this Augment; move the file away to start afresh")
        migrations[step](conn)
        conn.execute(update(schema_version).values(version=step + 1))
