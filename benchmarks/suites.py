"""Whole test suites of real projects: Augment with two executors against ``pytest -n 2`` (xdist) and plain pytest.

    python benchmarks/suites.py [--projects click attrs] [--pairs 3] [--json FILE] [--quick]

Every round runs each way once, in turn, so that what else the machine does falls on all alike; medians are shown. The
ways: *plain* ``python -m pytest``; *xdist* ``python -m pytest -n 2``; *command* ``augment test --all --jobs 2``, all of
the command's start included, cut by what the run before took; *service* two executors whose runners are warm, as in the
watching service, without recording; *recorded* the same with coverage recorded for each test. The bar is on verdicts:
*command* (no recording, as with xdist) takes at most 0.8 times the time of *xdist*.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median

from real_projects import DEFAULT_CACHE, SUBJECTS, Prepared, add_package, prepare

from augment.analysis import discover_project, is_test_file, list_files
from augment.execution import LocalExecutor, SuiteHistory, share_out
from augment.records import new_id
from augment.seams import Batch, BatchResult, Limits

BAR = 0.8
JOBS = 2
DEFAULT = ("boltons", "click", "more-itertools", "attrs")
XDIST = "pytest-xdist==3.8.0"


@dataclass
class Measured:
    """Seconds of each round, by way, and how many tests each way told of."""

    project: str
    seconds: dict[str, list[float]]
    tests: dict[str, int]

    def median(self, way: str) -> float:
        """Of all rounds."""
        return median(self.seconds[way])

    def ratio(self, way: str) -> float:
        """The median over the rounds of this way's time in parts of xdist's."""
        pairs = zip(self.seconds[way], self.seconds["xdist"], strict=True)
        return median(ours / peer for ours, peer in pairs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--projects", nargs="+", choices=sorted(SUBJECTS), metavar="NAME", default=list(DEFAULT))
    parser.add_argument("--pairs", type=int, default=3, help="rounds")
    parser.add_argument("--quick", action="store_true", help="one project, one round")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE)
    options = parser.parse_args()
    names, pairs = (("boltons",), 1) if options.quick else (options.projects, options.pairs)
    results = []
    for name in names:
        project = prepare(SUBJECTS[name], options.cache)
        add_package(project, XDIST)
        results.append(measure(project, pairs))
    print_table(results)
    if options.json:
        rows = [{**asdict(item), "ratio": {way: item.ratio(way) for way in item.seconds}} for item in results]
        options.json.write_text(json.dumps({"bar": BAR, "results": rows}, indent=2) + "\n", encoding="utf-8")


def measure(project: Prepared, pairs: int) -> Measured:
    """Run each way once to settle caches and to learn durations, then ``pairs`` times in turn."""
    service = Service(project)
    ways: dict[str, Callable[[], int]] = {
        "plain": lambda: run_pytest(project),
        "xdist": lambda: run_pytest(project, "-n", str(JOBS)),
        "command": lambda: run_command(project),
        "service": lambda: service.run(coverage=False),
        "recorded": lambda: service.run(coverage=True),
    }
    try:
        tests = {way: run() for way, run in ways.items()}
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(pairs):
            for way, run in ways.items():
                began = time.monotonic()
                run()
                seconds[way].append(time.monotonic() - began)
    finally:
        service.close()
    return Measured(project.subject.release, seconds, tests)


def run_pytest(project: Prepared, *more: str) -> int:
    """Plain pytest, or with xdist; the number of tests that its last line tells."""
    command = [str(project.python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *more]
    done = subprocess.run(
        command, cwd=project.root, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    last = (done.stdout.strip().splitlines() or ["nothing"])[-1].strip("= ")
    told = last.partition(" in ")[0].split(", ")
    return sum(int(part.split()[0]) for part in told if part[:1].isdigit() and "warning" not in part)


def run_command(project: Prepared) -> int:
    """The command as a user gives it."""
    command = [sys.executable, "-m", "augment", "test", str(project.root), "--python", str(project.python)]
    done = subprocess.run(
        [*command, "--all", "--jobs", str(JOBS)], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    last = (done.stdout.strip().splitlines() or ["nothing"])[-1]
    return sum(int(part.split()[0]) for part in last.partition(" in ")[0].split(", ") if part[:1].isdigit())


class Service:
    """Two executors with warm runners, as the service has them."""

    def __init__(self, project: Prepared) -> None:
        found = discover_project(str(project.root), str(project.python))
        self._root = project.root
        self._batch = Batch(
            id=new_id("batch"),
            root=found.root,
            interpreter=found.interpreter,
            source_roots=found.source_roots,
            limits=Limits(wall_s=3600.0, test_s=None),
        )
        self._executor = LocalExecutor(JOBS)
        self._history = SuiteHistory()

    def run(self, *, coverage: bool) -> int:
        """The whole suite once, cut by what it took before; the number of tests."""
        sizes = {file: (self._root / file).stat().st_size for file in list_files(self._root) if is_test_file(file)}
        whole = replace(self._batch, coverage=coverage)
        shares = share_out(self._history, sizes, JOBS)
        batches = [replace(whole, id=new_id("batch"), share=share) for share in shares]
        with ThreadPoolExecutor(JOBS) as pool:
            results: list[BatchResult] = list(pool.map(self._executor.run, batches))
        self._history = SuiteHistory.of(results, sizes)
        return sum(len(result.verdicts) for result in results)

    def close(self) -> None:
        """End the runners."""
        self._executor.close()


def print_table(results: list[Measured]) -> None:
    """Medians in seconds, and ours in parts of xdist's time."""
    print(f"| suite | tests | plain | xdist -n {JOBS} | command | ratio | bar | service, ratio | recorded, ratio |")
    print("|---|---|---|---|---|---|---|---|---|")
    for item in results:
        ratio = item.ratio("command")
        same = len(set(item.tests.values())) == 1
        tests = str(item.tests["plain"]) if same else " / ".join(map(str, item.tests.values()))
        print(
            f"| {item.project} | {tests} | {item.median('plain'):.2f} s | {item.median('xdist'):.2f} s "
            f"| {item.median('command'):.2f} s | {ratio:.2f} | {'met' if ratio <= BAR else 'missed'} (<= {BAR}) "
            f"| {item.median('service'):.2f} s, {item.ratio('service'):.2f} "
            f"| {item.median('recorded'):.2f} s, {item.ratio('recorded'):.2f} |"
        )


if __name__ == "__main__":
    main()
