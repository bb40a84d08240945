"""The mechanical repair: a wrong expected value is replaced by the one observed, when that is stable.

A failing test is first *prepared* (conjunctions split, ``pytest.raises`` that did not raise opened), then
*instrumented* (every assertion reports the value it looks at instead of asserting), run in fresh processes, and
*rebuilt* from what was observed. Assertions that held stay as they were.
"""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Sequence
from dataclasses import dataclass

from augment.generation.syntax import (
    FunctionNode,
    dotted,
    is_literal,
    loaded_names,
    own_statements,
    render,
    single_test,
)
from augment.generation.values import describe, seen_in
from augment.seams import Failure, Observation

STRIDE = 20
"""Slots of one assertion: the value, its length, its text, its attributes, and last whether the assertion held."""
HELD = STRIDE - 1
DID_NOT_RAISE = "DID NOT RAISE"
_MISMATCH = re.compile(r"Regex pattern did not match.*Actual message: (?P<text>'[^\n]*'|\"[^\n]*\")", re.DOTALL)
_PROGRAMMING_ERRORS = frozenset(
    {"AssertionError", "AttributeError", "NameError", "UnboundLocalError", "ImportError", "ModuleNotFoundError"}
    | {"RecursionError", "MemoryError", "SystemExit", "KeyboardInterrupt", "NotImplementedError", "SyntaxError"}
)
_LOOK = """
def _augment_look(slot, value):
    __augment_observe__(slot, value)
    if value is None or isinstance(value, (bool, int, float, str, bytes)):
        return value
    if hasattr(type(value), "__len__"):
        __augment_observe__(slot + 1, ("len", len(value)))
    if type(value).__str__ is not object.__str__ and not isinstance(value, (list, tuple, dict, set, frozenset)):
        __augment_observe__(slot + 2, ("str", str(value)))
    names = [name for name in getattr(value, "__dict__", ()) if not name.startswith("_")]
    for offset, name in enumerate(sorted(names)[:12]):
        __augment_observe__(slot + 3 + offset, ("attr", name, getattr(value, name)))
    return value
"""


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one run of an instrumented test brought."""

    observations: tuple[Observation, ...]
    failure: Failure | None = None


def has_placeholder(source: str) -> bool:
    """Whether the test leaves an expected value open with ``== ...``."""
    return any(_is_placeholder(node) for node in ast.walk(ast.parse(source)))


def prepare(source: str, failure: Failure | None) -> str:
    """Split conjunctions, and open the ``pytest.raises`` block that ``failure`` says did not raise."""
    tree = ast.parse(source)
    function = single_test(tree)
    if function is None:
        return source
    line = failure.test_lineno if failure is not None and DID_NOT_RAISE in failure.message else None
    body = _body_of(function)
    body[:] = [prepared for statement in body for prepared in _prepared(statement, line)]
    if failure is not None and (mismatch := _MISMATCH.search(failure.message)):
        _match_anew(tree, body, failure.test_lineno, ast.literal_eval(mismatch["text"]))
    return render(tree)


def instrument(source: str) -> str | None:
    """``source`` with every assertion reporting instead of asserting; None when it has no single test."""
    tree = ast.parse(source)
    function = single_test(tree)
    if function is None:
        return None
    asserts = [item for item in own_statements(_body_of(function)) if isinstance(item, ast.Assert)]
    numbers = {id(statement): index * STRIDE for index, statement in enumerate(asserts)}
    _Instrument(numbers).visit(function)
    tree.body[:0] = ast.parse(_LOOK).body
    return render(tree)


def rebuild(source: str, instrumented: str, sightings: Sequence[Sighting]) -> str | None:
    """The test with each assertion that did not hold replaced by what all ``sightings`` agree on.

    ``source`` is the prepared test. An exception that the project raised, the same in every run, becomes
    ``pytest.raises`` and ends the test. None when nothing stable is left to assert.
    """
    tree = ast.parse(source)
    function = single_test(tree)
    if function is None or not sightings:
        return None
    body = _body_of(function)
    stop = _failed_statement(instrumented, sightings)
    if stop is None and any(sighting.failure is not None for sighting in sightings):
        return None
    rebuilder = _Rebuild(own_statements(body), [sighting.observations for sighting in sightings])
    kept = body if stop is None else body[:stop]
    new_body = rebuilder.block(kept)
    if stop is not None:
        failure = sightings[0].failure
        assert failure is not None
        raising = _raising(body[stop], sightings)
        if raising is None:
            return None
        new_body.append(raising)
        tree.body[:0] = _imports_for(failure)
    if rebuilder.approximate or stop is not None:
        tree.body[:0] = ast.parse("import pytest").body
    body[:] = _without_leftovers(new_body)
    return render(tree) if _asserts_anything(new_body) else None


# --------------------------------------------------------------------------- preparing


def _body_of(function: FunctionNode) -> list[ast.stmt]:
    """The statements of a test; for one that runs an inner coroutine, the statements of that."""
    for statement in function.body:
        if isinstance(statement, ast.AsyncFunctionDef) and statement.name == "scenario":
            return statement.body
    return function.body


def _prepared(statement: ast.stmt, opened_line: int | None) -> list[ast.stmt]:
    test = statement.test if isinstance(statement, ast.Assert) else None
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        return [ast.Assert(value, None) for value in test.values]
    if isinstance(statement, ast.With) and _is_raises(statement) and _spans(statement, opened_line):
        return _opened(statement.body)
    return [statement]


def _spans(statement: ast.stmt, line: int | None) -> bool:
    return line is not None and statement.lineno <= line <= (statement.end_lineno or statement.lineno)


def _opened(body: list[ast.stmt]) -> list[ast.stmt]:
    last = body[-1]
    open_value = ast.Constant(...)
    if isinstance(last, ast.Expr) and isinstance(last.value, ast.Call | ast.Await):
        return [*body[:-1], ast.Assert(ast.Compare(last.value, [ast.Eq()], [open_value]), None)]
    if isinstance(last, ast.Assign) and isinstance(last.targets[0], ast.Name):
        name = ast.Name(last.targets[0].id, ast.Load())
        return [*body, ast.Assert(ast.Compare(name, [ast.Eq()], [open_value]), None)]
    return body


def _match_anew(tree: ast.Module, body: Sequence[ast.stmt], line: int | None, message: str) -> None:
    """Expect the message that was raised instead of the one that was guessed, or none where it varies."""
    for statement in body:
        if isinstance(statement, ast.With) and _is_raises(statement) and _spans(statement, line):
            call = statement.items[0].context_expr
            assert isinstance(call, ast.Call)
            call.keywords = [item for item in call.keywords if item.arg != "match"]
            if stable := stable_message(message):
                call.keywords.append(_escaped(stable))
                tree.body[:0] = ast.parse("import re").body


def _escaped(message: str) -> ast.keyword:
    escape = ast.Call(ast.Attribute(_name("re"), "escape", ast.Load()), [ast.Constant(message)], [])
    return ast.keyword("match", escape)


def _is_raises(statement: ast.With) -> bool:
    call = statement.items[0].context_expr
    return isinstance(call, ast.Call) and dotted(call.func) in ("pytest.raises", "raises")


def _is_placeholder(node: ast.AST) -> bool:
    if not isinstance(node, ast.Assert) or not isinstance(node.test, ast.Compare):
        return False
    return any(isinstance(side, ast.Constant) and side.value is ... for side in node.test.comparators)


# --------------------------------------------------------------------------- instrumenting


def subject_of(test: ast.expr) -> ast.expr:
    """The part of an asserted expression whose value is in question."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return subject_of(test.operand)
    if isinstance(test, ast.Call) and dotted(test.func) == "isinstance" and test.args:
        return test.args[0]
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        sides = [side for side in (test.left, test.comparators[0]) if not _is_expectation(side)]
        return sides[0] if sides else test.left
    return test


def _is_expectation(node: ast.expr) -> bool:
    approx = isinstance(node, ast.Call) and dotted(node.func).endswith("approx")
    return approx or is_literal(node)


class _Instrument(ast.NodeTransformer):
    def __init__(self, slots: dict[int, int]) -> None:
        self._slots = slots

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        slot = self._slots.get(id(node))
        if slot is None:
            return node
        subject = subject_of(node.test)
        look = _call("_augment_look", ast.Constant(slot), subject)
        if _is_placeholder(node):
            return ast.copy_location(ast.Expr(look), node)
        checked = _Replace(subject, look).visit(node.test)
        assert isinstance(checked, ast.expr)
        truth = _call("bool", checked)
        held = _call("__augment_observe__", ast.Constant(slot + HELD), truth)
        return ast.copy_location(ast.Expr(held), node)


class _Replace(ast.NodeTransformer):
    def __init__(self, old: ast.expr, new: ast.expr) -> None:
        self._old = old
        self._new = new

    def visit(self, node: ast.AST) -> ast.AST:
        if node is self._old:
            return self._new
        visited: ast.AST = self.generic_visit(node)
        return visited


def _call(name: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), list(arguments), [])


# --------------------------------------------------------------------------- rebuilding


class _Rebuild:
    """Puts what was observed in the place of assertions that did not hold."""

    def __init__(self, statements: object, runs: Sequence[Sequence[Observation]]) -> None:
        found = [item for item in statements if isinstance(item, ast.Assert)]  # type: ignore[attr-defined]
        self._slots = {id(statement): index * STRIDE for index, statement in enumerate(found)}
        self._runs = runs
        self.approximate = False

    def block(self, body: Sequence[ast.stmt]) -> list[ast.stmt]:
        """``body`` with its assertions mended; those with nothing stable to say are left out."""
        return [mended for statement in body for mended in self._statement(statement)]

    def _statement(self, statement: ast.stmt) -> list[ast.stmt]:
        if isinstance(statement, ast.Assert):
            return self._assertion(statement)
        if isinstance(statement, FunctionNode | ast.ClassDef):
            return [statement]
        for field in ("body", "orelse", "finalbody"):
            inner = getattr(statement, field, None)
            if inner:
                mended = self.block(inner)
                setattr(statement, field, mended or ([ast.Pass()] if field == "body" else []))
        return [statement]

    def _assertion(self, statement: ast.Assert) -> list[ast.stmt]:
        slot = self._slots[id(statement)]
        held = [item.repr for run in self._runs for item in run if item.slot == slot + HELD]
        if held and set(held) == {"True"}:
            return [statement]
        seen = seen_in(self._runs, slot, HELD)
        described = describe(subject_of(statement.test), seen) if seen is not None else None
        if described is None:
            return []
        self.approximate = self.approximate or described.approximate
        return list(described.statements)


def _without_leftovers(body: Sequence[ast.stmt]) -> list[ast.stmt]:
    """``body`` without literals that were assigned for an expectation that is gone, such as ``expected = 3``."""
    used = set().union(*(loaded_names(statement) for statement in body)) if body else set()

    def is_leftover(statement: ast.stmt) -> bool:
        if not isinstance(statement, ast.Assign) or not is_literal(statement.value):
            return False
        return all(isinstance(target, ast.Name) and target.id not in used for target in statement.targets)

    return [statement for statement in body if not is_leftover(statement)]


def _failed_statement(instrumented: str, sightings: Sequence[Sighting]) -> int | None:
    """Which statement of the body raised, when every run ended there with the same exception of the project's."""
    failures = [sighting.failure for sighting in sightings]
    first = failures[0]
    if first is None or first.origin != "project" or first.exception.rsplit(".", 1)[-1] in _PROGRAMMING_ERRORS:
        return None
    for other in failures:
        if other is None or (other.exception, other.test_lineno) != (first.exception, first.test_lineno):
            return None
    function = single_test(ast.parse(instrumented))
    body = _body_of(function) if function is not None else []
    return next((index for index, item in enumerate(body) if _spans(item, first.test_lineno)), None)


def _raising(statement: ast.stmt, sightings: Sequence[Sighting]) -> ast.stmt | None:
    failures = [sighting.failure for sighting in sightings if sighting.failure is not None]
    name = failures[0].exception.rsplit(".", 1)[-1]
    raises = ast.Call(ast.Attribute(ast.Name("pytest", ast.Load()), "raises", ast.Load()), [_name(name)], [])
    match = _stable_in_all([failure.message for failure in failures])
    if match:
        raises.keywords.append(_escaped(match))
    body = _raising_body(statement)
    return None if body is None else ast.With([ast.withitem(raises)], body)


def _raising_body(statement: ast.stmt) -> list[ast.stmt] | None:
    if isinstance(statement, ast.Assert):
        return [ast.Expr(subject_of(copy.deepcopy(statement.test)))]
    if isinstance(statement, ast.Assign):
        return [ast.Expr(statement.value)]
    if isinstance(statement, ast.With) and _is_raises(statement):
        return statement.body
    return [statement] if isinstance(statement, ast.Expr | ast.With) else None


def _name(name: str) -> ast.Name:
    return ast.Name(name, ast.Load())


def stable_message(message: str) -> str:
    """The message to match where it is one short line without anything that varies; else ''."""
    varies = re.search(r"0x[0-9a-f]{4,}|/tmp/|\d{4}-\d\d-\d\d", message)
    stable = "\n" not in message and len(message) <= 120 and not varies
    return message if stable else ""


def _stable_in_all(messages: Sequence[str]) -> str:
    return stable_message(messages[0]) if len(set(messages)) == 1 else ""


def _imports_for(failure: Failure) -> list[ast.stmt]:
    module, _, name = failure.exception.rpartition(".")
    lines = ["import re"]
    if module not in ("", "builtins"):
        lines.append(f"from {module} import {name}")
    return ast.parse("\n".join(lines)).body


def _asserts_anything(body: Sequence[ast.stmt]) -> bool:
    return any(
        isinstance(item, ast.Assert) or (isinstance(item, ast.With) and _is_raises(item))
        for item in own_statements(body)
    )
