"""``augment diff``: what the working tree changes of what the code does, against a git revision."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from augment.analysis import Change, discover_project, take_snapshot
from augment.behaviour import BehaviourChange, Compared, Edit, layable
from augment.commands.git_changes import changed_files, file_at
from augment.commands.targets import names_target
from augment.config import Settings, load_settings
from augment.execution import LocalExecutor, find_interpreter, probe_interpreter, require_sandbox
from augment.generation import Comparison
from augment.records import Lane, Project
from augment.service import state_folder
from augment.service.preflight import check_folder

MOST_TARGETS = 40
"""Changed targets that one call compares: somebody waits for it, but asked for it."""


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("diff")(diff)


def diff(
    project: Annotated[Path, typer.Argument(help="Root folder of the project.")] = Path(),
    what: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE_OR_TARGET...", help="Files, folders, modules or MODULE:NAME; default: all."),
    ] = None,
    since: Annotated[str, typer.Option(metavar="REV", help="The git revision to compare with.")] = "HEAD",
    as_data: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    python: Annotated[str | None, typer.Option(help="The project's interpreter.")] = None,
    sandbox: Annotated[str | None, typer.Option(help="auto, namespaces, landlock, or off to do without.")] = None,
    config_dir: Annotated[Path | None, typer.Option(help="Folder of the JSON settings.")] = None,
) -> None:
    """Say which calls do something else than at a git revision. Runs old and new code on the same inputs."""
    root = Path(discover_project(project).root)
    check_folder(root)
    flags = {"python": python, "sandbox": sandbox}
    settings = load_settings({name: value for name, value in flags.items() if value is not None}, root, config_dir)
    require_sandbox(settings.settings.generator.sandbox)
    interpreter = find_interpreter(root, settings.settings.service.python)
    probe_interpreter(interpreter)
    found = discover_project(project, interpreter)
    compared = _compare(found, edit_since(root, since), what or [], settings.settings)
    typer.echo(json.dumps(as_json(compared, since), indent=2) if as_data else "\n".join(told(compared, since)))


def edit_since(root: Path, reference: str) -> Edit:
    """What the working tree replaces of ``reference``, in Python files.

    Raises ProjectError when the project is not in a git repository or has no such revision.
    """
    snapshot = take_snapshot(root)
    replaced: dict[str, str | None] = {}
    for file in sorted(changed_files(root, reference, "--since")):
        data = file_at(root, reference, file) if file.endswith((".py", ".pyi")) else None
        text = layable(data) if data is not None else None
        if text is not None or (data is None and file in snapshot.files and file.endswith((".py", ".pyi"))):
            replaced[file] = text
    return Edit(reference, snapshot, replaced)


def _compare(project: Project, edit: Edit, what: Sequence[str], settings: Settings) -> Compared:
    wanted = settings.generator
    executor = LocalExecutor(
        wanted.max_concurrent or 2,
        scratch_dir=state_folder(Path(project.root)) / "work",
        sandbox=wanted.sandbox,
        warm_bytes=wanted.warm_memory_mb * 2**20,
    )
    try:
        comparison = Comparison(
            project,
            executor,
            output=wanted.output_dir,
            seed=wanted.seed or 0,
            lane=Lane.FAST,  # somebody waits
            most_targets=MOST_TARGETS,
        )
        return comparison.run(edit, _chosen(project, what))
    finally:
        executor.close()


def _chosen(project: Project, what: Sequence[str]) -> Callable[[Change], bool]:
    return lambda change: not what or any(names_target(change.target, name, project) for name in what)


def as_json(compared: Compared, since: str) -> dict[str, Any]:
    """The result as ``--json`` prints it."""
    return {
        "since": since,
        "changes": [{**asdict(change), "sentence": change.sentence} for change in compared.changes],
        "targets": compared.targets,
        "calls": compared.calls,
        "seconds": round(compared.seconds, 2),
        "problem": compared.problem,
    }


def told(compared: Compared, since: str) -> list[str]:
    """The result in lines for a person, target by target."""
    lines: list[str] = []
    by_target: dict[str, list[BehaviourChange]] = {}
    for change in compared.changes:
        by_target.setdefault(change.target, []).append(change)
    for target, changes in by_target.items():
        was = f" (was {changes[0].was})" if changes[0].was else ""
        lines += [f"{target}{was}", *(f"  {change.sentence}" for change in changes)]
    lines.append(_summary(compared, since))
    return [*lines, compared.problem] if compared.problem and compared.targets else lines


def _summary(compared: Compared, since: str) -> str:
    if not compared.targets:
        return compared.problem or f"no function that was there at {since} has changed"
    what = f"{compared.targets} changed {'target' if compared.targets == 1 else 'targets'}"
    if not compared.calls:
        return f"{what} since {since}: none can be called from outside"
    found = len(compared.changes)
    number = f"{found} {'change' if found == 1 else 'changes'} of behaviour" if found else "no change of behaviour"
    return f"{number} since {since}: {compared.calls} calls of {what} compared in {compared.seconds:.1f} s"
