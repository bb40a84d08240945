"""Of edits that change behaviour and of edits that change none: how many are told, and how long after the save.

    python benchmarks/behaviour.py [PROJECT] [--edits 20] [--seed 0] [--lane write|fast] [--json FILE]

Edits are mutants of the project's functions, drawn by the seed, each saved on its own, and as many that change a
function's syntax and nothing that it does (a statement ``_ = 0`` in front). The watching service runs in this process:
real coordinator, executor, sandbox and store. ``told`` is the time from the save to the note, or to the word that
nothing was seen; ``verdict`` that to the last verdict of the save with its recording. The write lane steps back for
everything else on the machine; ``--lane fast`` shows what a machine with nothing else to do would take.
"""

from __future__ import annotations

import argparse
import ast
import json
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from augment.analysis import Snapshots, discover_project, project_targets
from augment.execution import LocalExecutor, apply_mutant, mutants_of
from augment.generation import Comparison
from augment.records import Lane, TargetKind
from augment.service import BehaviourWatch, Coordinator, Sources, state_folder
from augment.store import Reporter, Store

EXAMPLE = Path(__file__).parents[1] / "examples" / "bookshop"
_WAIT_S = 300.0


@dataclass(frozen=True, slots=True)
class Edited:
    """One save. ``changes`` is whether it changes what the code may do."""

    what: str
    changes: bool
    verdict_s: float
    told_s: float
    notes: tuple[str, ...]


class Watched:
    """A copy of a project, watched in this process."""

    def __init__(self, project: Path, folder: Path, lane: Lane) -> None:
        self.root = folder / project.name
        shutil.copytree(project, self.root, ignore=shutil.ignore_patterns(".augment", "__pycache__", ".git", "logs"))
        self.project = discover_project(self.root, sys.executable)
        state = state_folder(self.root)
        self._reporter = Reporter(Store(state / "augment.db"), self.root, state / "results", None)
        self._executor = LocalExecutor(2)
        self._watch = BehaviourWatch(
            self._reporter, lambda: Comparison(self.project, self._executor, lane=lane, most_targets=8)
        )
        self._watch.start()
        self._coordinator = Coordinator(
            self.project,
            self._executor,
            self._reporter,
            Sources(state / "sources"),
            parallel=lambda: 2,
            on_edit=self._watch.saved,
        )
        self._test()

    def close(self) -> None:
        """Stop everything, what is watched last."""
        self._coordinator.stop()
        self._watch.stop()
        self._executor.close()
        self._reporter.close()

    def save(self, what: str, file: str, text: str, *, changes: bool) -> Edited:
        """Save ``text``, see what is told, and take it back."""
        path = self.root / file
        before, known = path.read_text(), {row["id"] for row in self._reporter.behaviour(1000)}
        began = time.perf_counter()
        path.write_text(text)
        verdict = self._test() - began
        self._watch.wait_idle(_WAIT_S)
        told = time.perf_counter() - began
        notes = tuple(row["sentence"] for row in self._reporter.behaviour(1000) if row["id"] not in known)
        path.write_text(before)
        self._test()
        self._watch.wait_idle(_WAIT_S)
        return Edited(what, changes, verdict, told, notes)

    def _test(self) -> float:
        self._coordinator.handle(Snapshots(self.root).take())
        return time.perf_counter()


@contextmanager
def watched(project: Path, lane: Lane) -> Iterator[Watched]:
    """A copy of ``project`` in a folder that goes with it."""
    with tempfile.TemporaryDirectory() as folder:
        opened = Watched(project, Path(folder), lane)
        try:
            yield opened
        finally:
            opened.close()


def edits_of(watched: Watched, count: int, seed: int) -> list[tuple[str, str, str, bool]]:
    """(what, file, new text, whether it changes anything): mutants, and as many harmless edits of functions."""
    targets = [
        target
        for target in project_targets(watched.project, Snapshots(watched.root).take())
        if target.kind is not TargetKind.CLASS
    ]
    texts = {target.file: (watched.root / target.file).read_text() for target in targets}
    rng = random.Random(seed)
    mutants = [mutant for target in targets for mutant in mutants_of(texts[target.file], target)]
    chosen = rng.sample(mutants, min(count, len(mutants)))
    harmful = [
        (f"{item.target} {item.operator}", item.file, apply_mutant(texts[item.file], item), True) for item in chosen
    ]
    harmless = [
        (f"{target.id} harmless", target.file, _harmless(texts[target.file], target.qualname), False)
        for target in rng.sample(targets, min(count, len(targets)))
    ]
    return [*harmful, *harmless]


def _harmless(text: str, qualname: str) -> str:
    """``text`` with a statement in front of the function's own that changes nothing."""
    node: ast.AST = ast.parse(text)
    for name in qualname.removesuffix(".setter").removesuffix(".deleter").split("."):
        node = next(item for item in ast.walk(node) if getattr(item, "name", None) == name)
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    at = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
    lines = text.splitlines(keepends=True)
    return "".join([*lines[: at.lineno - 1], " " * at.col_offset + "_ = 0\n", *lines[at.lineno - 1 :]])


def table(edited: list[Edited]) -> str:
    """The figures as a table in Markdown."""
    rows = [
        "| saves | told to change behaviour | verdict, median | note, median | note, 95 % |",
        "|---|---|---|---|---|",
    ]
    for label, changes in (("mutants of functions", True), ("edits that change nothing", False)):
        group = [item for item in edited if item.changes is changes]
        if not group:
            continue
        times = sorted(item.told_s for item in group)
        rows.append(
            f"| {len(group)} {label} | {sum(bool(item.notes) for item in group)} "
            f"| {statistics.median(item.verdict_s for item in group):.1f} s | {statistics.median(times):.1f} s "
            f"| {times[min(len(times) - 1, int(0.95 * len(times)))]:.1f} s |"
        )
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project", nargs="?", type=Path, default=EXAMPLE)
    parser.add_argument("--edits", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--lane", choices=("write", "fast"), default="write")
    parser.add_argument("--json", type=Path)
    wanted = parser.parse_args()
    edited: list[Edited] = []
    with watched(wanted.project.resolve(), Lane(wanted.lane)) as service:
        for what, file, text, changes in edits_of(service, wanted.edits, wanted.seed):
            edited.append(service.save(what, file, text, changes=changes))
            item = edited[-1]
            print(f"{item.told_s:6.2f} s  {item.what}: {item.notes[0] if item.notes else 'nothing seen'}", flush=True)
    print(table(edited))
    if wanted.json is not None:
        wanted.json.write_text(json.dumps([asdict(item) for item in edited], indent=2) + "\n")


if __name__ == "__main__":
    main()
