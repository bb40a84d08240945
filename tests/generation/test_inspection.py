"""A pass over code that breaks its word: findings instead of bent tests, and what becomes of those that are known."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from augment.analysis import discover_project, project_targets, take_snapshot
from augment.execution import LocalExecutor
from augment.generation import GenerationPass, GenerationSettings, NullSink, PassResult
from augment.records import CoverageReport, Finding, FindingState, TestKind

pytestmark = pytest.mark.needs_sandbox

SHOP = '''
def mean(values: list[float]) -> float:
    """The mean.

    Raises:
        ValueError: If values is empty.
    """
    if not values:
        return 0.0
    return sum(values) / len(values)


def words(text: str) -> list[str]:
    """Words.

    >>> words("a b")
    ['a', 'c']
    """
    return text.split() if text else None


def double(x: int) -> int:
    """Twice x.

    Raises:
        ValueError: If x is negative.
    """
    if x < 0:
        raise ValueError("negative")
    return 2 * x
'''


class Sink(NullSink):
    def __init__(self) -> None:
        self.found: list[Finding] = []

    def finding(self, finding: Finding) -> None:
        self.found.append(finding)


@pytest.fixture(scope="module")
def executor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalExecutor]:
    local = LocalExecutor(2, scratch_dir=tmp_path_factory.mktemp("scratch"))
    yield local
    local.close()


def run(root: Path, executor: LocalExecutor, known: Sequence[Finding] = ()) -> tuple[PassResult, Sink]:
    project, snapshot, sink = discover_project(root), take_snapshot(root), Sink()
    settings = GenerationSettings(
        kinds=(TestKind.UNIT,), budget_s_per_module=15, without=frozenset({"stable", "explore", "mutants"})
    )
    work = GenerationPass(project, snapshot, executor, sink, None, settings, known=known)
    return work.run(project_targets(project, snapshot), CoverageReport()), sink


def test_findings_from_the_first_sight_to_the_last(tmp_path: Path, executor: LocalExecutor) -> None:
    (tmp_path / "shop.py").write_text(SHOP)
    result, sink = run(tmp_path, executor)
    by_rule = {finding.rule: finding for finding in result.findings}
    assert set(by_rule) == {"documented exception", "return type", "example"}
    assert {finding.target for finding in result.findings} == {"shop:mean", "shop:words"}
    assert [finding.id for finding in sink.found] == [finding.id for finding in result.findings]
    for finding in result.findings:
        assert "passed" in _pytest(tmp_path, finding.intended_source)
        assert "1 failed" in _pytest(tmp_path, finding.source)
    written = "".join(path.read_text() for path in (tmp_path / "tests").rglob("test_*.py"))
    assert "def test_double" in written
    assert "mean([]) == " not in written
    assert 'words("") is None' not in written

    # Noise stays away, what is intended is not reported, and what the code now does right is resolved.
    known = [
        replace(by_rule["return type"], state=FindingState.NOISE),
        replace(by_rule["example"], state=FindingState.INTENDED),
        by_rule["documented exception"],
    ]
    (tmp_path / "shop.py").write_text(SHOP.replace("return 0.0", "raise ValueError('empty')"))
    again, sink = run(tmp_path, executor, known)
    assert again.findings == []
    assert [(finding.rule, finding.state) for finding in sink.found] == [
        ("documented exception", FindingState.RESOLVED)
    ]


def _pytest(root: Path, source: str) -> str:
    test = root / "test_reproduction.py"
    test.write_text(source)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test.name],
        cwd=root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    test.unlink()
    return done.stdout
