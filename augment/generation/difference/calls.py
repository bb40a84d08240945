"""The calls of a sketch in words: what is called, after what, as short as it can be said."""

from __future__ import annotations

import ast
import copy
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from augment.generation.explore.sketch import LOOK
from augment.generation.syntax import dotted, import_bindings, loaded_names, substitute


@dataclass(frozen=True, slots=True)
class Step:
    """One statement of a scenario. ``slot`` is that of the value it shows, None where it shows none.

    ``subject`` is what is called: None for a compound statement, of which no one call can be named.
    """

    node: ast.stmt
    subject: ast.expr | None
    slot: int | None


def steps_of(source: str) -> list[Step]:
    """The statements of a scenario's function, in order."""
    tree = ast.parse(source)
    function = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "scenario")
    return [_step(node) for node in function.body]


def _step(node: ast.stmt) -> Step:
    if isinstance(node, ast.Expr):
        call = node.value
        if isinstance(call, ast.Call) and dotted(call.func) == LOOK and isinstance(call.args[0], ast.Constant):
            return Step(node, call.args[1], int(call.args[0].value))  # type: ignore[arg-type]
        return Step(node, call, None)
    value = node.value if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign) else None
    return Step(node, value, None)


def said(steps: Sequence[Step], at: int) -> tuple[tuple[str, ...], str] | None:
    """The statements before step ``at`` and its expression, as source; None where they cannot be said in a line.

    A value that is used once stands where it is used: ``Cart(3).total()`` rather than two statements.
    """
    subject = steps[at].subject
    before = [_plain(step) for step in steps[:at]]
    if subject is None or any(node is None for node in before):
        return None
    statements = [node for node in before if node is not None]
    setup, call = _joined(statements, ast.Expr(subject))
    return tuple(ast.unparse(node) for node in setup), ast.unparse(call)


def imports_for(source: str, texts: Sequence[str], raised: Collection[str]) -> tuple[str, ...]:
    """The import lines of a scenario that bind a name in ``texts``, and those of exceptions (qualified names)."""
    names = {name for text in texts for name in loaded_names(ast.parse(text))}
    found = [
        ast.unparse(node)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom) and names & set(import_bindings(node))
    ]
    for qualified in sorted(raised):
        module, _, name = qualified.rpartition(".")
        if module not in ("", "builtins"):
            found.append(f"from {module} import {name}")
    return tuple(dict.fromkeys(found))


def _plain(step: Step) -> ast.stmt | None:
    """The statement without its look; None for one with a block."""
    if step.subject is None and not isinstance(step.node, ast.Import | ast.ImportFrom | ast.Pass | ast.Delete):
        return None
    return ast.Expr(step.subject) if step.slot is not None and step.subject is not None else step.node


def _joined(statements: list[ast.stmt], last: ast.Expr) -> tuple[list[ast.stmt], ast.stmt]:
    """``statements`` less those that leave no trace, with names that are read once put in the place of their use."""
    left = [copy.deepcopy(node) for node in statements if not isinstance(node, ast.Import | ast.ImportFrom | ast.Pass)]
    end: ast.stmt = copy.deepcopy(last)
    for node in reversed(list(left)):
        name = _assigned(node)
        if name is None:
            continue
        place = left.index(node)
        after = [*left[place + 1 :], end]
        uses = sum(_reads(later, name) for later in after)
        if uses == 0 and _is_harmless(node):
            left.remove(node)
        elif uses == 1 and _reads(after[0], name) == 1:
            # The very next statement reads it: nothing runs between.
            value = node.value  # type: ignore[attr-defined]
            moved = substitute(after[0], {name: value})
            left.remove(node)
            if after[0] is end:
                end = moved
            else:
                left[place] = moved
    return left, end


def _assigned(node: ast.stmt) -> str | None:
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id
    return None


def _reads(node: ast.stmt, name: str) -> int:
    return sum(
        isinstance(item, ast.Name) and item.id == name and isinstance(item.ctx, ast.Load) for item in ast.walk(node)
    )


def _is_harmless(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)


def called(call: str) -> str:
    """The name of the method or attribute that an expression reads last: ``total`` for ``Cart(3).total()``, else ''."""
    node: ast.expr = ast.parse(call, mode="eval").body
    node = node.func if isinstance(node, ast.Call) else node
    return node.attr if isinstance(node, ast.Attribute) else ""
