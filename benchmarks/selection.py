"""Does selection miss anything? Seeded mutations over three projects, against the full suite and pytest-testmon.

    python benchmarks/selection.py [--mutations 200] [--projects boltons tomlkit ...] [--seed 1] [--json FILE] [--quick]

For each mutation the whole suite tells which tests it breaks; Augment's selection, from one recording of the unmutated
project, tells which it would have run, and so does pytest-testmon from its own recording of the same. The bar: every
mutation that the full suite catches is caught by the selected tests. Beside it: whether *every* broken test was
selected, and how many tests each ran. A broken test that was not selected is run again on the mutation, alone, and
without it: what is not steady is said and not counted.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from real_projects import DEFAULT_CACHE, SUBJECTS, Prepared, add_package, prepare
from selection_edits import Edit, edits_of

from augment.analysis import SourceIndex, compare, discover_project, groups_of, select_tests, take_snapshot
from augment.execution import LocalExecutor
from augment.records import CoverageReport, FaultKind, Outcome, Project, Snapshot, content_hash, new_id
from augment.seams import Batch, BatchResult, Limits

DEFAULT = ("boltons", "tomlkit", "itsdangerous")
TESTMON = "pytest-testmon==2.2.0"
JOBS = 2
LIMITS = Limits(wall_s=120.0, test_s=8.0)
BROKEN = frozenset({"failed", "error", "fault"})


@dataclass
class Trial:
    """One mutation: what the full suite saw, and what each selection would have run."""

    project: str
    kind: str
    edit: str
    broken: int
    selected: int
    missed: list[str]
    unsteady: list[str]
    testmon: int | None = None
    testmon_missed: int | None = None

    @property
    def caught(self) -> bool:
        """Whether a selected test breaks, where any test does."""
        return self.broken > len(self.missed) or not self.broken


@dataclass
class Baseline:
    """The unmutated project in one working copy: what its tests do and run."""

    project: Project
    snapshot: Snapshot
    texts: Mapping[str, str]
    outcomes: Mapping[str, str]
    coverage: CoverageReport
    unsteady: frozenset[str]
    args: tuple[str, ...] = ()
    index: SourceIndex = field(default_factory=SourceIndex)


class Copy:
    """A working copy with an executor of its own. Each write gets another time, so that no stale bytecode is used."""

    def __init__(self, prepared: Prepared, folder: Path, base: Baseline | None = None) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(
            prepared.root, folder, ignore=shutil.ignore_patterns("__pycache__", ".testmondata*", ".augment")
        )
        self.root = folder
        self._prepared = prepared
        self._executor = LocalExecutor(1)
        self._stamp = int(time.time()) - 1_000_000
        self.base = base or self._record()

    def close(self) -> None:
        """End its runners."""
        self._executor.close()

    def _record(self) -> Baseline:
        project = discover_project(self.root, str(self._prepared.python))
        self.base = Baseline(project, take_snapshot(self.root), {}, {}, CoverageReport(), frozenset())
        first = self.run(coverage=True)
        second = self.run()
        snapshot = take_snapshot(self.root)
        texts = {name: _read(self.root / name) for name in snapshot.files}
        outcomes = _outcomes(first)
        unsteady = {name for name, outcome in _outcomes(second).items() if outcomes.get(name) != outcome}
        return Baseline(project, snapshot, texts, outcomes, first.coverage, frozenset(unsteady))

    def run(self, nodeids: Iterable[str] = (), *, coverage: bool = False) -> BatchResult:
        """Run tests of the copy as it stands."""
        project = self.base.project
        return self._executor.run(
            Batch(
                id=new_id("batch"),
                root=str(self.root),
                interpreter=str(self._prepared.python),
                nodeids=(*nodeids,) or self._prepared.subject.args,
                source_roots=project.source_roots,
                coverage=coverage,
                limits=LIMITS,
            )
        )

    def write(self, file: str, text: str) -> None:
        """Replace a file."""
        path = self.root / file
        path.write_bytes(text.encode())
        self._stamp += 3
        os.utime(path, (self._stamp, self._stamp))

    def try_edit(self, edit: Edit) -> Trial:
        """Select for the edit, run everything on it, and compare."""
        base = self.base
        self.write(edit.file, edit.text)
        try:
            return self._judge(edit, self._select(edit), self.run())
        finally:
            self.write(edit.file, base.texts[edit.file])

    def _select(self, edit: Edit) -> set[str]:
        base = self.base
        new = dict(base.texts) | {edit.file: edit.text}
        files = dict(base.snapshot.files) | {edit.file: content_hash(edit.text.encode())}
        change = compare(base.snapshot, Snapshot.of(files), base.texts.get, new.get, base.project, base.index)
        return {item.nodeid for item in select_tests(change, base.coverage, list(base.outcomes), base.outcomes)}

    def _judge(self, edit: Edit, chosen: set[str], result: BatchResult) -> Trial:
        base = self.base
        selected = [nodeid for nodeid in base.outcomes if _stands(nodeid, chosen)]
        broken = _broken(base.outcomes, result) - base.unsteady
        missed = sorted(nodeid for nodeid in broken if not _stands(nodeid, chosen))
        unsteady = [nodeid for nodeid in missed if not self._is_steady(edit, nodeid)]
        missed = [nodeid for nodeid in missed if nodeid not in unsteady]
        return Trial(
            self._prepared.subject.name,
            edit.kind,
            f"{edit.file} {edit.what}",
            len(broken) - len(unsteady),
            len(selected),
            missed,
            unsteady,
        )

    def _is_steady(self, edit: Edit, nodeid: str) -> bool:
        """Whether the test, alone, breaks on the edit and passes without it, and so again."""
        seen = []
        for _ in range(2):
            self.write(edit.file, edit.text)
            seen.append(_is_broken(self.run([nodeid]), nodeid))
            self.write(edit.file, self.base.texts[edit.file])
            seen.append(not _is_broken(self.run([nodeid]), nodeid))
        self.write(edit.file, edit.text)
        return all(seen)


class Testmon:
    """pytest-testmon on a working copy of its own, in an environment of its own."""

    __test__ = False

    def __init__(self, prepared: Prepared, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(prepared.root, folder, ignore=shutil.ignore_patterns("__pycache__", ".testmondata*"))
        self.root = folder
        self._python = prepared.python
        self._data = folder / ".testmondata"
        self._pytest("--testmon", "-q")
        self._kept = folder.with_suffix(".testmondata")
        shutil.copy(self._data, self._kept)
        self._stamp = int(time.time()) - 1_000_000

    def select(self, edit: Edit, original: str) -> set[str]:
        """The tests that it would run for the edit."""
        self._write(edit.file, edit.text)
        try:
            shutil.copy(self._kept, self._data)
            shown = self._pytest("--testmon", "--collect-only", "-q", "-p", "no:randomly")
            return {line.strip() for line in shown.splitlines() if "::" in line and not line.startswith(("ERROR", " "))}
        finally:
            self._write(edit.file, original)

    def _write(self, file: str, text: str) -> None:
        path = self.root / file
        path.write_bytes(text.encode())
        self._stamp += 3
        os.utime(path, (self._stamp, self._stamp))

    def _pytest(self, *arguments: str) -> str:
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": f"{self.root / 'src'}:{self.root}"}
        command = [str(self._python), "-m", "pytest", "--color=no", *arguments]
        done = subprocess.run(
            command, cwd=self.root, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        return done.stdout


def _read(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "replace")


def _outcomes(result: BatchResult) -> dict[str, str]:
    return {verdict.nodeid: verdict.outcome.value for verdict in result.verdicts}


def _stands(nodeid: str, chosen: set[str]) -> bool:
    return not chosen.isdisjoint(groups_of(nodeid))


def _broken(before: Mapping[str, str], result: BatchResult) -> set[str]:
    """Tests that passed and do not now; all of a file that cannot be collected any more."""
    found = _outcomes(result)
    broken = {name for name, outcome in found.items() if outcome in BROKEN and before.get(name) not in BROKEN}
    for file in result.collection_errors:
        broken.update(name for name in before if name == file or name.startswith(f"{file}::") or file == ".")
    return broken


def _is_broken(result: BatchResult, nodeid: str) -> bool:
    if result.collection_errors:
        return True
    return any(
        verdict.nodeid == nodeid
        and (
            verdict.outcome in (Outcome.FAILED, Outcome.ERROR)
            or (verdict.fault and verdict.fault.kind is FaultKind.TIMEOUT)
        )
        for verdict in result.verdicts
    )


def measure(name: str, mutations: int, seed: int, cache: Path, *, peer: bool) -> list[Trial]:
    """All trials of one project."""
    prepared = prepare(SUBJECTS[name], cache)
    work = cache / "selection" / name
    work.mkdir(parents=True, exist_ok=True)
    copies = [Copy(prepared, work / "0" / name)]
    copies += [Copy(prepared, work / str(number) / name, copies[0].base) for number in range(1, JOBS)]
    for copy in copies[1:]:
        copy.base = replace(
            copies[0].base, project=replace(copies[0].base.project, root=str(copy.root)), index=SourceIndex()
        )
    base = copies[0].base
    wanted = edits_of(copies[0].root, mutations, seed)
    print(
        f"{name}: {len(base.outcomes)} tests, {len(base.unsteady)} unsteady, {len(wanted)} mutations", file=sys.stderr
    )
    try:
        with ThreadPoolExecutor(JOBS) as pool:
            parts = [wanted[number::JOBS] for number in range(JOBS)]
            done = list(
                pool.map(lambda pair: [pair[0].try_edit(edit) for edit in pair[1]], zip(copies, parts, strict=True))
            )
    finally:
        for copy in copies:
            copy.close()
    trials = [trial for part in done for trial in part]
    if peer:
        edits = [edit for part in parts for edit in part]
        _ask_testmon(name, cache, work, edits, trials, base)
    return trials


def _ask_testmon(
    name: str, cache: Path, work: Path, edits: Sequence[Edit], trials: Sequence[Trial], base: Baseline
) -> None:
    """Which tests testmon would run for the same edits. Its environment lies beside ours: it is a pytest plugin."""
    prepared = prepare(SUBJECTS[name], cache / "testmon")
    add_package(prepared, TESTMON)
    peers = [Testmon(prepared, work / f"testmon-{number}" / name) for number in range(JOBS)]
    pairs = list(zip(edits, trials, strict=True))

    def ask(number: int) -> None:
        for edit, trial in pairs[number::JOBS]:
            trial.testmon = len(peers[number].select(edit, base.texts[edit.file]) & set(base.outcomes))

    with ThreadPoolExecutor(JOBS) as pool:
        list(pool.map(ask, range(JOBS)))


def summary(trials: Sequence[Trial]) -> dict[str, object]:
    """The figures of one project, or of all."""
    caught = [trial for trial in trials if trial.broken]
    asked = [trial for trial in trials if trial.testmon is not None]
    return {
        "mutations": len(trials),
        "caught_by_full_suite": len(caught),
        "caught_by_selection": sum(trial.caught for trial in caught),
        "every_broken_test_selected": sum(not trial.missed for trial in caught),
        "broken_tests": sum(trial.broken for trial in trials),
        "broken_tests_missed": sum(len(trial.missed) for trial in trials),
        "unsteady": sum(len(trial.unsteady) for trial in trials),
        "tests_selected": sum(trial.selected for trial in asked or trials),
        "tests_selected_by_testmon": sum(trial.testmon or 0 for trial in asked) if asked else None,
    }


def table(found: Mapping[str, dict[str, object]]) -> str:
    """For people."""
    lines = [
        "| project | mutations | caught by the full suite | by the selected tests | all broken tests selected "
        "| tests run, ours | testmon's | ratio |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, row in found.items():
        ours, theirs = row["tests_selected"], row["tests_selected_by_testmon"]
        ratio = f"{ours / theirs:.2f}" if isinstance(ours, int) and isinstance(theirs, int) and theirs else "-"
        lines.append(
            f"| {name} | {row['mutations']} | {row['caught_by_full_suite']} | {row['caught_by_selection']} "
            f"| {row['every_broken_test_selected']} | {ours} | {theirs if theirs is not None else '-'} | {ratio} |"
        )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--projects", nargs="+", choices=sorted(SUBJECTS), metavar="NAME", default=list(DEFAULT))
    parser.add_argument("--mutations", type=int, default=200, help="over all projects")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-testmon", action="store_true", help="leave the peer out")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every trial")
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE, help="where releases and environments are kept")
    parser.add_argument("--quick", action="store_true", help="ten mutations of one project")
    wanted = parser.parse_args()
    names = wanted.projects[:1] if wanted.quick else wanted.projects
    total = 10 if wanted.quick else wanted.mutations
    began = time.monotonic()
    trials: dict[str, list[Trial]] = {}
    for number, name in enumerate(names):
        part = total // len(names) + (number < total % len(names))
        trials[name] = measure(name, part, wanted.seed, wanted.cache, peer=not wanted.no_testmon)
    every = [trial for part in trials.values() for trial in part]
    found = {name: summary(part) for name, part in trials.items()} | {"all": summary(every)}
    for trial in every:
        if trial.missed or trial.unsteady:
            print(f"missed in {trial.project}: {trial.edit} ({trial.kind}): {trial.missed[:5]} {trial.unsteady[:3]}")
    text = json.dumps({"summary": found, "seconds": round(time.monotonic() - began, 1), "seed": wanted.seed}, indent=2)
    print(text)
    print(table(found))
    if wanted.json:
        wanted.json.write_text(json.dumps([asdict(trial) for trial in every], indent=1) + "\n")
    everything = summary(every)
    return 0 if everything["caught_by_full_suite"] == everything["caught_by_selection"] else 1


if __name__ == "__main__":
    sys.exit(main())
