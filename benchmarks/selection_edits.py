"""Seeded small mutations of a project: in functions, in code that runs on import, in fixtures and tests, in data."""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from augment.analysis import is_test_file, list_files

SHARES = {"function": 0.66, "module level": 0.14, "tests and fixtures": 0.1, "data": 0.1}
DATA = (".json", ".toml", ".txt", ".yaml", ".yml", ".ini", ".cfg", ".csv", ".html")
NOT_DATA = ("pyproject.toml", "tox.ini", "setup.cfg", "requirements", "LICENSE", "poetry.lock")
_COMPARED = {"==": "!=", "!=": "==", "<": "<=", "<=": "<", ">": ">=", ">=": ">", " is ": " is not ", " in ": " not in "}
_COMPUTED = {
    ast.Add: "-",
    ast.Sub: "+",
    ast.Mult: "+",
    ast.Mod: "*",
    ast.FloorDiv: "*",
    ast.BitOr: "&",
    ast.BitAnd: "|",
}


@dataclass(frozen=True)
class Edit:
    """One mutation: ``text`` replaces the whole of ``file``."""

    kind: str
    file: str
    what: str
    text: str


def edits_of(root: Path, count: int, seed: int) -> list[Edit]:
    """``count`` mutations of the project, of each kind its share as far as there are any. The seed decides."""
    rng = random.Random(f"{root.name}:{seed}")
    pools: dict[str, list[Edit]] = {kind: [] for kind in SHARES}
    for file in list_files(root):
        for edit in _of_file(root, file):
            pools[edit.kind].append(edit)
    chosen: list[Edit] = []
    for kind, share in SHARES.items():
        wanted = min(len(pools[kind]), round(count * share))
        chosen += rng.sample(pools[kind], wanted)
    chosen += rng.sample(pools["function"], max(0, min(len(pools["function"]), count - len(chosen))))
    rng.shuffle(chosen)
    return chosen[:count]


def _of_file(root: Path, file: str) -> Iterator[Edit]:
    name = file.rpartition("/")[2]
    if file.startswith(("docs/", "doc/", "misc/", ".github/", "examples/", "benchmarks/")) or name == "setup.py":
        return
    try:
        text = (root / file).read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return
    if file.endswith(".py"):
        yield from _of_source(file, text)
    elif name.endswith(DATA) and not name.startswith(NOT_DATA) and "/" in file and "\r" not in text:
        yield from _of_data(file, text)


def _of_data(file: str, text: str) -> Iterator[Edit]:
    """One edit a file: its middle word or number is another one."""
    middle = next((place for place in range(len(text) // 2, len(text)) if text[place].isalnum()), None)
    if middle is not None:
        other = "7" if text[middle] != "7" else "8"
        changed = text[:middle] + other + text[middle + 1 :]
        yield Edit("data", file, f"character {middle}: {text[middle]} -> {other}", changed)


def _of_source(file: str, text: str) -> Iterator[Edit]:
    if not text.isascii() or "\r" in text or "\t" in text:  # columns are bytes to the parser
        return
    support = is_test_file(file) or file.endswith("conftest.py") or "tests/" in file
    try:
        tree = ast.parse(text)
    except SyntaxError:  # a template, or an example of what is wrong
        return
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)

    def span(node: ast.expr) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset

    inside = _in_functions(tree)
    skipped = _left_out(tree)
    for node in ast.walk(tree):
        if id(node) in skipped or not isinstance(node, ast.expr):
            continue
        begin, end = span(node)
        changed = _changed(node, text[begin:end], lambda part: text[slice(*span(part))])
        if changed is None:
            continue
        whole = text[:begin] + changed + text[end:]
        kind = "tests and fixtures" if support else "function" if id(node) in inside else "module level"
        if kind == "tests and fixtures" and id(node) not in inside:
            continue
        if _parses(whole):
            yield Edit(kind, file, f"line {node.lineno}: {text[begin:end][:40]!r} -> {changed[:40]!r}", whole)


def _in_functions(tree: ast.Module) -> set[int]:
    """Nodes that run when a function is called."""
    found: set[int] = set()
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            found.update(id(node) for statement in function.body for node in ast.walk(statement))
        elif isinstance(function, ast.Lambda):
            found.update(id(node) for node in ast.walk(function.body))
    return found


def _left_out(tree: ast.Module) -> set[int]:
    """Documentation, annotations and parts of f-strings: no mutation of them is worth a test."""
    found: set[int] = set()
    for node in ast.walk(tree):
        parts: list[ast.AST] = []
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            parts.append(node.value)
        elif isinstance(node, ast.JoinedStr):
            parts += list(ast.walk(node))
        elif isinstance(node, ast.arg) and node.annotation is not None:
            parts += list(ast.walk(node.annotation))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns is not None:
            parts += list(ast.walk(node.returns))
        elif isinstance(node, ast.AnnAssign):
            parts += list(ast.walk(node.annotation))
        found.update(id(part) for part in parts)
    return found


def _changed(node: ast.expr, text: str, source: object) -> str | None:
    """The mutated text of an expression, None where there is no mutation for it."""
    if isinstance(node, ast.Constant):
        return _other_constant(node.value)
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        found = next((sign for sign in _COMPARED if text.count(sign) == 1), None)
        return text.replace(found, _COMPARED[found]) if found and " not " not in text else None
    if isinstance(node, ast.BoolOp):
        sign = " and " if isinstance(node.op, ast.And) else " or "
        return text.replace(sign, " or " if sign == " and " else " and ") if text.count(sign) == 1 else None
    if isinstance(node, ast.BinOp) and type(node.op) in _COMPUTED:
        assert callable(source)
        return f"{source(node.left)} {_COMPUTED[type(node.op)]} {source(node.right)}"
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return f"({text.removeprefix('not ')})"
    return None


def _other_constant(value: object) -> str | None:
    if isinstance(value, bool):
        return str(not value)
    if isinstance(value, int):
        return str(value + 1)
    if isinstance(value, str) and value.isprintable():
        return repr(value + "X")
    return None


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    return True
