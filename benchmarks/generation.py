"""Measures ``augment generate``, and peers in the same run, on real releases: one command, one harness for all.

    python benchmarks/generation.py --packages benchmark --budget 60 [--no-model] [--without NAME ...]
        [--ablate NAME ...] [--peer pynguin coverup] [--seed N] [--json FILE] [--write-docs]

``--packages`` takes packages and the groups *benchmark* (the three that others publish figures of) and *others* (three
more, chosen before anything was measured on them). Each release is installed into a clean folder, without dependencies
and without tests. ``--ablate`` adds a row for Augment without each generator or gate that is named. What is measured,
and how, is in ``harness.py``; docs/quality.md has the results.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from environments import CACHE
from generation_subjects import GROUPS, SUBJECTS, Subject, chosen, group_of, install
from generation_table import Measured, bars, by_system, table
from harness import RERUNS, Harness
from pages import machine, section_text
from quality_page import PAGE
from systems import Augment, CoverUp, Pynguin, System


def main() -> int:
    options = read_options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started here ends with us
    subjects = chosen(options.packages)
    section = section_name(options, subjects) if options.write_docs else ""
    harness = Harness.prepared(options.cache, mutants=not options.no_mutants, reruns=options.reruns, seed=options.seed)
    results: list[Measured] = []
    for system in systems(options):
        for measured in run(system, subjects, harness, options.cache):
            results.append(measured)
            if options.json:  # after each, so that hours of work outlive what comes
                text = json.dumps(as_json(options, results), indent=2)
                options.json.write_text(text + "\n", encoding="utf-8")
    group = group_of(subjects)
    body = table(results) + bars(results, group, model=not options.no_model)
    print(body)
    if section:
        PAGE.write(section, section_text(title(options, group), "", ["generation.py", *sys.argv[1:]], body))
    return 0


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [*GROUPS, *SUBJECTS]
    parser.add_argument("--packages", nargs="+", choices=names, default=["benchmark"], metavar="NAME", help=str(names))
    parser.add_argument("--budget", type=float, default=60.0, help="seconds a module")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-model", action="store_true")
    parser.add_argument("--without", nargs="+", default=[], metavar="NAME", help="generators or gates to switch off")
    parser.add_argument("--ablate", nargs="+", default=[], metavar="NAME", help="a row more without each of these")
    parser.add_argument("--peer", nargs="+", choices=("pynguin", "coverup"), default=[])
    parser.add_argument("--peers-only", action="store_true", help="without Augment's own rows")
    parser.add_argument("--no-mutants", action="store_true")
    parser.add_argument("--reruns", type=int, default=RERUNS, help="varied reruns of the kept tests")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--write-docs", action="store_true", help="put the table into docs/quality.md")
    parser.add_argument("--cache", type=Path, default=CACHE)
    options = parser.parse_args()
    options.without = split(options.without)
    options.ablate = split(options.ablate)
    return options


def split(names: list[str]) -> list[str]:
    """Names given one by one or with commas."""
    return [name for given in names for name in given.split(",") if name]


def systems(options: argparse.Namespace) -> list[System]:
    """Who writes tests, in the order of the rows."""
    model, off = not options.no_model, tuple(options.without)
    found: list[System] = []
    if not options.peers_only:
        found.append(Augment(options.budget, options.seed, model, off))
        found += [Augment(options.budget, options.seed, model, (*off, name)) for name in options.ablate]
    if "pynguin" in options.peer:
        found.append(Pynguin(options.budget, options.seed, options.cache))
    if "coverup" in options.peer:
        found.append(CoverUp(options.budget, options.cache))
    return found


def run(system: System, subjects: list[Subject], harness: Harness, cache: Path) -> Iterator[Measured]:
    """One system over all packages."""
    try:
        for subject in subjects:
            yield measure(system, subject, harness, cache)
    finally:
        system.close()


def measure(system: System, subject: Subject, harness: Harness, cache: Path) -> Measured:
    """Have one system write tests for one package, and measure them."""
    work = cache / "work" / slug(system.name) / subject.package
    install(subject, work)
    print(f"{system.name}: {subject.package}, {len(subject.modules)} modules", file=sys.stderr)
    written = system.write(subject, work)
    print(f"  written in {written.seconds:.0f} s; measuring", file=sys.stderr)
    quality = harness.measure(subject, work)
    print(f"  measured in {quality.seconds:.0f} s", file=sys.stderr)
    return Measured(system.name, subject.package, written, quality)


def slug(name: str) -> str:
    """A name as a folder."""
    return "".join(letter if letter.isalnum() else "-" for letter in name.lower()).strip("-")


def section_name(options: argparse.Namespace, subjects: list[Subject]) -> str:
    """Which section of the page this run is; the page takes whole groups with nothing switched off."""
    group = group_of(subjects)
    if group is None or options.without or options.no_mutants or options.peers_only or options.reruns < RERUNS:
        raise SystemExit("--write-docs takes whole groups, everything measured and nothing but --ablate switched off")
    kind = "ablation" if options.ablate else "packages"
    return f"{group}-{kind}-{'no-model' if options.no_model else 'model'}"


def title(options: argparse.Namespace, group: str | None) -> str:
    what = "Three packages chosen beforehand" if group == "others" else "The three packages of the comparison"
    how = "without a model" if options.no_model else "with the packaged 1.5B model"
    return f"{what}, {how}" + (", and without each generator" if options.ablate else "")


def as_json(options: argparse.Namespace, results: list[Measured]) -> dict[str, object]:
    """The results for machines: what was asked, each package, and all together."""
    return {
        "budget_s": options.budget,
        "seed": options.seed,
        "model": not options.no_model,
        "without": options.without,
        "machine": machine(),
        "results": [{**asdict(item), **item.rates()} for item in results],
        "together": {name: pooled.rates() for name, (_, pooled) in by_system(results).items()},
    }


if __name__ == "__main__":
    sys.exit(main())
