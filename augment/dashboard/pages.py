"""Gradio's pages. Imported only by ``create_app``, because importing Gradio takes seconds."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from augment.dashboard import charts, details, findings, flaky, overview, why
from augment.dashboard.actions import Actions
from augment.dashboard.cached import CachedReader
from augment.errors import AugmentError

# Read when Gradio is imported: the dashboard tells nobody that it is used.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

import gradio as gr

_HERE = Path(__file__).parent
_REFRESH_S = 1.0
_UNUSED_QUEUE_S = 1.0
_RUNS_SHOWN = 100
_CHARTED_S = 1800.0
_FONT = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "DejaVu Sans", "sans-serif"]
_MONO = ["ui-monospace", "SFMono-Regular", "DejaVu Sans Mono", "monospace"]
_VIEWS = ("head", "summary", "runs", "run", "tests", "test", "flaky", "flaky-test", "findings", "resources")
_TAB_OF = {"run": "runs", "test": "tests", "flaky": "flaky"}
"""What can be chosen, in the order that :meth:`Views.draw` takes -> the tab where it shows. The page keeps each choice
and names it in its address."""
_MARKS = {"bug": "bug", "intended": "intended", "noise": "noise", "reopen": "open"}
_VERBS = {"accept": "test", "reject": "test", "mute": "flaky", "unmute": "flaky"} | dict.fromkeys(_MARKS, "finding")
"""What a button does -> what it does that to."""
_ID_CHARS = 1000


class Views:
    """What each part of the page shows, for one choice of each of ``_TAB_OF``."""

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

    def draw(self, run: str = "", test: str = "", flaky_test: str = "", *, message: str = "") -> dict[str, str]:
        """The HTML of every view. Where the reporter does not answer, only the head says so; the rest stays."""
        try:
            return self._draw(run, test, flaky_test, message)
        except AugmentError as error:
            health = {"status": "unavailable", "model": "unknown", "detail": str(error)}
            return {"head": overview.head(health, self._title, self._ray_dashboard_url)}

    def _draw(self, run_id: str, test_id: str, flaky_id: str, message: str) -> dict[str, str]:
        reader = self._reader
        admissions = reader.admissions()
        written = next((admission for admission in admissions if admission["id"] == test_id), None)
        flaky_tests = reader.flaky()
        unsteady = next((test for test in flaky_tests if test["nodeid"] == flaky_id), None)
        attempts = reader.attempts_of(flaky_id, flaky.ATTEMPTS_SHOWN) if flaky_id else []
        since = time.time() - _CHARTED_S
        return {
            "head": overview.head(reader.health(), self._title, self._ray_dashboard_url),
            "summary": overview.page(reader.summary(), self._model_endpoint),
            "runs": details.run_list(reader.runs(_RUNS_SHOWN), run_id),
            "run": details.run_detail(reader.run(run_id) if run_id else None, run_id),
            "tests": details.written_list(admissions, test_id),
            "test": details.written_detail(written, reviewing=self._actions is not None, message=message)
            + why.decisions(reader.why(written["nodeid"]) if written else None),
            "flaky": flaky.flaky_list(flaky_tests, flaky_id),
            "flaky-test": flaky.flaky_detail(
                unsteady, attempts, flaky_id, acting=self._actions is not None, message=message
            )
            + why.decisions(reader.why(flaky_id) if unsteady else None),
            "findings": findings.findings_page(reader.findings(), acting=self._actions is not None, message=message),
            # Rounded, so that clients share one answer of the cache.
            "resources": charts.resources_page(reader.resources(since - since % 10)),
        }

    def review(self, verb: str, identifier: str) -> str:
        """Accept, reject, mute, unmute, or say what a finding is; returns what went wrong in words, or nothing."""
        actions = self._actions
        if actions is None:
            return "this dashboard only shows"
        try:
            if verb == "mute":
                actions.mute(identifier, None)
            elif verb in _MARKS:
                actions.mark(identifier, _MARKS[verb])
            elif verb in _VERBS:
                getattr(actions, verb)(identifier)
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
        chosen = {kind: gr.Textbox("", visible=False) for kind in _TAB_OF}
        seen = gr.Textbox("", visible=False)
        shown["head"] = view("head")
        with gr.Tabs(selected="summary") as tabs:
            with gr.Tab("Summary", id="summary"):
                shown["summary"] = view("summary")
            for tab, left, right in (
                ("Runs", "runs", "run"),
                ("Tests written", "tests", "test"),
                ("Flaky", "flaky", "flaky-test"),
            ):
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
        _wire(demo, views, chosen, seen, outputs, tabs)
    _let_queue_rest(demo)
    return demo


def _let_queue_rest(demo: gr.Blocks) -> None:
    """Have Gradio's queue, which no event of these pages takes, look for one seldom.

    It looks a thousand times a second, for which there is no setting: 3 % of a core, for as long as Augment runs.
    """
    queue: Any = demo._queue
    queue.sleep_when_free = queue.progress_update_sleep_when_free = _UNUSED_QUEUE_S


def _wire(
    demo: gr.Blocks,
    views: Views,
    state: Mapping[str, gr.Textbox],
    seen: gr.Textbox,
    outputs: list[gr.HTML],
    tabs: gr.Tabs,
) -> None:
    kinds = tuple(state)

    def refresh(*held: str) -> list[Any]:
        *ids, known = held
        return _changed(views.draw(*ids), known)

    def opened(request: gr.Request) -> list[Any]:
        chosen = {kind: str(request.query_params.get(kind, ""))[:_ID_CHARS] for kind in kinds}
        first = next((kind for kind in kinds if chosen[kind]), None)
        tab = gr.Tabs(selected=_TAB_OF[first]) if first else gr.skip()
        return [*_changed(views.draw(*chosen.values()), ""), *chosen.values(), tab]

    # Gradio hands the event to the parameter annotated as such, wherever it stands.
    def clicked(event: gr.EventData, *held: str) -> list[Any]:
        *ids, known = held
        chosen = dict(zip(kinds, ids, strict=True))
        said, identifier = str(event._data.get("kind")), str(event._data.get("id"))[:_ID_CHARS]
        kind = _VERBS.get(said, said)
        message = ""
        if kind in chosen:
            chosen[kind] = identifier
        if said in _VERBS:
            message = views.review(said, identifier)
        tab = gr.Tabs(selected=_TAB_OF[kind]) if kind in chosen else gr.skip()
        return [*_changed(views.draw(*chosen.values(), message=message), known), *chosen.values(), tab]

    # Past the queue: with it, a hundred clients wait 1.7 s for each refresh; without, 8 ms.
    common: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    everything, held = [*outputs, seen], [*state.values(), seen]
    demo.load(opened, None, [*everything, *state.values(), tabs], **common)
    gr.Timer(_REFRESH_S).tick(refresh, held, everything, **common)
    for component in outputs:
        component.click(clicked, held, [*everything, *state.values(), tabs], **common)
