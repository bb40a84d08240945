"""Examples in a docstring -> tests that expect what the documentation says."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator

from augment.analysis import TargetContext

COMMENTED = re.compile(r"#\s*(?:returns?|gives|=>|->|==>?)\s*:?\s*(?P<value>.+?)\s*$", re.IGNORECASE)
UNCLEAR = (ast.Compare, ast.BoolOp, ast.UnaryOp, ast.IfExp, ast.Lambda, ast.NamedExpr)
"""Expressions that mean something else beside ``==`` unless they are in brackets."""

_UNICODE = re.compile(r"(?<![\w'\"])u(?=['\"])")
"""The prefix of strings in examples from the days of Python 2."""

SPELLINGS = {"true": "True", "false": "False", "none": "None", "null": "None"}


def documented_tests(context: TargetContext) -> Iterator[tuple[str, str]]:
    """(source, name) of a test for each documented example whose names can all be imported.

    A docstring's examples share their variables, so each test repeats the statements before its own example. Also read
    are results in a comment, such as ``f(1)  # returns 2``. Skipped are examples that only outline their result.
    """
    before: list[str] = []
    number = 0
    shares = any(_binds(statement) for statement, _ in context.doctests)
    for statement, want in context.doctests:
        code, expected = _split_comment(statement, want)
        lines, fixtures = _check(code, expected, "print(" in context.source)
        if lines:
            quiet = ["capsys.readouterr()"] if fixtures and before else []
            source = _module(context, [*before, *quiet, *lines], fixtures, number)
            if source:
                number += 1
                yield source, _name(context, number)
        if shares or not expected:
            before += lines if want.startswith("Traceback") else code.split("\n")


def _binds(statement: str) -> bool:
    """Whether an example leaves something behind that later ones may use."""
    try:
        tree = ast.parse(statement)
    except SyntaxError:
        return True
    return any(not isinstance(node, ast.Expr) for node in tree.body)


def _split_comment(statement: str, want: str) -> tuple[str, str]:
    match = None if want else COMMENTED.search(statement)
    if match is None:
        return statement, want
    text = match["value"].rstrip(".")
    return statement[: match.start()].strip(), SPELLINGS.get(text.lower(), text) if _is_literal(text) else ""


def _check(code: str, want: str, prints: bool) -> tuple[list[str], set[str]]:
    """Statements that hold when the example does; [] when it promises nothing exact."""
    if not want or "doctest: +SKIP" in code or ("..." in want and not want.startswith("Traceback")):
        return [], set()
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return [], set()
    if want.startswith("Traceback"):
        return _raising(code, want)
    only = tree.body[0] if len(tree.body) == 1 else None
    if only is not None and not isinstance(only, ast.Expr) and _echoes(only):
        return [], set()
    expression = ast.unparse(only) if isinstance(only, ast.Expr) else ""
    prints = prints or expression.partition("(")[0] in ("print", "pprint", "pp", "pprint.pprint")
    if expression and _is_literal(want) and not prints:
        asserted = f"({expression})" if isinstance(only, ast.Expr) and isinstance(only.value, UNCLEAR) else expression
        return [f"assert {asserted} == {SPELLINGS.get(want, want)}"], set()
    run = [f"value = {expression}"] if expression else [*code.split("\n"), "value = None"]
    shown = "shown = capsys.readouterr().out + ('' if value is None else repr(value))"
    told = _UNICODE.sub("", want.replace("<BLANKLINE>", ""))
    return [*run, shown, f"assert shown.split() == {told!r}.split()"], {"capsys"}


def _echoes(statement: ast.stmt) -> bool:
    """Whether a block has expressions whose values the prompt would show, and a test would not."""
    inner = (node.value for node in ast.walk(statement) if isinstance(node, ast.Expr))
    return any(not (isinstance(value, ast.Call) and ast.unparse(value.func) == "print") for value in inner)


def _raising(code: str, want: str) -> tuple[list[str], set[str]]:
    error = want.strip().split("\n")[-1].partition(":")[0].strip()
    if not error.replace(".", "").isidentifier():
        return [], set()
    body = [f"    {line}" for line in code.split("\n")]
    return [f"with pytest.raises({error.rpartition('.')[2]}):", *body], set()


def _module(context: TargetContext, lines: list[str], fixtures: set[str], number: int) -> str:
    body = "\n".join(f"    {line}" if line else "" for line in lines)
    test = f"def {_name(context, number + 1)}({', '.join(sorted(fixtures))}):\n{body}\n"
    try:
        tree = ast.parse(test)
    except SyntaxError:
        return ""
    if any(isinstance(node, ast.Global) for node in ast.walk(tree)):  # an example's globals are a test's locals
        return ""
    imports = _imports_for(context, tree, fixtures)
    return "\n".join([*sorted(imports), "", "", test]).lstrip("\n") if imports is not None else ""


def _imports_for(context: TargetContext, tree: ast.Module, fixtures: set[str]) -> set[str] | None:
    """Import lines for every name that the test reads without setting it; None where one cannot be found."""
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    own = {node.id for node in names if isinstance(node.ctx, ast.Store)} | fixtures | _bound_otherwise(tree)
    lines: set[str] = set()
    for name in {node.id for node in names} - own - (set(dir(builtins)) - set(context.module_names)):
        line = _import_of(context, name)
        if line is None:
            return None
        lines.add(line)
    return lines


def _import_of(context: TargetContext, name: str) -> str | None:
    if name == "pytest":
        return "import pytest"
    if name in context.module_names:
        return f"from {context.target.module} import {name}"
    for line in context.imports:
        if re.search(rf"\b{re.escape(name)}$|\b{re.escape(name)},|import {re.escape(name)}\b", line):
            return line
    modules = context.project_names.get(name, ())
    return f"from {modules[0]} import {name}" if modules else None


def _bound_otherwise(tree: ast.Module) -> set[str]:
    imported = {(item.asname or item.name).partition(".")[0] for item in ast.walk(tree) if isinstance(item, ast.alias)}
    defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    return imported | defined | {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}


def _is_literal(text: str) -> bool:
    try:
        ast.literal_eval(SPELLINGS.get(text.lower(), text))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return False
    return True


def _name(context: TargetContext, number: int) -> str:
    what = re.sub(r"\W+|_+", "_", context.call_name).strip("_").lower()
    return f"test_{what}_as_documented" + (f"_{number}" if number > 1 else "")
