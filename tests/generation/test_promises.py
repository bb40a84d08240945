"""Documented properties are tried at the end of a pass, also where no test of them would add anything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from augment.analysis import ContextBuilder, discover_project, project_sources, project_targets, take_snapshot
from augment.execution import LocalExecutor
from augment.generation.doubts import Doubts
from augment.generation.findings import Settled
from augment.generation.promises import Promises
from augment.generation.trials import TrialRunner
from augment.records import CoverageReport, Finding

pytestmark = pytest.mark.needs_sandbox

ROWS = '''
def unique(items: list[str]) -> list[str]:
    """The items without repetitions, in the order in which they first appear."""
    return sorted(set(items))


def distinct(items: list[str]) -> list[str]:
    """The items without repetitions, in the order in which they first appear."""
    return list(dict.fromkeys(items))


def merged(first: dict[str, int], second: dict[str, int]) -> dict[str, int]:
    """Both tables in one; neither of them is changed."""
    first.update(second)
    return first
'''


@pytest.fixture
def executor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalExecutor]:
    local = LocalExecutor(1, scratch_dir=tmp_path_factory.mktemp("scratch"))
    yield local
    local.close()


def test_a_documented_property_that_does_not_hold_is_a_finding(tmp_path: Path, executor: LocalExecutor) -> None:
    (tmp_path / "rows.py").write_text(ROWS)
    project, snapshot = discover_project(tmp_path), take_snapshot(tmp_path)
    builder = ContextBuilder(project, project_sources(project, snapshot), CoverageReport())
    contexts = [builder.build(target) for target in project_targets(project, snapshot)]
    runner = TrialRunner(project, snapshot, executor, "tests/augment", 5.0)
    tried: list[str] = []

    def try_all(was_tried: bool) -> list[Finding]:
        def known(source: str) -> bool:
            tried.append(source)
            return was_tried

        return Promises(runner, Doubts(runner, Settled()), 0, known).try_all(contexts, lambda: False)

    found = try_all(was_tried=False)
    assert {finding.target for finding in found} == {"rows:unique", "rows:merged"}
    assert all("given" not in finding.source for finding in found)  # plain tests at the counterexample
    # What the pass has judged already is not tried twice.
    assert tried
    assert try_all(was_tried=True) == []
