"""Seeds bugs that generation could not know of, and counts how many of them the kept tests catch.

    python benchmarks/seeded.py [--budget 60] [--no-model] [--count 100] [--seed N] [--json FILE] [--write-docs]

One hundred mutants are drawn by seed from all of those of the three packages of the comparison, and hidden from the
pass: no test is kept for killing one of them. Afterwards each is put into the source by itself and the kept tests run
under plain pytest. A run that fails, or does not end, has caught it. Some mutants change nothing that can be seen, so
not all of them can be caught.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from queue import SimpleQueue

from environments import CACHE
from generation_subjects import BENCHMARK, Subject, install
from harness import PROCESSES, Harness
from pages import section_text
from quality_page import PAGE

from augment.analysis import discover_project, take_snapshot
from augment.commands.targets import choose_targets
from augment.config import Settings, load_settings
from augment.execution import (
    LocalExecutor,
    apply_mutant,
    find_interpreter,
    mutants_of,
    probe_interpreter,
    require_sandbox,
    sample_mutants,
)
from augment.generation import GenerationPass, GenerationSettings, NullSink, measure_baseline
from augment.mutants import Mutant
from augment.records import Project, Target
from augment.serve import LocalEngine, load_engine
from augment.wiring import engine_spec, generation_settings, suite_limits

RUN_S = 60.0
"""Longest run of the tests on one mutant; a longer one has noticed it."""
NO_TESTS = 5
"""Exit status of pytest where it found nothing to run."""


@dataclass(frozen=True)
class Tried:
    """One hidden mutant, and whether the kept tests caught it."""

    package: str
    mutant: str
    operator: str
    caught: bool
    diff: str


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", nargs="+", choices=list(BENCHMARK), default=list(BENCHMARK), metavar="NAME")
    parser.add_argument("--budget", type=float, default=60.0, help="seconds a module")
    parser.add_argument("--count", type=int, default=100, help="hidden mutants")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-model", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--write-docs", action="store_true", help="put the table into docs/quality.md")
    parser.add_argument("--cache", type=Path, default=CACHE)
    options = parser.parse_args()
    tried, tests = measure(options)
    body = table(tried, tests)
    print(body)
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in tried], indent=2) + "\n", encoding="utf-8")
    if options.write_docs:
        title = f"Seeded bugs, {'without a model' if options.no_model else 'with the packaged 1.5B model'}"
        section = section_text(title, "none is set; the share is reported.", ["seeded.py", *sys.argv[1:]], body)
        PAGE.write(f"seeded-{'no-model' if options.no_model else 'model'}", section)
    return 0


def measure(options: argparse.Namespace) -> tuple[list[Tried], dict[str, int]]:
    """Write tests and try the hidden mutants; those, and how many tests each package has."""
    harness = Harness.prepared(options.cache)
    subjects = [BENCHMARK[name] for name in options.packages]
    works = {subject.package: options.cache / "work" / "seeded" / subject.package for subject in subjects}
    for subject in subjects:
        install(subject, works[subject.package])
    mutants = {subject.package: all_mutants(subject, works[subject.package]) for subject in subjects}
    hidden = draw(mutants, options.count, options.seed)
    tried, tests = [], {}
    with ExitStack() as stack:
        settings = load_settings(
            {"budget": options.budget, "seed": options.seed, "no_model": options.no_model}
        ).settings
        engine = _engine(settings, stack)
        for subject in subjects:
            work, chosen = works[subject.package], hidden[subject.package]
            wanted = replace(
                generation_settings(settings.generator), hidden_mutants=frozenset(mutant.id for mutant in chosen)
            )
            tests[subject.package] = write_tests(subject, work, settings, wanted, engine)
            harness.drop_failing(work)
            tried += try_all(subject, work, chosen, harness)
    return tried, tests


def all_mutants(subject: Subject, work: Path) -> list[Mutant]:
    """Every mutant of the modules that are measured, each once, in order."""
    found: dict[str, Mutant] = {}
    for target in _targets(discover_project(work), subject):
        source = (work / target.file).read_text(encoding="utf-8")
        found.update((mutant.id, mutant) for mutant in mutants_of(source, target))
    return list(found.values())


def draw(mutants: Mapping[str, Sequence[Mutant]], count: int, seed: int) -> dict[str, list[Mutant]]:
    """``count`` of all mutants together, by package: one with more mutants gets more of them."""
    flat = [mutant for name in mutants for mutant in mutants[name]]
    chosen = {mutant.id for mutant in sample_mutants(flat, count, seed)}
    return {name: [mutant for mutant in mutants[name] if mutant.id in chosen] for name in mutants}


def _targets(project: Project, subject: Subject) -> list[Target]:
    return list(choose_targets(project, list(subject.files), "tests can be written for"))


def _engine(settings: Settings, stack: ExitStack) -> LocalEngine | None:
    spec = engine_spec(settings.model) if "model" in settings.generator.generators else None
    return stack.enter_context(load_engine(spec)) if spec is not None else None


def write_tests(
    subject: Subject, work: Path, settings: Settings, wanted: GenerationSettings, engine: LocalEngine | None
) -> int:
    """One pass as ``augment generate`` runs it, with mutants hidden; how many tests were kept."""
    require_sandbox(settings.generator.sandbox)
    interpreter = find_interpreter(work, settings.service.python)
    probe_interpreter(interpreter)
    project = discover_project(work, interpreter)
    executor = LocalExecutor(
        settings.generator.max_concurrent or PROCESSES,
        scratch_dir=work / ".augment" / "work",
        sandbox=settings.generator.sandbox,
        confine_own_tests=settings.generator.sandbox_own_tests,
        warm_bytes=settings.generator.warm_memory_mb * 2**20,
    )
    try:
        began = time.monotonic()
        baseline = measure_baseline(project, executor, suite_limits(settings.generator))
        work_pass = GenerationPass(project, take_snapshot(project.root), executor, NullSink(), engine, wanted)
        kept = len(work_pass.run(_targets(project, subject), baseline).admitted)
        print(f"{subject.package}: {kept} tests in {time.monotonic() - began:.0f} s", file=sys.stderr)
        return kept
    finally:
        executor.close()


def try_all(subject: Subject, work: Path, mutants: Sequence[Mutant], harness: Harness) -> list[Tried]:
    """Put each mutant into a copy of the package and run the kept tests there."""
    copies: SimpleQueue[Path] = SimpleQueue()
    for number in range(PROCESSES):
        copy = work.with_name(f"{work.name}-copy-{number}")
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(work, copy, ignore=shutil.ignore_patterns(".augment", "__pycache__"))
        copies.put(copy)

    def one(mutant: Mutant) -> Tried:
        copy = copies.get()
        file = copy / mutant.file
        source = file.read_text(encoding="utf-8")
        try:
            file.write_text(apply_mutant(source, mutant), encoding="utf-8")
            end = harness.pytest(copy, ["-x", "tests"], RUN_S)[0]
        finally:
            file.write_text(source, encoding="utf-8")
            copies.put(copy)
        return Tried(subject.package, mutant.id, mutant.operator, caught(end), mutant.diff)

    with ThreadPoolExecutor(PROCESSES) as pool:
        waiting: list[Future[Tried]] = [pool.submit(one, mutant) for mutant in mutants]
        return [each.result() for each in waiting]


def caught(end: int | None) -> bool:
    """Whether a run with this exit status (None: it did not end) has noticed the mutant."""
    return end is None or end not in (0, NO_TESTS)


def table(tried: Sequence[Tried], tests: Mapping[str, int]) -> str:
    """Markdown: a row a package, and all together."""
    rows = ["| package | tests | hidden mutants | caught | share |", "|---|---|---|---|---|"]
    groups = {name: [one for one in tried if one.package == name] for name in tests}
    for name, group in {**groups, "**together**": list(tried)}.items():
        found = sum(one.caught for one in group)
        share = f"{100 * found / len(group):.0f} %" if group else "-"
        rows.append(f"| {name} | {tests.get(name, sum(tests.values()))} | {len(group)} | {found} | {share} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    sys.exit(main())
