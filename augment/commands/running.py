"""How every command of Augment ends: errors for people are one line and exit code 2."""

from __future__ import annotations

import errno
import sys
from collections.abc import Sequence
from typing import NoReturn

import typer
from typer.exceptions import TyperException

from augment.errors import AugmentError


def run_app(app: typer.Typer, arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a typer application as the whole process; never shows a traceback for what the user can mend."""
    command = typer.main.get_command(app)
    try:
        code = command.main(args=list(arguments) if arguments is not None else None, standalone_mode=False)
    except TyperException as error:  # an unknown command or option, a value of the wrong type
        text = error.format_message() if hasattr(error, "format_message") else str(error)
        print(f"augment: {' '.join(text.split())} (see --help)", file=sys.stderr)
        sys.exit(2)
    except AugmentError as error:
        print(f"augment: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        print(
            f"augment: {str(error.filename)[:60]}... is too long for a file name: check the arguments", file=sys.stderr
        )
        sys.exit(2)
    except (typer.Abort, KeyboardInterrupt):
        print("augment: interrupted", file=sys.stderr)
        sys.exit(130)
    sys.exit(code if isinstance(code, int) else 0)
