# Paths stay plain strings here, and zip has no `strict` in Python 3.9.
# ruff: noqa: B905, PTH108
"""Mutants in the runner: the tests are collected once, then every mutant is tried in a fork of its own.

In the fork the code of the one mutated function is replaced in memory, the tests that reach it run until one fails,
and the process ends there. Fixtures of any scope are set up after the fork, by the tests that ask for them, so that a
mutant meets them as it would in a fresh run; modules are imported and tests are collected before it, unmutated. A
function that runs while modules are imported or tests are collected is therefore not tried here: whoever sends the
order leaves it out, and so it is with decorators. What turns out here not to fit is told as ``unapplied``.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
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
from .plugin import Reporter
from .process import warm_hypothesis
from .swap import CannotApplyError, Swapper

_DETAIL_LIMIT = 500
_AROUND_S = 0.001
"""What pytest needs around a test."""


class MutationLoop:
    """Takes the place of pytest's own loop over the collected tests. ``reporter`` knows Augment's names of tests."""

    def __init__(self, emitter: Emitter, order: dict[str, Any], reporter: Reporter) -> None:
        self._emitter = emitter
        self._order = order["mutate"]
        self._swapper = Swapper(order["cwd"], self._order["units"])
        self._reporter = reporter
        self._name = reporter.name
        self._items = {}  # type: dict[str, Any]
        self._kills = {}  # type: dict[tuple[int, str], int]
        self._clean = {}  # type: dict[str, bool]
        self._failed = None  # type: str | None
        self._temporary = ""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: Any) -> bool:
        """Try every mutant of the order."""
        self._items = {self._name(item.nodeid): item for item in session.items}
        threads = threading.active_count() - 1
        if threads or not hasattr(os, "fork"):
            why = f"{threads} thread(s) of the project run when its tests are collected"
            for mutant in self._order["mutants"]:
                self._emitter.send("unapplied", id=mutant["id"], why=why)
            return True
        session.config.pluginmanager.unregister(self._reporter)
        properties = [item for item in session.items if _prepare(item)]
        if properties:
            warm_hypothesis()  # else each fork reads the constants of every module that is loaded by now
        self._swapper.find()
        root = os.environ.get("PYTEST_DEBUG_TEMPROOT")
        if root:
            self._temporary = tempfile.mkdtemp(prefix="mutant-", dir=root)
        gc.collect()
        gc.freeze()  # what lies here now is the same for every mutant: no collection in a fork copies its pages
        for mutant in self._order["mutants"]:
            self._try(mutant)
        return True

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Remember that a phase of a test failed."""
        if report.failed and self._failed is None:
            self._failed = self._name(report.nodeid)

    # ------------------------------------------------------------- one mutant

    def _try(self, mutant: dict[str, Any]) -> None:
        self._emitter.send("mutating", id=mutant["id"])
        began = time.perf_counter()
        told = self._verdict(mutant)
        if told["kind"] == "unapplied":
            self._emitter.send("unapplied", id=mutant["id"], why=told["detail"])
            return
        self._emitter.send(
            "mutant",
            id=mutant["id"],
            outcome=told["kind"],
            nodeid=told["test"],
            detail=told["detail"][:_DETAIL_LIMIT],
            seconds=time.perf_counter() - began,
        )

    def _verdict(self, mutant: dict[str, Any]) -> dict[str, Any]:
        """A kill counts once its test is known to pass here without a mutant; a test that does not is left out."""
        while True:
            tests = self._tests(mutant)
            if not tests:
                return _told("no tests", None, "")
            told = self._fork(tests, lambda: self._swapper.apply(mutant))
            if told["kind"] not in ("killed", "timeout") or self._is_clean(told["test"] or tests[0]):
                break
        if told["test"] is not None:
            killer = (mutant["unit"], told["test"])
            self._kills[killer] = self._kills.get(killer, 0) + 1
        return told

    def _tests(self, mutant: dict[str, Any]) -> list[str]:
        """The tests to run, those first that killed most mutants of the function in least time; else as asked for."""
        there = [test for test in mutant["tests"] if test in self._items and self._clean.get(test, True)]
        unit = mutant["unit"]
        return sorted(there, key=lambda test: -self._kills.get((unit, test), 0) / (self._seconds(test) + _AROUND_S))

    def _is_clean(self, test: str) -> bool:
        if test not in self._clean:
            self._clean[test] = self._fork([test], lambda: None)["kind"] == "survived"
        return self._clean[test]

    # --------------------------------------------------------------- one fork

    def _fork(self, tests: list[str], apply: Callable[[], None]) -> dict[str, Any]:
        """Run ``tests`` after ``apply`` in a child process, up to the first that fails."""
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            self._live_and_die(writing, tests, apply)
        os.close(writing)
        wall = self._order["wall_floor_s"] + self._order["factor"] * sum(self._seconds(test) for test in tests)
        try:
            return _await(child, reading, time.monotonic() + wall, wall)
        finally:
            os.close(reading)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child, signal.SIGKILL)  # what the tests started and left behind
            _empty(self._temporary)

    def _live_and_die(self, writing: int, tests: list[str], apply: Callable[[], None]) -> None:
        status = 1
        try:
            os.setpgid(0, 0)
            # Descriptors that a test starts programs with do not lead to this pipe; numbers it closes neither.
            pipe = os.dup2(writing, 190, inheritable=False) if writing != 190 else writing
            signal.signal(signal.SIGPROF, signal.SIG_DFL)
            self._own_temporary_folder()
            told = self._run(tests, apply, pipe)
            os.write(pipe, json.dumps(told).encode("ascii") + b"\n")
            status = 0
        finally:
            os._exit(status)

    def _own_temporary_folder(self) -> None:
        """What hundreds of mutants leave in temporary folders would add up: each begins with an empty one."""
        if not self._temporary:
            return
        if os.environ.get("TMPDIR") == os.environ["PYTEST_DEBUG_TEMPROOT"]:
            os.environ["TMPDIR"], tempfile.tempdir = self._temporary, None
        os.environ["PYTEST_DEBUG_TEMPROOT"] = self._temporary

    def _run(self, tests: list[str], apply: Callable[[], None], pipe: int) -> dict[str, Any]:
        try:
            apply()
        except CannotApplyError as error:
            return _told("unapplied", None, str(error))
        for test, following in zip(tests, [*tests[1:], None]):
            os.write(pipe, json.dumps({"kind": "at", "test": test}).encode("ascii") + b"\n")
            signal.setitimer(
                signal.ITIMER_PROF, self._order["cpu_floor_s"] + self._order["factor"] * self._seconds(test)
            )
            ended = self._one(self._items[test], self._items[following] if following else None)
            if ended is not None or self._failed is not None:
                return _told("killed", self._failed or test, ended or "")
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        return _told("survived", None, "")

    def _one(self, item: Any, following: Any) -> str | None:
        """Run one test; return how it ended the whole run, where it did."""
        try:
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        except BaseException as error:  # noqa: BLE001 - pytest.exit, SystemExit, KeyboardInterrupt: all end a run
            return f"{type(error).__name__} ended the run"
        return None

    def _seconds(self, test: str) -> float:
        return float(self._order["seconds"].get(test, 1.0))


def _told(kind: str, test: str | None, detail: str) -> dict[str, Any]:
    return {"kind": kind, "test": test, "detail": detail}


def _no_picture(excinfo: Any, style: Any = None) -> str:
    return str(excinfo.typename)


def _prepare(item: Any) -> bool:
    """Nobody reads how a test failed under a mutant: to show it takes longer than the test. Is it a property?"""
    item.repr_failure = item._repr_failure_py = _no_picture
    tested = getattr(item, "obj", None)
    function = getattr(tested, "__func__", tested)  # type: Any
    settings = getattr(function, "_hypothesis_internal_use_settings", None)
    if settings is not None:
        # One failing input is enough, always the same ones are tried, and none is kept for the next mutant.
        hypothesis = sys.modules["hypothesis"]
        quick = [phase for phase in settings.phases if phase.name in ("explicit", "generate", "target")]
        function._hypothesis_internal_use_settings = hypothesis.settings(
            settings, phases=quick, database=None, derandomize=True, report_multiple_bugs=False
        )
    return settings is not None


# ----------------------------------------------------------------- the parent's side


def _empty(folder: str) -> None:
    if folder:
        for entry in os.scandir(folder):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                with contextlib.suppress(OSError):
                    os.unlink(entry.path)


def _await(child: int, reading: int, deadline: float, wall: float) -> dict[str, Any]:
    """What a fork told, or how it ended without a word. Returns when the child is gone."""
    at = None
    for message in _messages(child, reading, deadline):
        if message["kind"] == "at":
            at = message["test"]
        else:
            os.waitpid(child, 0)
            return message
    pid, status = os.waitpid(child, os.WNOHANG)
    if pid == 0:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return _told("timeout", at, f"ran for more than {wall:.1f} s")
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number == signal.SIGPROF:
            return _told("timeout", at, "used too much CPU time")
        return _told("killed", at, f"the process was ended by {_signal_name(number)}")
    return _told("killed", at, f"the process exited with status {os.WEXITSTATUS(status)}")


def _messages(child: int, reading: int, deadline: float) -> Iterator[dict[str, Any]]:
    """The messages of a child, until it is gone or out of time."""
    buffer = b""
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            return
        # In slices: a process that the child left behind may hold the other end for ever.
        ready, _, _ = select.select([reading], [], [], min(left, 0.25))
        if not ready:
            if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
                return
            continue
        data = os.read(reading, 65536)
        if not data:
            os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
            return
        *lines, buffer = (buffer + data).split(b"\n")
        for line in lines:
            yield json.loads(line.decode("ascii"))


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
