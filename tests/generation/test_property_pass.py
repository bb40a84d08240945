"""Property tests through a whole pass: kept, falsified, left out."""

import ast
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from augment.analysis import discover_project, project_targets, take_snapshot
from augment.execution import LocalExecutor
from augment.generation import GenerationPass, GenerationSettings, NullSink, PassResult
from augment.generation.paths import trial_conftest
from augment.records import CoverageReport, Lane, TestKind

pytestmark = pytest.mark.needs_sandbox
PROPERTIES = GenerationSettings(
    generators=("property",),
    kinds=(TestKind.UNIT, TestKind.PROPERTY),
    budget_s_per_module=60,
    without=frozenset({"stable", "mutants", "vacuous"}),
    search_limit=8,
    test_wall_s=30.0,
)
CODE = '''
def to_words(cents: int) -> str:
    """Cents as a price.

    The inverse of `from_words`.
    """
    if cents < 0:
        return to_words(-cents)
    return f"{cents // 100} and {cents % 100}"


def from_words(text: str) -> int:
    """The cents of a price."""
    euros, _, cents = text.partition(" and ")
    return int(euros) * 100 + int(cents)


def settle(amount: int) -> int:
    if amount > 10:
        return amount - 10
    return amount
'''


@pytest.fixture(scope="module")
def executor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalExecutor]:
    local = LocalExecutor(2, scratch_dir=tmp_path_factory.mktemp("scratch"))
    yield local
    local.close()


def run(root: Path, executor: LocalExecutor, settings: GenerationSettings, name: str) -> PassResult:
    (root / "words.py").write_text(CODE)
    project = discover_project(root)
    snapshot = take_snapshot(root)
    targets = [item for item in project_targets(project, snapshot) if item.qualname == name]
    work = GenerationPass(project, snapshot, executor, NullSink(), None, settings, lane=Lane.FAST)
    return work.run(targets, CoverageReport())


def test_a_promise_that_does_not_hold_is_a_finding_that_fails_as_it_stands(
    tmp_path: Path, executor: LocalExecutor
) -> None:
    result = run(tmp_path, executor, PROPERTIES, "to_words")
    documented = [item for item in result.findings if "inverse of" in item.title]
    assert len(documented) == 1
    assert "cents = -" in documented[0].source
    names: dict[str, object] = {}
    exec(CODE, names)
    test = next(node for node in ast.parse(documented[0].source).body if isinstance(node, ast.FunctionDef))
    with pytest.raises(AssertionError):
        exec(ast.unparse(ast.Module(test.body, [])), names)


def test_a_property_that_does_not_hold_leaves_an_example_behind(tmp_path: Path, executor: LocalExecutor) -> None:
    settings = replace(PROPERTIES, without=PROPERTIES.without | {"gain"})
    result = run(tmp_path, executor, settings, "settle")
    examples = [item for item in result.admitted if item.origin.endswith("falsified")]
    assert examples
    assert all(item.kind is TestKind.UNIT and item.characterization for item in examples)
    assert result.findings == []


def test_no_properties_where_the_kind_is_not_wanted(tmp_path: Path, executor: LocalExecutor) -> None:
    result = run(tmp_path, executor, replace(PROPERTIES, kinds=(TestKind.UNIT,)), "settle")
    assert result.admitted == []
    assert result.rejected == []


def test_properties_are_tried_with_more_examples_than_they_are_kept_with() -> None:
    files = {"t.py": "from hypothesis import given"}
    assert trial_conftest({}, "tests", {"t.py": "x = 1"}, 1) == {}
    first = trial_conftest({"tests/conftest.py": "# ours\n"}, "tests", files, None)["tests/conftest.py"]
    again = trial_conftest({}, "tests", files, 3)["tests/conftest.py"]
    assert first.startswith("# ours\n")
    assert "max_examples=own.max_examples\n" in first
    assert "max_examples * 4" in again
    assert "_hypothesis_internal_use_seed = 3" in again
