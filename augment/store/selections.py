"""Why tests were selected or skipped, and what control samples found.

Every function takes the connection of a transaction that the caller owns.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select
from sqlalchemy.dialects.sqlite import insert

from augment.probability import estimate_rate
from augment.records import Control, Decision
from augment.store.schema import controls, decisions

KEPT_DECISIONS = 2_000
"""A decision on a project of 10,000 tests takes some 20 kB at most; older ones explain code that is long gone."""

_MISSES_SHOWN = 20


# --------------------------------------------------------------------------- decisions


def put_decision(conn: Connection, decision: Decision) -> bool:
    """Write a decision. False when it was known."""
    row = {
        "id": decision.id,
        "revision": decision.revision,
        "previous": decision.previous,
        "at": decision.at,
        "run_id": decision.run_id,
        "everything": decision.everything,
        "reasons": _pack(dict(decision.reasons)),
        "changes": _pack({file: list(scopes) for file, scopes in decision.changes.items()}),
    }
    added = conn.execute(insert(decisions).values(**row).on_conflict_do_nothing(index_elements=["id"]))
    newest = conn.execute(select(func.max(decisions.c.seq))).scalar_one()
    conn.execute(delete(decisions).where(decisions.c.seq <= newest - KEPT_DECISIONS))
    return added.rowcount > 0


def newest_decisions(conn: Connection, limit: int) -> list[Decision]:
    """Decisions, newest first."""
    query = select(decisions).order_by(decisions.c.seq.desc()).limit(limit)
    return [_decision(row) for row in conn.execute(query)]


def decision_of_run(conn: Connection, run_id: str) -> Decision | None:
    """The decision that a run carried out, or None (work of other lanes has none)."""
    row = conn.execute(select(decisions).where(decisions.c.run_id == run_id)).first()
    return None if row is None else _decision(row)


def decision_json(decision: Decision) -> dict[str, Any]:
    """A decision as the REST interface shows it."""
    plain = asdict(decision)
    return plain | {"changes": {file: list(scopes) for file, scopes in decision.changes.items()}}


def _decision(row: Row[Any]) -> Decision:
    changes: Mapping[str, list[str]] = _unpack(row.changes)
    return Decision(
        id=row.id,
        revision=row.revision,
        previous=row.previous,
        at=row.at,
        run_id=row.run_id,
        reasons=_unpack(row.reasons),
        changes={file: tuple(scopes) for file, scopes in changes.items()},
        everything=bool(row.everything),
    )


def _pack(plain: Mapping[str, Any]) -> bytes:
    # JSON in ASCII: node ids may hold lone surrogates.
    return zlib.compress(json.dumps(plain, separators=(",", ":")).encode("ascii"), 6)


def _unpack(data: bytes) -> Any:
    return json.loads(zlib.decompress(data))


# --------------------------------------------------------------------------- controls


def put_controls(conn: Connection, new: Sequence[Control]) -> None:
    """Write what controls found; a known one (same run, same test) changes nothing."""
    for control in new:
        row = asdict(control) | {"missed": control.missed}
        conn.execute(insert(controls).values(**row).on_conflict_do_nothing(index_elements=["run_id", "nodeid"]))


def control_summary(conn: Connection) -> dict[str, Any]:
    """How many controls ran, how many were misses, the estimated rate with its 95 % interval, and the newest misses."""
    total = conn.execute(select(func.count()).select_from(controls)).scalar_one()
    missed = conn.execute(select(func.count()).select_from(controls).where(controls.c.missed)).scalar_one()
    rate = estimate_rate(missed, total)
    return {
        "controls": total,
        "misses": missed,
        "unstable": conn.execute(select(func.count()).select_from(controls).where(~controls.c.stable)).scalar_one(),
        "rate": {"mean": rate.mean, "low": rate.low, "high": rate.high} if total else None,
        "recent_misses": _rows(conn, _MISSES_SHOWN, controls.c.missed),
    }


def controls_of(conn: Connection, nodeid: str, limit: int) -> list[dict[str, Any]]:
    """The newest controls of one test, newest first."""
    return _rows(conn, limit, controls.c.nodeid == nodeid)


def _rows(conn: Connection, limit: int, condition: Any) -> list[dict[str, Any]]:
    names = ("nodeid", "revision", "run_id", "at", "expected", "observed", "stable", "missed")
    query = select(*(controls.c[name] for name in names)).where(condition).order_by(controls.c.seq.desc()).limit(limit)
    return [dict(row) for row in conn.execute(query).mappings()]
