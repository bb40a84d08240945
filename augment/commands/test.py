"""``augment test``: runs tests through the executor, without Ray, and exits like pytest."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from threading import Thread
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from augment.analysis import discover_project, list_files, take_snapshot
from augment.commands.durations import keep_durations, recall_durations
from augment.commands.results import check_result_file, write_result_file
from augment.config import GeneratorSettings, load_settings
from augment.errors import AugmentError, ProjectError
from augment.execution import LocalExecutor, find_interpreter
from augment.records import Attempt, Counts, Lane, Outcome, Project, Run, Verdict, new_id
from augment.seams import Batch, BatchResult, Limits
from augment.service.preflight import way_to_modules
from augment.service.retrying import RunAgain, retry_faults
from augment.service.suites import Suites

NOT_FOUND = "not found"
_MISSING = "ModuleNotFoundError: "
_PATIENCE = 5.0
"""How many times the usual limit a test may take when it is tried again by itself."""
FAILED, INTERRUPTED, INTERNAL, USAGE, NOTHING = 1, 2, 3, 4, 5
"""The exit codes of pytest."""


class UsageError(ProjectError):
    """Tests asked for that do not exist; the exit code is pytest's."""

    exit_code = USAGE


@dataclass(slots=True)
class Report:
    """What came of all batches."""

    run: Run
    verdicts: list[Verdict] = field(default_factory=list)
    results: list[BatchResult] = field(default_factory=list)
    attempts: tuple[Attempt, ...] = ()
    """All executions of tests that a fault ended and that were tried again."""
    muted: Mapping[str, float] = field(default_factory=dict)
    """Tests that are muted as flaky, and until when: their failures are told, and do not count."""
    seconds: float = 0.0


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("test")(run_tests)


def run_tests(
    project: Annotated[str, typer.Argument(help="Root folder of the project, or a first NODEID.")] = ".",
    nodeids: Annotated[list[str] | None, typer.Argument(metavar="NODEID...", help="Node ids, files, folders.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Run all tests (as without node ids).")] = False,
    changed_since: Annotated[
        str | None, typer.Option(metavar="REF", help="Run the tests that changes since a git revision touch.")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the results as JSON.")] = None,
    junit_file: Annotated[Path | None, typer.Option("--junit", help="Write the results as JUnit XML.")] = None,
    python: Annotated[str | None, typer.Option(help="The project's interpreter.")] = None,
    max_concurrent: Annotated[
        int | None, typer.Option("--jobs", "-j", "--max-concurrent", min=1, help="Batches that run at once.")
    ] = None,
) -> None:
    """Run tests in the project's own interpreter; exits like pytest, and with 1 for a fault."""
    check_result_file(json_file, "--json")
    check_result_file(junit_file, "--junit")
    root, wanted = _place(project, nodeids or [])
    if sum((everything, changed_since is not None, bool(wanted))) > 1:
        raise UsageError("Give one of: node ids, --all, --changed-since.")
    console = Console()
    settings = load_settings({"python": python, "max_concurrent": max_concurrent}, root).settings
    found = discover_project(root, find_interpreter(root, settings.service.python))
    reason = "asked for on the command line"
    if changed_since is not None:
        from augment.commands.git_changes import affected_tests  # takes 0.4 s to import, which few runs need

        affected = affected_tests(found, changed_since)
        reason = affected.why
        console.print(affected.why, markup=False, highlight=False)
        if affected.nodeids == ():
            console.print("no test is affected")
            raise typer.Exit(NOTHING)
        wanted = list(affected.nodeids or ())
    report = _execute(found, wanted, settings.generator, reason, console)
    report.muted = _muted_now(root, console)
    _write(report, json_file, junit_file)
    _print(report, console)
    if found.interpreter == sys.executable and any(_MISSING in text for _, text in _errors(report.results)):
        _plain(console, f"Tests ran in {found.interpreter}: {way_to_modules(found.interpreter)}")
    raise typer.Exit(_exit_code(report))


def _muted_now(root: Path, console: Console) -> dict[str, float]:
    """Muted tests of the project and until when; none where Augment has never run on it, or cannot say."""
    if not (root / ".augment" / "augment.db").exists():
        return {}
    from augment.commands.flaky import through  # takes 0.3 s to import, which a checkout in CI does not need

    try:
        rows: list[dict[str, Any]] = through(root, "GET", "flaky", None, lambda store: store.flaky())
    except AugmentError as error:  # the tests have run: what they said must not be lost for it
        _plain(console, f"which tests are muted is not known, so none counts as muted: {error}")
        return {}
    return {row["nodeid"]: row["muted_until"] for row in rows if row["muted"]}


def _place(project: str, nodeids: list[str]) -> tuple[Path, list[str]]:
    """Project and node ids; a first argument that is no folder is a node id of the project here."""
    if Path(project).is_dir():
        return Path(project).resolve(), nodeids
    if "::" in project or Path(project).is_file():
        return Path.cwd(), [project, *nodeids]
    raise ProjectError(f"There is no folder {project}: name the root of a project.")


# ----------------------------------------------------------------------------- running


def _execute(project: Project, wanted: list[str], settings: GeneratorSettings, reason: str, console: Console) -> Report:
    began = time.time()
    at_once = settings.max_concurrent or os.cpu_count() or 1
    whole = Batch(
        id=new_id("batch"),
        root=project.root,
        interpreter=project.interpreter,
        nodeids=tuple(wanted),
        source_roots=project.source_roots,
        coverage=False,
        limits=Limits(wall_s=24 * 3600.0, test_s=None, output_bytes=8 * 2**20),
    )
    executor = LocalExecutor(
        at_once,
        sandbox=settings.sandbox,
        confine_own_tests=settings.sandbox_own_tests,
        warm_bytes=settings.warm_memory_mb * 2**20,
    )
    try:
        Thread(target=_prime, args=(executor, whole), daemon=True).start()
        revision = take_snapshot(project.root).revision
        report = Report(Run(new_id("run"), Lane.FAST, reason, revision, began))
        root = Path(project.root)
        suites = Suites(
            root,
            lambda: at_once,
            lambda: recall_durations(root).to_json(),
            lambda durations: keep_durations(root, durations),
        )
        batches = suites.cut(whole, list_files(root))
        if len(batches) > 1:
            # Tests that wait for each other's port or file would wait for ever: what hangs runs again, by itself.
            batches = [
                replace(batch, limits=replace(whole.limits, test_s=settings.test_timeout_s)) for batch in batches
            ]
        with _Display(console) as display:
            report.results = _run_all(executor, batches, display.take)
            again = _run_again(executor, whole, settings.test_timeout_s)
            retried = retry_faults(report.results, again, revision, settings.fault_retries)
            told = {verdict.nodeid: verdict for verdict in retried.verdicts}
            verdicts = [verdict for result in report.results for verdict in result.verdicts]
            report.verdicts = [told.get(verdict.nodeid, verdict) for verdict in verdicts]
            report.attempts = retried.attempts
    finally:
        executor.close()
    if not wanted and suites.learn(report.results, retried.verdicts):
        console.print("tests that hung side by side passed by themselves: from now on all run in one batch")
    report.seconds = time.time() - began
    report.run = replace(report.run, finished_at=time.time(), counts=Counts.of(report.verdicts))
    return report


def _prime(executor: LocalExecutor, batch: Batch) -> None:
    """Start the interpreter while the project is looked at. What is wrong with it, its first batch tells."""
    with suppress(AugmentError):
        executor.prime(batch)


def _run_again(executor: LocalExecutor, whole: Batch, test_s: float) -> RunAgain:
    """A retry of what a fault ended: a batch of its own, in a fresh process.

    A test gets several times the usual limit, as it runs alone and may just be slow; a real hang must end all the same.
    """
    limits = replace(whole.limits, test_s=_PATIENCE * test_s)

    def again(nodeids: tuple[str, ...], avoid: str) -> BatchResult:
        return executor.run(replace(whole, id=new_id("batch"), nodeids=nodeids, avoid=avoid, limits=limits))

    return again


def _run_all(
    executor: LocalExecutor, batches: Sequence[Batch], on_verdict: Callable[[Verdict], None]
) -> list[BatchResult]:
    with ThreadPoolExecutor(len(batches)) as pool:
        running = [pool.submit(executor.run, batch, on_verdict) for batch in batches]
        try:
            return [one.result() for one in running]
        except BaseException:
            for batch in batches:
                executor.cancel(batch.id)
            raise


class _Display:
    """A bar on a terminal, nothing elsewhere."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("collecting", total=None)
        self._bad = 0

    def __enter__(self) -> _Display:
        self._progress.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._progress.stop()

    def take(self, verdict: Verdict) -> None:
        """Count one test."""
        self._bad += verdict.outcome in (Outcome.FAILED, Outcome.ERROR, Outcome.FAULT)
        said = f"{self._bad} not passed" if self._bad else ""
        self._progress.update(self._task, advance=1, description=said)


# ----------------------------------------------------------------------------- telling


def as_json(report: Report) -> dict[str, Any]:
    """The results as ``--json`` writes them."""
    return {
        "run": report.run.id,
        "counts": asdict(report.run.counts),
        "verdicts": [
            {
                "nodeid": verdict.nodeid,
                "outcome": verdict.outcome.value,
                "duration_s": verdict.duration_s,
                "output": verdict.output,
                "fault": None
                if verdict.fault is None
                else {"kind": verdict.fault.kind.value, "detail": verdict.fault.detail},
                "muted": is_hushed(verdict, report),
            }
            for verdict in report.verdicts
        ],
        "attempts": [
            {"nodeid": attempt.nodeid, "number": attempt.number, "outcome": attempt.outcome.value}
            | ({"fault": attempt.fault.kind.value} if attempt.fault is not None else {})
            for attempt in report.attempts
        ],
        "collection_errors": dict(_errors(report.results)),
        "seconds": round(report.seconds, 3),
    }


def _write(report: Report, json_file: Path | None, junit_file: Path | None) -> None:
    texts = []
    if json_file is not None:
        texts.append((json_file, json.dumps(as_json(report), indent=2) + "\n"))
    if junit_file is not None:
        from augment.store import junit_xml  # takes 0.4 s to import

        texts.append((junit_file, junit_xml(report.run, report.verdicts, report.muted)))
    for path, text in texts:
        write_result_file(path, text)


def _print(report: Report, console: Console) -> None:
    for verdict in report.verdicts:
        if verdict.outcome in (Outcome.FAILED, Outcome.ERROR, Outcome.FAULT):
            kind = verdict.outcome.value if verdict.fault is None else f"fault: {verdict.fault.kind.value}"
            hushed = is_hushed(verdict, report)
            console.rule(f"{verdict.nodeid} ({kind}{', muted as flaky' if hushed else ''})", style="red")
            _plain(console, verdict.output)
    for file, text in _errors(report.results):
        console.rule(f"{file} cannot be collected", style="red")
        _plain(console, text)
    for result in report.results:
        if result.fault is not None:
            _plain(console, f"fault: {result.fault.kind.value}: {result.fault.detail}")
        elif not result.verdicts and not result.collection_errors and result.exit_code not in (0, NOTHING):
            _plain(console, result.output)  # pytest refused: what it said is all there is
    settled = {attempt.nodeid: attempt for attempt in report.attempts if attempt.outcome is not Outcome.FAULT}
    for nodeid, attempt in settled.items():
        _plain(console, f"{nodeid}: {attempt.outcome.value} at attempt {attempt.number}, after a fault")
    counts = {name: number for name, number in asdict(report.run.counts).items() if number}
    said = ", ".join(f"{number} {name}" for name, number in counts.items()) or "no tests ran"
    if hushed_tests := [verdict for verdict in report.verdicts if is_hushed(verdict, report)]:
        said += f" ({len(hushed_tests)} of them muted as flaky, which does not count)"
    _plain(console, f"{said} in {report.seconds:.2f}s")


def is_hushed(verdict: Verdict, report: Report) -> bool:
    """Whether a verdict does not count as broken, because its test is muted."""
    return verdict.nodeid in report.muted and verdict.outcome in (Outcome.FAILED, Outcome.ERROR)


def _plain(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _errors(results: Iterable[BatchResult]) -> Iterable[tuple[str, str]]:
    return ((file, text) for result in results for file, text in result.collection_errors.items() if text != NOT_FOUND)


def _made_good(result: BatchResult, report: Report) -> bool:
    """Whether retries gave every test that the batch's own fault cost a verdict."""
    cost = {verdict.nodeid for verdict in result.verdicts if verdict.fault is not None}
    faulty = {verdict.nodeid for verdict in report.verdicts if verdict.fault is not None}
    return bool(cost) and not cost & faulty


def _exit_code(report: Report) -> int:
    broken = {file for file, _ in _errors(report.results)}
    # A test of a file that cannot be collected may well exist: the error of its file is what there is to say.
    missing = [
        name
        for one in report.results
        for name, text in one.collection_errors.items()
        if text == NOT_FOUND and name.partition("::")[0] not in broken
    ]
    if missing:
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        raise UsageError(f"No such test: {missing[0]}{more}; node ids are relative to the project's root.")
    codes = {result.exit_code for result in report.results if result.exit_code is not None}
    for code in (USAGE, INTERNAL, INTERRUPTED):
        if code in codes:
            return code
    counts = report.run.counts
    faulty = any(result.fault is not None and not _made_good(result, report) for result in report.results)
    hushed = sum(1 for verdict in report.verdicts if is_hushed(verdict, report))
    broken_tests = counts.failed + counts.error - hushed
    if faulty or broken_tests or counts.fault or broken or (FAILED in codes and not hushed):
        return FAILED
    return NOTHING if codes == {NOTHING} and not report.verdicts else 0
