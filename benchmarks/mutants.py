"""One mutant, wall time with two processes: Augment against mutmut on mutmut's own mutants, verdicts compared.

    python benchmarks/mutants.py [--subjects text urls] [--rounds 3] [--json FILE] [--quick]

For each subject mutmut makes its mutants and tries them with two children; then Augment tries the very same changed
functions with two executors, and the verdicts are compared one by one: every difference is listed, with what plain
pytest says of it: a fresh process on the changed file. (mutmut forks a process in which the tests ran before; what they
left behind, such as a filled cache, can hide a mutant.) Rounds alternate, the medians count. *ms each* is the wall
time of trying divided by the mutants that mutmut tried, for mutmut as it prints it itself; neither side's reading of
the code and first run of the tests is in it, Augment's starting of processes and collecting of tests is. *whole* are
both from begin to end. Augment's own mutants of the same modules are tried as well. The bars: 15 ms each, and twice
mutmut's rate.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

from real_projects import DEFAULT_CACHE, SUBJECTS, Prepared, add_package, prepare

from augment.analysis import discover_project, project_targets, read_source, take_snapshot
from augment.execution import LocalExecutor, apply_mutant, audit_mutants, mutant_of, mutants_of, plan_orders
from augment.mutants import Mutant, MutantOutcome, MutantVerdict
from augment.records import Outcome, Project, Snapshot, Target, TargetKind, new_id
from augment.seams import Batch, Limits, MutationOrder

MUTMUT = "mutmut==3.8.1"
BAR_MS = 15.0
BAR_RATIO = 2.0
PROCESSES = 2
NOTICED = frozenset({"killed", "timeout", "segfault"})
_GENERATED = re.compile(r"^x(?:ǁ(?P<owner>\w+)ǁ|_)(?P<name>\w+)__mutmut_\d+$")


@dataclass(frozen=True)
class Subject:
    """Modules of a release, and the tests to judge them by."""

    release: str
    package: str
    files: tuple[str, ...]
    tests: tuple[str, ...]


CHOSEN = {
    "text": Subject("boltons", "boltons", ("boltons/strutils.py",), ("tests/test_strutils.py",)),
    "numbers": Subject(
        "boltons",
        "boltons",
        ("boltons/mathutils.py", "boltons/timeutils.py"),
        ("tests/test_mathutils.py", "tests/test_timeutils.py"),
    ),
    "urls": Subject("boltons", "boltons", ("boltons/urlutils.py",), ("tests/test_urlutils.py",)),
    "toml": Subject("tomlkit", "tomlkit", ("tomlkit/_utils.py",), ("tests/test_utils.py",)),
}
"""Not chosen: code whose mutants loop for ever, such as recipes of iterators: mutmut gives each 15 s and more."""


@dataclass
class Side:
    """What one side did in one round."""

    verdicts: dict[str, str]
    tried: int
    seconds: float
    whole_s: float

    @property
    def ms_each(self) -> float:
        """Wall milliseconds a mutant."""
        return 1000.0 * self.seconds / max(1, self.tried)


@dataclass
class Compared:
    """All rounds of one subject."""

    subject: str
    mutants: int
    ours_ms: list[float] = field(default_factory=list)
    peer_ms: list[float] = field(default_factory=list)
    ours_whole_s: list[float] = field(default_factory=list)
    peer_whole_s: list[float] = field(default_factory=list)
    own_mutants: int = 0
    own_ms: list[float] = field(default_factory=list)
    same: int = 0
    differences: list[dict[str, str]] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """How many times mutmut's rate: the median over the rounds."""
        return median(peer / ours for ours, peer in zip(self.ours_ms, self.peer_ms, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subjects", nargs="+", choices=sorted(CHOSEN), metavar="NAME", default=sorted(CHOSEN))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one subject, one round")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE)
    options = parser.parse_args()
    names, rounds = (["numbers"], 1) if options.quick else (options.subjects, options.rounds)
    results = [compare(CHOSEN[name], options.cache, rounds) for name in names]
    print_table(results)
    if options.json:
        rows = [{**asdict(item), "ratio": item.ratio} for item in results]
        report = {"bar_ms": BAR_MS, "bar_ratio": BAR_RATIO, "results": rows}
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def compare(subject: Subject, cache: Path, rounds: int) -> Compared:
    """Both sides in turn, ``rounds`` times."""
    prepared = prepare(SUBJECTS[subject.release], cache)
    add_package(prepared, MUTMUT)
    compared = Compared(f"{SUBJECTS[subject.release].release} {' '.join(subject.files)}", 0)
    for number in range(rounds):
        peer_root = fresh_copy(prepared, cache / "work" / f"{subject.release}-mutmut")
        peer = run_mutmut(subject, prepared.python, peer_root)
        ours_root = fresh_copy(prepared, cache / "work" / f"{subject.release}-augment")
        trier = Ours(subject, ours_root, prepared.python)
        wanted = trier.adopt(peer_root, [name for name, status in peer.verdicts.items() if status != "no tests"])
        ours = trier.run(list(wanted.values()), list(wanted))
        own = trier.run_own()
        compared.mutants = len(wanted)
        compared.ours_ms.append(ours.ms_each)
        compared.peer_ms.append(peer.ms_each)
        compared.ours_whole_s.append(trier.measuring_s + ours.whole_s)
        compared.peer_whole_s.append(peer.whole_s)
        compared.own_mutants = own.tried
        compared.own_ms.append(own.ms_each)
        trier.close()
        print(f"{subject.release} round {number}: {ours.ms_each:.1f} against {peer.ms_each:.1f} ms", file=sys.stderr)
        judge(compared, wanted, ours.verdicts, peer.verdicts)
    arbitrate(compared, wanted, subject, prepared, cache)
    return compared


def arbitrate(
    compared: Compared, wanted: Mapping[str, Mutant], subject: Subject, prepared: Prepared, cache: Path
) -> None:
    """Let plain pytest decide where the verdicts differ: a fresh process on the changed file."""
    root = fresh_copy(prepared, cache / "work" / f"{subject.release}-pytest")
    for told in compared.differences:
        mutant = wanted[told["mutant"]]
        path = root / mutant.file
        source = path.read_text(encoding="utf-8")
        path.write_text(apply_mutant(source, mutant), encoding="utf-8")
        command = [str(prepared.python), "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *subject.tests]
        environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
        try:
            done = subprocess.run(command, cwd=root, env=environment, capture_output=True, check=False, timeout=60)
            told["pytest"] = "killed" if done.returncode else "survived"
        except subprocess.TimeoutExpired:
            told["pytest"] = "timeout"
        path.write_text(source, encoding="utf-8")


def judge(compared: Compared, wanted: Mapping[str, Mutant], ours: Mapping[str, str], peer: Mapping[str, str]) -> None:
    """Note the verdicts of a round, and where they differ."""
    compared.same, compared.differences = 0, []
    for name, mutant in wanted.items():
        if (ours[name] in NOTICED) == (peer[name] in NOTICED):
            compared.same += 1
        else:
            changed = [line for line in mutant.diff.splitlines()[3:] if line[:1] in "+-"]
            told = {"mutant": name, "ours": ours[name], "mutmut": peer[name], "line": str(mutant.lineno)}
            compared.differences.append({**told, "change": " ".join(line.strip() for line in changed)})


def fresh_copy(prepared: Prepared, folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    ignored = shutil.ignore_patterns(".augment", "__pycache__", ".pytest_cache", "*.egg-info", "build")
    shutil.copytree(prepared.root, folder, ignore=ignored)
    return folder


# ------------------------------------------------------------------------------ mutmut


def run_mutmut(subject: Subject, python: Path, root: Path) -> Side:
    settings = {
        "source_paths": [subject.package],
        "only_mutate": list(subject.files),
        "pytest_add_cli_args_test_selection": list(subject.tests),
        "also_copy": ["tests"],
    }
    text = (root / "pyproject.toml").read_text(encoding="utf-8") if (root / "pyproject.toml").exists() else ""
    lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    (root / "pyproject.toml").write_text("\n".join([text, "[tool.mutmut]", *lines, ""]), encoding="utf-8")
    command = [str(python), "-m", "mutmut", "run", "--max-children", str(PROCESSES)]
    began = time.monotonic()
    done = subprocess.run(command, cwd=root, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    whole = time.monotonic() - began
    rate = re.findall(r"([\d.]+) mutations/second", done.stdout)
    if not rate:
        raise SystemExit(f"mutmut did not finish: {done.stdout[-1500:]}{done.stderr[-1500:]}")
    listing = [str(python), "-m", "mutmut", "results", "--all", "true"]
    listed = subprocess.run(listing, cwd=root, capture_output=True, text=True, check=True).stdout
    verdicts = dict(line.strip().rsplit(": ", 1) for line in listed.splitlines() if "__mutmut_" in line)
    tried = sum(status != "no tests" for status in verdicts.values())
    return Side(verdicts, tried, tried / float(rate[-1]), whole)


def mutmut_functions(file: Path) -> dict[str, tuple[str, str]]:
    """Name of each of mutmut's mutated functions -> the function it stands for, and its text under that name."""
    source = file.read_text(encoding="utf-8")
    lines = source.split("\n")
    found = {}
    for node in ast.walk(ast.parse(source)):
        match = _GENERATED.match(node.name) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else None
        if match is not None and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
            text = "\n".join(lines[first - 1 : node.end_lineno]) + "\n"
            owner = f"{match['owner']}." if match["owner"] else ""
            found[node.name] = (owner + match["name"], text.replace(node.name, match["name"], 1))
    return found


# ------------------------------------------------------------------------------- ours


class Ours:
    """Augment's side, on a copy of the project that mutmut has not touched."""

    def __init__(self, subject: Subject, root: Path, python: Path) -> None:
        self._subject = subject
        self._project: Project = discover_project(root, str(python))
        self._snapshot: Snapshot = take_snapshot(root)
        self._targets: dict[tuple[str, str], Target] = {}
        for target in project_targets(self._project, self._snapshot):
            if target.file in subject.files and target.kind is not TargetKind.CLASS:
                self._targets[target.file, target.qualname] = target
        self._sources = {file: read_source(root, file) or "" for file in subject.files}
        self._executor = LocalExecutor(PROCESSES)
        batch = Batch(
            new_id("batch"),
            str(root),
            str(python),
            subject.tests,
            snapshot=self._snapshot,
            private=True,
            source_roots=self._project.source_roots,
            limits=Limits(test_s=None),
        )
        began = time.monotonic()
        self._executor.prime(batch)
        measured = self._executor.run(batch)
        self.measuring_s = time.monotonic() - began
        self._coverage = measured.coverage
        passing = {
            one.nodeid: one.duration_s for one in measured.verdicts if one.outcome in (Outcome.PASSED, Outcome.XFAILED)
        }
        self._template = MutationOrder(
            "",
            batch.root,
            batch.interpreter,
            self._snapshot,
            (),
            {},
            passing,
            lane=batch.lane,
            source_roots=batch.source_roots,
        )

    def adopt(self, peer_root: Path, names: Sequence[str]) -> dict[str, Mutant]:
        """mutmut's mutants of the given names as ours; those of functions that are no target are left out."""
        adopted: dict[str, Mutant] = {}
        for file in self._subject.files:
            module = next((target.module for (where, _), target in self._targets.items() if where == file), "")
            wanted = {name.removeprefix(f"{module}."): name for name in names if name.startswith(f"{module}.")}
            for generated, (qualname, text) in mutmut_functions(peer_root / "mutants" / file).items():
                target = self._targets.get((file, qualname))
                if generated in wanted and target is not None:
                    mutant = self._mutant(target, text)
                    if mutant is not None:
                        adopted[wanted[generated]] = mutant
        return adopted

    def _mutant(self, target: Target, text: str) -> Mutant | None:
        """The smallest edit that makes the target's text this one."""
        source = self._sources[target.file]
        lines = source.split("\n")
        begin = sum(len(line) + 1 for line in lines[: target.lineno - 1])
        old = "\n".join(lines[target.lineno - 1 : target.end_lineno]) + "\n"
        text = text.strip("\n") + "\n"
        same = next((at for at, (a, b) in enumerate(zip(old, text, strict=False)) if a != b), min(len(old), len(text)))
        rest = min(len(old), len(text)) - same
        tail = next((at for at in range(rest) if old[-1 - at] != text[-1 - at]), rest)
        edit = (begin + same, begin + len(old) - tail, text[same : len(text) - tail])
        return mutant_of(source, target, edit, "mutmut")

    def run(self, mutants: Sequence[Mutant], names: Sequence[str]) -> Side:
        """Try ``mutants``, known by ``names``."""
        began = time.monotonic()
        orders = plan_orders(self._template, self._unique(mutants), self._coverage, PROCESSES)
        verdicts = {one.mutant: one for one in audit_mutants(self._executor, orders, PROCESSES)}
        seconds = time.monotonic() - began
        told = {name: _status(verdicts[mutant.id]) for name, mutant in zip(names, mutants, strict=True)}
        return Side(told, len(mutants), seconds, seconds)

    def run_own(self) -> Side:
        """Augment's own mutants of the same functions, less those that no test reaches, as for mutmut's."""
        mutants = [
            mutant for (file, _), target in self._targets.items() for mutant in mutants_of(self._sources[file], target)
        ]
        orders = plan_orders(self._template, mutants, self._coverage, PROCESSES)
        reached = [mutant for order in orders for mutant in order.mutants if order.tests[mutant.id]]
        side = self.run(reached, [mutant.id for mutant in reached])
        print(f"own mutants: {dict(Counter(side.verdicts.values()))}", file=sys.stderr)
        return side

    def _unique(self, mutants: Sequence[Mutant]) -> list[Mutant]:
        return list({mutant.id: mutant for mutant in mutants}.values())

    def close(self) -> None:
        """End the executors."""
        self._executor.close()


def _status(verdict: MutantVerdict) -> str:
    return verdict.outcome.value if verdict.outcome is not MutantOutcome.NOT_APPLICABLE else f"? {verdict.detail}"


# ------------------------------------------------------------------------------- table


def print_table(results: Sequence[Compared]) -> None:
    heads = ["subject", "mutmut's mutants", "Augment, ms each", f"{MUTMUT}, ms each", "ratio", "own mutants", "ms each"]
    print(f"| {' | '.join([*heads, 'same verdicts'])} |")
    print("|---|---|---|---|---|---|---|---|")
    for item in results:
        print(
            f"| {item.subject} | {item.mutants} | {median(item.ours_ms):.1f} | {median(item.peer_ms):.1f} "
            f"| {item.ratio:.1f} | {item.own_mutants} | {median(item.own_ms):.1f} | {item.same} of {item.mutants} |"
        )
    for item in results:
        for told in item.differences:
            said = f"ours {told['ours']}, mutmut {told['mutmut']}, plain pytest {told['pytest']}: {told['change']}"
            print(f"{item.subject} {told['mutant']} (line {told['line']}): {said}")


if __name__ == "__main__":
    main()
