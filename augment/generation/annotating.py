"""Types for tests, where the project types its own."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterable
from pathlib import Path

from augment.generation.paths import HEADER
from augment.generation.style import typed_share
from augment.generation.syntax import FunctionNode, is_test, render
from augment.records import Project

_FIXTURES = {
    "monkeypatch": ("pytest.MonkeyPatch", "import pytest"),
    "capsys": ("pytest.CaptureFixture[str]", "import pytest"),
    "caplog": ("pytest.LogCaptureFixture", "import pytest"),
    "tmp_path": ("Path", "from pathlib import Path"),
}
"""pytest's own fixtures whose type is known without asking the project."""

_FILES_READ = 40


def annotated(source: str) -> str:
    """``source`` with its test returning ``None`` by annotation, and with the types of pytest's own fixtures."""
    tree = ast.parse(source)
    tests = [item for item in ast.walk(tree) if is_test(item) and isinstance(item, FunctionNode)]
    untyped = [item for item in tests if item.returns is None]
    if not untyped:
        return source
    imports: set[str] = set()
    for function in untyped:
        function.returns = ast.Constant(None)
        for argument in function.args.args:
            known = _FIXTURES.get(argument.arg)
            if known is not None and argument.annotation is None:
                argument.annotation = ast.parse(known[0], mode="eval").body
                imports.add(known[1])
    tree.body[:0] = [node for line in sorted(imports) for node in ast.parse(line).body]
    return render(tree)


def is_typed(project: Project) -> bool:
    """Whether the project annotates what its tests return; without tests of its own, what its functions return."""
    root = Path(project.root)
    tests = _functions(path for folder in project.test_folders for path in sorted((root / folder).rglob("test_*.py")))
    own = [function for function in tests if is_test(function)]
    if own:
        return typed_share(own) > 0.5
    code = (
        path
        for folder in project.source_roots
        for package in project.packages
        for path in (sorted((root / folder / package).rglob("*.py")) or [root / folder / f"{package}.py"])
    )
    return typed_share(_functions(code)) > 0.5


def _functions(paths: Iterable[Path]) -> list[FunctionNode]:
    found: list[FunctionNode] = []
    for path in itertools.islice(paths, _FILES_READ):
        try:
            text = path.read_text(encoding="utf-8")
            tree = ast.parse(text)
        except (OSError, UnicodeDecodeError, SyntaxError, ValueError):
            continue
        if not text.startswith(HEADER):
            found += [node for node in ast.walk(tree) if isinstance(node, FunctionNode)]
    return found
