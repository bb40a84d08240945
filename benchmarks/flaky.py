"""How many of ten planted flaky tests Augment's idle reruns find, against plain reruns and shuffled ones.

    python benchmarks/flaky.py [--reruns 10] [--stable 100] [--quick] [--json FILE]

Every tool gets the same project and the same number of executions of each test: Augment's reruns as its idle lane
makes them (through the real executor and store), the whole suite under pytest-rerunfailures, the whole suite repeated
in fresh processes, and repeated with pytest-randomly. A test counts as found when one tool has seen it pass and fail.
Falsely marked is every stable test of which the same is said. Tools live in a virtual environment under ``--cache``.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import venv
import xml.etree.ElementTree as ET
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from augment.analysis import Snapshots, discover_project
from augment.execution import LocalExecutor
from augment.records import Lane, Run, new_id
from augment.seams import Batch, Limits
from augment.service.rerun_batches import RerunBatches
from augment.service.rerun_chore import FlakinessChore
from augment.store import Reporter, Store

TOOLS = ("pytest==9.0.2", "pytest-rerunfailures==16.1", "pytest-randomly==4.0.1")

PLANTED = {
    "order dependence": (
        "test_order.py",
        "test_reads_what_another_writes",
        """
import registry

def test_registers():
    registry.NAMES.append("a")

def test_reads_what_another_writes():
    assert registry.NAMES
""",
    ),
    "shared state": (
        "test_shared.py",
        "test_registry_is_small",
        """
import registry

def test_registry_is_small():
    assert len(registry.OTHERS) == 0

def test_z_fills_the_registry():
    registry.OTHERS.append("b")
""",
    ),
    "hash seed": (
        "test_hashing.py",
        "test_first_of_a_set",
        """
def test_first_of_a_set():
    assert next(iter({"ant", "bee", "cat", "dog", "eel", "fox", "gnu", "hen"})) not in ("bee", "cat")
""",
    ),
    "float order": (
        "test_floats.py",
        "test_sum_over_a_set",
        """
WEIGHTS = {"ant": 1e16, "bee": 1.0, "cat": -1e16, "dog": 1.0}

def test_sum_over_a_set():
    total = 0.0
    for name in set(WEIGHTS):
        total += WEIGHTS[name]
    assert total != 2.0
""",
    ),
    "time zone": (
        "test_zone.py",
        "test_epoch_begins_in_1970",
        """
import datetime

def test_epoch_begins_in_1970():
    assert datetime.datetime.fromtimestamp(0).hour < 14
""",
    ),
    "time of day": (
        "test_clock.py",
        "test_local_date_is_the_utc_date",
        """
import datetime

def test_local_date_is_the_utc_date():
    assert datetime.datetime.now().date() == datetime.datetime.now(datetime.timezone.utc).date()
""",
    ),
    "dirty temporary folder": (
        "test_cache.py",
        "test_cache_is_made",
        """
import os
import tempfile

def test_cache_is_made():
    os.mkdir(os.path.join(tempfile.gettempdir(), "augment-benchmark-cache-of-a-test"))
""",
    ),
    "random": (
        "test_dice.py",
        "test_dice",
        """
import os

def test_dice():
    assert int.from_bytes(os.urandom(2), "big") % 5
""",
    ),
    "race": (
        "test_race.py",
        "test_two_threads",
        """
import os
import threading
import time

def test_two_threads():
    done = []

    def work(name):
        time.sleep(0.002 + int.from_bytes(os.urandom(1), "big") / 1e5)
        done.append(name)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done[0] != "c"
""",
    ),
    "leaking environment": (
        "test_leak.py",
        "test_asks_the_environment",
        """
import os

def test_asks_the_environment():
    assert os.environ.get("BENCHMARK_MODE") is None
    os.environ["BENCHMARK_MODE"] = "on"
""",
    ),
}


@dataclass
class Found:
    """What one tool found, in how many executions of each test, and in what time."""

    tool: str
    kinds: list[str]
    false_marks: int
    executions: float
    seconds: float
    causes: dict[str, str] = field(default_factory=dict)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reruns", type=int, default=10, help="executions of each test that every tool gets")
    parser.add_argument("--stable", type=int, default=100, help="stable tests beside the planted ones")
    parser.add_argument("--quick", action="store_true", help="five executions and twenty stable tests")
    parser.add_argument("--json", type=Path)
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "augment" / "benchmarks",
    )
    options = parser.parse_args()
    if options.quick:
        options.reruns, options.stable = 5, 20
    python = prepare_tools(options.cache)
    with tempfile.TemporaryDirectory(prefix="augment-flaky-") as folder:
        results = [measure(tool, Path(folder), python, options) for tool in TOOL_RUNS]
    print_table(results, options)
    if options.json:
        options.json.write_text(json.dumps({"results": [asdict(one) for one in results]}, indent=2) + "\n", "utf-8")


def prepare_tools(cache: Path) -> Path:
    """The interpreter of the virtual environment that all tools share, made when it is missing."""
    folder = cache / f"flaky-{sys.version_info.major}.{sys.version_info.minor}"
    python = folder / "bin" / "python"
    if not (folder / ".ready").exists():
        print(f"installing {', '.join(TOOLS)} into {folder}", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *TOOLS], check=True)
        (folder / ".ready").touch()
    return python


def write_project(root: Path, stable: int) -> None:
    root.mkdir(parents=True)
    (root / "pyproject.toml").write_text("[tool.pytest.ini_options]\npythonpath = ['.']\naddopts = '-p no:randomly'\n")
    (root / "registry.py").write_text("NAMES = []\nOTHERS = []\n\n\ndef double(x):\n    return 2 * x\n")
    for file, _, source in PLANTED.values():
        (root / file).write_text(source.lstrip())
    for number in range(0, stable, 10):
        tests = "\n\n".join(
            f"def test_stable_{case}(tmp_path):\n    (tmp_path / 'x').write_text('{case}')\n"
            f"    assert registry.double({case}) == {2 * case}"
            for case in range(number, min(number + 10, stable))
        )
        (root / f"test_stable_{number // 10}.py").write_text(f"import registry\n\n\n{tests}\n")


Outcomes = dict[str, set[str]]


def measure(tool: str, folder: Path, python: Path, options: argparse.Namespace) -> Found:
    left_behind = Path(tempfile.gettempdir()) / "augment-benchmark-cache-of-a-test"
    shutil.rmtree(left_behind, ignore_errors=True)
    root = folder / tool.replace(" ", "-")
    write_project(root, options.stable)
    began = time.monotonic()
    flipped, executions, causes = TOOL_RUNS[tool](root, python, options.reruns)
    seconds = time.monotonic() - began
    shutil.rmtree(left_behind, ignore_errors=True)
    names = {f"{file}::{test}": kind for kind, (file, test, _) in PLANTED.items()}
    kinds = [kind for nodeid, kind in names.items() if nodeid in flipped]
    false_marks = sum(1 for nodeid in flipped if "test_stable_" in nodeid)
    told = {names[nodeid]: cause for nodeid, cause in causes.items() if nodeid in names}
    return Found(tool, kinds, false_marks, round(executions, 1), round(seconds, 1), told)


def by_augment(root: Path, python: Path, reruns: int) -> tuple[set[str], float, dict[str, str]]:
    """The idle reruns, stopped when the average test has been executed as often as the other tools may."""
    project = discover_project(root, str(python))
    state = root.parent / "state"
    reporter = Reporter(Store(state / "augment.db"), root, state / "results", None)
    executor = LocalExecutor(2, scratch_dir=state / "work")
    snapshots = Snapshots(root)
    limits = Limits(wall_s=60.0, test_s=10.0)
    batches = RerunBatches(project, executor, limits)
    chore = FlakinessChore(snapshots, reporter, batches)
    try:
        first_verdicts(reporter, executor, root, python, snapshots.take().revision, limits)
        number = len(reporter.tests())
        while executed(reporter) < number * (reruns - 1) and chore.step(snapshots.take(), lambda: False):
            pass
        average = 1 + executed(reporter) / number
        for _ in range(200):  # what was found is explained too, and that is not counted as looking for it
            if not any(known.mixed and known.suspects for known in reporter.evidence()):
                break
            chore.step(snapshots.take(), lambda: False)
        found = {known.nodeid: known.cause for known in reporter.evidence() if known.mixed}
    finally:
        batches.close()
        executor.close()
        reporter.close()
    return set(found), average, found


def executed(reporter: Reporter) -> int:
    return sum(known.attempts + known.silent for known in reporter.evidence())


def first_verdicts(
    reporter: Reporter, executor: LocalExecutor, root: Path, python: Path, revision: str, limits: Limits
) -> None:
    run = Run(new_id("run"), Lane.FAST, "first look", revision, time.time())
    reporter.run_started(run)
    result = executor.run(Batch(new_id("batch"), str(root), str(python), coverage=False, limits=limits))
    reporter.verdicts(run.id, result.verdicts)
    reporter.run_finished(run.id, time.time())


def by_rerunfailures(root: Path, python: Path, reruns: int) -> tuple[set[str], float, dict[str, str]]:
    """One run in which what fails is rerun until it passes: what was rerun and passed in the end has flipped."""
    done = pytest(root, python, ["--reruns", str(reruns - 1), "-rR"])
    outcomes = read_outcomes(done)
    rerun = {line.split()[1] for line in done[1].splitlines() if line.startswith("RERUN ")}
    return {nodeid for nodeid in rerun if outcomes.get(nodeid) == "passed"}, 1.0 + len(rerun) / len(outcomes), {}


def by_repeating(root: Path, python: Path, reruns: int) -> tuple[set[str], float, dict[str, str]]:
    return flips_of(read_outcomes(pytest(root, python, [])) for _ in range(reruns)), float(reruns), {}


def by_randomly(root: Path, python: Path, reruns: int) -> tuple[set[str], float, dict[str, str]]:
    (root / "pyproject.toml").write_text("[tool.pytest.ini_options]\npythonpath = ['.']\n")
    seen = (read_outcomes(pytest(root, python, ["-p", "randomly", "-p", f"no:{n}"])) for n in range(reruns))
    return flips_of(seen), float(reruns), {}


def flips_of(runs: Any) -> set[str]:
    seen: Outcomes = defaultdict(set)
    for outcomes in runs:
        for nodeid, outcome in outcomes.items():
            seen[nodeid].add(outcome)
    return {nodeid for nodeid, outcomes in seen.items() if len(outcomes) > 1}


def pytest(root: Path, python: Path, arguments: list[str]) -> tuple[Path, str]:
    report = root.parent / "junit.xml"
    command = [str(python), "-m", "pytest", "-q", f"--junitxml={report}", *arguments]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONHASHSEED"}
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, env=environment, check=False)
    return report, done.stdout


def read_outcomes(done: tuple[Path, str]) -> Mapping[str, str]:
    cases = ET.parse(done[0]).getroot().iter("testcase")
    return {
        f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}": (
            "failed" if case.find("failure") is not None or case.find("error") is not None else "passed"
        )
        for case in cases
    }


TOOL_RUNS = {
    "Augment's idle reruns": by_augment,
    "pytest-rerunfailures": by_rerunfailures,
    "pytest repeated": by_repeating,
    "pytest-randomly repeated": by_randomly,
}


def print_table(results: list[Found], options: argparse.Namespace) -> None:
    ours = len(results[0].kinds)
    print(f"{len(PLANTED)} planted flaky tests, {options.stable} stable ones\n")
    print("| tool | found | falsely marked | executions of a test | seconds | Augment finds |")
    print("|---|---|---|---|---|---|")
    for one in results:
        ratio = f"{ours / len(one.kinds):.1f} x" if one.kinds else "-"
        print(
            f"| {one.tool} | {len(one.kinds)} of {len(PLANTED)} | {one.false_marks} | {one.executions:g} | "
            f"{one.seconds:g} | {ratio} |"
        )
    print("\n| planted | " + " | ".join(one.tool for one in results) + " | what Augment blames |")
    print("|---" * (len(results) + 2) + "|")
    for kind in PLANTED:
        marks = " | ".join("yes" if kind in one.kinds else "-" for one in results)
        print(f"| {kind} | {marks} | {results[0].causes.get(kind, '')} |")


if __name__ == "__main__":
    main()
