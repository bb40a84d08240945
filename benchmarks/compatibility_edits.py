"""Saves that break a function: its first statement raises."""

from __future__ import annotations

import ast
import random
from dataclasses import dataclass
from pathlib import Path

from augment.analysis import discover_project, project_targets, take_snapshot
from augment.records import Target, TargetKind

RAISES = 'raise RuntimeError("broken on purpose")'


@dataclass(frozen=True)
class Broken:
    """A save: ``data`` replaces the whole of ``file``, and ``target`` raises."""

    file: str
    target: str
    data: bytes


def broken_functions(root: Path, most: int, seed: int) -> list[Broken]:
    """Some of the project's functions and methods, each broken. The seed decides which."""
    targets = project_targets(discover_project(root), take_snapshot(root))
    callable_ones = [target for target in targets if target.kind is not TargetKind.CLASS]
    random.Random(seed).shuffle(callable_ones)
    found: list[Broken] = []
    for target in callable_ones:
        broken = _broken(root, target)
        if broken is not None:
            found.append(broken)
        if len(found) == most:
            break
    return found


def _broken(root: Path, target: Target) -> Broken | None:
    data = (root / target.file).read_bytes()
    changed = with_raise(data, target.lineno)
    return Broken(target.file, target.id, changed) if changed is not None else None


def with_raise(data: bytes, lineno: int) -> bytes | None:
    """A source with the function that begins on a line broken; None where its body has no line of its own."""
    for node in ast.walk(ast.parse(data)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _first_line(node) == lineno:
            lines = data.splitlines(keepends=True)
            first = node.body[0]
            above = lines[first.lineno - 1][: first.col_offset]
            if above.strip():
                return None
            end = b"\r\n" if lines[first.lineno - 1].endswith(b"\r\n") else b"\n"
            lines.insert(first.lineno - 1, above + RAISES.encode() + end)
            return b"".join(lines)
    return None


def _first_line(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return min([node.lineno, *(item.lineno for item in node.decorator_list)])
