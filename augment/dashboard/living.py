"""Kept tests that no longer hold, what became of others, and what a person may say to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from augment.dashboard.actions import Actions
from augment.dashboard.cached import CachedReader
from augment.dashboard.markup import ago, card, nodeid, text
from augment.errors import AugmentError

_SHOWN = 10


class StaleOrder(BaseModel):
    """Which stale tests: a target, a node id or an admission's id; null for all that wait for a word."""

    what: str | None = Field(default=None, min_length=1, max_length=4000)


class UndoOrder(BaseModel):
    """What to undo: a write, an admission or a note by its id; null for the last write. ``force`` takes out a test that
    was edited since, too."""

    what: str | None = Field(default=None, min_length=1, max_length=200)
    force: bool = False


def living(reader: CachedReader, actions: Actions | None, response: type[JSONResponse]) -> APIRouter:
    """The routes about kept tests."""
    router = APIRouter(default_response_class=response)

    def act(do: Callable[[Actions], Any]) -> Any:
        if actions is None:
            raise HTTPException(409, "this dashboard only shows; start Augment to change tests")
        try:
            return do(actions)
        except AugmentError as error:
            raise HTTPException(409, str(error)) from error
        finally:
            reader.clear()

    @router.get("/stale")
    def stale() -> list[dict[str, Any]]:
        """Generated tests that no longer hold since their code changed and wait for a word, by the changed target."""
        return reader.stale()

    @router.get("/notes")
    def notes(limit: Annotated[int, Query(ge=1, le=1000)] = 50) -> list[dict[str, Any]]:
        """What became of kept tests, newest first."""
        return reader.notes(limit)

    @router.post("/stale/accept")
    def accept(order: StaleOrder) -> list[dict[str, Any]]:
        """Re-pin stale tests to what the code does now."""
        answer: list[dict[str, Any]] = act(lambda actions: actions.accept_stale(order.what))
        return answer

    @router.post("/stale/reject")
    def reject(order: StaleOrder) -> list[dict[str, Any]]:
        """Leave stale tests as they are, because the code is wrong."""
        answer: list[dict[str, Any]] = act(lambda actions: actions.reject_stale(order.what))
        return answer

    @router.post("/undo")
    def undo(order: UndoOrder) -> list[dict[str, Any]]:
        """Undo a write of Augment's."""
        answer: list[dict[str, Any]] = act(lambda actions: actions.undo(order.what, order.force))
        return answer

    return router


def stale(summary: Mapping[str, Any]) -> str:
    """The card of stale tests; nothing where there are none."""
    entries = summary.get("stale", ())
    if not entries:
        return ""
    rows = "".join(_stale(entry) for entry in entries[:_SHOWN])
    return card("Stale after your change", rows, text("generated tests that no longer hold; nothing is bent unasked"))


def _stale(entry: Mapping[str, Any]) -> str:
    tests = "".join(f"<div>{nodeid(test['nodeid'])}</div>" for test in entry["tests"][:3])
    more = len(entry["tests"]) - 3
    tests += f"<div>{text(f'and {more} more')}</div>" if more > 0 else ""
    return (
        f'<div class="row"><p>{text(entry["text"])}, {ago(entry["since"])}</p>{tests}'
        f"<p><code>{text(entry['accept'])}</code> re-pins, <code>{text(entry['reject'])}</code> keeps, "
        "or fix the code</p></div>"
    )


def notes(summary: Mapping[str, Any]) -> str:
    """The card of what became of kept tests; nothing where nothing did."""
    found = summary.get("notes", ())
    if not found:
        return ""
    rows = "".join(
        f'<div class="row">{nodeid(note["nodeid"])}<p>{text(note["text"])}, {ago(note["at"])}</p></div>'
        for note in found[:_SHOWN]
    )
    return card("What became of kept tests", rows)
