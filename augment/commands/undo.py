"""``augment undo``: what Augment wrote last, and taking it back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from augment.analysis import discover_project
from augment.commands.flaky import through
from augment.commands.review import what_and_root
from augment.errors import AugmentError
from augment.records import AdmissionState
from augment.service.reviewing import undo as undo_in
from augment.store import Store

_SHOWN = 20
_RESTORABLE = ("retired", "repinned")

WhatArgument = Annotated[str | None, typer.Argument(metavar="[ID]", help="A write, an admission or a note, by its id.")]
ProjectArgument = Annotated[Path, typer.Argument(help="Root folder of the project.")]


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(undo)


def undo(
    what: WhatArgument = None,
    project: ProjectArgument = Path(),
    last: Annotated[bool, typer.Option("--last", help="Undo what was written last.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Take a test out although you have edited it.")] = False,
) -> None:
    """List what Augment wrote into your tests, or take it back: exactly what was added goes, byte for byte.

    A test that was retired is put back, one that was re-pinned gets its old assertions.
    """
    what, root = what_and_root(what, project)
    if what is None and not last:
        admissions = through(root, "GET", "admissions", None, lambda store: store.admissions())
        notes = through(root, "GET", "notes", None, lambda store: store.notes())
        lines = listed(admissions, notes)
        typer.echo("\n".join(lines) or "nothing to undo: no test of Augment's stands in the project")
        return
    if what is not None and last:
        raise AugmentError("name an id or say --last, not both")

    def on_store(store: Store) -> list[dict[str, Any]]:
        done = undo_in(store, discover_project(root), what, force=force)
        return [{"nodeid": item.nodeid, "state": item.state.value} for item in done]

    for item in through(root, "POST", "undo", {"what": what, "force": force}, on_store):
        typer.echo(f"{'put back' if item['state'] == AdmissionState.KEPT.value else 'took out'} {item['nodeid']}")


def listed(admissions: Sequence[dict[str, Any]], notes: Sequence[dict[str, Any]]) -> list[str]:
    """Writes that still stand, and what was retired or re-pinned, newest first; one line each."""
    writes: dict[str, list[dict[str, Any]]] = {}
    for item in admissions:
        if item["state"] == AdmissionState.KEPT.value:
            writes.setdefault(item.get("write") or item["id"], []).append(item)
    rows = [(max(item["created_at"] for item in items), _write(name, items)) for name, items in writes.items()]
    rows += [
        (note["at"], f"{note['id']}  {_moment(note['at'])}  {note['nodeid']} {note['text']}")
        for note in notes
        if note["kind"] in _RESTORABLE and note["before"]
    ]
    return [line for _, line in sorted(rows, key=lambda row: row[0], reverse=True)[:_SHOWN]]


def _write(name: str, items: Sequence[dict[str, Any]]) -> str:
    tests = ", ".join(f"{item['nodeid'].partition('::')[2]} ({item['id']})" for item in items)
    return f"{name}  {_moment(items[0]['created_at'])}  wrote {items[0]['file']}: {tests}"


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"
