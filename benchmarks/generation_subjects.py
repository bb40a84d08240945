"""The packages that generated tests are measured on: real releases from the package index, without tests of their own.

``BENCHMARK`` are the three that other systems publish figures of. ``OTHERS`` were chosen on 2026-11-27 from their
lists of files, before any generator had seen them: pure Python, nothing to install beside them, three to six modules
of moderate size; one is a command-line application with classes that reads files. They are reported whatever they show.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Subject:
    """A release from the package index, and the modules of it that are measured."""

    release: str
    package: str
    modules: tuple[str, ...]
    shows: str = ""

    @property
    def files(self) -> tuple[str, ...]:
        """The modules as paths in the folder that the release is installed into."""
        return tuple(f"{self.package}/{module}.py" for module in self.modules)

    @property
    def names(self) -> tuple[str, ...]:
        """The modules as they are imported."""
        return tuple(f"{self.package}.{module}" for module in self.modules)


BENCHMARK = {
    "codetiming": Subject("codetiming==1.3.0", "codetiming", ("_timers",), "a dictionary of timings"),
    "string_utils": Subject(
        "python-string-utils==1.0.0",
        "string_utils",
        ("generation", "manipulation", "validation"),
        "functions over text, many regular expressions",
    ),
    "docstring_parser": Subject(
        "docstring-parser==0.7.3",
        "docstring_parser",
        ("common", "google", "numpydoc", "parser", "rest"),
        "parsers with classes that hand each other structured text",
    ),
}

OTHERS = {
    "vulture": Subject(
        "vulture==2.16",
        "vulture",
        ("config", "core", "lines", "noqa", "reachability", "utils"),
        "a command-line application: finds dead code; classes over syntax trees, reads files, settings and arguments",
    ),
    "tinydb": Subject(
        "tinydb==4.9.0",
        "tinydb",
        ("middlewares", "operations", "queries", "storages", "table", "utils"),
        "a small document database: storages, caches and a query language",
    ),
    "humanize": Subject(
        "humanize==4.17.0",
        "humanize",
        ("filesize", "lists", "number", "time"),
        "numbers, sizes and times in words; reads the clock",
    ),
}

SUBJECTS = {**BENCHMARK, **OTHERS}
GROUPS = {"benchmark": BENCHMARK, "others": OTHERS}


def chosen(names: list[str]) -> list[Subject]:
    """The packages that ``names`` name, groups and packages mixed, each once."""
    found: dict[str, Subject] = {}
    for name in names:
        found.update(GROUPS.get(name) or {name: SUBJECTS[name]})
    return list(found.values())


def group_of(subjects: list[Subject]) -> str | None:
    """The group that these are the whole of; None for any other set."""
    for name, group in GROUPS.items():
        if set(subjects) == set(group.values()):
            return name
    return None


def install(subject: Subject, work: Path) -> None:
    """Put the release, and nothing else, into the new folder ``work``: without scripts, and without tests.

    docstring-parser ships its tests inside its package. Left there they would be the project's suite, and what they
    cover would need no test any more.
    """
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*command, "--target", str(work), subject.release], check=True, stdin=subprocess.DEVNULL)
    for folder in (work / "bin", *(work / subject.package).rglob("tests")):
        shutil.rmtree(folder, ignore_errors=True)
