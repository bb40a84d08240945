"""The part that runs inside the project's interpreter stays small: old syntax, few imports."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

import augment.execution

RUNNER = sorted((Path(augment.execution.__file__).parent / "runner").glob("*.py"))


@pytest.mark.parametrize("path", RUNNER, ids=lambda path: path.name)
def test_it_is_valid_for_python_3_9(path):
    ast.parse(path.read_text(), feature_version=(3, 9))


@pytest.mark.parametrize("path", RUNNER, ids=lambda path: path.name)
def test_it_imports_the_standard_library_pytest_and_coverage_only(path):
    """Hypothesis too, but nowhere that a project without it would notice."""
    tree = ast.parse(path.read_text())
    allowed = sys.stdlib_module_names | {"pytest", "coverage"}
    assert imported(ast.walk(tree)) <= allowed | {"hypothesis"}
    assert imported(tree.body) <= allowed


def imported(nodes: Iterable[ast.AST]) -> set[str]:
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(str(node.module).partition(".")[0])
    return found


@pytest.mark.parametrize("path", RUNNER, ids=lambda path: path.name)
def test_annotations_that_python_3_9_could_not_evaluate_are_not_evaluated(path):
    tree = ast.parse(path.read_text())
    has_code = any(not isinstance(node, ast.Expr) for node in tree.body)
    future = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "__future__"]
    assert future or not has_code
