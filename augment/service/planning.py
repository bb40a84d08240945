"""Pure planning: from a change and what is known of the tests to what should run and what should be written."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from augment.analysis import Change, ChangeKind, PackageChange, ProjectChange, Selection, groups_of, shift_coverage
from augment.records import (
    Coverage,
    CoverageReport,
    FileCoverage,
    Job,
    Lane,
    Snapshot,
    Target,
    TargetKind,
    merge_coverage,
    new_id,
)
from augment.seams import BatchResult
from augment.service.gain import Effort, expected_gain

NOT_FOUND = "not found"
"""What a result's ``collection_errors`` say of a test that was asked for and is not there."""

_CUT_SHORT = "its newest verdict may be of a save that was superseded"

EARLY = ""
"""In the support of a CoverageReport: what ran while tests were imported and collected."""

WORTH_WRITING = frozenset({ChangeKind.ADDED, ChangeKind.MODIFIED})
"""A renamed or moved target keeps its tests; a deleted one needs none."""


def write_jobs(changes: Iterable[Change], now: float) -> list[Job]:
    """Jobs of the write lane for targets that a save added or changed, the newest first."""
    return [
        Job(new_id("job"), change.target.id, Lane.WRITE, f"{change.kind.value} in the last save", now, priority=-now)
        for change in changes
        if change.kind in WORTH_WRITING
    ]


@dataclass(frozen=True, slots=True)
class Experience:
    """What work on targets has brought so far, and where mutants were tried the ``survivors``, by target id."""

    efforts: Mapping[str, Effort] = field(default_factory=dict)
    survivors: Mapping[str, int] = field(default_factory=dict)


def idle_jobs(
    targets: Iterable[Target],
    coverage: CoverageReport,
    attempted: Mapping[str, str],
    now: float,
    experience: Experience | None = None,
) -> list[Job]:
    """Jobs of the idle lane: targets with something left to test, those with the largest expected gain first.

    ``attempted`` maps a target's id to the hash it had when it was last worked on in vain: it is not tried again until
    it changes.
    """
    known = experience or Experience()
    targets = list(targets)
    covered = covered_by_all(coverage)
    alike: dict[TargetKind, Effort] = {}
    for target in targets:
        alike[target.kind] = alike.get(target.kind, Effort()) + known.efforts.get(target.id, Effort())
    every = sum(alike.values(), Effort())
    jobs = []
    for target in targets:
        missing, survivors = gaps(target, covered, coverage.possible), known.survivors.get(target.id)
        if not (missing or survivors) or attempted.get(target.id) == target.hash:
            continue
        own = known.efforts.get(target.id, Effort())
        gain = expected_gain(missing, survivors, own, alike[target.kind], every)
        reason = f"{missing} uncovered lines and branches"
        reason += f", {survivors} surviving mutants" if survivors else ""
        jobs.append(Job(new_id("job"), target.id, Lane.IDLE, reason, now, priority=-gain))
    return sorted(jobs, key=lambda job: (job.priority, job.target))


def covered_by_all(coverage: CoverageReport) -> dict[str, FileCoverage]:
    """What the tests cover together, import time included."""
    return merge_coverage([coverage.imports, *coverage.tests.values()])


def gaps(target: Target, covered: Coverage, possible: Coverage) -> int:
    """How many statements and branches of ``target`` no test has run.

    A file that was never measured was never imported by a test: every line of the target counts.
    """
    lines = range(target.lineno, target.end_lineno + 1)
    if target.file not in possible:
        return len(lines)
    missing = possible[target.file] - covered.get(target.file, FileCoverage())
    return sum(1 for line in missing.lines if line in lines) + sum(1 for start, _ in missing.branches if start in lines)


def coverage_after(change: ProjectChange, known: CoverageReport, measured: CoverageReport) -> CoverageReport:
    """What to record after a run on the new revision: what was measured, and of the tests that did not run what has
    moved to other line numbers.
    """
    shifted = shift_coverage(known, change)
    changed = {file.file for file in change.files}
    support = {**_moved(shifted.support, known.support), **measured.support}
    if EARLY in measured.support or EARLY in support:
        # A smaller batch imports less: what it did not import has not changed for that.
        support[EARLY] = merge_coverage([shifted.support.get(EARLY, {}), measured.support.get(EARLY, {})])
    imports = merge_coverage([_only(shifted.imports, changed | measured.imports.keys()), measured.imports])
    return CoverageReport(
        {**_moved(shifted.tests, known.tests), **measured.tests},
        imports,
        {**_only(shifted.possible, changed), **measured.possible},
        support,
        measured.reads,
    )


def merged(reports: Sequence[CoverageReport]) -> CoverageReport:
    """What several batches of one run measured, as one report. A test that ran twice counts as it ran last."""
    tests: dict[str, Coverage] = {}
    support: dict[str, Coverage] = {}
    reads: dict[str, frozenset[str]] = {}
    for report in reports:
        early = merge_coverage([support.get(EARLY, {}), report.support.get(EARLY, {})])
        tests.update(report.tests)
        support |= {**report.support, **({EARLY: early} if early else {})}
        reads |= report.reads
    return CoverageReport(
        tests,
        merge_coverage(report.imports for report in reports),
        merge_coverage(report.possible for report in reports),
        support,
        reads,
    )


def _moved(shifted: Mapping[str, Coverage], known: Mapping[str, Coverage]) -> dict[str, Coverage]:
    return {nodeid: part for nodeid, part in shifted.items() if part is not known.get(nodeid)}


def _only(coverage: Coverage, files: Collection[str]) -> dict[str, FileCoverage]:
    return {file: part for file, part in coverage.items() if file in files}


def file_of(nodeid: str) -> str:
    """The test file of a node id."""
    return nodeid.partition("::")[0]


def vanished_tests(known: Collection[str], collected: Collection[str], whole: Collection[str]) -> list[str]:
    """Known tests that no longer exist: those of ``whole`` (files or functions that ran as a whole) not collected."""
    present, groups = set(collected), set(whole)
    return [nodeid for nodeid in known if nodeid not in present and not groups.isdisjoint(groups_of(nodeid))]


def missing_tests(results: Iterable[BatchResult]) -> set[str]:
    """Tests that were asked for by name and that pytest does not have (any more)."""
    return {
        nodeid
        for result in results
        for nodeid, error in result.collection_errors.items()
        if error == NOT_FOUND and "::" in nodeid
    }


def with_unsettled(
    selections: Sequence[Selection], unsettled: Collection[str], known: Collection[str], snapshot: Snapshot
) -> list[Selection]:
    """``selections`` and what a run that was cut short had selected, as far as it still exists."""
    selected = {selection.nodeid for selection in selections}
    added = [
        Selection(nodeid, _CUT_SHORT, nodeid not in known or "::" not in nodeid)
        for nodeid in unsettled
        if selected.isdisjoint(groups_of(nodeid)) and (nodeid in known or file_of(nodeid) in snapshot.files)
    ]
    return [*selections, *added]


def reason_for(selections: Sequence[Selection], change: ProjectChange, packages: PackageChange | None = None) -> str:
    """One line that says why a run happens."""
    installed = packages.packages if packages is not None else {}
    files = [*files_that_count(change), *(f"the installed {name}" for name in installed)]
    named = ", ".join(files[:3]) + (f" and {len(files) - 3} more" if len(files) > 3 else "")
    whole = sum(1 for selection in selections if "::" not in selection.nodeid)
    counts = [_count(len(selections) - whole, "test"), _count(whole, "test file")]
    chosen = " and ".join(count for count in counts if count) or "no test"
    return f"saved {named}: {chosen} selected" if named else f"{chosen} of a run that was cut short"


def files_that_count(change: ProjectChange) -> list[str]:
    """Changed files that may matter to a test. A passing file that nothing names, as editors make them, does not."""
    return [
        file.file
        for file in change.files
        if file.matters and (file.is_python or file.mentions or file.configures_pytest)
    ]


def sources_of(snapshot: Snapshot) -> list[tuple[str, str]]:
    """The Python files of a revision, with their content hashes."""
    return [(path, digest) for path, digest in snapshot.files.items() if path.endswith((".py", ".pyi"))]


def files_changed(old: Snapshot, new: Snapshot) -> list[str]:
    """Python files that were added, changed or deleted between two revisions."""
    changed = dict(sources_of(old)).items() ^ dict(sources_of(new)).items()
    return sorted({path for path, _ in changed})


def _count(number: int, what: str) -> str:
    if not number:
        return ""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
