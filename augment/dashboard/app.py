"""One FastAPI app: REST, the event stream, and Gradio's pages at the root."""

from __future__ import annotations

from fastapi import FastAPI

from augment.dashboard.actions import Actions
from augment.dashboard.api import PREFIX, AsciiJSONResponse, add_api
from augment.dashboard.cached import CachedReader
from augment.dashboard.stream import Broadcaster
from augment.seams import ReportReader


def create_app(
    reader: ReportReader,
    actions: Actions | None = None,
    *,
    title: str = "Augment",
    ray_dashboard_url: str | None = None,
    model_endpoint: str | None = None,
) -> FastAPI:
    """The dashboard over ``reader``; with ``actions``, held tests can be reviewed from it.

    ``title`` is the project's name. ``ray_dashboard_url`` is linked and ``model_endpoint`` named where they are given.
    Takes seconds: Gradio is imported here, so that whatever else imports this folder stays light.
    """
    # FastAPI's own documentation pages load their scripts from elsewhere, and this one works offline.
    app = FastAPI(
        title=f"Augment: {title}",
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{PREFIX}/openapi.json",
        default_response_class=AsciiJSONResponse,
    )
    cached = CachedReader(reader)
    app.state.stream = Broadcaster(cached)
    add_api(app, cached, actions, app.state.stream)

    from augment.dashboard.pages import mount_pages

    mount_pages(app, cached, actions, title, ray_dashboard_url, model_endpoint)
    return app
