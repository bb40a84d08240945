"""``augment generate``: one pass of test generation, without a daemon and without Ray."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from augment.analysis import discover_project, take_snapshot
from augment.commands.progress import PassDisplay
from augment.commands.results import check_result_file, write_result_file
from augment.commands.targets import choose_targets
from augment.config import Settings, load_settings
from augment.errors import SettingsError
from augment.execution import LocalExecutor, find_interpreter, probe_interpreter, require_sandbox
from augment.generation import GATES, GenerationPass, GenerationSettings, NullSink, PassResult, measure_baseline
from augment.records import Admission, AdmissionState, Finding, Project, Target
from augment.seams import ReportSink
from augment.serve import EngineSpec, LocalEngine, load_engine
from augment.service import state_folder
from augment.service.preflight import check_folder, read_service
from augment.store import Reporter, Store, StoreError
from augment.wiring import engine_spec, generation_settings, suite_limits


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(generate)


def generate(
    project: Annotated[Path, typer.Argument(help="Root folder of the project.")] = Path(),
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE_OR_TARGET...", help="Files, folders, modules or MODULE:NAME; default: everything."
        ),
    ] = None,
    budget: Annotated[float | None, typer.Option(help="Seconds to spend on each module.")] = None,
    output: Annotated[str | None, typer.Option(help="Folder of kept tests, relative to the project.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the results to this file.")] = None,
    seed: Annotated[int | None, typer.Option(help="Fix every random choice.")] = None,
    no_model: Annotated[bool, typer.Option("--no-model", help="Search only; do not load a model.")] = False,
    merge: Annotated[bool | None, typer.Option("--merge", help="Add to the project's own test files.")] = None,
    accept: Annotated[str | None, typer.Option(help="auto, or review to hold tests back.")] = None,
    python: Annotated[str | None, typer.Option(help="The project's interpreter.")] = None,
    sandbox: Annotated[str | None, typer.Option(help="auto, namespaces, landlock, or off to do without.")] = None,
    test_types: Annotated[str | None, typer.Option(help="Comma-separated: unit, integration, property.")] = None,
    without: Annotated[
        list[str] | None, typer.Option(help="Switch a generator or gate off by name; repeatable.")
    ] = None,
    config_dir: Annotated[Path | None, typer.Option(help="Folder of the JSON settings.")] = None,
) -> None:
    """Write tests for a project once: propose, judge, keep."""
    check_result_file(json_file, "--json")
    found = discover_project(project)
    root = Path(found.root)
    check_folder(root)
    settings = _settings(
        root,
        config_dir,
        {
            "budget": budget,
            "output": output,
            "seed": seed,
            "no_model": no_model,
            "merge": merge or None,
            "accept": accept,
            "python": python,
            "test_types": test_types,
            "sandbox": sandbox,
        },
    )
    require_sandbox(settings.generator.sandbox)
    interpreter = find_interpreter(root, settings.service.python)
    probe_interpreter(interpreter)
    found = discover_project(project, interpreter)
    spec = _engine_spec(settings, without or [])
    targets = choose_targets(found, what or [], "tests can be written for")
    result = _run(found, targets, settings, _pass_settings(settings, without or []), spec)
    report = as_json(result)
    if json_file is not None:
        write_result_file(json_file, json.dumps(report, indent=2) + "\n")
    _summarise(result)


def as_json(result: PassResult) -> dict[str, Any]:
    """The results of a pass as ``--json`` writes them."""
    return {
        "admitted": [_admission(item) for item in result.admitted],
        "rejected": dict(Counter(item.gate for item in result.rejected).most_common()),
        "findings": [_finding(item) for item in result.findings],
        "seconds": round(result.seconds, 2),
        "tokens": {"prompt": result.prompt_tokens, "completion": result.completion_tokens},
    }


# --------------------------------------------------------------------------- settings


def _settings(root: Path, config_dir: Path | None, flags: dict[str, Any]) -> Settings:
    return load_settings({key: value for key, value in flags.items() if value is not None}, root, config_dir).settings


def _pass_settings(settings: Settings, without: Sequence[str]) -> GenerationSettings:
    wanted = settings.generator
    known = {
        *GATES,
        "search",
        "difference",
        "integration",
        "property",
        "model",
        "observe",
        "repair",
        "explore",
        "guidance",
        "scenarios",
        "findings",
    }
    unknown = sorted(set(without) - known)
    if unknown:
        raise SettingsError(
            f"--without {unknown[0]}: no generator or gate of that name; known: {', '.join(sorted(known))}"
        )
    return replace(generation_settings(wanted), without=frozenset(without))


def _engine_spec(settings: Settings, without: Sequence[str]) -> EngineSpec | None:
    """What to load; None without a model. Raises ModelError at once when its file is not there."""
    if "model" in without or "model" not in settings.generator.generators:
        return None
    return engine_spec(settings.model)


# --------------------------------------------------------------------------- running


def _run(
    project: Project,
    targets: Sequence[Target],
    settings: Settings,
    wanted: GenerationSettings,
    spec: EngineSpec | None,
) -> PassResult:
    """The model loads while the existing suite runs for the baseline; neither counts towards the budget."""
    limits = suite_limits(settings.generator)
    scratch = state_folder(Path(project.root)) / "work"
    console = Console(stderr=True)
    with ExitStack() as stack, _loading(spec) as engine:
        executor = LocalExecutor(
            settings.generator.max_concurrent or 2,
            scratch_dir=scratch,
            sandbox=settings.generator.sandbox,
            confine_own_tests=settings.generator.sandbox_own_tests,
            warm_bytes=settings.generator.warm_memory_mb * 2**20,
        )
        stack.callback(executor.close)
        sink = _sink(project, stack)
        display = stack.enter_context(PassDisplay(console))
        display.say("running the existing tests" + (" and loading the model" if spec else ""))
        baseline = measure_baseline(project, executor, limits)
        loaded = engine.result() if engine is not None else None
        work = GenerationPass(
            project,
            take_snapshot(project.root),
            executor,
            sink,
            loaded,
            wanted,
            known=sink.finding_records() if isinstance(sink, Reporter) else (),
            progress=display.update,
        )
        return work.run(targets, baseline)


@contextmanager
def _loading(spec: EngineSpec | None) -> Iterator[Future[LocalEngine] | None]:
    if spec is None:
        yield None
        return
    with ThreadPoolExecutor(1, thread_name_prefix="load-model") as pool:
        engine = pool.submit(load_engine, spec)
        try:
            yield engine
        finally:
            if engine.exception() is None:
                engine.result().close()


def _sink(project: Project, stack: ExitStack) -> ReportSink:
    """The project's store, unless a running service owns it or it cannot be opened."""
    root = Path(project.root)
    if read_service(root) is not None:
        typer.echo("Augment is watching this project: this pass is not recorded in its store.", err=True)
        return NullSink()
    folder = state_folder(root)
    try:
        store = Store(folder / "augment.db")
    except StoreError as error:
        typer.echo(f"not recorded: {error}", err=True)
        return NullSink()
    stack.callback(store.close)
    reporter = Reporter(store, root, folder / "results", tasks_md=None)
    stack.callback(reporter.close)
    return reporter


# --------------------------------------------------------------------------- results


def _admission(item: Admission) -> dict[str, Any]:
    return {
        "id": item.id,
        "nodeid": item.nodeid,
        "file": item.file,
        "target": item.target,
        "generator": item.generator,
        "origin": item.origin,
        "kind": item.kind.value,
        "state": item.state.value,
        "characterization": item.characterization,
        "lines_gained": item.lines_gained,
        "branches_gained": item.branches_gained,
        "mutants_killed": item.mutants_killed,
        "runs": item.runs,
        "reason": item.reason,
    }


def _finding(item: Finding) -> dict[str, Any]:
    return {
        "id": item.id,
        "target": item.target,
        "title": item.title,
        "kind": item.kind.value,
        "rule": item.rule,
        "rests_on": item.rests_on,
        "observed": item.observed,
        "detail": item.detail,
        "source": item.source,
        "confidence": item.confidence,
    }


def _summarise(result: PassResult) -> None:
    held = [item for item in result.admitted if item.state is AdmissionState.HELD]
    files = Counter(item.file for item in result.admitted if item not in held)
    typer.echo(f"{files.total()} tests kept in {result.seconds:.0f} s, {result.tokens} model tokens")
    for file, count in sorted(files.items()):
        typer.echo(f"  {file}: {count}")
    if held:
        typer.echo(
            f"{len(held)} tests wait for review: `augment accept ID` writes one to its file, `augment reject ID`"
        )
    for item in held:
        typer.echo(f"  {item.id}  {item.nodeid}")
    reasons = Counter(item.gate for item in result.rejected)
    if reasons:
        typer.echo("rejected: " + ", ".join(f"{count} {gate}" for gate, count in reasons.most_common()))
    for finding in result.findings:
        typer.echo(f"finding: {finding.title} ({finding.id}, {finding.confidence:.0%} sure)")
    if result.superseded:
        typer.echo("the project changed while the pass ran, which ended it early")
