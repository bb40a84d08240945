"""Compares Augment's verdicts with plain pytest's, test by test, on the own test suites of real projects.

    python benchmarks/fidelity.py [--projects boltons click] [--rounds 2] [--json FILE] [--write-docs]

Each round runs plain ``python -m pytest``, whose raw reports a small plugin notes, and then the same suite through
Augment: as one batch (``--jobs 1``), cut for two executors (``--jobs 2``), and with coverage recorded as the service
does. A test that plain pytest itself does not decide the same way in every round is *unsteady* and counts for neither.
Every other difference is listed; those with a reason in ``fidelity_explained.json`` count as explained. Exits with 1
when a difference is left.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from real_projects import DEFAULT_CACHE, SUBJECTS, Prepared, Subject, prepare

HERE = Path(__file__).parent
EXPLAINED = HERE / "fidelity_explained.json"
DOCS = HERE.parent / "docs" / "fidelity.md"
QUICK = ("itsdangerous", "pluggy", "markupsafe")
ABSENT = "absent"

INTRODUCTION = """\
# Verdicts equal pytest's

Made by `python benchmarks/fidelity.py --write-docs`: the own test suites of real releases, run by plain pytest and by
Augment in the same environment and compared test by test. Each release is run through Augment as one batch, cut for two
executors, and with coverage recorded as the service does, or in those of these three ways that fitted the time;
*compared* counts each. A test is *unsteady* when plain pytest itself did not decide it the same way each time.

"""
CLOSING = """
Words: an unexpected pass that the project tolerates (*xpassed*) is a pass to Augment; a test that passes and whose
clean-up fails counts twice in pytest's summary and once, as an error, here.
"""

Words = dict[str, str]
"""Node id -> what became of it, in one word."""


@dataclass
class Side:
    """One run of a suite: the words, the exit code, and how long it took."""

    words: Words
    exit_code: int
    seconds: float


@dataclass
class Difference:
    """A test that the two sides tell differently. ``reason`` is empty while nobody has explained it."""

    mode: str
    nodeid: str
    pytest: str
    augment: str
    reason: str = ""


@dataclass
class Compared:
    """What came of one project."""

    project: str
    tests: int
    outcomes: dict[str, int]
    unsteady: list[str]
    same: int = 0
    compared: int = 0
    differences: list[Difference] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def unexplained(self) -> list[Difference]:
        """Differences that have no reason."""
        return [item for item in self.differences if not item.reason]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--projects", nargs="+", choices=sorted(SUBJECTS), metavar="NAME", default=list(SUBJECTS))
    parser.add_argument("--modes", nargs="+", choices=sorted(MODES), default=list(MODES))
    parser.add_argument("--rounds", type=int, default=2, help="how often each side runs each suite")
    parser.add_argument("--quick", action="store_true", help="three small projects, one round")
    parser.add_argument("--json", type=Path, help="write all details; other projects that the file has are kept")
    parser.add_argument("--write-docs", action="store_true", help=f"write the table to {DOCS.name}")
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE)
    options = parser.parse_args()
    names, rounds = (QUICK, 1) if options.quick else (options.projects, options.rounds)
    results = []
    for name in names:
        results.append(compare(prepare(SUBJECTS[name], options.cache), options.modes, rounds))
        print(_line(results[-1]), flush=True)
        for text in _listed(results[-1].unexplained):
            print(f"    {text}", file=sys.stderr, flush=True)
    if options.json:
        known = kept(options.json)
        known.update({result.project: result for result in results})
        rows = [asdict(result) for result in known.values()]
        options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
        told = list(known.values())
    else:
        told = results
    if options.write_docs:
        DOCS.write_text("\n".join(document(told)) + "\n", encoding="utf-8")
    if any(result.unexplained for result in results):
        sys.exit(1)


# ------------------------------------------------------------------------------ running


def compare(project: Prepared, modes: Iterable[str], rounds: int) -> Compared:
    """Run both sides ``rounds`` times and compare."""
    plain: list[Side] = []
    ours: dict[str, list[Side]] = defaultdict(list)
    for _ in range(rounds):
        plain.append(run_plain(project))
        for mode in modes:
            ours[mode].append(MODES[mode](project))
    told = merge(side.words for side in plain)
    steady = {nodeid: words for nodeid, words in told.items() if len(words) == 1}
    result = Compared(
        project.subject.release,
        len(plain[0].words),
        dict(Counter(plain[0].words.values())),
        sorted(told.keys() - steady.keys()),
    )
    result.seconds["pytest"] = min(side.seconds for side in plain)
    for mode, sides in ours.items():
        result.seconds[mode] = min(side.seconds for side in sides)
        _compare_mode(result, mode, steady, merge(side.words for side in sides))
        if not result.unsteady:
            _compare_exit_codes(result, mode, plain, sides)
    explain(project.subject, result)
    return result


def merge(sides: Iterable[Words]) -> dict[str, frozenset[str]]:
    """Node id -> every word that was said of it."""
    runs = list(sides)
    names = dict.fromkeys(nodeid for words in runs for nodeid in words)
    return {nodeid: frozenset(words.get(nodeid, ABSENT) for words in runs) for nodeid in names}


def _compare_mode(
    result: Compared, mode: str, steady: Mapping[str, frozenset[str]], ours: Mapping[str, frozenset[str]]
) -> None:
    unsteady = set(result.unsteady)
    for nodeid in dict.fromkeys([*steady, *(name for name in ours if name not in unsteady)]):
        expected = steady.get(nodeid, frozenset({ABSENT}))
        found = ours.get(nodeid, frozenset({ABSENT}))
        result.compared += 1
        if found == frozenset(map(as_augment_says, expected)):
            result.same += 1
        else:
            result.differences.append(Difference(mode, nodeid, _said(expected), _said(found)))


def _compare_exit_codes(result: Compared, mode: str, plain: list[Side], ours: list[Side]) -> None:
    expected, found = {side.exit_code for side in plain}, {side.exit_code for side in ours}
    if found != expected:
        result.differences.append(Difference(mode, "exit code", _said(map(str, expected)), _said(map(str, found))))


def _said(words: Iterable[str]) -> str:
    return " or ".join(sorted(words))


def as_augment_says(word: str) -> str:
    """Augment has no word of its own for an unexpected pass that its project tolerates: it is a pass."""
    return "passed" if word == "xpassed" else word


def run_plain(project: Prepared, limit_s: float | None = None) -> Side:
    """Plain ``python -m pytest``, with the noting plugin and nothing else added.

    What has not ended after ``limit_s`` seconds is killed (a thread that waits for ever keeps it from exiting): what it
    told until then counts.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.jsonl"
        site = next((project.python.parent.parent / "lib").glob("python3*")) / "site-packages"
        shutil.copy(HERE / "fidelity_record.py", site)
        command = [str(project.python), "-m", "pytest", "-p", "fidelity_record", *project.subject.args]
        environment = _environment(project) | {"FIDELITY_REPORT": str(report)}
        began = time.monotonic()
        code, said = _ended(command, project.root, environment, limit_s)
        seconds = time.monotonic() - began
        lines = report.read_text(encoding="utf-8").splitlines() if report.exists() else []
    (site / "fidelity_record.py").unlink()
    if not lines:
        sys.exit(f"plain pytest told nothing of {project.subject.release}: {said[-2000:]!r}")
    return Side(fold(json.loads(line) for line in lines), code, seconds)


def _ended(command: list[str], root: Path, environment: dict[str, str], limit_s: float | None) -> tuple[int, bytes]:
    """Run a command; its exit status (-9 past the limit) and what it said."""
    with subprocess.Popen(
        command,
        cwd=root,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        try:
            said, _ = process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            said, _ = process.communicate()
    return process.returncode, said


def _environment(project: Prepared) -> dict[str, str]:
    """The user's own, with the project's environment activated."""
    folder = project.python.parent
    return os.environ | {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "VIRTUAL_ENV": str(folder.parent)}


def fold(records: Iterable[dict[str, Any]]) -> Words:
    """One word a test from pytest's raw reports; of a test that was repeated the last attempt counts."""
    phases: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        if "exit" in record:
            continue
        if record["when"] in ("setup", "collect"):
            phases[record["nodeid"]] = []
        phases.setdefault(record["nodeid"], []).append(record)
    return {nodeid: _word(reports) for nodeid, reports in phases.items()}


def _word(reports: list[dict[str, Any]]) -> str:
    failed = {report["when"] for report in reports if report["outcome"] == "failed"}
    if failed:
        return "failed" if "call" in failed else "error"
    skipped = [report for report in reports if report["outcome"] == "skipped"]
    if skipped:
        return "xfailed" if any(report["xfail"] for report in skipped) else "skipped"
    return "xpassed" if any(report["xfail"] for report in reports) else "passed"


def run_command(project: Prepared, jobs: int) -> Side:
    """``augment test --all``."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "report.json"
        command = [sys.executable, "-m", "augment", "test", str(project.root), "--python", str(project.python)]
        chosen = list(project.subject.args) or ["--all"]
        began = time.monotonic()
        done = subprocess.run(
            [*command, *chosen, "--jobs", str(jobs), "--json", str(out)],
            cwd=HERE.parent,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.monotonic() - began
        if not out.exists():
            sys.exit(f"augment test told nothing of {project.subject.release}: {done.stdout}{done.stderr}")
        report = json.loads(out.read_text(encoding="utf-8"))
    words = {item["nodeid"]: _faulty(item["outcome"], item["fault"]) for item in report["verdicts"]}
    words |= dict.fromkeys(report["collection_errors"], "error")
    return Side(words, done.returncode, seconds)


def _faulty(outcome: str, fault: dict[str, str] | None) -> str:
    return outcome if fault is None else f"fault: {fault['kind']}"


def run_recorded(project: Prepared) -> Side:
    """One batch through the executor with coverage recorded, as the service runs it."""
    from augment.analysis import discover_project
    from augment.execution import LocalExecutor
    from augment.seams import Batch, Limits

    found = discover_project(str(project.root), str(project.python))
    batch = Batch(
        id="fidelity",
        root=found.root,
        interpreter=found.interpreter,
        nodeids=project.subject.args,
        source_roots=found.source_roots,
        coverage=True,
        limits=Limits(wall_s=3600.0, test_s=None),
    )
    executor = LocalExecutor(1)
    began = time.monotonic()
    try:
        result = executor.run(batch)
    finally:
        executor.close()
    seconds = time.monotonic() - began
    words = {
        verdict.nodeid: verdict.outcome.value if verdict.fault is None else f"fault: {verdict.fault.kind.value}"
        for verdict in result.verdicts
    }
    words |= dict.fromkeys(result.collection_errors, "error")
    return Side(words, -1 if result.exit_code is None else result.exit_code, seconds)


MODES = {
    "whole": lambda project: run_command(project, 1),
    "split": lambda project: run_command(project, 2),
    "recorded": run_recorded,
}


# ------------------------------------------------------------------------------ telling


def kept(path: Path) -> dict[str, Compared]:
    """What an earlier run wrote, by project."""
    if not path.exists():
        return {}
    rows = json.loads(path.read_text(encoding="utf-8"))
    for row in rows:
        row["differences"] = [Difference(**difference) for difference in row["differences"]]
    return {row["project"]: Compared(**row) for row in rows}


def explain(subject: Subject, result: Compared) -> None:
    """Give each difference the reason that is written down for it."""
    rules = [rule for rule in json.loads(EXPLAINED.read_text(encoding="utf-8")) if rule["project"] == subject.name]
    for difference in result.differences:
        for rule in rules:
            fits = fnmatchcase(difference.nodeid, rule["nodeid"]) and difference.mode in rule["modes"]
            if fits and fnmatchcase(difference.augment, rule["augment"]):
                difference.reason = rule["reason"]


def _line(result: Compared) -> str:
    explained = len(result.differences) - len(result.unexplained)
    counts = ", ".join(f"{number} {word}" for word, number in sorted(result.outcomes.items()))
    return (
        f"| {result.project} | {result.tests} | {counts} | {result.compared} | {result.same} "
        f"| {len(result.unexplained)} | {explained} | {len(result.unsteady)} |"
    )


def _listed(differences: list[Difference]) -> Iterator[str]:
    """The first few of each mode; all are in the JSON report."""
    modes: dict[str, list[Difference]] = defaultdict(list)
    for item in differences:
        modes[item.mode].append(item)
    for mode, found in modes.items():
        yield from (f"{mode}: {item.nodeid}: pytest {item.pytest}, Augment {item.augment}" for item in found[:8])
        if len(found) > 8:
            yield f"{mode}: and {len(found) - 8} more"


def document(results: list[Compared]) -> Iterator[str]:
    """The page of the documentation."""
    yield from INTRODUCTION.splitlines()
    yield "| release | tests | what plain pytest says | compared | same | different | explained | unsteady |"
    yield "|---|---|---|---|---|---|---|---|"
    yield from map(_line, results)
    tests, same = sum(result.tests for result in results), sum(result.same for result in results)
    left = sum(len(result.unexplained) for result in results)
    explained = sum(len(result.differences) for result in results) - left
    compared = sum(result.compared for result in results)
    unsteady = sum(len(result.unsteady) for result in results)
    yield f"| all | {tests} | | {compared} | {same} | {left} | {explained} | {unsteady} |"
    yield ""
    yield "## What each project tries"
    yield ""
    for result in results:
        yield f"- **{result.project}**: {SUBJECTS[result.project.partition('==')[0]].shows}"
    yield ""
    yield "## Differences, and why"
    yield ""
    yield from _reasons(results)


def _reasons(results: list[Compared]) -> Iterator[str]:
    groups: dict[tuple[str, str], list[Difference]] = defaultdict(list)
    for result in results:
        for difference in result.differences:
            groups[(result.project, difference.reason or "not explained")].append(difference)
    if not groups:
        yield "There is none."
    for (project, reason), found in groups.items():
        first = found[0]
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        told = f"pytest {first.pytest}, Augment {first.augment}"
        yield f"- {project}, `{first.nodeid}`{more} ({first.mode}): {told}. {reason}"
    yield from CLOSING.splitlines()


if __name__ == "__main__":
    main()
