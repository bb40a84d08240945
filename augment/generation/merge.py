"""Adds tests to a file of the user's without changing a line of it."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path

import libcst as cst

from augment.errors import ProjectError
from augment.generation.compose import Piece, add_pieces
from augment.generation.paths import HEADER
from augment.records import Project


def users_test_file(project: Project, module: str) -> Path | None:
    """The user's own test file for ``module``, by the customary names; None when there is none."""
    parts = module.split(".")
    names = {f"test_{parts[-1]}.py", f"{parts[-1]}_test.py", f"test_{'_'.join(parts)}.py"}
    if len(parts) > 1:
        names.add(f"test_{'_'.join(parts[1:])}.py")
    root = Path(project.root)
    found = [path for folder in project.test_folders for path in sorted((root / folder).rglob("*.py"))]
    own = [path for path in found if path.name in names and not path.read_text(encoding="utf-8").startswith(HEADER)]
    return own[0] if own else None


def merged(existing: str, pieces: Sequence[Piece]) -> tuple[str, tuple[str, ...]]:
    """``existing`` with the tests of ``pieces`` and the imports they need added; and the names the tests got.

    Every line of ``existing`` stands in the result, unchanged and in the same order. Raises ProjectError when the file
    does not parse or when that could not be kept.
    """
    try:
        before = cst.parse_module(existing)
    except cst.ParserSyntaxError as error:
        raise ProjectError(f"Cannot merge into a test file that does not parse: {error.message}") from error
    composed = add_pieces(existing, pieces, header=False)
    addition = _only_new(existing, composed.text)
    new_imports = [node for node in addition if isinstance(node, ast.Import | ast.ImportFrom)]
    new_body = [node for node in addition if node not in new_imports]
    body = list(before.body)
    at = _after_imports(body)
    added = [cst.parse_statement(ast.unparse(node) + "\n") for node in new_imports]
    tests = cst.parse_module(_text_of(composed.text, new_body))
    head = [*body[:at], *added, *body[at:]]
    newline = before.default_newline
    users = before.with_changes(body=head).code.rstrip("\r\n")
    text = users + newline * 3 + tests.code.strip("\n").replace("\n", newline) + newline
    if not is_subsequence(existing.rstrip("\n").splitlines(), text.splitlines()):
        raise ProjectError("Merging would have changed a line of the test file, so it was left alone.")
    return text, composed.names


def is_subsequence(old: Sequence[str], new: Sequence[str]) -> bool:
    """Whether ``new`` holds every line of ``old`` in the same order."""
    rest = iter(new)
    return all(any(line == other for other in rest) for line in old)


def _only_new(existing: str, text: str) -> list[ast.stmt]:
    left = [ast.dump(node) for node in ast.parse(existing).body]
    new = []
    for node in ast.parse(text).body:
        dumped = ast.dump(node)
        if dumped in left:
            left.remove(dumped)
        else:
            new.append(node)
    return new


def _text_of(text: str, nodes: Sequence[ast.stmt]) -> str:
    """The source of ``nodes`` in ``text``, with the comments above them."""
    lines = text.splitlines()
    chunks = []
    for node in nodes:
        start = min([node.lineno, *(item.lineno for item in getattr(node, "decorator_list", []))]) - 1
        while start > 0 and lines[start - 1].startswith("#"):
            start -= 1
        chunks.append("\n".join(lines[start : node.end_lineno]))
    return "\n\n\n".join(chunks) + "\n"


def _after_imports(body: Sequence[cst.BaseCompoundStatement | cst.SimpleStatementLine]) -> int:
    """Where new imports go: after the last import at the top, else after a docstring."""
    at = 0
    for index, statement in enumerate(body):
        if not isinstance(statement, cst.SimpleStatementLine):
            continue
        first = statement.body[0]
        docstring = index == 0 and isinstance(first, cst.Expr)
        if docstring or isinstance(first, cst.Import | cst.ImportFrom):
            at = index + 1
    return at
