"""docs/compatibility.md: the table of what happened."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

from compatibility_cases import CASES, Case
from compatibility_happened import Happened, Saved
from pages import ROOT, machine, without_paths

DOCS = ROOT / "docs" / "compatibility.md"

INTRODUCTION = """\
# Real projects

Augment started on ten releases from the package index, each in an environment of its own and as its owner would start
it, without a model. Made by `python benchmarks/compatibility.py --write-docs`.
For each: `augment doctor`; `augment test --all` beside plain pytest, test by test; `python -m augment.launch` until
every test has its verdict; a save that breaks a function (its first statement raises; functions drawn by a seed, one
after the other until a test notices, at most eight) and the save that mends it; a minute of generation, one half beside
that, one half by `augment generate` for the file that was saved; Ctrl-C. Then plain pytest, in the project's own
environment, runs what was kept: as it stands, and three times in an order, with a hash seed and in a time zone drawn
anew. *Right* means: every verdict equals plain pytest's on the same bytes, at first and after each save; the stop ends
with 0 and leaves no process; no file of the project is changed but those that were saved; the logs tell of no error.
"""
TIMES = """\
The machine was shared: four processes and more wanted each of its cores. Times are rough, and less was written in a
minute than on one that is left alone.
"""
HEADER = (
    "| project | stands for | files | tests, as pytest says | pytest s | `test --all` s | doctor "
    "| all verdicts after s | broken, failing tests | failing verdict s | kept tests | findings | memory MB | right |",
    "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|",
)


def document(told: Mapping[str, Happened]) -> str:
    """The whole page."""
    return without_paths("\n".join(_lines(told))) + "\n"


def _lines(told: Mapping[str, Happened]) -> Iterator[str]:
    day = time.strftime("%Y-%m-%d", time.gmtime())
    yield INTRODUCTION
    yield f"{TIMES}\n({day}, {machine()})\n"
    yield from HEADER
    for name, happened in told.items():
        yield line(CASES[name], happened)
    yield "\n## What is special, and what happened\n"
    for name, happened in told.items():
        yield f"- **{happened.release}** ({CASES[name].layout}): {'. '.join(remarks(CASES[name], happened))}."


def line(case: Case, happened: Happened) -> str:
    """One row of the table."""
    noticed = next((one for one in happened.saves if one.failing), None)
    cells = (
        happened.release,
        case.stands_for,
        f"{happened.files:,}",
        said(happened.pytest),
        f"{happened.pytest_s:g}",
        f"{happened.augment_s:g}" if happened.augment_s else "-",
        doctor_said(happened),
        f"{happened.first_look_s:g}" if happened.first_look_s else "-",
        broken(happened.saves),
        "-" if noticed is None or noticed.seconds is None else f"{noticed.seconds:g}",
        str(happened.kept),
        str(len(happened.findings)),
        str(happened.memory_mb or "-"),
        right(happened),
    )
    return f"| {' | '.join(cells)} |"


def right(happened: Happened) -> str:
    """Whether all came out as it should."""
    if happened.wrong:
        return f"**{len(happened.wrong)} wrong**"
    return "yes" if happened.stop_code is not None else "as far as it was tried"


def doctor_said(happened: Happened) -> str:
    """Whether the doctor found the project well, in a word or two."""
    if happened.doctor:
        return "fails"
    count = len(happened.doctor_says)
    return f"{count} remark{'s' if count > 1 else ''}" if count else "ok"


def said(counts: Mapping[str, int]) -> str:
    """Counts of outcomes in words."""
    return ", ".join(f"{number} {word}" for word, number in sorted(counts.items())) or "none"


def broken(saves: list[Saved]) -> str:
    """How many functions were broken, and how many tests the last one failed."""
    return f"{len(saves)}, {saves[-1].failing}" if saves else "0"


def remarks(case: Case, happened: Happened) -> list[str]:
    """What there is to say of a project, a sentence each, without the last stop."""
    found = [case.subject.shows]
    found += [f"Doctor says: {text.rstrip('.')}" for text in happened.doctor_says]
    if happened.unsteady:
        found.append(f"{len(happened.unsteady)} tests are not decided the same way each time by plain pytest itself")
    if happened.faults:
        found.append(f"{happened.faults} tests ended in a fault")
    if happened.kept:
        found.append(
            f"{happened.kept_watching} of {happened.kept} tests were kept while it watched, "
            f"the rest are of `augment generate {happened.generated}`"
        )
        files = f"{len(happened.kept_files)} file{'s' if len(happened.kept_files) != 1 else ''}"
        found.append(f"{happened.kept_passed} of the cases in {files} of kept tests passed every varied rerun")
    found += [f"Finding: {title.rstrip('.')}" for title in happened.findings]
    found += [f"Wrong: {text.rstrip('.')}" for text in happened.wrong]
    found += [happened.note.rstrip(".")] if happened.note else []
    return found
