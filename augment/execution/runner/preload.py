# Paths stay plain strings here: they are compared as pytest, coverage and the import system give them.
# ruff: noqa: PTH109, PTH117, PTH118, PTH119, PTH208
"""Which modules from outside the project a batch needed, and importing them ahead in the warm process.

A module is imported ahead only if that can make no difference to a test: the first time each is imported in a child on
trial, and left out with its whole package when that prints, warns, raises, starts a thread or a process, opens a
connection or a device, or changes the folder, the variables, the path, signal handlers, hooks or logging. What a
module adds to the warnings filters is undone, as pytest undoes it after collection. (A generator of random numbers
that a library makes for itself at import is the same in all batches of one warm process.)
"""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
import os
import select
import signal
import site
import socket
import sys
import sysconfig
import tempfile
import time
import warnings
from collections.abc import Iterable
from typing import Any

_ROUNDS = 6
"""Trials at most: each leaves out what the one before found. After that nothing is imported ahead."""
_TRIAL_S = 60.0
_NEVER = frozenset({"__main__", "_augment_runner", "conftest", "test", "antigravity", "this", "idlelib", "turtledemo"})


# ------------------------------------------------------------------------------- learning


def imported_since(known: set[str], order: dict[str, Any], overlay: str) -> list[str]:
    """Modules beyond ``known`` that were imported from the standard library or an installed package, in that order."""
    outside = _outside_folders(overlay)
    inside = tuple({order["project_root"] + os.sep, order["cwd"] + os.sep})
    found = []
    for name, module in list(sys.modules.items()):
        if name not in known and _is_learnable(name, module, outside, inside):
            found.append(name)
    return found


def _is_learnable(name: str, module: Any, outside: tuple[str, ...], inside: tuple[str, ...]) -> bool:
    if name.partition(".")[0] in _NEVER:
        return False
    spec = getattr(module, "__spec__", None)
    if spec is None or spec.name != name or type(spec.loader).__name__ == "AssertionRewritingHook":
        return False  # made on the fly, or known by another name, or rewritten by pytest for this project
    origin = spec.origin
    if not isinstance(origin, str) or not os.path.isabs(origin):
        return False
    if origin.startswith(inside) and "site-packages" not in origin:
        return False
    return origin.startswith(outside)


def _outside_folders(overlay: str) -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    folders = {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    folders.update(entry for entry in sys.path if os.path.basename(entry) in ("site-packages", "dist-packages"))
    with contextlib.suppress(AttributeError):  # site of an old virtualenv lacks it
        folders.update(site.getsitepackages())
    if overlay:
        folders.add(overlay)
    return tuple(os.path.join(folder, "") for folder in folders if folder)


# ------------------------------------------------------------------------------ importing


def import_ahead(names: list[str], vetted: bool) -> tuple[list[str], dict[str, str]]:
    """Import ``names``, after a trial unless they are ``vetted``.

    Gives the names whose packages were imported, and for each package left out the reason.
    """
    refused = {}  # type: dict[str, str]
    if not vetted:
        refused = _tried(names)
        if "" in refused:
            return [], refused
    chosen = [name for name in names if name.partition(".")[0] not in refused]
    with warnings.catch_warnings():
        for name in chosen:
            try:
                importlib.import_module(name)
            except Exception as error:  # noqa: BLE001 - it may have been uninstalled since; the project imports it
                refused.setdefault(name.partition(".")[0], _said(error))
    return [name for name in chosen if name in sys.modules], refused


def _tried(names: list[str]) -> dict[str, str]:
    refused = {}  # type: dict[str, str]
    for _ in range(_ROUNDS):
        found = _trial([name for name in names if name.partition(".")[0] not in refused])
        if not found:
            return refused
        refused.update(found)
    return {"": "importing the project's dependencies ahead has effects that could not be told apart"}


def _trial(names: list[str]) -> dict[str, str]:
    """Import in a child; package -> why it must not be imported ahead."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reading)
            _import_on_trial(names, writing)
        finally:
            os._exit(0)
    os.close(writing)
    lines = _all_lines(reading)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    refused = {line["package"]: line["why"] for line in lines if "why" in line}
    under_way = [line["package"] for line in lines if "why" not in line]
    if under_way and under_way[-1] and under_way[-1] not in refused:
        refused[under_way[-1]] = "its import did not end"
    return refused


def _all_lines(reading: int) -> list[dict[str, Any]]:
    """What the child on trial tells, until it ends or its time is over; the last package is "" when it got through."""
    text, until = b"", time.monotonic() + _TRIAL_S
    while time.monotonic() < until:
        if not select.select([reading], [], [], max(0.0, until - time.monotonic()))[0]:
            break
        data = os.read(reading, 1 << 16)
        if not data:
            break
        text += data
    os.close(reading)
    return [json.loads(line) for line in text.split(b"\n")[:-1]]


def _import_on_trial(names: list[str], writing: int) -> None:
    def tell(**line: str) -> None:
        os.write(writing, json.dumps(line).encode("ascii") + b"\n")

    with tempfile.TemporaryFile() as printed, warnings.catch_warnings(record=True) as warned:
        for descriptor in (1, 2):
            os.dup2(printed.fileno(), descriptor)
        warnings.simplefilter("always")
        refused = set()  # type: set[str]
        for name in names:
            package = name.partition(".")[0]
            if name in sys.modules or package in refused:
                continue
            tell(package=package)
            before = _state(printed.fileno())
            why = _imported(name) or _warned(warned) or _difference(before, _state(printed.fileno()))
            if why:
                refused.add(package)
                tell(package=package, why=why)
            del warned[:]
    tell(package="")


def _imported(name: str) -> str:
    try:
        importlib.import_module(name)
    except BaseException as error:  # noqa: BLE001 - whatever it is, the package is not imported ahead
        return _said(error)
    return ""


def _said(error: BaseException) -> str:
    return f"its import raises {type(error).__name__}"


def _warned(warned: Any) -> str:
    return f"its import warns: {warned[0].category.__name__}" if warned else ""


def _difference(before: dict[str, Any], after: dict[str, Any]) -> str:
    changed = [what for what, value in before.items() if after[what] != value]
    return f"its import changes {', '.join(changed)}" if changed else ""


def _state(printed: int) -> dict[str, Any]:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return {
        "the output": os.fstat(printed).st_size,
        "the folder": os.getcwd(),
        "the variables": dict(os.environ),
        "the path": list(sys.path),
        "signal handlers": [signal.getsignal(number) for number in sorted(signal.valid_signals())],
        "hooks": (sys.excepthook, sys.displayhook, sys.gettrace(), sys.getprofile(), sys.stdout, sys.stderr),
        "the recursion limit": sys.getrecursionlimit(),
        "the socket timeout": socket.getdefaulttimeout(),
        "logging": (logging.root.level, list(logging.root.handlers), logging.root.manager.disable),
        "the number of threads": _threads(),
        "open connections": sorted(_connections()),
    }


def _threads() -> int:
    """How many threads live on after a fork: OpenBLAS and the like end theirs when the process forks."""
    if len(os.listdir("/proc/self/task")) > 1:
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
    return len(os.listdir("/proc/self/task"))


def _connections() -> Iterable[str]:
    """Sockets, pipes, devices and the like that are open: children would share them."""
    for descriptor in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            target = os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115
            if target.startswith(("socket:", "pipe:", "anon_inode:", "/dev/")) and target != os.devnull:
                yield target
