"""The ``augment`` command: puts the commands together."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated

import typer

from augment import __version__
from augment.commands.running import run_app

_GROUPS = ("config", "models", "flaky", "findings")
"""Modules of ``augment.commands`` that are a group of commands of their own."""

_MODULES = {
    "generate": ("generate",),
    "test": ("test",),
    "mutate": ("mutate",),
    "review": ("accept", "reject"),
    "undo": ("undo",),
    "service": ("status", "stop"),
    "diff": ("diff",),
    "why": ("why",),
    "doctor": ("doctor",),
    "overlay": ("overlay",),
    "token": ("token",),
}
"""Module of ``augment.commands`` -> the commands that it registers."""


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"augment {__version__}")
        raise typer.Exit


def _root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Background testing for Python."""


def make_app(only: str | None = None) -> typer.Typer:
    """The application with all commands; with ``only`` just the module that has this command, if one does.

    Importing every module takes 0.6 s more than ``augment test`` needs.
    """
    app = typer.Typer(
        name="augment",
        help="Background testing for Python. Start watching with `python -m augment.launch PROJECT`.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )
    app.callback()(_root)
    found = [module for module, commands in _MODULES.items() if only in commands]
    for group in () if found else _GROUPS:
        app.add_typer(import_module(f"augment.commands.{group}").app, name=group)
    for module in found or _MODULES:
        import_module(f"augment.commands.{module}").register(app)
    return app


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    run_app(make_app(given[0] if given else None), arguments)
