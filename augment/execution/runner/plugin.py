# Paths stay plain strings here: they are compared as pytest, coverage and the import system give them.
# ruff: noqa: PTH100, PTH118, PTH120
"""The pytest plugin: what is collected, each verdict as its test ends, details of failures, observed values."""

from __future__ import annotations

import ast
import builtins
import os
import random
import re
import traceback
from collections.abc import Iterator
from typing import Any

import pytest

from .blackbox import PlaceNotes
from .denials import Refusal, refusal
from .events import Emitter, clip

_REPR_LIMIT = 4000
_MESSAGE_LIMIT = 4000
_NOT_FOUND = re.compile(r"(?:not found: |found no collectors for )(.+)")
_PYTEST_FOLDERS = tuple(
    os.path.dirname(os.path.abspath(str(module.__file__))) + os.sep
    for module in (pytest, __import__("_pytest"), __import__("pluggy"))
)


class Reporter:
    """One round of pytest, told to Augment. ``only`` narrows what is collected to these node ids."""

    def __init__(self, emitter: Emitter, order: dict[str, Any], only: list[str] | None, place: PlaceNotes) -> None:
        self._emitter = emitter
        self._cwd = order["cwd"]
        self._shuffle_seed = order["shuffle_seed"]
        self._output_limit = order["output_limit"]
        self._only = None if only is None else set(only)
        self._place = place
        self._root = self._cwd
        self._reports = {}  # type: dict[str, list[Any]]
        self._writable = order["sandbox"] and order["sandbox"]["writable"]
        self._refused: Refusal | None = None
        self.nodeid = ""

    # ----------------------------------------------------------------- set-up

    @pytest.hookimpl(hookwrapper=True)
    def pytest_load_initial_conftests(self, early_config: Any, args: list[str]) -> Iterator[None]:
        """Switch off what would fight with Augment's own measuring and spreading, where the project asks for it."""
        known = early_config.known_args_namespace
        if hasattr(known, "no_cov"):
            args.append("--no-cov")
            known.no_cov, known.cov_source = True, []
        if hasattr(known, "numprocesses"):
            args.append("--numprocesses=0")
        outcome = yield
        error = outcome.excinfo[1] if outcome.excinfo else None  # type: ignore[attr-defined]
        if error is not None and type(error).__name__ == "ConftestImportFailure":
            path = os.path.relpath(str(error.path), self._cwd).replace(os.sep, "/")
            text = "".join(traceback.format_exception(*_cause(error)))
            self._emitter.send("uncollectable", file=path, text=clip(text, self._output_limit))

    def pytest_sessionstart(self, session: Any) -> None:
        """Learn where node ids start from."""
        self._root = str(session.config.rootpath)

    def name(self, nodeid: str) -> str:
        """A node id relative to the project's root, whatever folder pytest took for its own root."""
        if self._root == self._cwd:
            return nodeid
        path, mark, rest = nodeid.partition("::")
        moved = os.path.relpath(os.path.join(self._root, path), self._cwd)
        return moved.replace(os.sep, "/") + mark + rest

    # ------------------------------------------------------------- collection

    def pytest_collectreport(self, report: Any) -> None:
        """Tell of a file that cannot be collected."""
        if report.failed:
            text = clip(str(report.longrepr), self._output_limit)
            self._emitter.send("uncollectable", file=self.name(report.nodeid).partition("::")[0], text=text)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: Any, items: list[Any]) -> None:
        """Narrow and shuffle."""
        if self._only is not None:
            dropped = [item for item in items if self.name(item.nodeid) not in self._only]
            if dropped:
                config.hook.pytest_deselected(items=dropped)
                items[:] = [item for item in items if self.name(item.nodeid) in self._only]
        if self._shuffle_seed is not None:
            items.sort(key=lambda item: item.nodeid)
            random.Random(self._shuffle_seed).shuffle(items)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_collection(self) -> Iterator[None]:
        """Tell of node ids that do not exist: pytest then runs nothing."""
        outcome = yield
        info = outcome.excinfo  # type: ignore[attr-defined]
        if info is not None and issubclass(info[0], pytest.UsageError):
            texts = [_NOT_FOUND.match(str(text)) for text in info[1].args]
            self._emitter.send("not_found", nodeids=[found.group(1) for found in texts if found])

    def pytest_collection_finish(self, session: Any) -> None:
        """Tell what will run."""
        self._emitter.send("collected", nodeids=[self.name(item.nodeid) for item in session.items])

    # ---------------------------------------------------------------- running

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: Any) -> Iterator[None]:
        """Tell that a test begins."""
        self.nodeid = self.name(item.nodeid)
        self._refused = None
        self._emitter.send("started", nodeid=self.nodeid)
        yield
        self._place.enter("")
        self.nodeid = ""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        """Note the phase."""
        self._place.enter("set-up")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self) -> None:
        """Note the phase."""
        self._place.enter("call")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self) -> None:
        """Note the phase."""
        self._place.enter("tear-down")

    @pytest.hookimpl(hookwrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Iterator[None]:
        """Note the fixture."""
        yield from self._place.around_fixture(fixturedef)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: Any, call: Any) -> Iterator[None]:
        """Tell details of a failure, for repair."""
        outcome = yield
        report = outcome.get_result()  # type: ignore[attr-defined]
        if call.excinfo is None or not report.failed:
            return
        error = call.excinfo.value
        self._refused = self._refused or refusal(error, self._writable)
        frames = [str(entry.path) for entry in call.excinfo.traceback]
        lines = [entry.lineno + 1 for entry in call.excinfo.traceback if str(entry.path) == str(item.path)]
        self._emitter.send(
            "failure",
            nodeid=self.name(item.nodeid),
            exception=f"{type(error).__module__}.{type(error).__qualname__}",
            message=clip(_text(error), _MESSAGE_LIMIT),
            test_lineno=lines[-1] if lines else None,
            origin=self._origin(frames, str(item.path)),
        )

    def _origin(self, frames: list[str], test_file: str) -> str:
        outside = [path for path in frames if not path.startswith(_PYTEST_FOLDERS)]
        innermost = outside[-1] if outside else ""
        if innermost == test_file:
            return "test"
        if innermost.startswith(self._cwd + os.sep) and "site-packages" not in innermost:
            return "project"
        return "other"

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Remember one phase of a test."""
        self._reports.setdefault(report.nodeid, []).append(report)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Tell the verdict as soon as the test is over."""
        reports = self._reports.pop(nodeid, [])
        self._emitter.send(
            "verdict",
            nodeid=self.name(nodeid),
            outcome=merged_outcome(reports),
            refused=self._refused,
            duration_s=sum(report.duration for report in reports),
            output=clip("\n".join(_shown(reports)), self._output_limit),
        )

    # ------------------------------------------------------------ observation

    def observe(self, slot: int, value: Any) -> Any:
        """Record a value that a test wants to know, and give it back."""
        text = _text(value, repr)
        cut = len(text) > _REPR_LIMIT
        self._emitter.send(
            "observation",
            nodeid=self.nodeid,
            slot=slot,
            type=f"{type(value).__module__}.{type(value).__qualname__}",
            repr=text[:_REPR_LIMIT],
            literal=not cut and _is_literal(text, value),
        )
        return value

    def install(self) -> None:
        """Offer :meth:`observe` to tests as a builtin."""
        builtins.__augment_observe__ = self.observe  # type: ignore[attr-defined]


class Thawing:
    """Takes away what was ready for pytest's own start as soon as it has served."""

    def __init__(self, warm: Any) -> None:
        self._warm = warm

    @pytest.hookimpl(tryfirst=True)
    def pytest_load_initial_conftests(self) -> None:
        """The configuration is made and plugins are loaded; conftest files come next."""
        self._warm.remove_early()

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """Fixtures of plugins are known; modules of the project come next."""
        self._warm.remove()


def merged_outcome(reports: list[Any]) -> str:
    """One word for the phases of a test: a failing call outweighs a failing set-up or clean-up."""
    failed = {report.when for report in reports if report.outcome == "failed"}
    if "call" in failed:
        return "failed"
    if failed:
        return "error"
    skipped = [report for report in reports if report.outcome == "skipped"]
    if any(hasattr(report, "wasxfail") for report in skipped):
        return "xfailed"
    return "skipped" if skipped else "passed"


def _cause(error: Any) -> tuple[Any, Any, Any]:
    cause = getattr(error, "cause", None)
    if cause is None:  # pytest before 8.1
        return tuple(error.excinfo)
    return type(cause), cause, cause.__traceback__


def _shown(reports: list[Any]) -> Iterator[str]:
    failed = [report for report in reports if report.outcome == "failed"]
    for report in failed:
        yield report.longreprtext
    if failed:
        for title, text in failed[-1].sections:
            yield f"----- {title} -----\n{text}"
        return
    for report in reports:
        if report.outcome == "skipped":
            yield _reason(report)


def _reason(report: Any) -> str:
    if hasattr(report, "wasxfail"):
        return str(report.wasxfail)
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2])
    return str(report.longrepr)


def _text(value: Any, how: Any = str) -> str:
    try:
        return str(how(value))
    except Exception as error:  # noqa: BLE001 - a project's own __repr__ may raise anything; it is told, not hidden
        return f"<{type(value).__qualname__} whose {how.__name__} raises {type(error).__qualname__}>"


def _is_literal(text: str, value: Any) -> bool:
    try:
        again = ast.literal_eval(text)
        return type(again) is type(value) and bool(again == value)
    except Exception:  # noqa: BLE001 - not a literal, or the comparison of the project's own type raises
        return False
