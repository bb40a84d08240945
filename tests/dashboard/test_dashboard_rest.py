"""A dashboard that nobody looks at does next to nothing (what it costs: ``benchmarks/overhead.py``)."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.routing import Mount


def test_gradios_queue_takes_nothing_and_seldom_looks(app: FastAPI) -> None:
    (pages,) = [route.app for route in app.routes if isinstance(route, Mount) and hasattr(route.app, "get_blocks")]
    blocks = pages.get_blocks()
    events = blocks.config["dependencies"]
    assert events
    assert not [event for event in events if event["queue"]]
    assert min(blocks._queue.sleep_when_free, blocks._queue.progress_update_sleep_when_free) >= 0.5
