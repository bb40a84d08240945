# Paths stay plain strings here: they are compared as pytest gives them.
"""One batch's part of a suite that several batches run together, each collecting for itself.

Files of other batches are never imported here. Which tests there are is pytest's own finding, settings and conftest
files of the project included: nothing has to be collected beforehand, and what nobody knows of yet still runs once.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from .events import Emitter

_OF_CLASS = {"class"}
_OF_FILE = {"module", "package"}


class Share:
    """Keeps to the part that ``order["share"]`` names; tells what ties each file's tests and what collecting it took.

    A share names files, classes (``file::Class``) or functions (``file::test_it``, without parameters). With ``rest``
    it is everything but these.
    """

    def __init__(self, emitter: Emitter, order: dict[str, Any], name: Callable[[str], str]) -> None:
        share = order["share"]
        self._emitter = emitter
        self._cwd = order["cwd"]
        self._name = name
        self._given = share is not None
        self._names = set(share["names"]) if share else set()  # type: set[str]
        self._rest = bool(share["rest"]) if share else True
        self._files = {entry.partition("::")[0] for entry in self._names}
        self._seconds = {}  # type: dict[str, float]

    @pytest.hookimpl(tryfirst=True)
    def pytest_ignore_collect(self, collection_path: Any) -> Any:
        """Leave the files of other batches alone. A package's ``__init__.py`` is always needed."""
        path = str(collection_path)
        if not self._given or os.path.basename(path) == "__init__.py" or os.path.isdir(path):  # noqa: PTH112, PTH119
            return None
        file = os.path.relpath(path, self._cwd).replace(os.sep, "/")
        elsewhere = file in self._names if self._rest else file not in self._files
        return True if elsewhere else None

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """Drop what other batches run of the files that were collected all the same."""
        if self._given:
            items[:] = [item for item in items if self._is_mine(self._name(item.nodeid))]

    def _is_mine(self, nodeid: str) -> bool:
        return any(prefix in self._names for prefix in prefixes(nodeid)) is not self._rest

    @pytest.hookimpl(hookwrapper=True)
    def pytest_make_collect_report(self, collector: Any) -> Iterator[None]:
        """Measure what importing and collecting a file takes."""
        began = time.perf_counter()
        yield
        if isinstance(collector, pytest.File):
            file = self._name(collector.nodeid)
            self._seconds[file] = self._seconds.get(file, 0.0) + time.perf_counter() - began

    def pytest_collection_finish(self, session: Any) -> None:
        """Tell of each file whether fixtures of the whole file, of a class or of neither tie its tests together."""
        ties = {}  # type: dict[str, str]
        for item in session.items:
            file = self._name(item.nodeid).partition("::")[0]
            ties[file] = max(ties.get(file, "test"), _tie(item), key=_TIES.index)
        files = {file: [tie, round(self._seconds.get(file, 0.0), 4)] for file, tie in ties.items()}
        self._emitter.send("files", files=files)


_TIES = ("test", "class", "file")


def prefixes(nodeid: str) -> Iterator[str]:
    """The file, each class and the function that a node id names, its parameters left out."""
    file, _, rest = nodeid.partition("::")
    yield file
    parts = rest.partition("[")[0].split("::")
    for length in range(1, len(parts) + 1):
        yield "::".join([file, *parts[:length]])


def _tie(item: Any) -> str:
    info = getattr(item, "_fixtureinfo", None)
    if info is None:
        return "file"  # of another plugin's kind: nothing is known of what its tests share
    scopes = {fixture.scope for found in info.name2fixturedefs.values() for fixture in found}
    if scopes & _OF_FILE:
        return "file"
    return "class" if scopes & _OF_CLASS else "test"
