"""``augment token``: the token of dashboards and model endpoints that listen beyond this machine."""

from __future__ import annotations

import typer

from augment.access import ensure_token


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(token)


def token() -> None:
    """Print the token that Augment asks for on any other address than this machine's own; made at the first need.

    It lies in `augment/token` of your configuration folder, or is given by the variable AUGMENT_TOKEN.
    """
    typer.echo(ensure_token())
