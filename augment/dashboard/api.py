"""The REST interface, version 1."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, FastAPI, Header, HTTPException, Query, Request
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, Field

from augment.behaviour import CHANGE
from augment.dashboard.actions import Actions
from augment.dashboard.cached import CachedReader, ReporterUnavailableError
from augment.dashboard.living import living
from augment.dashboard.stream import Broadcaster
from augment.errors import AugmentError

PREFIX = "/api/v1"
_HOUR_S = 3600.0


class AsciiJSONResponse(JSONResponse):
    """JSON in ASCII: names and output of tests may hold lone surrogates, which UTF-8 cannot carry."""

    def render(self, content: Any) -> bytes:
        """The body."""
        return json.dumps(content, separators=(",", ":")).encode("ascii")


def add_api(app: FastAPI, reader: CachedReader, actions: Actions | None, stream: Broadcaster) -> None:
    """Add every route under ``/api/v1`` to ``app``. Errors are JSON with a ``detail``."""
    app.add_exception_handler(ReporterUnavailableError, _unavailable)
    app.include_router(_reading(reader), prefix=PREFIX)
    app.include_router(_explaining(reader), prefix=PREFIX)
    app.include_router(_reviewing(reader, actions), prefix=PREFIX)
    app.include_router(_muting(reader, actions), prefix=PREFIX)
    app.include_router(living(reader, actions, AsciiJSONResponse), prefix=PREFIX)
    app.include_router(_findings(reader, actions), prefix=PREFIX)
    app.include_router(_streaming(stream), prefix=PREFIX)

    @app.api_route("/api/{path:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"], include_in_schema=False)
    def unknown(path: str) -> None:
        """Without this, Gradio's page, which is mounted at the root, would answer."""
        raise HTTPException(404, f"there is no /api/{path[:200]}; see {PREFIX}/openapi.json")


async def _unavailable(_request: Request, error: Exception) -> JSONResponse:
    return AsciiJSONResponse({"status": "unavailable", "detail": str(error)}, status_code=503)


def _reading(reader: CachedReader) -> APIRouter:
    router = APIRouter(default_response_class=AsciiJSONResponse)
    # Plain functions: FastAPI runs them in threads, so a reporter that is slow to answer holds up nobody else.

    @router.get("/health")
    def health() -> dict[str, Any]:
        """Whether the service answers, and the state of the model: loading, ready, off or failed."""
        return reader.health()

    @router.get("/summary")
    def summary() -> dict[str, Any]:
        """Totals, failing tests, what was written lately, activity."""
        return reader.summary()

    @router.get("/runs")
    def runs(
        limit: Annotated[int, Query(ge=1, le=1000)] = 50, after: Annotated[str | None, Query()] = None
    ) -> list[dict[str, Any]]:
        """Runs, newest first; ``after`` is the id of the run to continue below."""
        try:
            return reader.runs(limit, after)
        except ReporterUnavailableError:
            raise
        except AugmentError as error:
            raise HTTPException(404, _no_run(after or "")) from error

    @router.get("/runs/{run_id}")
    def run(run_id: str) -> dict[str, Any]:
        """One run with its verdicts and their output."""
        found = reader.run(run_id)
        if found is None:
            raise HTTPException(404, _no_run(run_id))
        return found

    @router.get("/resources")
    def resources(since: Annotated[float | None, Query(ge=0)] = None) -> list[dict[str, Any]]:
        """Looks at the machine after ``since`` (seconds since the epoch), oldest first; the last hour by default."""
        return reader.resources(float(int(time.time() - _HOUR_S)) if since is None else since)

    @router.get("/attempts")
    def attempts(
        nodeid: Annotated[str, Query(min_length=1)], limit: Annotated[int, Query(ge=1, le=1000)] = 50
    ) -> list[dict[str, Any]]:
        """Every retry and rerun of one test, newest first, with its conditions."""
        return reader.attempts_of(nodeid, limit)

    _add_lists(router, reader)
    return router


def _explaining(reader: CachedReader) -> APIRouter:
    router = APIRouter(default_response_class=AsciiJSONResponse)

    @router.get("/why")
    def why(nodeid: Annotated[str, Query(min_length=1, max_length=4000)]) -> dict[str, Any]:
        """Why a test was run or skipped at the last revisions, and what would select it."""
        found = reader.why(nodeid)
        if not found["known"]:
            near = f"; near: {', '.join(found['near'])}" if found["near"] else ""
            raise HTTPException(404, f"no test is called {nodeid[:200]!r}{near}")
        return found

    @router.get("/behaviour")
    def behaviour(limit: Annotated[int, Query(ge=1, le=1000)] = 50) -> list[dict[str, Any]]:
        """Calls that do something else since a save, newest save first."""
        return reader.behaviour(limit)

    return router


def _no_run(run_id: str) -> str:
    return f"no run is called {run_id[:200]!r}"


def _add_lists(router: APIRouter, reader: CachedReader) -> None:
    lists: dict[str, tuple[Callable[[], Any], str]] = {
        "/tests": (reader.tests, "Every known test with its newest verdict."),
        "/admissions": (reader.admissions, "Every generated test that was kept or is held, newest first."),
        "/flaky": (reader.flaky, "Tests whose verdict flips, the worst first, and muted ones, with their evidence."),
        "/findings": (reader.findings, "Every suspected bug, newest first."),
        "/rejections": (reader.rejections, "How many candidates each gate turned away."),
        "/activities": (reader.activities, "What each part is doing."),
    }
    for path, (read, description) in lists.items():
        router.add_api_route(path, read, methods=["GET"], response_model=None, description=description)


def _reviewing(reader: CachedReader, actions: Actions | None) -> APIRouter:
    router = APIRouter(default_response_class=AsciiJSONResponse)

    def review(admission_id: str, verb: str) -> dict[str, Any]:
        if actions is None:
            raise HTTPException(409, "this dashboard only shows; start Augment to review tests")
        if not any(admission["id"] == admission_id for admission in reader.admissions()):
            raise HTTPException(404, f"no admission is called {admission_id[:200]!r}")
        try:
            return actions.accept(admission_id) if verb == "accept" else actions.reject(admission_id)
        except AugmentError as error:
            raise HTTPException(409, str(error)) from error
        finally:
            reader.clear()

    @router.post("/admissions/{admission_id}/accept")
    def accept(admission_id: str) -> dict[str, Any]:
        """Keep a test that is held for review."""
        return review(admission_id, "accept")

    @router.post("/admissions/{admission_id}/reject")
    def reject(admission_id: str) -> dict[str, Any]:
        """Turn a test away."""
        return review(admission_id, "reject")

    return router


class MuteOrder(BaseModel):
    """What to mute or unmute. Node ids hold slashes and worse, so they stand in the body, not in the address."""

    nodeid: str = Field(min_length=1)
    days: float | None = Field(default=None, gt=0, le=365)


def _muting(reader: CachedReader, actions: Actions | None) -> APIRouter:
    router = APIRouter(default_response_class=AsciiJSONResponse)

    def act(do: Callable[[Actions], dict[str, Any]]) -> dict[str, Any]:
        if actions is None:
            raise HTTPException(409, "this dashboard only shows; start Augment to mute tests")
        try:
            return do(actions)
        except AugmentError as error:
            raise HTTPException(409, str(error)) from error
        finally:
            reader.clear()

    @router.post("/flaky/mute")
    def mute(order: MuteOrder) -> dict[str, Any]:
        """Show a test's failures apart for some days, or until it or what it executes changes."""
        return act(lambda actions: actions.mute(order.nodeid, order.days))

    @router.post("/flaky/unmute")
    def unmute(order: MuteOrder) -> dict[str, Any]:
        """End a test's mute."""
        return act(lambda actions: actions.unmute(order.nodeid))

    return router


class MarkOrder(BaseModel):
    """What a finding is. ``resolved`` is what a rerun says."""

    state: Literal["open", "bug", "intended", "noise", "resolved"]


def _findings(reader: CachedReader, actions: Actions | None) -> APIRouter:
    router = APIRouter(default_response_class=AsciiJSONResponse)

    @router.get("/findings/{finding_id}")
    def finding(finding_id: str) -> dict[str, Any]:
        """One suspected bug: what is stated, what happens instead, and the smallest failing test."""
        found = next((each for each in reader.findings() if each["id"] == finding_id), None)
        if found is None:
            raise HTTPException(404, f"no finding is called {finding_id[:200]!r}; `augment findings` lists them")
        return found

    @router.post("/findings/{finding_id}/mark")
    def mark(finding_id: str, order: MarkOrder) -> dict[str, Any]:
        """Say what a finding is; *intended* writes the test that pins what the code does."""
        if actions is None:
            raise HTTPException(409, "this dashboard only shows; start Augment to mark findings")
        if not finding_id.startswith(CHANGE):  # a change of behaviour becomes a finding when somebody marks it
            finding(finding_id)
        try:
            return actions.mark(finding_id, order.state)
        except AugmentError as error:
            raise HTTPException(409, str(error)) from error
        finally:
            reader.clear()

    return router


def _streaming(stream: Broadcaster) -> APIRouter:
    router = APIRouter()

    @router.get("/events", response_class=StreamingResponse)
    async def events(last_event_id: Annotated[int | None, Header(ge=0)] = None) -> StreamingResponse:
        """Server-sent events: verdict, run, admission, note, flaky, finding, activity, resource, health."""
        return StreamingResponse(
            stream.subscribe(last_event_id),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    return router
