"""``augment mutate``: how much of a change in the code do its tests notice? Without a daemon and without Ray."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.syntax import Syntax

from augment.analysis import discover_project, read_source, take_snapshot
from augment.commands.durations import recall_durations, test_file_sizes
from augment.commands.results import check_result_file, write_result_file
from augment.commands.targets import choose_targets
from augment.config import GeneratorSettings, load_settings
from augment.errors import ProjectError
from augment.execution import (
    LocalExecutor,
    Score,
    audit_mutants,
    find_interpreter,
    find_sandbox,
    mutants_of,
    plan_orders,
    require_sandbox,
    sample_mutants,
    share_out,
    split_batch,
)
from augment.mutants import Mutant, MutantOutcome, MutantVerdict
from augment.records import (
    CoverageReport,
    Lane,
    Outcome,
    Project,
    Snapshot,
    Target,
    merge_coverage,
    new_id,
)
from augment.seams import Batch, BatchResult, Limits, MutationOrder
from augment.service import state_folder
from augment.service.preflight import check_folder
from augment.store import Store, StoreError

_CLEAN = (Outcome.PASSED, Outcome.XFAILED)
_TARGET_HELP = "MODULE:NAME, a module, a file or a folder; default: everything."


@dataclass(frozen=True, slots=True)
class Measured:
    """What the tests do without a mutant: seconds of those that pass, how many do not, and what each runs."""

    seconds: Mapping[str, float]
    others: int
    coverage: CoverageReport


@dataclass(frozen=True, slots=True)
class Audit:
    """What came of the mutants."""

    mutants: Sequence[Mutant]
    verdicts: Sequence[MutantVerdict]
    tests: int
    seconds: float

    @property
    def score(self) -> Score:
        """How many came to each end."""
        return Score.of(self.verdicts)


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(mutate)


def mutate(
    what: Annotated[list[str] | None, typer.Argument(metavar="TARGET...", help=_TARGET_HELP)] = None,
    project: Annotated[Path, typer.Option(help="Root folder of the project.")] = Path(),
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the results to this file.")] = None,
    sample: Annotated[int | None, typer.Option(min=1, help="Try so many mutants, drawn at random.")] = None,
    seed: Annotated[int, typer.Option(help="Decides which are drawn.")] = 0,
    tests: Annotated[
        list[str] | None, typer.Option(metavar="NODEID", help="Run only these tests, files or folders; repeatable.")
    ] = None,
    python: Annotated[str | None, typer.Option(help="The project's interpreter.")] = None,
    sandbox: Annotated[str | None, typer.Option(help="auto, namespaces, landlock, or off to do without.")] = None,
    max_concurrent: Annotated[int | None, typer.Option(min=1, help="Processes that work at once.")] = None,
) -> None:
    """Change functions a little, one change at a time, and tell which changes no test notices."""
    check_result_file(json_file, "--json")
    found = discover_project(project)
    root = Path(found.root)
    check_folder(root)
    flags = {"python": python, "sandbox": sandbox, "max_concurrent": max_concurrent}
    settings = load_settings({key: value for key, value in flags.items() if value is not None}, root).settings
    found = discover_project(project, find_interpreter(root, settings.service.python))
    _check_tests(root, tests or [])
    targets = choose_targets(found, what or [], "has code to mutate")
    audit = _run(found, targets, tests or [], sample, seed, settings.generator)
    if json_file is not None:
        write_result_file(json_file, json.dumps(as_json(audit), indent=2) + "\n")
    _print(audit, Console())


def as_json(audit: Audit) -> dict[str, Any]:
    """The results as ``--json`` writes them."""
    known = {verdict.mutant: verdict for verdict in audit.verdicts}
    return {
        "score": {**asdict(audit.score), "share": round(audit.score.share, 4)},
        "tests": audit.tests,
        "seconds": round(audit.seconds, 3),
        "mutants": [
            {
                "id": mutant.id,
                "target": mutant.target,
                "file": mutant.file,
                "line": mutant.lineno,
                "operator": mutant.operator,
                "outcome": known[mutant.id].outcome.value,
                "killed_by": known[mutant.id].nodeid,
                "detail": known[mutant.id].detail,
                "seconds": round(known[mutant.id].seconds, 4),
                "diff": mutant.diff,
            }
            for mutant in audit.mutants
        ],
    }


# --------------------------------------------------------------------------- running


def _check_tests(root: Path, tests: Sequence[str]) -> None:
    for nodeid in tests:
        if not (root / nodeid.partition("::")[0]).exists():
            raise ProjectError(f"--tests {nodeid}: there is no such file in {root}.")


def _run(
    project: Project,
    targets: Sequence[Target],
    tests: Sequence[str],
    sample: int | None,
    seed: int,
    settings: GeneratorSettings,
) -> Audit:
    snapshot = take_snapshot(project.root)
    mutants = _mutants(project, targets)
    if sample is not None:
        mutants = sample_mutants(mutants, sample, seed)
    at_once = settings.max_concurrent or os.cpu_count() or 1
    # A mutant may do what its function never did: it is kept from the rest of the machine where that can be.
    trusted = _with_users_rights(settings.sandbox)
    batch = Batch(
        id=new_id("batch"),
        root=project.root,
        interpreter=project.interpreter,
        nodeids=tuple(tests) or _recorded_tests(Path(project.root), {mutant.file for mutant in mutants}),
        lane=Lane.FAST,
        snapshot=snapshot,
        private=True,
        source_roots=project.source_roots,
        trusted=trusted,
        limits=Limits(wall_s=24 * 3600.0, test_s=settings.test_timeout_s, output_bytes=2**20),
    )
    scratch = state_folder(Path(project.root)) / "work"
    executor = LocalExecutor(
        at_once, scratch_dir=scratch, sandbox=settings.sandbox, warm_bytes=settings.warm_memory_mb * 2**20
    )
    with closing(executor), _display() as display:
        task = display.add_task("running the tests unchanged", total=None)
        measured = _measure(executor, project, batch, at_once)
        _say(display.console, measured, confined=not trusted)
        display.update(task, description="trying mutants", total=len(mutants))
        began = time.monotonic()
        orders = plan_orders(_template(batch, snapshot, measured), mutants, measured.coverage, at_once)
        verdicts = audit_mutants(executor, orders, at_once, lambda _verdict: display.update(task, advance=1))
    by_id = {verdict.mutant: verdict for verdict in verdicts}
    return Audit(mutants, [by_id[mutant.id] for mutant in mutants], len(measured.seconds), time.monotonic() - began)


def _with_users_rights(sandbox: str) -> bool:
    """Whether mutants run unconfined: because the user says so, or because the machine offers nothing, which is said.

    Raises SandboxError where a tier that was asked for by name cannot be had.
    """
    if sandbox == "off":
        return True
    if sandbox != "auto":
        require_sandbox(sandbox)
    found = find_sandbox(sandbox)
    if not found.runs_generated_tests:
        Console(stderr=True).print(f"mutants run with your own rights: {found.describe()}", soft_wrap=True)
    return not found.runs_generated_tests


def _mutants(project: Project, targets: Sequence[Target]) -> list[Mutant]:
    """The mutants of all targets, each once: a class and its methods may both be targets."""
    found: dict[str, Mutant] = {}
    for target in targets:
        source = read_source(project.root, target.file)
        if source is not None:
            found |= {mutant.id: mutant for mutant in mutants_of(source, target)}
    return sorted(found.values(), key=lambda mutant: (mutant.file, mutant.start, mutant.end))


def _recorded_tests(root: Path, files: set[str]) -> tuple[str, ...]:
    """The tests that ran any line of ``files``, from the coverage that the service recorded, and those not recorded.

    Empty, which is all tests, where nothing is recorded.
    """
    path = state_folder(root) / "augment.db"
    if not path.exists():
        return ()
    try:
        with closing(Store(path)) as store:
            coverage = store.known_coverage()
    except StoreError:
        return ()  # held by the running service
    if not coverage.tests or any(coverage.imports.get(file) is None for file in files):
        return ()
    known = {nodeid.partition("::")[0] for nodeid in coverage.tests}
    new = [file for file in test_file_sizes(root, recall_durations(root)) if file not in known]
    touching = {nodeid.partition("::")[0] for nodeid, parts in coverage.tests.items() if files & parts.keys()}
    return tuple(file for file in (*sorted(touching), *new) if (root / file).exists())


def _measure(executor: LocalExecutor, project: Project, batch: Batch, at_once: int) -> Measured:
    results = _side_by_side(executor, _parts(project, batch, at_once))
    for result in results:
        if result.fault is not None and not result.verdicts:
            raise ProjectError(f"the tests cannot be run: {result.fault.kind.value}: {result.fault.detail}")
    verdicts = [verdict for result in results for verdict in result.verdicts]
    if not verdicts:
        _refuse(results)
    seconds = {verdict.nodeid: verdict.duration_s for verdict in verdicts if verdict.outcome in _CLEAN}
    others = sum(verdict.outcome not in (*_CLEAN, Outcome.SKIPPED) for verdict in verdicts)
    coverage = CoverageReport(
        tests={nodeid: parts for result in results for nodeid, parts in result.coverage.tests.items()},
        imports=merge_coverage(result.coverage.imports for result in results),
        possible=merge_coverage(result.coverage.possible for result in results),
    )
    return Measured(seconds, others, coverage)


def _refuse(results: Sequence[BatchResult]) -> NoReturn:
    """Without a test that ran there is no score. Raises ProjectError with the first reason there is."""
    errors = [
        f"{file}: {text.strip().splitlines()[-1]}" for one in results for file, text in one.collection_errors.items()
    ]
    said = [one.output.strip().splitlines()[-1] for one in results if one.output.strip()]
    raise ProjectError(f"no test ran, so there is nothing to try mutants on ({(errors or said or ['none found'])[0]}).")


def _parts(project: Project, batch: Batch, at_once: int) -> list[Batch]:
    if batch.nodeids:
        return split_batch(batch, at_once)
    history = recall_durations(Path(project.root))
    shares = share_out(history, test_file_sizes(Path(project.root), history), at_once)
    return [replace(batch, id=new_id("batch"), share=share) for share in shares]


def _side_by_side(executor: LocalExecutor, batches: Sequence[Batch]) -> list[BatchResult]:
    with ThreadPoolExecutor(len(batches)) as pool:
        return list(pool.map(executor.run, batches))


def _template(batch: Batch, snapshot: Snapshot, measured: Measured) -> MutationOrder:
    return MutationOrder(
        id="",
        root=batch.root,
        interpreter=batch.interpreter,
        snapshot=snapshot,
        mutants=(),
        tests={},
        seconds=measured.seconds,
        lane=batch.lane,
        source_roots=batch.source_roots,
        trusted=batch.trusted,
    )


# --------------------------------------------------------------------------- telling


def _display() -> Progress:
    console = Console(stderr=True)
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def _say(console: Console, measured: Measured, *, confined: bool) -> None:
    if measured.others:
        where = " in the sandbox (--sandbox off gives them your rights)" if confined else ""
        console.print(f"{measured.others} tests do not pass{where} and take no part", highlight=False, markup=False)


def _print(audit: Audit, console: Console) -> None:
    colour = console.is_terminal
    for mutant, verdict in zip(audit.mutants, audit.verdicts, strict=True):
        if verdict.outcome in (MutantOutcome.SURVIVED, MutantOutcome.NO_TESTS):
            reached = "" if verdict.outcome is MutantOutcome.SURVIVED else ", which no test reaches"
            _plain(console, f"{mutant.file}:{mutant.lineno}: {mutant.operator} in {mutant.target}{reached}")
            hunk = mutant.diff.split("\n", 2)[2].rstrip("\n")
            console.print(Syntax(hunk, "diff", background_color="default") if colour else _indented(hunk), markup=False)
    _print_unapplied(audit, console)
    score = audit.score
    counts = [f"{score.killed} killed", f"{score.timeout} timed out", f"{score.survived} survived"]
    counts += [f"{score.no_tests} reached by no test"] if score.no_tests else []
    counts += [f"{score.not_applicable} not tried"] if score.not_applicable else []
    share = f"{100 * score.share:.1f} % of {score.tried} mutants noticed" if score.tried else "no mutants"
    _plain(console, f"{share}: {', '.join(counts)}; {audit.tests} tests, {audit.seconds:.1f} s")


def _print_unapplied(audit: Audit, console: Console) -> None:
    for verdict in audit.verdicts:
        if verdict.outcome is MutantOutcome.NOT_APPLICABLE:
            _plain(console, f"{verdict.mutant} was not tried: {verdict.detail}")


def _plain(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())
