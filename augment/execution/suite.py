"""Whole suites cut into shares of equal time, from what earlier runs of them took."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from augment.records import Verdict
from augment.seams import BatchResult, FileFacts, Share

_TEST_COST_S = 0.001
"""What pytest needs around a test, beside the phases that it measures."""

_WORTH_S = 0.5
"""Least seconds of tests that a share should hold: another process costs about 0.3 s of imports and collecting."""

_DOMINATING = 0.5
"""A file that takes more than this part of an even share may be cut, where no fixture ties its tests together."""

_BYTES_A_SECOND = 40_000.0
"""Of test source, before anything was measured: the median over the projects of ``benchmarks/suites.py``."""


@dataclass(frozen=True, slots=True)
class FileHistory:
    """What one test file took. ``units`` are the seconds of its classes or tests, in order; empty where it is short or
    must not be cut. ``collect_s`` is included in ``seconds``. ``tests`` 0 is a file that pytest does not collect.
    """

    seconds: float
    tests: int = 0
    collect_s: float = 0.0
    units: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SuiteHistory:
    """How long each test file of a project took when the whole suite ran last.

    ``alone`` says that its tests must not run side by side: they were seen to disturb each other.
    """

    files: Mapping[str, FileHistory] = field(default_factory=dict)
    alone: bool = False

    @classmethod
    def of(cls, results: Iterable[BatchResult], listed: Iterable[str] = ()) -> SuiteHistory:
        """What a run of the whole suite teaches; of the files ``listed`` those without a test are not collected."""
        verdicts: dict[str, list[Verdict]] = defaultdict(list)
        facts: dict[str, FileFacts] = {}
        for result in results:
            facts.update(result.files)
            for verdict in result.verdicts:
                verdicts[verdict.nodeid.partition("::")[0]].append(verdict)
        unused = dict.fromkeys(listed, FileHistory(0.0))
        return cls(unused | {file: _history(found, facts.get(file)) for file, found in verdicts.items()})

    @classmethod
    def from_json(cls, data: object) -> SuiteHistory:
        """From what :meth:`to_json` gave; empty for anything else, such as what another version kept."""
        if not isinstance(data, dict):
            return cls()
        try:
            files = {str(file): _from_json(entry) for file, entry in data["files"].items()}
        except (KeyError, TypeError, ValueError, AttributeError):
            return cls()
        return cls(files, data.get("alone") is True)

    def to_json(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "alone": self.alone,
            "files": {
                file: {
                    "seconds": round(entry.seconds, 4),
                    "tests": entry.tests,
                    "collect_s": round(entry.collect_s, 4),
                    "units": {name: round(seconds, 4) for name, seconds in entry.units.items()},
                }
                for file, entry in self.files.items()
            },
        }

    @property
    def seconds(self) -> float:
        """The whole suite, one test after the other."""
        return sum(entry.seconds for entry in self.files.values())

    @property
    def tests(self) -> int:
        """How many there were."""
        return sum(entry.tests for entry in self.files.values())

    def seconds_of(self, nodeid: str) -> float | None:
        """What one test, or one whole file, may take; None where nothing is known of its file."""
        entry = self.files.get(nodeid.partition("::")[0])
        if entry is None or not entry.tests:
            return None
        return entry.seconds / entry.tests if "::" in nodeid else entry.seconds


def _from_json(entry: Mapping[str, Any]) -> FileHistory:
    units = {str(name): float(seconds) for name, seconds in entry["units"].items()}
    return FileHistory(float(entry["seconds"]), int(entry["tests"]), float(entry["collect_s"]), units)


def _history(verdicts: Sequence[Verdict], facts: FileFacts | None) -> FileHistory:
    collect_s = facts.collect_s if facts is not None else 0.0
    units: dict[str, float] = defaultdict(float)
    for verdict in verdicts:
        units[_unit(verdict.nodeid, facts)] += verdict.duration_s + _TEST_COST_S
    seconds = sum(units.values()) + collect_s
    keep = seconds > _WORTH_S * _DOMINATING and len(units) > 1
    return FileHistory(seconds, len(verdicts), collect_s, dict(units) if keep else {})


def _unit(nodeid: str, facts: FileFacts | None) -> str:
    """The smallest piece of a file that may run apart from the rest of it."""
    file, _, rest = nodeid.partition("::")
    if facts is None or facts.tie == "file":
        return file
    parts = rest.partition("[")[0].split("::")
    if facts.tie == "class" and len(parts) > 1:
        parts = parts[:-1]
    return "::".join([file, *parts])


# ------------------------------------------------------------------------------ shares


def share_out(history: SuiteHistory, sizes: Mapping[str, int], parts: int) -> list[Share | None]:
    """At most ``parts`` shares of a suite that take about as long as each other; ``[None]`` where cutting cannot pay.

    ``sizes`` are the bytes of the test files that are there now: a file that was never run is reckoned by its size,
    and one that is gone is forgotten. Tests of a file stay together unless it dominates and nothing ties them.
    """
    known = {file: entry for file, entry in history.files.items() if file in sizes}
    files = known | {file: FileHistory(size / _rate(known, sizes)) for file, size in sizes.items() if file not in known}
    files = {file: entry for file, entry in files.items() if entry.seconds}
    total = sum(entry.seconds for entry in files.values())
    parts = min(parts, max(1, math.ceil(total / _WORTH_S)))
    if parts == 1:
        return [None]
    groups = _deal(files, total / parts, parts)
    if len(groups) == 1:
        return [None]
    # What nobody knows of yet falls to the share that names most: the others stay short to hand over.
    groups.sort(key=len)
    named = tuple(name for group in groups[:-1] for name in group)
    return [*(Share(tuple(group)) for group in groups[:-1]), Share(named, rest=True)]


def _rate(known: Mapping[str, FileHistory], sizes: Mapping[str, int]) -> float:
    """Bytes of test source a second."""
    seconds = sum(entry.seconds for entry in known.values())
    return max(1.0, sum(sizes[file] for file in known) / seconds) if seconds else _BYTES_A_SECOND


def _deal(files: Mapping[str, FileHistory], even: float, parts: int) -> list[list[str]]:
    """Whole files longest first, each to the share with the least to do; then dominating files, piece by piece."""
    load = [0.0] * parts
    groups: list[list[str]] = [[] for _ in range(parts)]
    cut = {file for file, entry in files.items() if entry.units and entry.seconds > _DOMINATING * even}
    for file in sorted(files.keys() - cut, key=lambda name: (-files[name].seconds, name)):
        lightest = load.index(min(load))
        groups[lightest].append(file)
        load[lightest] += files[file].seconds
    for file in sorted(cut, key=lambda name: (-files[name].seconds, name)):
        _cut(files[file], load, groups)
    return [group for group in groups if group]


def _cut(entry: FileHistory, load: list[float], groups: list[list[str]]) -> None:
    """Fill the shares with consecutive pieces of one file, the one with the least to do first."""
    left = dict(entry.units)
    level = (sum(load) + entry.seconds + (len(load) - 1) * entry.collect_s) / len(load)
    order = sorted(range(len(load)), key=load.__getitem__)
    for position, part in enumerate(order):
        last = position == len(order) - 1
        room = level - load[part] - entry.collect_s
        for name in list(left):
            if not last and room < left[name] / 2:
                break
            seconds = left.pop(name)
            room -= seconds
            load[part] += seconds
            groups[part].append(name)
        load[part] += entry.collect_s
