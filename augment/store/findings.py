"""Findings: kept once each, whatever finds them again, with the state that a person gave them.

Every function takes the connection of a transaction that the caller owns. Findings are never deleted.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import Connection, or_, select, update
from sqlalchemy.dialects.sqlite import insert

from augment.errors import AugmentError
from augment.records import Finding, FindingKind, FindingState
from augment.store.schema import findings

SUSPECTED = (FindingState.OPEN, FindingState.BUG)
"""The states in which a finding is shown as a suspected bug."""


class UnknownFindingError(AugmentError):
    """A finding was named that the store does not hold."""


def put_finding(conn: Connection, finding: Finding) -> bool:
    """Write a finding that was made, or made again; False when nothing changed.

    Made again, it keeps the state that a person gave it, and opens again when it was resolved. One that is like a
    finding marked as noise stays away. One that comes in another state than *open* replaces what is kept.
    """
    known = _known(conn, finding)
    if known is None:
        return not _is_silenced(conn, finding) and _insert(conn, finding)
    kept = finding if finding.state is not FindingState.OPEN else _made_again(known, finding)
    kept = replace(kept, id=known.id)
    if kept == known:
        return False
    _replace(conn, kept)
    return True


def update_finding(conn: Connection, finding: Finding) -> None:
    """Replace what is kept of a finding, such as its state after a person marked it. Unknown ids raise."""
    get_finding(conn, finding.id)
    _replace(conn, finding)


def get_finding(conn: Connection, finding_id: str) -> Finding:
    """The finding of this id; UnknownFindingError when there is none."""
    found = conn.execute(select(findings.c.record).where(findings.c.id == finding_id)).scalar_one_or_none()
    if found is None:
        raise UnknownFindingError(f"no finding is called {finding_id!r}; `augment findings` lists them")
    return _finding(found)


def all_findings(conn: Connection) -> list[Finding]:
    """Findings as records, newest first."""
    return [_finding(record) for record in conn.execute(_newest_first()).scalars()]


def findings_json(conn: Connection, states: Collection[FindingState] | None = None) -> list[dict[str, Any]]:
    """Findings, newest first; only those in ``states`` when they are given."""
    query = _newest_first()
    if states is not None:
        query = query.where(findings.c.state.in_([state.value for state in states]))
    return [asdict(_finding(record)) for record in conn.execute(query).scalars()]


def _newest_first() -> Any:
    return select(findings.c.record).order_by(findings.c.seq.desc())


def _known(conn: Connection, finding: Finding) -> Finding | None:
    same = or_(findings.c.key == finding.identity, findings.c.id == finding.id)
    found = conn.execute(select(findings.c.record).where(same).order_by(findings.c.seq)).scalars().first()
    return _finding(found) if found is not None else None


def _is_silenced(conn: Connection, finding: Finding) -> bool:
    if not finding.like:
        return False
    noise = findings.c.state == FindingState.NOISE.value
    alike = select(findings.c.seq).where(noise, findings.c.likeness == finding.like).limit(1)
    return conn.execute(alike).first() is not None


def _made_again(known: Finding, finding: Finding) -> Finding:
    if known.state is FindingState.OPEN:
        return replace(finding, created_at=known.created_at)
    # A call that is delivered twice carries the time of the first: only what was really made anew opens it again.
    if known.state is FindingState.RESOLVED and finding.created_at > (known.decided_at or known.created_at):
        return finding
    return known


def _insert(conn: Connection, finding: Finding) -> bool:
    conn.execute(insert(findings).values(id=finding.id, **_row(finding)))
    return True


def _replace(conn: Connection, finding: Finding) -> None:
    conn.execute(update(findings).where(findings.c.id == finding.id).values(**_row(finding)))


def _row(finding: Finding) -> dict[str, str]:
    record = json.dumps(asdict(finding))
    return {"state": finding.state.value, "record": record, "key": finding.identity, "likeness": finding.like}


def _finding(record: str) -> Finding:
    """A kept finding; one that an older version wrote has the defaults for what it lacks."""
    plain: dict[str, Any] = json.loads(record)
    kind, state = plain.get("kind", FindingKind.EXAMPLE), plain.get("state", FindingState.OPEN)
    return Finding(**plain | {"kind": FindingKind(kind), "state": FindingState(state)})
