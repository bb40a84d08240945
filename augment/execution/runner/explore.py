# Paths stay plain strings here, and zip has no `strict` in Python 3.9.
# ruff: noqa: PTH118
"""Scenarios in the runner: hundreds of calls in one fork, and a fork for each mutant that they are to notice.

The modules of all scenarios are executed once (which imports the project); then a fork runs every scenario with its
lines traced, a second one runs them in the opposite order: what differs between the two is not stable and not told.
For each mutant a fork replaces the code of one function in memory and runs the scenarios that ran its line, until
enough of them have shown something else. A fork that hangs or dies costs the scenario it was at.
"""

from __future__ import annotations

import builtins
import collections
import contextlib
import gc
import io
import json
import os
import pathlib
import select
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from .events import Emitter
from .look import leaves_of
from .swap import CannotApplyError, Swapper

_OUTCOME = "!"
_MESSAGE = 300
_GRACE_S = 1.0
"""How much longer than its alarm a scenario may take before its process is killed: C code does not hear the alarm."""
_MOST_FORKS = 6
"""Forks for one round of scenarios; each that is lost costs one of them."""
_PIPE = 190
_Captured = collections.namedtuple("_Captured", ["out", "err"])


class LateError(BaseException):
    """The scenario is out of time. Not an Exception, so that the project's own handlers let it through."""


class ExploreLoop:
    """Takes the place of pytest's own loop over the collected tests."""

    def __init__(self, emitter: Emitter, order: dict[str, Any]) -> None:
        self._emitter = emitter
        self._order = order["explore"]
        self._cwd = order["cwd"]
        self._swapper = Swapper(order["cwd"], self._order["units"])
        self._ready = {}  # type: dict[int, Program]
        self._sights = {}  # type: dict[int, dict[str, Any]]
        self._kills = collections.Counter()  # type: collections.Counter[tuple[int, int]]
        self._files = {}  # type: dict[str, str]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: Any) -> bool:
        """Run every scenario, then try every mutant."""
        for file in self._order["files"]:
            path = os.path.join(self._cwd, file)
            self._files[path] = self._files[os.path.realpath(path)] = file
        for index, scenario in enumerate(self._order["scenarios"]):
            self._load(index, scenario)
        if threading.active_count() > 1 or not hasattr(os, "fork"):
            self._emitter.send("explored", problem="threads of the project run once it is imported")
            return True
        self._swapper.find()
        gc.collect()
        gc.freeze()
        self._look()
        self._try_mutants()
        return True

    # ----------------------------------------------------------------- loading

    def _load(self, index: int, scenario: dict[str, Any]) -> None:
        """Execute the scenario's module, which imports what it needs."""
        try:
            with _limited(5.0), _quiet():
                self._ready[index] = Program(scenario, index)
        except (Exception, SystemExit, LateError) as error:  # noqa: BLE001 - importing a project may raise anything
            problem = f"cannot be loaded: {type(error).__name__}: {str(error)[:_MESSAGE]}"
            self._emitter.send("sight", index=index, problem=problem)

    # ----------------------------------------------------------------- looking

    def _look(self) -> None:
        order = sorted(self._ready)
        first = self._round(order, traced=True)
        second = self._round(order[::-1], traced=False)
        for index in order:
            sight = _agreed(first.get(index), second.get(index))
            self._sights[index] = sight
            self._emitter.send("sight", index=index, **sight)

    def _round(self, order: list[int], traced: bool) -> dict[int, dict[str, Any]]:
        """What each scenario does, in forks: one, unless something in it is lost."""
        told = {}  # type: dict[int, dict[str, Any]]
        left = list(order)
        for _ in range(_MOST_FORKS):
            if not left:
                break
            fork = Fork(lambda pipe, wanted=left: self._run_all(wanted, traced, pipe))  # type: ignore[misc]
            at = None
            for message in fork.messages(self._patience):
                if "at" in message:
                    at = message["at"]
                else:
                    told[message.pop("index")] = message
                    at = None
            ended = fork.end()
            if at is None:
                break
            told[at] = {"problem": ended}
            left = [index for index in left if index not in told]
        return told

    @property
    def _patience(self) -> float:
        return float(self._order["scenario_s"]) + _GRACE_S

    def _run_all(self, order: list[int], traced: bool, pipe: Pipe) -> None:
        for index in order:
            pipe.tell({"at": index})
            tracer = Tracer(self._files) if traced else None
            told = self._ready[index].run(self._order["scenario_s"], tracer, self._is_ours)
            if tracer is not None:
                told["ran"] = tracer.told()
            told["index"] = index
            pipe.tell(told)

    def _is_ours(self, filename: str) -> bool:
        return filename.startswith(self._cwd + os.sep) and "site-packages" not in filename

    # ----------------------------------------------------------------- mutants

    def _try_mutants(self) -> None:
        reach = self._reach()
        deadline = time.monotonic() + self._order["mutants_s"]
        for number, mutant in enumerate(self._order["mutants"]):
            if time.monotonic() > deadline:
                return
            reaching = self._reaching(mutant, reach)
            if not reaching:
                continue
            kept = {index: self._sights[index] for index in reaching}
            fork = Fork(lambda pipe, m=mutant, r=reaching: self._run_mutant(m, r, pipe))  # type: ignore[misc]
            self._tell_mutant(mutant, number, fork, kept)

    def _reach(self) -> dict[tuple[str, int], list[int]]:
        """(file, line) -> the scenarios that ran it, in order."""
        found = {}  # type: dict[tuple[str, int], list[int]]
        for index, sight in self._sights.items():
            if sight.get("problem"):
                continue
            for file, arcs in sight.get("ran", {}).items():
                for line in {end for _, end in arcs if end > 0}:
                    found.setdefault((file, line), []).append(index)
        return found

    def _reaching(self, mutant: dict[str, Any], reach: dict[tuple[str, int], list[int]]) -> list[int]:
        """The scenarios to try, those first that noticed most mutants of the function."""
        found = []  # type: list[int]
        for line in range(mutant["first"], mutant["last"] + 1):
            found += reach.get((mutant["file"], line), ())
        unit = mutant["unit"]
        return sorted(dict.fromkeys(found), key=lambda index: -self._kills[unit, index])

    def _run_mutant(self, mutant: dict[str, Any], reaching: list[int], pipe: Pipe) -> None:
        try:
            self._swapper.apply(mutant)
        except CannotApplyError as error:
            pipe.tell({"unapplied": str(error)})
            return
        enough = self._order["enough"]
        for index in reaching:
            pipe.tell({"at": index})
            told = self._ready[index].run(self._order["scenario_s"], None, self._is_ours)
            differs = _differing(self._sights[index], told)
            if differs:
                pipe.tell({"index": index, "keys": differs})
                enough -= 1
            if enough <= 0 or (_OUTCOME in differs and told.get("problem")):
                break
        pipe.tell({"over": True})

    def _tell_mutant(self, mutant: dict[str, Any], number: int, fork: Fork, kept: dict[int, dict[str, Any]]) -> None:
        noticed = {}  # type: dict[int, list[str]]
        at = None
        over = False
        for message in fork.messages(self._patience):
            if "unapplied" in message:
                self._emitter.send("unexplored", mutant=number, why=message["unapplied"])
                fork.end()
                return
            if "at" in message:
                at = message["at"]
            elif "over" in message:
                over = True
            else:
                noticed[message["index"]] = message["keys"]
        fork.end()
        if not over and at is not None and at in kept:
            noticed.setdefault(at, [_OUTCOME])
        for index in noticed:
            self._kills[mutant["unit"], index] += 1
        self._emitter.send("noticed", mutant=number, by={str(index): keys for index, keys in noticed.items()})


def _agreed(first: dict[str, Any] | None, second: dict[str, Any] | None) -> dict[str, Any]:
    """What both runs of a scenario showed; a problem where they ended differently."""
    for sight in (first, second):
        if sight is None:
            return {"problem": "was not reached"}
        if sight.get("problem"):
            return {"problem": sight["problem"]}
    assert first is not None
    assert second is not None
    raised, again = first.get("raised"), second.get("raised")
    if (raised is None) != (again is None) or (raised and again and raised["type"] != again["type"]):
        return {"problem": "ended differently the second time"}
    if raised and again and raised["message"] != again["message"]:
        raised["message"] = ""
    shown = {tuple(leaf) for leaf in second["leaves"]}
    return {**first, "leaves": [leaf for leaf in first["leaves"] if tuple(leaf) in shown]}


def _differing(kept: dict[str, Any], told: dict[str, Any]) -> list[str]:
    """The keys of the leaves in which a mutated run differs; how it ended counts as one."""
    if told.get("problem"):
        return [_OUTCOME]
    raised, now = kept.get("raised"), told.get("raised")
    if (raised is None) != (now is None) or (raised and now and raised["type"] != now["type"]):
        return [_OUTCOME]
    if raised and now and raised["message"] and raised["message"] != now["message"]:
        return [_OUTCOME]
    shown = {(slot, path): text for slot, path, text in told["leaves"]}
    return [f"{slot}|{path}" for slot, path, text in kept["leaves"] if shown.get((slot, path)) != text]


# ----------------------------------------------------------------- one scenario


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
            with _quiet() as streams, self._fixtures(streams) as fixtures, _limited(seconds), _traced(tracer):
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
def _limited(seconds: float) -> Iterator[None]:
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
def _quiet() -> Iterator[tuple[io.StringIO, io.StringIO]]:
    out, err = io.StringIO(), io.StringIO()
    before = sys.stdout, sys.stderr, sys.stdin
    sys.stdout, sys.stderr, sys.stdin = out, err, io.StringIO()
    try:
        yield out, err
    finally:
        sys.stdout, sys.stderr, sys.stdin = before


# ----------------------------------------------------------------- forks


class Pipe:
    """The child's end: one JSON object a line."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def tell(self, message: dict[str, Any]) -> None:
        """Write one message."""
        view = memoryview(json.dumps(message).encode("ascii") + b"\n")
        while view:
            view = view[os.write(self._descriptor, view) :]


class Fork:
    """A child process that does ``work`` and tells of it."""

    def __init__(self, work: Callable[[Pipe], None]) -> None:
        self._reading, writing = os.pipe()
        self._child = os.fork()
        self._hung = False
        if self._child == 0:
            os.close(self._reading)
            _live_and_die(writing, work)
        os.close(writing)

    def messages(self, patience: float) -> Iterator[dict[str, Any]]:
        """What it tells, until it ends or is silent for ``patience`` seconds."""
        buffer = b""
        deadline = time.monotonic() + patience
        while True:
            ready, _, _ = select.select([self._reading], [], [], 0.25)
            if not ready:
                if os.waitid(os.P_PID, self._child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
                    return
                if time.monotonic() > deadline:
                    self._hung = True
                    return
                continue
            data = os.read(self._reading, 1 << 16)
            if not data:
                return
            deadline = time.monotonic() + patience
            *lines, buffer = (buffer + data).split(b"\n")
            for line in lines:
                yield json.loads(line.decode("ascii"))

    def end(self) -> str:
        """End it with all that it started; how it ended, in words."""
        os.close(self._reading)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._child, signal.SIGKILL) if self._hung else None
        _, status = os.waitpid(self._child, 0)
        if self._hung:
            return "hung"
        if os.WIFSIGNALED(status):
            return f"the process was ended by signal {os.WTERMSIG(status)}"
        return f"the process exited with status {os.WEXITSTATUS(status)}"


def _live_and_die(writing: int, work: Callable[[Pipe], None]) -> None:
    status = 1
    try:
        os.setpgid(0, 0)
        # Descriptors that a scenario closes or hands on by their numbers do not meet this pipe by chance.
        pipe = os.dup2(writing, _PIPE, inheritable=False) if writing != _PIPE else writing
        if hasattr(builtins, "__augment_observe__"):
            del builtins.__augment_observe__
        work(Pipe(pipe))
        status = 0
    finally:
        os._exit(status)
