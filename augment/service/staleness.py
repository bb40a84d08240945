"""Which kept tests a save has made stale: they failed, and code that they run was changed. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from augment.analysis import Change, ChangeKind
from augment.records import Admission, Coverage, FileCoverage, Outcome, Staleness, Target, merge_coverage

STALE_MAKING = frozenset({ChangeKind.MODIFIED, ChangeKind.DELETED})
"""A test of a deleted target is retired; another that uses it is stale."""

BROKEN = frozenset({Outcome.FAILED.value, Outcome.ERROR.value})


class Outcomes:
    """The newest outcome of every known test, by the function that it is: parameters do not count."""

    def __init__(self, newest: Mapping[str, str]) -> None:
        self._of: dict[str, set[str]] = {}
        for nodeid, outcome in newest.items():
            self._of.setdefault(nodeid.partition("[")[0], set()).add(outcome)

    def broken(self, admission: Admission, *, files: bool) -> bool:
        """Whether the test failed; with ``files`` also when its file could not even be collected."""
        found = self._of.get(admission.nodeid, set())
        return bool(found & BROKEN) or (files and bool(self._of.get(admission.file, set()) & BROKEN))

    def passed(self, admission: Admission) -> bool:
        """Whether the test passed, all its parameters included."""
        broken_file = self._of.get(admission.file, set()) & BROKEN
        return self._of.get(admission.nodeid, set()) == {Outcome.PASSED.value} and not broken_file

    def any_broken(self) -> bool:
        """Whether anything is broken at all."""
        return any(found & BROKEN for found in self._of.values())

    def others_broken(self, admissions: Iterable[Admission]) -> bool:
        """Whether anything is broken beside these tests."""
        own = {admission.nodeid for admission in admissions}
        return any(found & BROKEN for nodeid, found in self._of.items() if nodeid not in own)


def newly_stale(
    kept: Sequence[Admission],
    outcomes: Outcomes,
    changes: Sequence[Change],
    coverage: Mapping[str, Coverage],
    revision: str,
    at: float,
) -> list[Admission]:
    """Kept tests that failed on ``revision`` and run a target which ``changes`` modified, marked with it.

    ``coverage`` has what each test ran, in the line numbers of the revision. A test that was marked before keeps its
    mark: whoever said that it shows a regression is not asked again until it has passed.
    """
    modified = [change.target for change in changes if change.kind is ChangeKind.MODIFIED]
    deleted = [change.target for change in changes if change.kind is ChangeKind.DELETED]
    # Where a target is gone its test file cannot be imported at all: that says nothing of its other tests.
    files = all(change.kind in (ChangeKind.MODIFIED, ChangeKind.ADDED) for change in changes)
    gone = {target.id for target in deleted}
    marked = []
    for admission in kept:
        if admission.stale is not None or admission.target in gone:
            continue
        cause = next((target for target in deleted if _names(admission.source, target)), None)
        if not outcomes.broken(admission, files=files or cause is not None):
            continue
        cause = cause or cause_of(admission, modified, _ran(admission, coverage))
        if cause is not None:
            marked.append(replace(admission, stale=Staleness(cause.id, cause.hash, revision, at)))
    return marked


def _names(source: str, target: Target) -> bool:
    """Whether a test mentions a target by its module and its own name."""
    words = (target.module.rpartition(".")[2], target.qualname.rpartition(".")[2])
    return all(re.search(rf"\b{re.escape(word)}\b", source) for word in words)


def cause_of(admission: Admission, modified: Sequence[Target], ran: Coverage) -> Target | None:
    """The changed target that explains a failure: the test's own, else the smallest that it ran; else None."""
    own = [target for target in modified if target.id == admission.target]
    near = [target for target in modified if _is_part(target.id, admission.target)]
    reached = [target for target in modified if _reaches(ran, target)]
    found = own or near or reached
    return min(found, key=lambda target: target.end_lineno - target.lineno) if found else None


def _is_part(one: str, other: str) -> bool:
    return one.startswith(f"{other}.") or other.startswith(f"{one}.")


def _ran(admission: Admission, coverage: Mapping[str, Coverage]) -> Coverage:
    alike = (part for nodeid, part in coverage.items() if nodeid.partition("[")[0] == admission.nodeid)
    return merge_coverage(alike)


def _reaches(ran: Coverage, target: Target) -> bool:
    lines = ran.get(target.file, FileCoverage()).lines
    return any(target.lineno <= line <= target.end_lineno for line in lines)
