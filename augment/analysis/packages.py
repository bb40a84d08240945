"""The distributions that an interpreter has, read from their metadata folders, and what differs since last time."""

from __future__ import annotations

import configparser
import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_REQUIRED = re.compile(r"^Requires-Dist:\s*([A-Za-z0-9][A-Za-z0-9._-]*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Distribution:
    """One installed distribution. ``stamp`` changes when it is installed again, ``modules`` are its top-level names.

    ``plugs_in``: it registers itself with pytest, so every test may see it.
    """

    version: str
    stamp: int
    modules: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    plugs_in: bool = False


@dataclass(frozen=True, slots=True)
class Environment:
    """An interpreter and what is installed for it. ``distributions`` are by normalised name."""

    python: str
    distributions: Mapping[str, Distribution] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """To be remembered."""
        return {
            "python": self.python,
            "distributions": {
                name: [item.version, item.stamp, list(item.modules), list(item.requires), item.plugs_in]
                for name, item in self.distributions.items()
            },
        }

    @classmethod
    def of_json(cls, plain: Mapping[str, Any]) -> Environment:
        """What :meth:`as_json` gave."""
        found = {
            name: Distribution(version, stamp, tuple(modules), tuple(requires), plugs_in)
            for name, (version, stamp, modules, requires, plugs_in) in plain["distributions"].items()
        }
        return cls(plain["python"], found)


def read_environment(python: str, folders: Iterable[Path], known: Environment | None = None) -> Environment:
    """What lies in the site-packages ``folders``. What has not changed since ``known`` is not read again."""
    before = known.distributions if known is not None else {}
    found: dict[str, Distribution] = {}
    for folder in folders:
        for info in sorted(folder.glob("*.dist-info")):
            name, _, version = info.name.removesuffix(".dist-info").partition("-")
            name = normalised(name)
            stamp = _stamp(info)
            old = before.get(name)
            same = old is not None and (old.version, old.stamp) == (version, stamp)
            found[name] = old if same and old is not None else _read(info, version, stamp)
    return Environment(python, found)


def normalised(name: str) -> str:
    """A distribution's name as the index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def differences(old: Environment, new: Environment) -> dict[str, str]:
    """Distribution -> how it differs, in words; ``python`` stands for the interpreter itself."""
    found: dict[str, str] = {}
    if old.python != new.python:
        found["python"] = f"{old.python} -> {new.python}"
    for name in sorted({*old.distributions, *new.distributions}):
        before, after = old.distributions.get(name), new.distributions.get(name)
        if before is None and after is not None:
            found[name] = f"{after.version} was installed"
        elif after is None and before is not None:
            found[name] = f"{before.version} was removed"
        elif (
            before is not None and after is not None and (before.version, before.stamp) != (after.version, after.stamp)
        ):
            again = before.version == after.version
            found[name] = f"{after.version} was installed again" if again else f"{before.version} -> {after.version}"
    return found


def modules_touched(old: Environment, new: Environment, names: Iterable[str]) -> frozenset[str] | None:
    """Top-level modules of the distributions ``names`` and of all that require them; None when that is everything.

    It is everything where the interpreter changed, where one plugs into pytest, or where a distribution does not say
    what it holds.
    """
    wanted = set(names)
    if "python" in wanted:
        return None
    modules: set[str] = set()
    for name in _with_dependents([old, new], wanted):
        held = [environment.distributions[name] for environment in (old, new) if name in environment.distributions]
        if name in wanted and any(item.plugs_in or not item.modules for item in held):
            return None
        modules.update(module for item in held for module in item.modules)
    return frozenset(modules)


def _with_dependents(environments: Iterable[Environment], names: set[str]) -> set[str]:
    needed_by: defaultdict[str, set[str]] = defaultdict(set)
    for environment in environments:
        for name, item in environment.distributions.items():
            for required in item.requires:
                needed_by[required].add(name)
    found, pending = set(names), list(names)
    while pending:
        for name in needed_by[pending.pop()] - found:
            found.add(name)
            pending.append(name)
    return found


# --------------------------------------------------------------------------- reading


def _stamp(info: Path) -> int:
    for file in (info / "RECORD", info):
        try:
            return file.stat().st_mtime_ns
        except OSError:
            continue
    return 0


def _text(file: Path) -> str:
    """A metadata file's text, '' where it is not there (any of them may be missing)."""
    try:
        return file.read_text("utf-8", errors="replace")
    except OSError:
        return ""


def _read(info: Path, version: str, stamp: int) -> Distribution:
    entry_points = configparser.ConfigParser(interpolation=None, strict=False, delimiters=("=",))
    try:
        entry_points.read_string(_text(info / "entry_points.txt"))
        plugs_in = entry_points.has_section("pytest11")
    except configparser.Error:
        plugs_in = True
    requires = tuple(sorted({normalised(name) for name in _REQUIRED.findall(_text(info / "METADATA"))}))
    return Distribution(version, stamp, tuple(sorted(_modules(info))), requires, plugs_in)


def _modules(info: Path) -> set[str]:
    listed = {line.strip() for line in _text(info / "top_level.txt").splitlines() if line.strip()}
    if listed:
        return listed
    found: set[str] = set()
    for row in csv.reader(_text(info / "RECORD").splitlines()):
        first = row[0].replace("\\", "/").partition("/") if row else ("", "", "")
        name = first[0] if first[1] else first[0].partition(".")[0] if first[0].endswith((".py", ".so", ".pyd")) else ""
        if name.isidentifier() and name != "__pycache__":
            found.add(name)
    return found
