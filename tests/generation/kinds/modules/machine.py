"""Functions that ask the machine and its user."""

import getpass
import os
import platform
import shutil
import sys
from pathlib import Path


def described() -> str:
    """What this machine is."""
    system = platform.system()
    if system == "Windows":
        return "a window"
    return f"{system.lower()} of {getpass.getuser()} with {os.cpu_count() or 1} cores"


def confirmed(question: str) -> bool:
    """Whether somebody says yes."""
    answer = input(question + " ").strip().lower()
    return answer in ("y", "yes")


def tool(name: str) -> str:
    """Where a program is."""
    found = shutil.which(name)
    if found is None:
        raise LookupError(name)
    return found


def rest() -> list[str]:
    """The arguments of this program that are no options."""
    return [item for item in sys.argv[1:] if not item.startswith("-")]


def remembered(name: str) -> bool:
    """Whether there is such a file at home."""
    return (Path.home() / name).exists()
