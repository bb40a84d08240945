"""What generation without a model brings for one kind of code each."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from augment.analysis import discover_project, project_targets, take_snapshot
from augment.execution import LocalExecutor
from augment.generation import GenerationPass, GenerationSettings, NullSink, PassResult
from augment.records import Admission, CoverageReport, Lane, Target, TestKind

MODULES = Path(__file__).parent / "modules"
SETTINGS = GenerationSettings(
    kinds=(TestKind.UNIT,), generators=("search",), budget_s_per_module=4.0, test_wall_s=2.0, seed=3
)


@dataclass(frozen=True)
class Kept:
    """The tests that were kept for some targets of a module, as one text, and what they are worth."""

    admissions: tuple[Admission, ...]
    text: str
    kills: int
    missing: tuple[int, ...]
    """Lines of the targets that no kept test runs, counted from the first line of each."""

    def __bool__(self) -> bool:
        return bool(self.admissions)


@dataclass(frozen=True)
class Grown:
    """What one pass over one module brought."""

    root: Path
    result: PassResult
    targets: tuple[Target, ...]

    def of(self, *qualnames: str) -> Kept:
        """What was kept for the targets of these names and for what lies in them; for all where none is named."""
        targets = [item for item in self.targets if not qualnames or _is_of(item, qualnames)]
        assert targets
        kept = [item for item in self.result.admitted if item.target in {target.id for target in targets}]
        assert all(item.runs >= 5 for item in kept)
        return Kept(
            tuple(kept),
            "\n".join(item.source for item in kept),
            sum(item.mutants_killed or 0 for item in kept),
            tuple(line for target in targets for line in self._missing(target)),
        )

    def _missing(self, target: Target) -> list[int]:
        report = self.result.coverage
        covered = {line for part in [*report.tests.values(), report.imports] for line in _lines(part, target)}
        return sorted(line - target.lineno + 1 for line in _lines(report.possible, target) - covered)


def _lines(coverage: object, target: Target) -> set[int]:
    part = coverage.get(target.file)  # type: ignore[attr-defined]
    return {line for line in part.lines if target.lineno <= line <= target.end_lineno} if part is not None else set()


def _is_of(target: Target, qualnames: tuple[str, ...]) -> bool:
    return any(target.qualname == name or target.qualname.startswith(f"{name}.") for name in qualnames)


@pytest.fixture(scope="session")
def executor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalExecutor]:
    """One for all kinds: its warm processes are used again."""
    local = LocalExecutor(2, scratch_dir=tmp_path_factory.mktemp("scratch"))
    yield local
    local.close()


@pytest.fixture(scope="session")
def grown(executor: LocalExecutor, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Grown]:
    """Generate for one of the modules, once; skip where a package that it ``needs`` is not installed."""
    done: dict[str, Grown] = {}

    def grow(name: str, *needs: str) -> Grown:
        for package in needs:
            if importlib.util.find_spec(package) is None:
                pytest.skip(f"{package} is not installed")
        if name not in done:
            root = tmp_path_factory.mktemp(name)
            shutil.copy(MODULES / f"{name}.py", root)
            project, snapshot = discover_project(root), take_snapshot(root)
            targets = project_targets(project, snapshot)
            work = GenerationPass(project, snapshot, executor, NullSink(), None, SETTINGS, lane=Lane.FAST)
            done[name] = Grown(root, work.run(targets, CoverageReport()), tuple(targets))
        return done[name]

    return grow
