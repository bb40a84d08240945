"""Gradio's pages. Imported only by ``create_app``, because importing Gradio takes seconds."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from augment.dashboard import charts, details, overview
from augment.dashboard.actions import Actions
from augment.dashboard.cached import CachedReader
from augment.errors import AugmentError

# Read when Gradio is imported: the dashboard tells nobody that it is used.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

import gradio as gr

_HERE = Path(__file__).parent
_REFRESH_S = 1.0
_RUNS_SHOWN = 100
_CHARTED_S = 1800.0
_FONT = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "DejaVu Sans", "sans-serif"]
_MONO = ["ui-monospace", "SFMono-Regular", "DejaVu Sans Mono", "monospace"]
_VIEWS = ("head", "summary", "runs", "run", "tests", "test", "findings", "resources")


class Views:
    """What each part of the page shows, for one choice of a run and a generated test."""

    def __init__(
        self,
        reader: CachedReader,
        actions: Actions | None,
        title: str,
        ray_dashboard_url: str | None,
        model_endpoint: str | None,
    ) -> None:
        self._reader = reader
        self._actions = actions
        self._title = title
        self._ray_dashboard_url = ray_dashboard_url
        self._model_endpoint = model_endpoint

    def draw(self, run_id: str, test_id: str, message: str = "") -> dict[str, str]:
        """The HTML of every view. Where the reporter does not answer, only the head says so; the rest stays."""
        try:
            return self._draw(run_id, test_id, message)
        except AugmentError as error:
            health = {"status": "unavailable", "model": "unknown", "detail": str(error)}
            return {"head": overview.head(health, self._title, self._ray_dashboard_url)}

    def _draw(self, run_id: str, test_id: str, message: str) -> dict[str, str]:
        reader = self._reader
        admissions = reader.admissions()
        chosen = next((admission for admission in admissions if admission["id"] == test_id), None)
        since = time.time() - _CHARTED_S
        return {
            "head": overview.head(reader.health(), self._title, self._ray_dashboard_url),
            "summary": overview.page(reader.summary(), self._model_endpoint),
            "runs": details.run_list(reader.runs(_RUNS_SHOWN), run_id),
            "run": details.run_detail(reader.run(run_id) if run_id else None, run_id),
            "tests": details.written_list(admissions, test_id),
            "test": details.written_detail(chosen, reviewing=self._actions is not None, message=message),
            "findings": overview.findings_page(reader.findings()),
            # Rounded, so that clients share one answer of the cache.
            "resources": charts.resources_page(reader.resources(since - since % 10)),
        }

    def review(self, verb: str, admission_id: str) -> str:
        """Accept or reject; returns what went wrong in words, or nothing."""
        if self._actions is None:
            return "this dashboard only shows"
        try:
            if verb == "accept":
                self._actions.accept(admission_id)
            else:
                self._actions.reject(admission_id)
        except AugmentError as error:
            return str(error)
        finally:
            self._reader.clear()
        return ""


def _changed(drawn: dict[str, str], seen: str) -> list[Any]:
    """What to send of the views: those whose digest the client does not hold, then the digests themselves.

    A view that is not sent keeps its scroll position, its open sections and the reader's selection.
    """
    known: dict[str, str] = json.loads(seen) if seen else {}
    digests = {name: hashlib.sha256(html.encode("utf-8", "replace")).hexdigest()[:12] for name, html in drawn.items()}
    sent = [drawn[name] if name in drawn and known.get(name) != digests[name] else gr.skip() for name in _VIEWS]
    return [*sent, json.dumps(known | digests, sort_keys=True)]


def mount_pages(
    app: FastAPI,
    reader: CachedReader,
    actions: Actions | None,
    title: str,
    ray_dashboard_url: str | None,
    model_endpoint: str | None,
) -> None:
    """Mount the pages at the root of ``app``."""
    views = Views(reader, actions, title, ray_dashboard_url, model_endpoint)
    gr.mount_gradio_app(
        app,
        _blocks(views, title),
        path="/",
        ssr_mode=False,
        enable_monitoring=False,
        run_history=False,
        footer_links=[],
        show_error=False,
        theme=gr.themes.Base(font=_FONT, font_mono=_MONO),
        css=(_HERE / "style.css").read_text("utf-8"),
        head=f"<script>{(_HERE / 'page.js').read_text('utf-8')}</script>",
    )


def _blocks(views: Views, title: str) -> gr.Blocks:
    choose = (_HERE / "choose.js").read_text("utf-8")

    def view(name: str) -> gr.HTML:
        return gr.HTML("", elem_id=f"view-{name}", elem_classes="view", js_on_load=choose, apply_default_css=False)

    shown: dict[str, gr.HTML] = {}
    demo: gr.Blocks
    with gr.Blocks(title=f"{title} - Augment", analytics_enabled=False, fill_width=True) as demo:
        run_id, test_id, seen = (gr.Textbox("", visible=False) for _ in range(3))
        shown["head"] = view("head")
        with gr.Tabs(selected="summary") as tabs:
            with gr.Tab("Summary", id="summary"):
                shown["summary"] = view("summary")
            for tab, left, right in (("Runs", "runs", "run"), ("Tests written", "tests", "test")):
                with gr.Tab(tab, id=left), gr.Row(equal_height=False):
                    with gr.Column(scale=2, min_width=380):
                        shown[left] = view(left)
                    with gr.Column(scale=3, min_width=420):
                        shown[right] = view(right)
            with gr.Tab("Findings", id="findings"):
                shown["findings"] = view("findings")
            with gr.Tab("Resources", id="resources"):
                shown["resources"] = view("resources")
        outputs = [shown[name] for name in _VIEWS]
        _wire(demo, views, (run_id, test_id, seen), outputs, tabs)
    return demo


def _wire(
    demo: gr.Blocks,
    views: Views,
    state: tuple[gr.Textbox, gr.Textbox, gr.Textbox],
    outputs: list[gr.HTML],
    tabs: gr.Tabs,
) -> None:
    run_id, test_id, seen = state

    def refresh(run: str, test: str, known: str) -> list[Any]:
        return _changed(views.draw(run, test), known)

    def opened(request: gr.Request) -> list[Any]:
        run, test = (str(request.query_params.get(kind, ""))[:200] for kind in ("run", "test"))
        tab = gr.Tabs(selected="runs" if run else "tests") if run or test else gr.skip()
        return [*_changed(views.draw(run, test), ""), run, test, tab]

    def chosen(run: str, test: str, known: str, event: gr.EventData) -> list[Any]:
        kind, identifier = str(event._data.get("kind")), str(event._data.get("id"))[:200]
        message = ""
        if kind == "run":
            run = identifier
        else:
            test = identifier
        if kind in ("accept", "reject"):
            message = views.review(kind, identifier)
        return [
            *_changed(views.draw(run, test, message), known),
            run,
            test,
            gr.Tabs(selected="runs" if kind == "run" else "tests"),
        ]

    # Past the queue: with it, a hundred clients wait 1.7 s for each refresh; without, 8 ms.
    common: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    everything = [*outputs, seen]
    demo.load(opened, None, [*everything, run_id, test_id, tabs], **common)
    gr.Timer(_REFRESH_S).tick(refresh, [run_id, test_id, seen], everything, **common)
    for component in outputs:
        component.click(chosen, [run_id, test_id, seen], [*everything, run_id, test_id, tabs], **common)
