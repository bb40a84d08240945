"""From a test to the calls it made and what came of each: as its assertions say, or as its instrumented form saw."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Sequence
from dataclasses import dataclass, replace

from augment.generation.observe import STRIDE, subject_of
from augment.generation.stated.calls import Observed
from augment.generation.syntax import (
    FunctionNode,
    dotted,
    is_literal,
    own_statements,
    parameter_names,
    single_test,
)
from augment.generation.trials import Trial


def asserted_in(source: str) -> list[Observed]:
    """The calls of a test that passes, by what it asserts of them: ``== LITERAL``, ``is None``, ``pytest.raises``."""
    test = _read(source)
    if test is None:
        return []
    found: list[Observed] = []
    setup: list[str] = []
    for statement in test.body:
        claim = _claimed(statement)
        if claim is not None:
            own, needed = _needed(claim.expression, setup, test.fixtures)
            found.append(replace(claim, imports=test.imports, setup=own, fixtures=needed))
        setup += _leftover(statement)
    return found


def _claimed(statement: ast.stmt) -> Observed | None:
    """What one statement of a passing test says of a call."""
    if isinstance(statement, ast.With):
        return _raising(statement)
    test = statement.test if isinstance(statement, ast.Assert) else None
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq | ast.Is):
        value = _without_approx(test.comparators[0])
        if is_literal(value) and isinstance(test.left, ast.Call | ast.Attribute):
            return _of_value(test.left, ast.literal_eval(value))
    return None


def _raising(statement: ast.With) -> Observed | None:
    call = statement.items[0].context_expr
    only = statement.body[0] if len(statement.body) == 1 else None
    if not isinstance(call, ast.Call) or dotted(call.func) != "pytest.raises" or not isinstance(only, ast.Expr):
        return None
    name = dotted(call.args[0]) if call.args else ""
    if not name:
        return None
    module = "builtins." if hasattr(builtins, name) else "?."
    return Observed(ast.unparse(only.value), exception=f"{module}{name}")


def _without_approx(node: ast.expr) -> ast.expr:
    approx = isinstance(node, ast.Call) and dotted(node.func) == "pytest.approx" and len(node.args) == 1
    return node.args[0] if approx and isinstance(node, ast.Call) else node


def _of_value(subject: ast.expr, value: object) -> Observed:
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    return Observed(ast.unparse(subject), kind, repr(value), True)


@dataclass(frozen=True, slots=True)
class _Test:
    imports: tuple[str, ...]
    fixtures: tuple[str, ...]
    body: Sequence[ast.stmt]


def _read(source: str) -> _Test | None:
    """A test's parts; None for one that brings helpers of its own: it is no smallest reproduction."""
    tree = ast.parse(source)
    function = single_test(tree)
    if not isinstance(function, ast.FunctionDef) or function.decorator_list:
        return None
    if any(not isinstance(node, ast.Import | ast.ImportFrom) and node is not function for node in tree.body):
        return None
    imports = tuple(ast.unparse(node) for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom))
    return _Test(imports, tuple(parameter_names(function)), function.body)


def _leftover(statement: ast.stmt) -> list[str]:
    """What a statement leaves for those after it: an assertion only the calls that it makes."""
    if not isinstance(statement, ast.Assert):
        return [ast.unparse(statement)]
    subject = subject_of(statement.test)
    return [] if isinstance(subject, ast.Name) else [ast.unparse(subject)]


def observed_in(prepared: str, instrumented: str, trial: Trial) -> list[Observed]:
    """The calls that an instrumented test looked at, each with what came of it."""
    test = _read(prepared)
    if test is None:
        return []
    stop = _raised_at(instrumented, trial)
    found: list[Observed] = []
    setup: list[str] = []
    asserts = [item for item in own_statements(test.body) if isinstance(item, ast.Assert)]
    slots = {id(item): index * STRIDE for index, item in enumerate(asserts)}
    for index, statement in enumerate(test.body):
        subject = _subject(statement)
        if subject is not None and index == stop:
            found.append(_raised(subject, trial, test.imports, setup, test.fixtures))
        elif isinstance(statement, ast.Assert) and subject is not None:
            found += _returned(subject, slots[id(statement)], trial, test.imports, setup, test.fixtures)
        if index == stop:
            break
        setup += _leftover(statement)
    return found


def _subject(statement: ast.stmt) -> ast.expr | None:
    if isinstance(statement, ast.Assert):
        return subject_of(statement.test)
    if isinstance(statement, ast.Expr):
        return statement.value
    return statement.value if isinstance(statement, ast.Assign) else None


def _raised_at(instrumented: str, trial: Trial) -> int | None:
    """Which statement of the test's body raised."""
    if trial.failure is None or trial.failure.test_lineno is None:
        return None
    function = single_test(ast.parse(instrumented))
    body = function.body if isinstance(function, FunctionNode) else []
    line = trial.failure.test_lineno
    return next((at for at, item in enumerate(body) if item.lineno <= line <= (item.end_lineno or item.lineno)), None)


def _returned(
    subject: ast.expr, slot: int, trial: Trial, imports: tuple[str, ...], setup: list[str], fixtures: tuple[str, ...]
) -> list[Observed]:
    seen = next((item for item in trial.observations if item.slot == slot), None)
    if seen is None:
        return []
    own, needed = _needed(ast.unparse(subject), setup, fixtures)
    return [Observed(ast.unparse(subject), seen.type, seen.repr, seen.literal, "", "", imports, own, needed)]


def _raised(
    subject: ast.expr, trial: Trial, imports: tuple[str, ...], setup: list[str], fixtures: tuple[str, ...]
) -> Observed:
    assert trial.failure is not None
    own, needed = _needed(ast.unparse(subject), setup, fixtures)
    exception, message = trial.failure.exception, trial.failure.message
    return Observed(ast.unparse(subject), "", "", False, exception, message, imports, own, needed)


def _needed(expression: str, setup: list[str], fixtures: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The setup and the fixtures that an expression needs: none where it reads no name that they bind."""
    bound = {
        node.id for line in setup for node in ast.walk(ast.parse(line))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }  # fmt: skip
    read = {node.id for node in ast.walk(ast.parse(expression)) if isinstance(node, ast.Name)}
    own = tuple(setup) if read & bound else ()
    text = "\n".join([expression, *own])
    used = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    return own, tuple(name for name in fixtures if name in used)
