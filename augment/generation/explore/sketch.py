"""Sketches: tests whose every expected value is left open, so that running them says what they show.

A sketch is the source of a test module in which each assertion reads ``assert EXPRESSION == ...``. It becomes a
scenario by showing the expressions' values instead, and a test by stating what was shown. Whatever a generator expected
is opened first: a small model proposes good inputs and wrong values.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from augment.exploring import FIXTURES, Scenario
from augment.generation.observe import subject_of
from augment.generation.syntax import FunctionNode, dotted, is_literal, own_statements, render, single_test
from augment.records import TestKind

LOOK = "__augment_look__"
_MOST_CHARACTERS = 4000


@dataclass(frozen=True, slots=True)
class Sketch:
    """An open test of one target. ``generator``, ``origin``, ``model`` and ``seed`` are those of whoever proposed it.

    ``parents`` are the candidates that it was varied from.
    """

    id: str
    target: str
    source: str
    generator: str
    kind: TestKind = TestKind.UNIT
    origin: str = ""
    model: str | None = None
    seed: int | None = None
    parents: tuple[str, ...] = ()


def opened(source: str, watch: str = "") -> str | None:
    """``source`` as a sketch's: every expectation left open. None where it cannot run as a scenario.

    A variable called ``watch`` that the test assigns is looked at in the end, too.
    """
    if len(source) > _MOST_CHARACTERS:
        return None
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return None
    function = single_test(tree)
    if isinstance(function, ast.AsyncFunctionDef) and function in tree.body:
        function = _synchronous(tree, function)
    if not isinstance(function, ast.FunctionDef) or function not in tree.body or function.decorator_list:
        return None
    if not set(_parameters(function)) <= set(FIXTURES) or _runs_module(function):
        return None
    function.body = _open_block(function.body)
    if watch and _assigns(function.body, watch) and not _looks_at(function, watch):
        function.body.append(open_assertion(ast.Name(watch, ast.Load())))
    if not any(is_open(statement) for statement in own_statements(function.body)):
        return None
    return render(tree)


def _synchronous(tree: ast.Module, function: ast.AsyncFunctionDef) -> ast.FunctionDef | None:
    """A coroutine test as a plain one: what it awaits runs in a loop of its own. ``tree`` is changed with it.

    None where it needs one loop for all of it (``async with``, ``async for``, tasks that live on).
    """
    needs_loop = (ast.AsyncWith, ast.AsyncFor, ast.AsyncFunctionDef)
    if any(isinstance(node, needs_loop) or _starts_task(node) for item in function.body for node in ast.walk(item)):
        return None
    plain = ast.FunctionDef(
        name=function.name,
        args=function.args,
        body=[_Run().visit(statement) for statement in function.body],
        decorator_list=[
            item for item in function.decorator_list if "asyncio" not in dotted(item) and "anyio" not in dotted(item)
        ],
        returns=function.returns,
        type_comment=None,
        lineno=function.lineno,
        col_offset=0,
    )
    tree.body[tree.body.index(function)] = plain
    first = 1 if isinstance(tree.body[0], ast.ImportFrom) and tree.body[0].module == "__future__" else 0
    tree.body[first:first] = ast.parse("import asyncio").body
    return plain


def _starts_task(node: ast.AST) -> bool:
    """Whether a call needs the loop that the test itself runs in: ``asyncio.gather`` and its like."""
    name = dotted(node.func) if isinstance(node, ast.Call) else ""
    return name.startswith("asyncio.") or name.endswith((".create_task", ".ensure_future"))


class _Run(ast.NodeTransformer):
    def visit_Await(self, node: ast.Await) -> ast.AST:
        awaited = self.generic_visit(node)
        assert isinstance(awaited, ast.Await)
        run = ast.Attribute(ast.Name("asyncio", ast.Load()), "run", ast.Load())
        return ast.copy_location(ast.Call(run, [awaited.value], []), node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return node


def _runs_module(function: ast.FunctionDef) -> bool:
    """Whether a module is run anew: no mutant of what is loaded shows there, so that a whole test has to."""
    return any(isinstance(node, ast.Call) and dotted(node.func).startswith("runpy.") for node in ast.walk(function))


def _assigns(body: list[ast.stmt], name: str) -> bool:
    targets = (target for item in body if isinstance(item, ast.Assign) for target in item.targets)
    return any(isinstance(target, ast.Name) and target.id == name for target in targets)


def _looks_at(function: ast.FunctionDef, name: str) -> bool:
    subjects = (item.test.left for item in looks_in(function) if isinstance(item.test, ast.Compare))
    return any(isinstance(subject, ast.Name) and subject.id == name for subject in subjects)


def scenario_of(sketch: Sketch) -> Scenario:
    """What the runner takes: the module with each open assertion showing its value, its test called ``scenario``."""
    tree = ast.parse(sketch.source)
    function = single_test(tree)
    assert isinstance(function, ast.FunctionDef)
    for slot, statement in enumerate(looks_in(function)):
        assert isinstance(statement.test, ast.Compare)
        shown = ast.Call(ast.Name(LOOK, ast.Load()), [ast.Constant(slot), statement.test.left], [])
        statement.test = shown  # replaced below, once every slot has its number
    function.body = [_Show().visit(statement) for statement in function.body]
    function.name = "scenario"
    return Scenario(sketch.id, ast.unparse(ast.fix_missing_locations(tree)) + "\n", tuple(_parameters(function)))


def looks_in(function: FunctionNode) -> Iterator[ast.Assert]:
    """The open assertions of a sketch, in the order of their slots."""
    return (item for item in own_statements(function.body) if isinstance(item, ast.Assert) and is_open(item))


def is_open(statement: ast.stmt) -> bool:
    """Whether a statement is ``assert EXPRESSION == ...``."""
    if not isinstance(statement, ast.Assert) or not isinstance(statement.test, ast.Compare):
        return False
    expected = statement.test.comparators[-1]
    return isinstance(expected, ast.Constant) and expected.value is ...


def open_assertion(subject: ast.expr) -> ast.Assert:
    """``assert subject == ...``."""
    return ast.Assert(ast.Compare(subject, [ast.Eq()], [ast.Constant(...)]), None)


class _Show(ast.NodeTransformer):
    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        shown = isinstance(node.test, ast.Call) and dotted(node.test.func) == LOOK
        return ast.copy_location(ast.Expr(node.test), node) if shown else node


def _parameters(function: ast.FunctionDef) -> list[str]:
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    extra = [item for item in (arguments.vararg, arguments.kwarg) if item is not None]
    return [item.arg for item in (*every, *extra)]


def _open_block(body: list[ast.stmt]) -> list[ast.stmt]:
    return [result for statement in body for result in _open_statement(statement)]


def _open_statement(statement: ast.stmt) -> list[ast.stmt]:
    if isinstance(statement, ast.Assert):
        return [] if is_literal(statement.test) else [_open_assert(statement)]
    if isinstance(statement, ast.With) and _is_raises(statement):
        return _open_raises(_open_block(statement.body))
    if isinstance(statement, FunctionNode | ast.ClassDef):
        return [statement]
    for field in ("body", "orelse", "finalbody"):
        inner = getattr(statement, field, None)
        if inner:
            setattr(statement, field, _open_block(inner) or ([ast.Pass()] if field == "body" else []))
    return [statement]


def _open_assert(statement: ast.Assert) -> ast.stmt:
    if is_open(statement):
        return statement
    subject = subject_of(statement.test)
    return open_assertion(statement.test if is_literal(subject) or isinstance(subject, ast.Constant) else subject)


def _open_raises(body: list[ast.stmt]) -> list[ast.stmt]:
    """What stood in a ``pytest.raises`` block; its last call is looked at, as it may return after all."""
    last = body[-1] if body else None
    if isinstance(last, ast.Expr) and isinstance(last.value, ast.Call | ast.Await):
        return [*body[:-1], open_assertion(last.value)]
    return body


def _is_raises(statement: ast.With) -> bool:
    call = statement.items[0].context_expr
    return isinstance(call, ast.Call) and dotted(call.func) in ("pytest.raises", "raises")
