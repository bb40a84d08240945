"""Why a test was selected or skipped, from the decision that was kept and what is recorded of the test. Pure."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from augment.analysis.selection import groups_of
from augment.analysis.source import Definition, first_line, last_line, parse
from augment.records import CoverageReport, Decision


@dataclass(frozen=True, slots=True)
class Explanation:
    """What one decision made of one test, and why, in words."""

    selected: bool
    reason: str


def explain(nodeid: str, decision: Decision, coverage: CoverageReport) -> Explanation:
    """Why ``decision`` selected the test or skipped it.

    A skip is explained by what is recorded of the test now; it ran the same parts then, or it would have been selected.
    """
    if decision.everything:
        return Explanation(True, "first look at the project: all its tests")
    for name in groups_of(nodeid):
        if name in decision.reasons:
            return Explanation(True, decision.reasons[name])
    return Explanation(False, why_skipped(nodeid, decision, coverage))


def why_skipped(nodeid: str, decision: Decision, coverage: CoverageReport) -> str:
    """Why none of the changes of ``decision`` concerned the test."""
    if nodeid not in coverage.tests:
        return "it was not known yet, or is not recorded now"
    if not decision.changes:
        return "nothing that matters to a test had changed"
    return "; ".join(_untouched(nodeid, file, scopes, coverage) for file, scopes in decision.changes.items())


def _untouched(nodeid: str, file: str, scopes: Collection[str], coverage: CoverageReport) -> str:
    ran = file in coverage.tests[nodeid] or file in coverage.support.get(nodeid, {})
    if file.startswith("installed package "):
        return f"no module that it uses imports the {file}"
    if not file.endswith(".py"):
        return f"does not read {file}"
    if not ran:
        return f"runs nothing of {file} and does not import what changed in it"
    named = [scope or "what runs on import" for scope in scopes]
    return f"runs other parts of {file} than {', '.join(named[:4])}{' and more' if len(named) > 4 else ''}"


def scopes_of(source: str, lines: Collection[int]) -> list[str]:
    """Qualified names of the functions in ``source`` that have one of the ``lines`` in their body, in order.

    Lines outside every function count as "". A text that does not parse has none.
    """
    try:
        tree = parse(source)
    except SyntaxError:
        return []
    spans = list(_functions(tree, ""))
    found: dict[str, None] = {}
    for line in sorted(lines):
        inside = [(end - start, name) for start, end, name in spans if start <= line <= end]
        found.setdefault(min(inside)[1] if inside else "")
    return list(found)


def _functions(node: ast.AST, prefix: str) -> Iterator[tuple[int, int, str]]:
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, Definition):
            yield from _functions(child, prefix)
            continue
        name = f"{prefix}{child.name}"
        if not isinstance(child, ast.ClassDef):
            yield first_line(child.body[0]), last_line(child), name
        yield from _functions(child, f"{name}.")
