# Paths stay plain strings here: they are compared as pytest, coverage and the import system give them.
# ruff: noqa: PTH109
"""One runner process: get ready, wait for one order, run it, tell everything, wait to be ended."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import json
import os
import signal
import socket
import sys
import tempfile
from typing import Any

from . import blackbox, process
from .events import Emitter, clip


def main(event_fd: int, box: int, overlay: str) -> None:
    """Run one batch in this process. ``overlay`` is a folder with what the interpreter lacks, or ""."""
    emitter = Emitter(event_fd)
    process.tie_to_parent()
    if overlay:
        sys.path.append(overlay)
    try:
        early = _import_tools()
    except ImportError as error:
        emitter.send("unusable", detail=str(error))
        return
    _prime(overlay)
    _batch(emitter, box, overlay, early)


def serve(control_fd: int, overlay: str) -> None:
    """Get ready and fork one process a batch, until Augment closes the socket."""
    from . import zygote

    control = socket.socket(fileno=control_fd)
    process.tie_to_parent()
    if overlay:
        sys.path.append(overlay)
    try:
        early = _import_tools()
    except ImportError as error:
        control.send(json.dumps({"unusable": str(error)}).encode())
        return
    _prime(overlay)
    zygote.freeze()
    unsafe = zygote.why_unsafe()
    control.send(json.dumps({"ready": True, "unsafe": unsafe}).encode())
    if unsafe:
        return
    zygote.Zygote(control, lambda events, box: _batch(Emitter(events), box, overlay, early)).serve()


def _batch(emitter: Emitter, box: int, overlay: str, early: set[str]) -> None:
    emitter.send("ready")
    line = process.read_order()
    if line is not None:
        order = json.loads(line)
        del line
        emitter.authenticate(order.pop("key"))
        _obey(order, emitter, box, overlay, early)
        # Augment ends the whole group; to leave earlier would orphan what the tests started.
        signal.pause()


def _import_tools() -> set[str]:
    importlib.import_module("pytest")
    early = set(sys.modules)
    for name in ("coverage", "coverage.parser"):
        importlib.import_module(name)
    importlib.import_module("_augment_runner.plugin")
    importlib.import_module("_augment_runner.recording")
    return early


def without_our_plugins(overlay: str) -> list[str]:
    """Arguments that keep pytest to the project's own plugins: Hypothesis from the overlay is there to be imported.

    As a plugin it would cost 1 s of every warm process, and make tests differ from what plain pytest makes of them.
    """
    spec = importlib.util.find_spec("_hypothesis_pytestplugin")
    ours = overlay and spec is not None and (spec.origin or "").startswith(overlay + os.sep)
    return ["-p", "no:hypothesispytest"] if ours else []


def _prime(overlay: str) -> None:
    # One empty run loads what pytest imports late (measured: 311 ms from order to verdict without it, 102 ms with).
    import pytest

    from .measure import warm_up

    here = os.getcwd()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        os.chdir(folder)
        try:
            with contextlib.redirect_stderr(io.StringIO()):
                pytest.main(
                    [
                        "--collect-only",
                        "-q",
                        *without_our_plugins(overlay),
                        "-c",
                        os.devnull,
                        "--rootdir",
                        folder,
                        folder,
                    ]
                )
            warm_up(folder)
        finally:
            os.chdir(here)


def _obey(order: dict[str, Any], emitter: Emitter, box: int, overlay: str, early: set[str]) -> None:
    blackbox.dump_stacks_on_signal(box)
    if order["sandbox"] is not None and not _confined(order["sandbox"], emitter, box):
        return
    process.set_environment(order["environment"])
    process.vary_after_fork()
    os.chdir(order["cwd"])
    process.set_path(order, overlay)
    process.forget_modules(order, early)
    importlib.invalidate_caches()
    if order["private"]:
        # What generated code leaves in __pycache__ must not be what the next batch imports.
        sys.dont_write_bytecode = True
    measurement = None
    if order["coverage"]:
        from .measure import Measurement

        measurement = Measurement(order)
    process.pose_as_pytest(order["args"])
    order["args"] = [*without_our_plugins(overlay), *order["args"]]
    process.step_back(order["nice"])
    process.set_limits(order["cpu_s"], order["file_bytes"])
    if measurement is not None:
        measurement.start()
    code = 0
    for number, only in enumerate(order["rounds"]):
        code = max(code, _round(order, emitter, number, only, measurement, blackbox.PlaceNotes(box)))
    if measurement is not None:
        measurement.stop()
        for described in measurement.files(order["known"]):
            emitter.send("file", **described)
        emitter.send("inputs", **measurement.inputs())
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError, OSError):  # a test may have closed or replaced it
            stream.flush()
    emitter.send("done", exit_code=code)


def _confined(spec: dict[str, Any], emitter: Emitter, box: int) -> bool:
    """Give up every right that ``spec`` does not leave; False where the kernel refuses, and then nothing may run."""
    from . import confine

    try:
        confine.enter(spec, (emitter.descriptor, box))
    except OSError as error:
        emitter.move()
        emitter.send("unconfined", detail=str(error))
        return False
    emitter.move()
    return True


def _round(
    order: dict[str, Any], emitter: Emitter, number: int, only: list[str] | None, measurement: Any, place: Any
) -> int:
    import pytest

    from .plugin import Reporter
    from .recording import Recorder
    from .share import Share

    emitter.send("round", number=number)
    reporter = Reporter(emitter, order, only, place)
    reporter.install()
    plugins: list[Any] = [reporter, Share(emitter, order, reporter.name)]
    if measurement is not None:
        plugins.append(Recorder(measurement, reporter.name))
    if order.get("mutate"):
        from .mutate import MutationLoop

        plugins.append(MutationLoop(emitter, order, reporter))
    try:
        code = int(pytest.main(list(order["args"]), plugins=plugins))
    except SystemExit as error:  # a plugin or conftest that calls sys.exit ends its round only
        code = error.code if isinstance(error.code, int) else 1
    except Exception as error:  # noqa: BLE001 - a broken plugin of the project must not look like a crash
        emitter.send("uncollectable", file=".", text=clip(f"{type(error).__name__}: {error}", order["output_limit"]))
        code = 3
    if measurement is not None:
        measurement.switch("")
    return code
