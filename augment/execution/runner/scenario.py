# Paths stay plain strings here, and zip has no `strict` in Python 3.9.
"""One scenario in the runner: run within its time, its output caught, its lines traced, its values looked at."""

from __future__ import annotations

import collections
import contextlib
import io
import pathlib
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from .look import leaves_of

_MESSAGE = 300
_Captured = collections.namedtuple("_Captured", ["out", "err"])


class LateError(BaseException):
    """The scenario is out of time. Not an Exception, so that the project's own handlers let it through."""


class Program:
    """A scenario that is loaded: its function, and the fixtures that it takes."""

    def __init__(self, scenario: dict[str, Any], index: int) -> None:
        self._names = scenario["fixtures"]
        self._file = f"<scenario {index}>"
        self._shown = []  # type: list[tuple[int, str, str]]
        space = {"__name__": "scenario", "__augment_look__": self._look}  # type: dict[str, Any]
        exec(compile(scenario["source"], self._file, "exec", dont_inherit=True), space)
        self._function = space["scenario"]  # type: Callable[..., Any]

    def _look(self, slot: int, value: Any) -> Any:
        self._shown += [(slot, path, text) for path, text in leaves_of(value)]
        return value

    def run(self, seconds: float, tracer: Tracer | None, is_ours: Callable[[str], bool]) -> dict[str, Any]:
        """Run it once; what it showed and how it ended."""
        self._shown = []
        began = time.perf_counter()
        told = {}  # type: dict[str, Any]
        try:
            with quiet() as streams, self._fixtures(streams) as fixtures, limited(seconds), _traced(tracer):
                self._function(**fixtures)
        except LateError:
            told["problem"] = f"took longer than {seconds} s"
        except BaseException as error:  # noqa: BLE001 - how a scenario ends is what is asked, whatever it raises
            told["raised"] = self._raised(error, is_ours)
        told["leaves"] = self._shown
        told["seconds"] = time.perf_counter() - began
        return told

    @contextlib.contextmanager
    def _fixtures(self, streams: tuple[io.StringIO, io.StringIO]) -> Iterator[dict[str, Any]]:
        made = {}  # type: dict[str, Any]
        folder = ""
        try:
            if "tmp_path" in self._names:
                folder = tempfile.mkdtemp(prefix="scenario-")
                made["tmp_path"] = pathlib.Path(folder)
            if "capsys" in self._names:
                made["capsys"] = Captured(streams)
            if "monkeypatch" in self._names:
                made["monkeypatch"] = pytest.MonkeyPatch()
            yield made
        finally:
            if "monkeypatch" in made:
                made["monkeypatch"].undo()
            if folder:
                shutil.rmtree(folder, ignore_errors=True)

    def _raised(self, error: BaseException, is_ours: Callable[[str], bool]) -> dict[str, Any]:
        line, ours, last = 0, False, False
        entry = error.__traceback__
        while entry is not None:
            code = entry.tb_frame.f_code
            name = code.co_filename
            if code is self._function.__code__:
                line, ours = entry.tb_lineno, False
            last = is_ours(name)
            ours = ours or last
            entry = entry.tb_next
        kind = type(error)
        try:
            message = str(error)
        except Exception:  # noqa: BLE001 - a project's own __str__ may raise anything: then there is no message
            message = ""
        name = f"{kind.__module__}.{kind.__qualname__}"
        return {"type": name, "message": message[:2000], "lineno": line, "in_project": ours, "by_project": last}


class Captured:
    """What a scenario knows as ``capsys``."""

    def __init__(self, streams: tuple[io.StringIO, io.StringIO]) -> None:
        self._streams = streams

    def readouterr(self) -> Any:
        """What was written since the last time."""
        texts = [stream.getvalue() for stream in self._streams]
        for stream in self._streams:
            stream.seek(0)
            stream.truncate()
        return _Captured(*texts)


class Tracer:
    """Notes which line followed which, in the project's files only. ``files`` maps absolute paths to names."""

    def __init__(self, files: dict[str, str]) -> None:
        self._files = files
        self._arcs = {}  # type: dict[str, set[tuple[int, int]]]

    def start(self, frame: Any, event: str, arg: Any) -> Any:
        """For each call: how to trace it, None for what is not the project's."""
        code = frame.f_code
        name = self._files.get(code.co_filename)
        if name is None:
            return None
        arcs = self._arcs.setdefault(name, set())
        exit_line = -code.co_firstlineno
        last = [exit_line]

        def local(frame: Any, event: str, arg: Any) -> Any:
            if event == "line":
                arcs.add((last[0], frame.f_lineno))
                last[0] = frame.f_lineno
            elif event == "return":
                arcs.add((last[0], exit_line))
            return local

        return local

    def told(self) -> dict[str, list[tuple[int, int]]]:
        """File -> arcs."""
        return {name: sorted(arcs) for name, arcs in self._arcs.items()}


@contextlib.contextmanager
def _traced(tracer: Tracer | None) -> Iterator[None]:
    if tracer is None:
        yield
        return
    before = sys.gettrace()
    sys.settrace(tracer.start)
    try:
        yield
    finally:
        sys.settrace(before)


@contextlib.contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise LateError inside the block once it is out of time."""

    def late(number: int, frame: Any) -> None:
        raise LateError

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def quiet() -> Iterator[tuple[io.StringIO, io.StringIO]]:
    """Catch what the block prints, and give it nothing to read."""
    out, err = io.StringIO(), io.StringIO()
    before = sys.stdout, sys.stderr, sys.stdin
    sys.stdout, sys.stderr, sys.stdin = out, err, io.StringIO()
    try:
        yield out, err
    finally:
        sys.stdout, sys.stderr, sys.stdin = before


# ----------------------------------------------------------------- forks
