"""The ``augment`` command: puts the commands together."""

from __future__ import annotations

from typing import Annotated

import typer

from augment import __version__
from augment.commands import config, doctor, generate, models, overlay, review, service, test
from augment.commands.running import run_app

app = typer.Typer(
    name="augment",
    help="Background testing for Python. Start watching with `python -m augment.launch PROJECT`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"augment {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Background testing for Python."""


app.add_typer(config.app, name="config")
app.add_typer(models.app, name="models")
for _module in (generate, test, review, service, doctor, overlay):
    _module.register(app)


def main() -> None:
    """Run the command line."""
    run_app(app)
