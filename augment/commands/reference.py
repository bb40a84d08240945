"""The page of all commands, made from their definitions: ``python -m augment.commands.reference [--write]``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from augment.cli import make_app
from augment.files import bring_up_to_date

_HEAD = """\
# Command line

<!-- Made by `python -m augment.commands.reference --write`; edit the commands instead. -->

`augment COMMAND --help` prints the same. Every command ends with 0 when it did what was asked, with 2 and one line on
standard error for what you can mend (an unknown option, a folder that is not there), and with 130 when it was
interrupted; other exit codes are said below. `augment --install-completion` sets up completion for your shell.

Watching is not a command of `augment`, as Ray's jobs start it too: see
[`python -m augment.launch`](#python--m-augmentlaunch).
"""


def markdown() -> str:
    """The page."""
    from augment.launch import main as launch

    watching = typer.Typer(add_completion=False)
    watching.command()(launch)
    parts = [_HEAD, *_told("augment", typer.main.get_command(make_app()), depth=2)]
    parts += _section("python -m augment.launch", typer.main.get_command(watching), depth=2)
    return "\n".join(parts).rstrip() + "\n"


def _told(name: str, command: Any, depth: int) -> Iterator[str]:
    """The sections of a group's commands, in the order in which ``--help`` lists them."""
    for own, each in command.commands.items():
        if getattr(each, "hidden", False):
            continue
        yield from _section(f"{name} {own}", each, depth)
        if hasattr(each, "commands"):
            yield from _told(f"{name} {own}", each, depth + 1)


def _section(name: str, command: Any, depth: int) -> Iterator[str]:
    shown = [param for param in command.params if not getattr(param, "hidden", False) and param.name != "help"]
    yield f"{'#' * depth} {name}\n"
    yield _plain(command.help or "") + "\n"
    if hasattr(command, "commands"):
        return
    arguments = [param for param in shown if param.param_type_name == "argument"]
    options = [param for param in shown if param.param_type_name == "option"]
    spelled = [_usage(param) for param in arguments]
    yield f"```text\n{' '.join([name, *spelled, *(['[OPTIONS]'] if options else [])])}\n```\n"
    if shown:
        yield "| | default | meaning |\n|---|---|---|"
        yield "\n".join(_row(param) for param in [*arguments, *options]) + "\n"


def _usage(param: Any) -> str:
    name = str(param.metavar or param.name.upper())
    name = name if param.nargs == 1 else f"{name.rstrip('.')}..."
    return name if param.required else f"[{name}]"


def _row(param: Any) -> str:
    if param.param_type_name == "argument":
        spelled = _usage(param)
    else:
        value = "" if param.is_flag else f" {_value(param)}"
        spelled = ", ".join([*param.opts, *param.secondary_opts]) + value
    return (
        f"| `{spelled}` | {_default(param)} | {_plain(getattr(param, 'help', '') or '').replace('|', chr(92) + '|')} |"
    )


_KINDS = {"str": "TEXT", "text": "TEXT", "int": "NUMBER", "float": "NUMBER", "Path": "PATH", "path": "PATH"}


def _value(param: Any) -> str:
    kind = str(param.bare_type()).removeprefix("list[").removesuffix("]")
    return str(param.metavar or _KINDS.get(kind, kind.upper()))


def _default(param: Any) -> str:
    value = param.default
    if value is None or callable(value) or value is False or param.required or value in ((), []):
        return ""
    return f"`{'.' if str(value) == '.' else value}`"


def _plain(text: str) -> str:
    """Paragraphs of a docstring, each in one line, its code in single backticks."""
    paragraphs = (" ".join(part.split()) for part in text.replace("\b", "").split("\n\n"))
    return "\n\n".join(part for part in paragraphs if part).replace("``", "`")


def main(arguments: list[str]) -> int:
    """Write the page with ``--write`` where it is out of date, else only say so. Returns 1 if it was."""
    repository = Path(__file__).parents[2]
    return bring_up_to_date({repository / "docs" / "command-line.md": markdown()}, repository, "--write" in arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
