"""Lines and branches by ``sys.monitoring`` (Python 3.12 and newer): a place that has fired costs nothing until the next
test.

A callback that returns DISABLE switches its place off. When the test changes all places are armed again at once. To
arm only the code objects that fired, by taking their events away and giving them back, lost one line in 200 on Python
3.13.0 and was no faster (boltons' suite).
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from types import CodeType
from typing import Any

from .branches import BranchMap
from .scope import BRANCHES

_IDS = (4, 3, 5, 2)
"""Tool ids to try: 0 is meant for debuggers, 1 for coverage tools, which the project's own tests may use."""

_ASYNC = inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR

_Hits = dict[int, tuple[CodeType, set[int], dict[tuple[int, int], bool]]]


class MonitorUnavailableError(Exception):
    """This interpreter has no ``sys.monitoring``, or every tool id is taken."""


class Monitor:
    """Counts what runs to contexts. ``closeness`` says of a file name how closely to follow it.

    Results are by context and file name: executed lines, and arcs of branches as (line, line).
    """

    def __init__(self, closeness: Callable[[str], int]) -> None:
        self._api: Any = getattr(sys, "monitoring", None)
        if self._api is None:
            raise MonitorUnavailableError("no sys.monitoring")
        self._closeness = closeness
        self._known: dict[str, int] = {}
        self._context = ""
        self._hits: _Hits = {}
        self._lines: dict[str, dict[str, set[int]]] = {}
        self._arcs: dict[str, dict[str, set[tuple[int, int]]]] = {}
        self._maps: dict[int, tuple[CodeType, BranchMap]] = {}
        events = self._api.events
        self._sides = hasattr(events, "BRANCH_LEFT")
        self._branch = events.BRANCH_LEFT | events.BRANCH_RIGHT if self._sides else events.BRANCH
        self._id = self._take_id()

    def _take_id(self) -> int:
        for number in _IDS:
            try:
                self._api.use_tool_id(number, "augment")
            except ValueError:
                continue
            return number
        raise MonitorUnavailableError("every tool id is taken")

    def start(self) -> None:
        """Begin to count."""
        events = self._api.events
        on_line, on_side, on_branch = self._callbacks()
        self._api.register_callback(self._id, events.PY_START, self._on_start)
        self._api.register_callback(self._id, events.LINE, on_line)
        if self._sides:
            self._api.register_callback(self._id, events.BRANCH_LEFT, on_side)
            self._api.register_callback(self._id, events.BRANCH_RIGHT, on_side)
        else:
            self._api.register_callback(self._id, events.BRANCH, on_branch)
        self._api.set_events(self._id, events.PY_START)

    def stop(self) -> None:
        """End counting and give the tool id back."""
        self._api.set_events(self._id, 0)
        self._gather(arm=False)
        self._api.free_tool_id(self._id)

    def switch(self, context: str) -> None:
        """Count what runs from now on to ``context``."""
        self._gather(arm=True)
        self._context = context

    def files(self) -> list[str]:
        """Names of the files that ran."""
        return sorted({name for found in self._lines.values() for name in found})

    def lines(self, file: str) -> dict[str, set[int]]:
        """Context -> lines of ``file`` that ran."""
        return {context: found[file] for context, found in self._lines.items() if file in found}

    def arcs(self, file: str) -> dict[str, set[tuple[int, int]]]:
        """Context -> branches of ``file`` that were taken."""
        return {context: found[file] for context, found in self._arcs.items() if file in found}

    # ----------------------------------------------------------------- callbacks

    def _on_start(self, code: CodeType, _offset: int) -> Any:
        name = code.co_filename
        close = self._known.get(name)
        if close is None:
            close = self._known[name] = self._closeness(name)
        if close:
            self._api.set_local_events(self._id, code, self._events_of(close))
        return self._api.DISABLE

    def _events_of(self, close: int) -> int:
        line = int(self._api.events.LINE)
        return line | self._branch if close == BRANCHES else line

    def _callbacks(self) -> tuple[Any, Any, Any]:
        # Closures: an attribute less to look up in what runs most.
        disable, hits = self._api.DISABLE, self._hits

        def entry(code: CodeType) -> Any:
            found = hits[id(code)] = (code, set(), {})
            return found

        def on_line(code: CodeType, line: int) -> Any:
            (hits.get(id(code)) or entry(code))[1].add(line)
            return disable

        def on_side(code: CodeType, offset: int, target: int) -> Any:
            (hits.get(id(code)) or entry(code))[2][offset, target] = True
            return disable

        def on_branch(code: CodeType, offset: int, target: int) -> Any:
            # One event for both ways: it stays on until both were taken.
            taken = (hits.get(id(code)) or entry(code))[2]
            if (offset, target) in taken:
                return None
            taken[offset, target] = True
            if (offset, -1) in taken:
                return disable
            taken[offset, -1] = True
            return None

        return on_line, on_side, on_branch

    def _gather(self, arm: bool) -> None:
        """Book the hits to the context, and arm the places that fired again."""
        lines = self._lines.setdefault(self._context, {})
        arcs = self._arcs.setdefault(self._context, {})
        for key, (code, ran, taken) in list(self._hits.items()):
            name = code.co_filename
            lines.setdefault(name, set()).update(ran)
            if taken:
                arcs.setdefault(name, set()).update(self._map_of(key, code).arcs(taken))
            if code.co_flags & _ASYNC and self._known.get(name) == BRANCHES:
                arcs.setdefault(name, set()).update(self._map_of(key, code).implied(ran))
        if arm:
            self._api.restart_events()
        self._hits.clear()

    def _map_of(self, key: int, code: CodeType) -> BranchMap:
        # The code object is kept beside its map, so that its id stays its own.
        known = self._maps.get(key)
        if known is None:
            known = self._maps[key] = (code, BranchMap(code))
        return known[1]
