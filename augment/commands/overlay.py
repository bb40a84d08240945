"""``augment overlay``: what another interpreter lacks, downloaded into Augment's cache."""

from __future__ import annotations

from typing import Annotated

import typer

from augment.execution import download_overlay, find_interpreter, probe_interpreter


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(overlay)


def overlay(
    python: Annotated[str, typer.Option(help="The interpreter that lacks pytest.")],
) -> None:
    """Download pytest, coverage and hypothesis for an interpreter, without installing anything into it."""
    info = probe_interpreter(find_interpreter(".", python))
    typer.echo(f"downloading pytest, coverage and hypothesis for {info}")
    typer.echo(f"ready: {download_overlay(info)}")
