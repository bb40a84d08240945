"""Measures how much a build of the user's is slowed by a busy Augment beside it.

    python benchmarks/foreground.py [--rounds 5] [--model] [--quick] [--json FILE]

The build compiles the interpreter's own standard library to bytecode in two processes (``compileall -f -j 2``), which
is real work that fills two cores for some seconds. In every round it runs alone, then beside each of these, so that all
meet the same machine:

* a service on a copy of boltons that is writing tests for its weakest functions (with ``--model``, with its model) when
  the build begins, and does whatever it decides to while the build runs;
* ``pytest -n 2`` (xdist) on the same copy in an endless loop;
* the same loop under ``nice -n 19``.

What is told is the median over the rounds of (time beside) / (time alone in the same round) - 1.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from environments import copy_of, environment, median, source_release, user_environ
from watched import Service

PEERS = ("pytest==9.2.0", "pytest-xdist==3.8.0", "coverage==7.15.2")
SETTLE_S = 3.0
PASSES = 4
"""Over the tree in one build: about ten seconds on two quiet cores, so that a machine's hiccup does not decide."""
Beside = Callable[[], contextlib.AbstractContextManager[None]]


def prepare_build(scratch: Path) -> Path:
    """A copy of the standard library, without its tests and without installed packages."""
    ignored = shutil.ignore_patterns("site-packages", "test", "tests", "idlelib", "__pycache__", "lib2to3")
    return Path(shutil.copytree(sysconfig.get_paths()["stdlib"], scratch / "build", ignore=ignored))


def build(tree: Path) -> float:
    """Seconds that one build takes."""
    began = time.monotonic()
    for _ in range(PASSES):
        subprocess.run([sys.executable, "-m", "compileall", "-q", "-f", "-j", "2", str(tree)], check=False)
    return time.monotonic() - began


@contextlib.contextmanager
def augment(project: Path, python: Path, model: bool) -> Iterator[None]:
    """A service that has begun to write tests."""
    shutil.rmtree(project / ".augment", ignore_errors=True)
    shutil.rmtree(project / "tests" / "augment", ignore_errors=True)
    with Service(project, "--python", str(python), *([] if model else ["--no-model"])) as service:
        service.first_look()
        deadline = time.monotonic() + 300
        while not any(_writes(activity) for activity in service.get("activities")):
            if time.monotonic() > deadline:
                raise SystemExit(f"the service does not begin to write tests; see {service.logs}")
            time.sleep(0.5)
        yield


def _writes(activity: dict[str, Any]) -> bool:
    return activity["part"] == "generator" and str(activity["text"]).startswith("writing tests")


@contextlib.contextmanager
def xdist(project: Path, python: Path, *prefix: str) -> Iterator[None]:
    """pytest-xdist with two workers, again and again."""
    loop = f'while :; do "{python}" -m pytest -q -n 2 -p no:cacheprovider >/dev/null 2>&1; done'
    process = subprocess.Popen([*prefix, "sh", "-c", loop], cwd=project, env=user_environ(), start_new_session=True)
    try:
        time.sleep(SETTLE_S)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def measure(tree: Path, conditions: dict[str, Beside], rounds: int) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {"alone": []}
    build(tree)  # reads everything into the cache once
    for _ in range(rounds):
        time.sleep(SETTLE_S)
        seconds["alone"].append(build(tree))
        for name, beside in conditions.items():
            with beside():
                seconds.setdefault(name, []).append(build(tree))
    return seconds


def report(seconds: dict[str, list[float]]) -> dict[str, Any]:
    alone = seconds["alone"]
    rows = {
        name: {
            "seconds": round(median(values), 2),
            "slowed_percent": round((median([b / a for a, b in zip(alone, values, strict=True)]) - 1) * 100, 1),
        }
        for name, values in seconds.items()
    }
    return {"rounds": len(alone), "rows": rows, "seconds": {n: [round(v, 2) for v in s] for n, s in seconds.items()}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--model", action="store_true", help="also beside a service that writes with its model")
    parser.add_argument("--quick", action="store_true", help="one round")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started here ends with us
    python = environment("foreground", PEERS)
    release = source_release("boltons", "26.2.0")
    with tempfile.TemporaryDirectory(prefix="augment-foreground-") as folder:
        scratch = Path(folder)
        tree = prepare_build(scratch)
        ours, theirs = copy_of(release, scratch / "ours"), copy_of(release, scratch / "theirs")
        conditions: dict[str, Beside] = {"augment": lambda: augment(ours, python, model=False)}
        if options.model:
            conditions["augment with its model"] = lambda: augment(ours, python, model=True)
        conditions["pytest -n 2 in a loop"] = lambda: xdist(theirs, python)
        conditions["nice -n 19 pytest -n 2 in a loop"] = lambda: xdist(theirs, python, "nice", "-n", "19")
        result = report(measure(tree, conditions, 1 if options.quick else options.rounds))
    print("| a build beside | seconds | slowed by |")
    print("|---|---|---|")
    for name, row in result["rows"].items():
        print(f"| {name} | {row['seconds']:.2f} | {row['slowed_percent']:.1f} % |")
    print(json.dumps(result))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
