"""Tests marked ``gpu``: told of, and left to a batch of their own where one is to hold a GPU for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from .events import Emitter

MARKER = "gpu"


class GpuTests:
    """Knows the marker, so that it may be used with ``--strict-markers``, and tells which tests have it.

    With ``order["defer_gpu"]`` they are not run here.
    """

    def __init__(self, emitter: Emitter, order: dict[str, Any], name: Callable[[str], str]) -> None:
        self._emitter = emitter
        self._defer = bool(order["defer_gpu"])
        self._name = name

    def pytest_configure(self, config: Any) -> None:
        """Declare the marker."""
        config.addinivalue_line("markers", f"{MARKER}: needs a GPU; Augment holds one of Ray's while it runs")

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: Any, items: list[Any]) -> None:
        """Tell of the marked tests, and leave them out where they are deferred."""
        marked = [item for item in items if item.get_closest_marker(MARKER) is not None]
        if not marked:
            return
        self._emitter.send("gpu_tests", nodeids=[self._name(item.nodeid) for item in marked])
        if self._defer:
            config.hook.pytest_deselected(items=marked)
            left_out = {id(item) for item in marked}
            items[:] = [item for item in items if id(item) not in left_out]
