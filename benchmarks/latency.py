"""Measures the time from the close of a save to the verdict of the test it breaks, beside two peers in the same run.

    python benchmarks/latency.py [--project boltons|heavy] [--edits 30] [--quick] [--json FILE]

One function is edited again and again, each time with another constant, so that one test fails and passes in turn.
Every edit is made to three copies of the project, one after the other, so that all three meet the same machine:
*augment* is a real service without a model, and its verdict counts when it arrives on the event stream over HTTP;
*testmon* is pytest-watcher with pytest-testmon, *pytest* a bare cold ``python -m pytest NODEID`` started at the close
of the save, told by exactly which test is right. A peer's verdict counts when the line with the test's name and outcome
is on its output (``-v``, unbuffered); a cold pytest's is also given as the time until it has ended.

``heavy`` is a small package that imports pandas, scipy.stats and matplotlib.pyplot, two seconds on a laptop.
"""

from __future__ import annotations

import argparse
import json
import math
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from environments import copy_of, environment, quantile, source_release, user_environ
from watched import Service, quiet

PEERS = ("pytest==9.2.0", "pytest-testmon==2.2.0", "pytest-watcher==0.6.3", "watchdog==6.0.0", "coverage==7.15.2")
HEAVY = ("pandas==3.1.1", "scipy", "matplotlib")
PAUSE_S = 1.0
"""Between two edits: what a tool does behind a verdict (recording, getting ready again) is not part of it."""

HEAVY_FILES = {
    "pyproject.toml": "[project]\nname = 'heavy'\nversion = '1'\n",
    "heavy/__init__.py": "",
    "heavy/table.py": (
        "import matplotlib.pyplot\nimport pandas\nimport scipy.stats\n\n\n"
        "def total(rows):\n    frame = pandas.DataFrame(rows)\n    return int(frame['price'].sum())\n\n\n"
        "def names(rows):\n    return [row['name'] for row in rows]\n\n\n"
        "def mode(values):\n    return int(scipy.stats.mode(values).mode)\n"
    ),
    "tests/test_table.py": (
        "from heavy.table import mode, names, total\n\n"
        "ROWS = [{'name': 'a', 'price': 1}, {'name': 'b', 'price': 2}]\n\n\n"
        "def test_total():\n    assert total(ROWS) == 3\n\n\n"
        "def test_names():\n    assert names(ROWS) == ['a', 'b']\n\n\n"
        "def test_mode():\n    assert mode([1, 2, 2]) == 2\n"
    ),
}


@dataclass(frozen=True)
class Subject:
    """A project, the statement in it that is edited, and the test that tells."""

    folder: Path
    file: str
    statement: str
    nodeid: str
    python: Path
    """The interpreter of the project, which the peers are run by."""

    def edit(self, copy: Path, number: int) -> bool:
        """Put a new constant in; True when the test fails now."""
        text = (self.folder / self.file).read_text()
        assert text.count(self.statement) == 1
        breaks = number % 2 == 0
        constant = f"({number} + 1)" if breaks else f"0 * ({number} + 1)"
        data = text.replace(self.statement, f"{self.statement} + {constant}").encode()
        with (copy / self.file).open("wb") as file:
            file.write(data)
        return breaks


@dataclass
class Timings:
    """Seconds from the close of each save to what one tool shows."""

    augment: list[float] = field(default_factory=list)
    testmon: list[float] = field(default_factory=list)
    pytest: list[float] = field(default_factory=list)
    pytest_end: list[float] = field(default_factory=list)


def boltons() -> Subject:
    return Subject(
        source_release("boltons", "26.2.0"),
        "boltons/mathutils.py",
        "return min(max(x, lower), upper)",
        "tests/test_mathutils.py::test_clamp_examples",
        environment("peers", PEERS),
    )


def heavy(scratch: Path) -> Subject:
    folder = scratch / "heavy"
    for name, text in HEAVY_FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    python = environment("heavy", (*PEERS, *HEAVY))
    return Subject(
        folder, "heavy/table.py", "return int(frame['price'].sum())", "tests/test_table.py::test_total", python
    )


class Watcher:
    """pytest-watcher with pytest-testmon on a copy of the project; its output line by line with times."""

    def __init__(self, subject: Subject, folder: Path) -> None:
        self._nodeid = subject.nodeid
        self._lines: queue.Queue[tuple[float, str]] = queue.Queue()
        runner = folder / ".run-testmon"
        runner.write_text(f'#!/bin/sh\nexec "{subject.python}" -m pytest "$@"\n')
        runner.chmod(0o755)
        command = [str(subject.python), "-m", "pytest_watcher", ".", "--now", "--runner", str(runner)]
        command += ["--testmon", "-v", "--color=no"]
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env=user_environ(PYTHONUNBUFFERED="1"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        threading.Thread(target=self._read, daemon=True).start()
        self.wait_for(_is_summary, 120)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for raw in self.process.stdout:
            self._lines.put((time.monotonic(), raw.decode(errors="replace")))

    def wait_for(self, wanted: Callable[[str], bool], timeout_s: float) -> float:
        """When the first line came that is wanted; nan when it does not come in time."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                at, line = self._lines.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                return float("nan")
            if wanted(line):
                return at

    def verdict(self, failed: bool) -> float:
        """When the verdict of the test was on the output."""
        at = self.wait_for(lambda line: _tells(line, self._nodeid, failed), 60)
        if math.isnan(at):
            raise SystemExit(f"pytest-watcher gave no verdict of {self._nodeid}")
        self.wait_for(_is_summary, 60)
        return at


def cold(subject: Subject, folder: Path, began: float, failed: bool) -> tuple[float, float]:
    """When a bare cold pytest of the one test told its verdict, and when it had ended."""
    command = [str(subject.python), "-m", "pytest", "-v", "--color=no", "-p", "no:testmon", subject.nodeid]
    told = float("nan")
    with subprocess.Popen(
        command, cwd=folder, env=user_environ(PYTHONUNBUFFERED="1"), stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        for raw in process.stdout:
            if _tells(raw.decode(errors="replace"), subject.nodeid, failed):
                told = time.monotonic() - began
    return told, time.monotonic() - began


def _tells(line: str, nodeid: str, failed: bool) -> bool:
    return line.startswith(f"{nodeid} {'FAILED' if failed else 'PASSED'}")


def _is_summary(line: str) -> bool:
    return re.match(r"=+ .*(passed|failed|no tests ran).* in ", line) is not None


def measure(subject: Subject, scratch: Path, edits: int, peers: bool) -> Timings:
    timings = Timings()
    ours, theirs, bare = (copy_of(subject.folder, scratch / name) for name in ("ours", "theirs", "bare"))
    watcher = Watcher(subject, theirs) if peers else None
    try:
        with Service(ours, "--no-model", "--python", str(subject.python)) as service:
            service.first_look()
            for number in range(-2, edits):  # two edits to warm up: nobody's first counts
                _one(subject, service, ours, number, timings)
                if watcher is not None:
                    _peers(subject, watcher, theirs, bare, number, timings)
                if sys.stderr.isatty():
                    print(f"\r{number + 1}/{edits}", end="", file=sys.stderr)
    finally:
        if watcher is not None:
            quiet([watcher.process])
    return timings


def _one(subject: Subject, service: Service, ours: Path, number: int, timings: Timings) -> None:
    before = service.events()
    failed = subject.edit(ours, number)
    began = time.monotonic()
    outcome = "failed" if failed else "passed"
    seen = service.wait_for(
        lambda name, data: name == "verdict" and data["nodeid"] == subject.nodeid and data["outcome"] == outcome, before
    )
    if seen is None:
        raise SystemExit(f"no verdict of {subject.nodeid} after edit {number}; see {service.logs}")
    if number >= 0:
        timings.augment.append(seen[0] - began)
    service.wait_for(lambda name, data: name == "run" and data["finished_at"] is not None, before)
    time.sleep(PAUSE_S)


def _peers(subject: Subject, watcher: Watcher, theirs: Path, bare: Path, number: int, timings: Timings) -> None:
    failed = subject.edit(theirs, number)
    began = time.monotonic()
    testmon = watcher.verdict(failed) - began
    time.sleep(PAUSE_S)
    failed = subject.edit(bare, number)
    told, ended = cold(subject, bare, time.monotonic(), failed)
    time.sleep(PAUSE_S / 2)
    if number >= 0:
        timings.testmon.append(testmon)
        timings.pytest.append(told)
        timings.pytest_end.append(ended)


def import_seconds(subject: Subject) -> float:
    """How long the edited module takes to import, the second time."""
    module = subject.file.removesuffix(".py").replace("/", ".")
    for _ in range(2):
        began = time.monotonic()
        subprocess.run([str(subject.python), "-c", f"import {module}"], cwd=subject.folder, check=True)
    return time.monotonic() - began


def report(name: str, subject: Subject, timings: Timings) -> dict[str, object]:
    rows = {
        "augment": timings.augment,
        "pytest-watcher + pytest-testmon": timings.testmon,
        "cold pytest of the one test, verdict": timings.pytest,
        "cold pytest of the one test, ended": timings.pytest_end,
    }
    ours = quantile(timings.augment, 0.5)
    told = {
        row: {
            "p50_ms": round(quantile(values, 0.5) * 1000, 1),
            "p95_ms": round(quantile(values, 0.95) * 1000, 1),
            "ratio": round(quantile(values, 0.5) / ours, 2),
        }
        for row, values in rows.items()
        if values
    }
    return {
        "project": name,
        "edits": len(timings.augment),
        "import_s": round(import_seconds(subject), 2),
        "rows": told,
        "augment_ms": [round(value * 1000) for value in timings.augment],
    }


def print_table(result: dict[str, object]) -> None:
    print(f"{result['project']}: {result['edits']} edits, the module imports in {result['import_s']} s\n")
    print("| from the close of the save to | p50 ms | p95 ms | times Augment's p50 |")
    print("|---|---|---|---|")
    rows = result["rows"]
    assert isinstance(rows, dict)
    for name, row in rows.items():
        print(f"| {name} | {row['p50_ms']:.0f} | {row['p95_ms']:.0f} | {row['ratio']:.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--project", choices=("boltons", "heavy"), default="boltons")
    parser.add_argument("--edits", type=int, default=30)
    parser.add_argument("--quick", action="store_true", help="six edits")
    parser.add_argument("--no-peers", action="store_true", help="Augment alone")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started here ends with us
    with tempfile.TemporaryDirectory(prefix="augment-latency-") as folder:
        scratch = Path(folder)
        subject = boltons() if options.project == "boltons" else heavy(scratch)
        timings = measure(subject, scratch, 6 if options.quick else options.edits, not options.no_peers)
        result = report(options.project, subject, timings)
    print_table(result)
    print(json.dumps(result))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
