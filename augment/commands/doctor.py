"""``augment doctor``: is everything here that Augment needs, and how is what is missing mended?"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from augment.commands.doctor_checks import Check, Status, Subject, run_checks
from augment.commands.doctor_project import check_project
from augment.config import Settings, load_settings
from augment.errors import ProjectError, SettingsError

_STYLES = {Status.OK: "green", Status.WARN: "yellow", Status.FAIL: "bold red"}


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("doctor")(doctor)


def doctor(
    project: Annotated[Path, typer.Argument(help="Root of the project to examine.")] = Path(),
    config_dir: Annotated[Path | None, typer.Option(help="Folder of the JSON files.")] = None,
    python: Annotated[str | None, typer.Option(help="Interpreter of the project.")] = None,
    as_data: Annotated[bool, typer.Option("--json", help="Print JSON instead of lines.")] = False,
) -> None:
    """Check interpreter, Ray, model, ports, sandbox, disk, SQLite and the project. Exits with 1 if a check fails."""
    if not project.is_dir():
        raise ProjectError(f"no folder {project}: name the root of a project")
    checks = list(_examine(project.resolve(), config_dir, python))
    if as_data:
        typer.echo(json.dumps({"ok": not _failed(checks), "checks": [asdict(check) for check in checks]}, indent=2))
    else:
        _print(checks)
    raise typer.Exit(1 if _failed(checks) else 0)


def _examine(root: Path, config_dir: Path | None, python: str | None) -> Iterable[Check]:
    """The settings first: a wrong one is a line like any other, and the rest is examined with the defaults."""
    try:
        settings = load_settings({"python": python}, root, config_dir).settings
        yield Check("settings", Status.OK, "every key and value is known")
    except SettingsError as error:
        settings = Settings()
        yield Check("settings", Status.FAIL, str(error), "correct it where it says; the defaults are used below")
    subject = Subject(root, settings)
    yield from run_checks(subject)
    yield from check_project(subject)


def _failed(checks: Iterable[Check]) -> bool:
    return any(check.status is Status.FAIL for check in checks)


def _print(checks: list[Check]) -> None:
    console = Console(soft_wrap=True, highlight=False)
    width = max(len(check.name) for check in checks)
    for check in checks:
        line = Text(f"{check.status.value:<4}", style=_STYLES[check.status])
        line.append(f"  {check.name:<{width}}  {check.detail}", style="default")
        console.print(line)
        if check.mend:
            console.print(Text(f"{'':<4}  {'':<{width}}  -> {check.mend}"))
