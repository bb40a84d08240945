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
import sys
import tempfile
from typing import Any

from . import blackbox, process
from .events import Emitter, clip
from .modules import LoadedModules
from .preload import imported_since


class Prepared:
    """What was made ready in this process before the order came.

    ``loaded`` are the modules that it has, to be looked at again where more were imported since; ``warm`` is what is
    ready of pytest.
    """

    def __init__(self, overlay: str) -> None:
        self.overlay = overlay
        if overlay:
            sys.path.append(overlay)
        self._early = _import_tools()
        self.loaded = LoadedModules(self._early)
        self.warm = None  # type: Any

    def look_again(self) -> None:
        """More modules were imported."""
        self.loaded = LoadedModules(self._early)


def main(event_fd: int, box: int, overlay: str) -> None:
    """Run one batch in this process. ``overlay`` is a folder with what the interpreter lacks, or ""."""
    emitter = Emitter(event_fd)
    process.tie_to_parent()
    try:
        prepared = Prepared(overlay)
    except ImportError as error:
        emitter.send("unusable", detail=str(error))
        return
    prime(overlay)
    prepared.look_again()
    run_batch(emitter, box, prepared)


def run_batch(emitter: Emitter, box: int, prepared: Prepared) -> None:
    """Wait for the order on standard input, run it, and wait to be ended."""
    emitter.send("ready")
    line = process.read_order()
    if line is not None:
        order = json.loads(line)
        del line
        emitter.authenticate(order.pop("key"))
        _obey(order, emitter, box, prepared)
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


def prime(overlay: str, root: str = "") -> None:
    """Run pytest once on an empty folder, and measure nothing once as for the project at ``root``.

    That loads what pytest imports late (from order to verdict: 311 ms without it, 102 ms with).
    """
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
            warm_up(root or folder)
        finally:
            os.chdir(here)


def _obey(order: dict[str, Any], emitter: Emitter, box: int, prepared: Prepared) -> None:
    blackbox.dump_stacks_on_signal(box)
    process.lower_session(order["nice"])
    if order["sandbox"] is not None and not _confined(order["sandbox"], emitter, box):
        return
    process.set_environment(order["environment"])
    process.vary_after_fork()
    os.chdir(order["cwd"])
    process.settle_hypothesis(order["cwd"])
    process.set_path(order, prepared.overlay)
    prepared.loaded.forget(order)
    importlib.invalidate_caches()
    if order["private"]:
        # What generated code leaves in __pycache__ must not be what the next batch imports.
        sys.dont_write_bytecode = True
    measurement = None
    if order["coverage"]:
        from .measure import Measurement

        measurement = Measurement(order)
    process.pose_as_pytest(order["args"])
    order["args"] = [*without_our_plugins(prepared.overlay), *order["args"]]
    process.step_back(order["nice"])
    process.set_limits(order["cpu_s"], order["file_bytes"])
    if measurement is not None:
        measurement.start()
    rounds = Rounds(order, emitter, measurement, blackbox.PlaceNotes(box), prepared.warm)
    code = 0
    for number, only in enumerate(order["rounds"]):
        code = max(code, rounds.run(number, only))
    if measurement is not None:
        measurement.stop()
        for described in measurement.files(order["known"]):
            emitter.send("file", **described)
        emitter.send("inputs", **measurement.inputs())
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError, OSError):  # a test may have closed or replaced it
            stream.flush()
    if order["learn"]:
        emitter.send("imported", modules=imported_since(prepared.loaded.names, order, prepared.overlay))
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


class Rounds:
    """Runs of pytest in this process, one after the other. ``warm`` is what is ready for the first, or None."""

    def __init__(self, order: dict[str, Any], emitter: Emitter, measurement: Any, place: Any, warm: Any) -> None:
        self._order = order
        self._emitter = emitter
        self._measurement = measurement
        self._place = place
        self._warm = warm

    def run(self, number: int, only: list[str] | None) -> int:
        """One round, narrowed to the node ids in ``only``; gives pytest's exit code."""
        self._emitter.send("round", number=number)
        plugins = self._plugins(only)
        if self._warm is not None:
            self._warm.install()
        try:
            code = self._pytest(plugins)
        finally:
            if self._warm is not None:
                self._warm.remove()
        if self._measurement is not None:
            self._measurement.switch("")
        return code

    def _plugins(self, only: list[str] | None) -> list[Any]:
        from .gpus import GpuTests
        from .plugin import Reporter, Thawing
        from .recording import Recorder
        from .share import Share

        reporter = Reporter(self._emitter, self._order, only, self._place)
        reporter.install()
        plugins: list[Any] = [reporter]
        plugins += [kind(self._emitter, self._order, reporter.name) for kind in (Share, GpuTests)]
        if self._measurement is not None:
            plugins.append(Recorder(self._measurement, reporter.name))
        if self._order.get("mutate"):
            from .mutate import MutationLoop

            plugins.append(MutationLoop(self._emitter, self._order, reporter))
        if self._order.get("explore"):
            from .explore import ExploreLoop

            plugins.append(ExploreLoop(self._emitter, self._order))
        if self._warm is not None:
            plugins.append(Thawing(self._warm))
        return plugins

    def _pytest(self, plugins: list[Any]) -> int:
        import pytest

        try:
            return int(pytest.main(list(self._order["args"]), plugins=plugins))
        except SystemExit as error:  # a plugin or conftest that calls sys.exit ends its round only
            return error.code if isinstance(error.code, int) else 1
        except Exception as error:  # noqa: BLE001 - a broken plugin of the project must not look like a crash
            text = clip(f"{type(error).__name__}: {error}", self._order["output_limit"])
            self._emitter.send("uncollectable", file=".", text=text)
            return 3
