# Paths stay plain strings here, and zip has no `strict` in Python 3.9.
# ruff: noqa: PTH118
"""Scenarios in the runner: hundreds of calls in one fork, and a fork for each mutant that they are to notice.

The modules of all scenarios are executed once (which imports the project); then a fork runs every scenario with its
lines traced, a second one runs them in the opposite order: what differs between the two is not stable and not told.
For each mutant a fork replaces the code of one function in memory and runs the scenarios that ran its line, until
enough of them have shown something else. A fork that hangs or dies costs the scenario it was at.
"""

from __future__ import annotations

import collections
import gc
import os
import threading
import time
from typing import Any

import pytest

from .events import Emitter
from .forks import Fork, Pipe
from .scenario import LateError, Program, Tracer, limited, quiet
from .swap import CannotApplyError, Swapper

_OUTCOME = "!"
_MESSAGE = 300
_GRACE_S = 1.0
"""How much longer than its alarm a scenario may take before its process is killed: C code does not hear the alarm."""
_MOST_FORKS = 6
"""Forks for one round of scenarios; each that is lost costs one of them."""


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
            with limited(5.0), quiet():
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
