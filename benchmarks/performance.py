"""Takes every figure of docs/performance.md anew, one benchmark after the other, and writes the page.

    python benchmarks/performance.py [--only latency suites ...] [--quick]

Each section of the page is what one script printed, with the command, the day and the machine. A section that is not
taken anew keeps what it says. A bar that is missed is shown like one that is met: read the ratios.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from dataclasses import dataclass

from pages import ROOT, Page, section_text, without_paths


@dataclass(frozen=True)
class Section:
    """One claim: its name, what must hold, and the script with its arguments that shows it."""

    name: str
    title: str
    bar: str
    command: tuple[str, ...]


SECTIONS = (
    Section(
        "latency",
        "From save to verdict",
        "p50 <= 200 ms and p95 <= 400 ms on the event stream; at least 5 times faster than pytest-watcher with "
        "pytest-testmon, 2.5 times faster than a cold pytest of the one right test.",
        ("latency.py", "--project", "boltons", "--edits", "30"),
    ),
    Section(
        "latency-heavy",
        "From save to verdict, where imports take two seconds",
        "p50 within 1.5 times that of the light project.",
        ("latency.py", "--project", "heavy", "--edits", "30"),
    ),
    Section(
        "selection",
        "Which tests are run",
        "Of 200 seeded mutations in three projects, every one that the full suite catches is caught by the selected "
        "tests.",
        ("selection.py",),
    ),
    Section(
        "recording",
        "What recording costs",
        "Verdicts never wait for it by more than a tenth: where it costs more, it follows behind them.",
        ("recording.py",),
    ),
    Section(
        "suites",
        "Whole suites",
        "Two executors take at most 0.8 times the wall time of `pytest -n 2` (xdist).",
        ("suites.py",),
    ),
    Section(
        "mutants",
        "Mutants",
        "At most 15 ms a mutant with two executors, at least twice mutmut's rate, the same verdicts.",
        ("mutants.py",),
    ),
    Section(
        "overhead",
        "What watching costs",
        "Idle watch of 10,000 files: at most 1 % of a core and 200 MB beside Ray; a branch switch of 10,000 files is "
        "one plan within 2 s.",
        ("overhead.py",),
    ),
    Section("sandbox", "The sandbox", "At most 15 ms a batch over none; every attack blocked.", ("sandbox.py",)),
    Section(
        "foreground",
        "Beside the user's own work",
        "A CPU-bound build beside a busy Augment is slowed by at most 5 %.",
        ("foreground.py",),
    ),
    Section("engines", "Engines", "", ("engines.py",)),
    Section("flaky", "Flaky tests", "Planted flaky tests found, no stable test marked.", ("flaky.py",)),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [section.name for section in SECTIONS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--quick", action="store_true", help="every script in its small mode; writes nothing")
    options = parser.parse_args()
    failed = []
    for section in SECTIONS:
        if section.name not in options.only:
            continue
        command = [*section.command, *(["--quick"] if options.quick else [])]
        print(f"== {section.title}: {' '.join(command)}", file=sys.stderr)
        status, table = run(command)
        print(table)
        if status != 0:
            failed.append(section.name)
        if not options.quick:
            PAGE.write(section.name, section_of(section, table))
    if failed:
        print(f"ended with an error: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


HEAD = """# Performance

<!-- Made by `python benchmarks/performance.py`; the figures are what the scripts printed. -->

Every claim is a script in `benchmarks/` that measures Augment and the peer in one run, in turn, and prints both. Read
the ratios: absolute times belong to the machine. A bar that is missed is shown like one that is met.
"""

PAGE = Page(ROOT / "docs" / "performance.md", HEAD, tuple(section.name for section in SECTIONS))


def run(command: list[str]) -> tuple[int, str]:
    """Run one script; what it shows of its progress goes to the terminal, what it prints is the section's text."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / command[0]), *command[1:]],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        check=False,
    )
    return done.returncode, tables_of(done.stdout)


def tables_of(printed: str) -> str:
    """What a reader wants of a script's output: all but the JSON, with no path of this machine."""
    text = re.sub(r"^[{\[]\n.*?^[}\]]\n?", "", printed, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"^[{\[].*[}\]]$\n?", "", text, flags=re.MULTILINE)
    return without_paths(text).strip()


def section_of(section: Section, table: str) -> str:
    """What the page says of it."""
    return section_text(section.title, section.bar, section.command, table)


if __name__ == "__main__":
    sys.exit(main())
