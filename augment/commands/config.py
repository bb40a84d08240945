"""``augment config``: what every setting is, and where that came from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from augment.config import LoadedSettings, as_json, load_settings
from augment.errors import ProjectError

app = typer.Typer(help="Show the settings in force.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Show the settings in force."""


@app.command()
def show(
    project: Annotated[Path, typer.Argument(help="Root of the project whose [tool.augment] counts.")] = Path(),
    config_dir: Annotated[
        Path | None, typer.Option(help="Folder of the JSON files, instead of the one that is found.")
    ] = None,
    as_data: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Print every setting, its value, and where the value came from."""
    if not project.is_dir():
        raise ProjectError(f"no folder {project}: name the root of a project")
    loaded = load_settings(project_root=project, config_dir=config_dir)
    typer.echo(_json(loaded) if as_data else _table(loaded))


def _json(loaded: LoadedSettings) -> str:
    settings = {
        key: {"value": as_json(origin.value), "source": origin.source} for key, origin in loaded.origins.items()
    }
    return json.dumps({"config_dir": str(loaded.config_dir), "settings": settings}, indent=2)


def _table(loaded: LoadedSettings) -> str:
    """Plain aligned columns, which survive pipes and narrow terminals without loss."""
    rows = [(key, json.dumps(as_json(origin.value)), origin.source) for key, origin in loaded.origins.items()]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    lines = [f"{key:<{widths[0]}}  {value:<{widths[1]}}  {source}" for key, value, source in rows]
    return "\n".join([*lines, "", f"configuration folder: {loaded.config_dir}"])
