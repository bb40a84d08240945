"""Pages of docs/ that benchmarks write: each section is what one script printed, between markers, with how and when.

A section that is not taken anew keeps what it says. Shared by ``performance.py`` and by the scripts of docs/quality.md.
"""

from __future__ import annotations

import os
import platform
import re
import shlex
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_PLACES = ("--json", "--cache")
_BEGIN = "<!-- begin "
_SECTION = re.compile(r"<!-- begin (\S+) -->\n(.*?)<!-- end \1 -->", re.DOTALL)


@dataclass(frozen=True)
class Page:
    """A page: what it begins with where it is not there yet, and its sections' names in order."""

    path: Path
    head: str
    order: tuple[str, ...]

    def with_section(self, text: str, name: str, section: str) -> str:
        """The page's ``text`` with one section made new. What stands before the first section stays as it is."""
        head = text.partition(_BEGIN)[0].rstrip("\n") + "\n" if text else self.head
        parts = {**dict(_SECTION.findall(text)), name: section.rstrip("\n") + "\n"}
        names = [one for one in self.order if one in parts] + sorted(set(parts) - set(self.order))
        return head + "".join(f"\n{_BEGIN}{one} -->\n{parts[one]}<!-- end {one} -->\n" for one in names)

    def write(self, name: str, section: str) -> None:
        """Put a section on the page."""
        text = self.path.read_text(encoding="utf-8") if self.path.exists() else ""
        self.path.write_text(self.with_section(text, name, section), encoding="utf-8")


def arguments_shown(arguments: Sequence[str]) -> list[str]:
    """A script's arguments without those that only name places on this machine."""
    shown = []
    skip = False
    for argument in arguments:
        if skip or argument in _PLACES:
            skip = not skip
        elif not argument.startswith(tuple(f"{place}=" for place in _PLACES)):
            shown.append(argument)
    return shown


def section_text(title: str, bar: str, command: Sequence[str], body: str) -> str:
    """A section: its title, what must hold, the command with the day and the machine, and what came out."""
    day = time.strftime("%Y-%m-%d", time.gmtime())
    shown = "python benchmarks/" + shlex.join(arguments_shown(command))
    said = f"The bar: {bar}\n\n" if bar else ""
    return f"## {title}\n\n{said}`{shown}` ({day}, {machine()})\n\n{without_paths(body).strip()}\n"


def machine() -> str:
    """What was measured, and where: interpreter, cores, state of the repository."""
    return f"Python {platform.python_version()}, {os.cpu_count()} cores, {commit()}"


def commit() -> str:
    """The state that was measured."""
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return f"at {done.stdout.strip()}" if done.returncode == 0 else "outside a repository"


def without_paths(text: str) -> str:
    """``text`` with no path of this machine."""
    return text.replace(str(ROOT), ".").replace(str(Path.home()), "~")
