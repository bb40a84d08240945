"""From what a scenario showed to a test that states it."""

from __future__ import annotations

import ast
from collections.abc import Collection, Sequence

from augment.exploring import OUTCOME, Leaf, Raised, Sight
from augment.generation.explore.naming import name_for
from augment.generation.explore.sketch import Sketch, is_open, looks_in
from augment.generation.observe import stable_message
from augment.generation.syntax import FunctionNode, loaded_names, own_statements, render, single_test
from augment.generation.values import literal_assertions, tells_of_this_machine

_PROGRAMMING_ERRORS = frozenset(
    {"AssertionError", "AttributeError", "NameError", "UnboundLocalError", "ImportError", "ModuleNotFoundError"}
    | {"RecursionError", "MemoryError", "SystemExit", "KeyboardInterrupt", "NotImplementedError", "SyntaxError"}
)
"""What a call with senseless arguments raises: true, and nobody's behaviour."""
MOST_ASSERTIONS = 8
"""Of one test; more are not read."""
_SHORT = 50
"""A longer call gets a name before a part of what it gives is stated."""


def usable_leaves(sight: Sight) -> tuple[Leaf, ...]:
    """The leaves that a test may state: nothing that tells of this machine or this day."""
    return tuple(leaf for leaf in sight.leaves if not tells_of_this_machine(leaf.text))


def is_worth_stating(sight: Sight) -> bool:
    """Whether the scenario came to something that a test can hold the code to."""
    if sight.problem:
        return False
    if sight.raised is None:
        return bool(usable_leaves(sight))
    name = sight.raised.type.rsplit(".", 1)[-1]
    stated = name not in _PROGRAMMING_ERRORS and "<" not in sight.raised.type and sight.raised.in_project
    return stated and sight.raised.lineno > 0


def stated(sketch: Sketch, sight: Sight, keys: Collection[str], call_name: str) -> str | None:
    """The test that states the leaves named by ``keys`` (the first of all where it names none), and the exception.

    ``call_name`` is what the test is named for. None where nothing can be stated.
    """
    tree = ast.parse(sketch.source)
    function = single_test(tree)
    if function is None or not is_worth_stating(sight):
        return None
    imports: list[ast.stmt] = []
    if sight.raised is not None:
        body = _until_raise(function, sight.raised, imports)
        if body is None:
            return None
        function.body = body
    chosen = _chosen(sight, keys)
    function.name = name_for(function, call_name, sight, [leaf for leaves in chosen.values() for leaf in leaves])
    writer = _Writer(function, chosen, imports)
    function.body = writer.block(function.body) or [ast.Pass()]
    function.body = _without_unused(function.body)
    tree.body[:0] = imports
    return render(tree)


def _chosen(sight: Sight, keys: Collection[str]) -> dict[int, list[Leaf]]:
    """The leaves to state, by slot: those named, and what stands first where that is little."""
    leaves = usable_leaves(sight)
    wanted = [leaf for leaf in leaves if leaf.key in keys]
    if not wanted and (sight.raised is None or OUTCOME not in keys):
        wanted = _telling(leaves)
    elif wanted and all(leaf.path.startswith("type(") for leaf in wanted):
        wanted += [leaf for leaf in _telling(leaves) if leaf not in wanted]
    by_slot: dict[int, list[Leaf]] = {}
    for leaf in leaves:
        if leaf in wanted[:MOST_ASSERTIONS]:
            by_slot.setdefault(leaf.slot, []).append(leaf)
    return by_slot


def _telling(leaves: Sequence[Leaf]) -> list[Leaf]:
    """What a reader wants to know where no mutant asks for anything: the values, else the first few parts."""
    whole = [leaf for leaf in leaves if leaf.path == "{}"]
    return whole[:3] or list(leaves[:4])


# --------------------------------------------------------------------------- exceptions


def _until_raise(function: FunctionNode, raised: Raised, imports: list[ast.stmt]) -> list[ast.stmt] | None:
    """The body up to the statement that raised, which is put under ``pytest.raises``."""
    at = _statement_at(function, raised.lineno)
    if at is None:
        return None
    raising = _bare(function.body[at])
    if raising is None:
        return None
    name = raised.type.rsplit(".", 1)[-1]
    module = raised.type.rpartition(".")[0]
    imports += ast.parse("import pytest").body
    if module not in ("", "builtins"):
        imports += ast.parse(f"from {module} import {name}").body
    call = ast.Call(
        ast.Attribute(ast.Name("pytest", ast.Load()), "raises", ast.Load()), [ast.Name(name, ast.Load())], []
    )
    message = stable_message(raised.message)
    if message and not raised.by_project:
        # Whoever raised it may word it otherwise in another version.
        imports += ast.parse("import re").body
        call.keywords.append(ast.keyword("match", ast.parse(f"re.escape({message!r})", mode="eval").body))
    if not message or not raised.by_project:
        return [*function.body[:at], ast.With([ast.withitem(call)], raising)]
    caught = ast.With([ast.withitem(call, ast.Name("caught", ast.Store()))], raising)
    return [*function.body[:at], caught, *ast.parse(f"assert str(caught.value) == {message!r}").body]


def _statement_at(function: FunctionNode, lineno: int) -> int | None:
    """Which statement of the body stood at ``lineno`` of the scenario, whose lines are those of the unparsed sketch."""
    for index, statement in enumerate(function.body):
        if statement.lineno <= lineno <= (statement.end_lineno or statement.lineno):
            return index
    return None


def _bare(statement: ast.stmt) -> list[ast.stmt] | None:
    """The raising statement without what it would have asserted."""
    if is_open(statement):
        assert isinstance(statement, ast.Assert)
        assert isinstance(statement.test, ast.Compare)
        return [ast.Expr(statement.test.left)]
    if isinstance(statement, ast.With):
        statement.body = [part for inner in statement.body for part in (_bare(inner) or [inner])]
        return [statement]
    if isinstance(statement, ast.Assign) and all(isinstance(target, ast.Name) for target in statement.targets):
        return [ast.Expr(statement.value)]
    return [statement] if isinstance(statement, ast.Expr | ast.Assign | ast.For | ast.AugAssign | ast.Delete) else None


# --------------------------------------------------------------------------- values


class _Writer:
    """Puts assertions of leaves in the place of open ones."""

    def __init__(self, function: FunctionNode, leaves: dict[int, list[Leaf]], imports: list[ast.stmt]) -> None:
        self._slots = {id(statement): slot for slot, statement in enumerate(looks_in(function))}
        self._leaves = leaves
        self._imports = imports
        self._taken = {item.id for item in ast.walk(function) if isinstance(item, ast.Name)}

    def block(self, body: Sequence[ast.stmt]) -> list[ast.stmt]:
        """``body`` with its open assertions stated."""
        return [result for statement in body for result in self._statement(statement)]

    def _statement(self, statement: ast.stmt) -> list[ast.stmt]:
        if is_open(statement):
            assert isinstance(statement, ast.Assert)
            assert isinstance(statement.test, ast.Compare)
            return self._stated(statement.test.left, self._leaves.get(self._slots.get(id(statement), -1), []))
        if isinstance(statement, FunctionNode | ast.ClassDef):
            return [statement]
        for field in ("body", "orelse", "finalbody"):
            inner = getattr(statement, field, None)
            if inner:
                setattr(statement, field, self.block(inner) or ([ast.Pass()] if field == "body" else []))
        return [statement]

    def _stated(self, subject: ast.expr, leaves: Sequence[Leaf]) -> list[ast.stmt]:
        if not leaves:
            # The call stays: what follows may rest on what it did.
            return [] if isinstance(subject, ast.Name | ast.Attribute) else [ast.Expr(subject)]
        statements: list[ast.stmt] = []
        short = leaves and (leaves[0].path == "{}" or len(ast.unparse(subject)) <= _SHORT)
        single = len(leaves) == 1 and leaves[0].path.count("{}") == 1 and short
        if not single and not isinstance(subject, ast.Name):
            name = self._new_name()
            statements.append(ast.Assign([ast.Name(name, ast.Store())], subject, lineno=0))
            subject = ast.Name(name, ast.Load())
        for leaf in leaves:
            statements += self._assertions(leaf.path.replace("{}", ast.unparse(subject), 1), leaf.text)
        return statements

    def _assertions(self, expression: str, literal: str) -> list[ast.stmt]:
        described = literal_assertions(ast.parse(expression, mode="eval").body, ast.literal_eval(literal))
        if described is None:
            return []
        if described.approximate:
            self._imports += ast.parse("import pytest").body
        if "itertools." in expression:
            self._imports += ast.parse("import itertools").body
        return list(described.statements)

    def _new_name(self) -> str:
        name = next(name for name in ("result", *(f"result_{n}" for n in range(2, 99))) if name not in self._taken)
        self._taken.add(name)
        return name


def _without_unused(body: list[ast.stmt]) -> list[ast.stmt]:
    """``body`` without trailing calls that nothing follows and names that nothing reads."""
    while body and isinstance(body[-1], ast.Expr) and len(body) > 1 and _asserts(body[:-1]):
        body = body[:-1]
    used = set().union(*(loaded_names(statement) for statement in body)) if body else set()

    def is_unused(statement: ast.stmt) -> bool:
        if not isinstance(statement, ast.Assign) or not isinstance(statement.value, ast.Constant):
            return False
        return all(isinstance(target, ast.Name) and target.id not in used for target in statement.targets)

    return [statement for statement in body if not is_unused(statement)]


def _asserts(body: Sequence[ast.stmt]) -> bool:
    return any(isinstance(item, ast.Assert | ast.With) for item in own_statements(body))
