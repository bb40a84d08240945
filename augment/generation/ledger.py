"""What is covered so far, and what a test would add."""

from __future__ import annotations

from dataclasses import dataclass

from augment.mutants import Mutant
from augment.records import Coverage, CoverageReport, FileCoverage, Target, merge_coverage


@dataclass(frozen=True, slots=True)
class Gain:
    """Lines and branches that nothing before covered, file by file."""

    files: Coverage

    @property
    def lines(self) -> int:
        """How many lines."""
        return sum(len(part.lines) for part in self.files.values())

    @property
    def branches(self) -> int:
        """How many branches."""
        return sum(len(part.branches) for part in self.files.values())

    def __bool__(self) -> bool:
        return bool(self.lines or self.branches)


class Ledger:
    """The union of the baseline and of every test kept since."""

    def __init__(self, baseline: CoverageReport) -> None:
        self._covered = merge_coverage([*baseline.tests.values(), baseline.imports])
        self._imports = merge_coverage([baseline.imports])
        self._possible = dict(baseline.possible)

    def copy(self) -> Ledger:
        """A ledger with the same contents, to try things out on."""
        return Ledger(self.report())

    @property
    def covered(self) -> Coverage:
        """Everything covered so far."""
        return self._covered

    def add(self, coverage: Coverage) -> None:
        """Count ``coverage`` as covered from now on."""
        self._covered = merge_coverage([self._covered, coverage])

    def learn(self, imports: Coverage, possible: Coverage) -> None:
        """What merely importing the project runs is no test's gain."""
        self._imports = merge_coverage([self._imports, imports])
        self._possible.update(possible)
        self.add(imports)

    def gain(self, coverage: Coverage) -> Gain:
        """What ``coverage`` has beyond everything covered so far."""
        parts = {file: part - self._covered.get(file, FileCoverage()) for file, part in coverage.items()}
        return Gain({file: part for file, part in parts.items() if part})

    def reaches(self, target: Target, coverage: Coverage) -> bool:
        """Whether a test executed a line of the target that importing its module does not."""
        span = range(target.lineno, target.end_lineno + 1)
        ran = coverage.get(target.file, FileCoverage()).lines & set(span)
        body = ran - self._imports.get(target.file, FileCoverage()).lines
        return bool(body) or (bool(ran) and target.lineno == target.end_lineno)

    def missing(self, target: Target) -> tuple[tuple[int, ...], tuple[tuple[int, int], ...]]:
        """The lines and branches of a target that nothing covers yet, in order."""
        possible = self._possible.get(target.file, FileCoverage())
        left = possible - self._covered.get(target.file, FileCoverage())
        inside = range(target.lineno, target.end_lineno + 1)
        lines = tuple(sorted(line for line in left.lines if line in inside))
        return lines, tuple(sorted(branch for branch in left.branches if branch[0] in inside))

    def touches(self, mutant: Mutant, ran: Coverage) -> bool:
        """Whether ``ran`` has a line of the mutated function, and importing has none: no fork could change that."""
        inside = range(mutant.body_lineno, mutant.end_lineno + 1)
        if any(line in inside for line in self._imports.get(mutant.file, FileCoverage()).lines):
            return False
        return any(line in inside for line in ran.get(mutant.file, FileCoverage()).lines)

    @property
    def known(self) -> tuple[Coverage, Coverage]:
        """What importing runs, and every statement and branch that is known."""
        return self._imports, self._possible

    def knows(self, file: str) -> bool:
        """Whether the statements of ``file`` are known, so that *nothing missing* means *all covered*."""
        return file in self._possible

    def report(self) -> CoverageReport:
        """What is covered and what could be, without saying by which test."""
        return CoverageReport({"": self._covered}, self._imports, self._possible)
