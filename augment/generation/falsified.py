"""What becomes of a property that Hypothesis has falsified: a Finding where something promised it, else an example.

Pure functions of the candidate and of what pytest showed. The counterexample is read from Hypothesis's report, which
holds it as source text; one that is no source text (an object without a constructor) leads nowhere.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from augment.generation.findings import make_finding
from augment.generation.imports import ImportMender
from augment.generation.property.properties import DECLARED, RESTS_ON
from augment.generation.syntax import (
    BUILTINS,
    FunctionNode,
    bound_names,
    dotted,
    loaded_names,
    own_statements,
    parameter_names,
    render,
    single_test,
)
from augment.generation.trials import Trial
from augment.records import Candidate, Finding, FindingKind, TestKind

if TYPE_CHECKING:
    from augment.analysis import TargetContext

_BEGINS = re.compile(
    r"^[\sE|+]*(?:Failing test case|Falsifying example|Falsifying explicit example):\s*(?P<rest>\w+\(.*)$"
)
_CONTINUES = re.compile(r"^(?:E(?: {1,4}|$)|\s*\|\s?| {0,4})(?P<rest>.*)$")
_NOT_FINITE = {"nan": "float('nan')", "inf": "float('inf')"}
_LONGEST = 400
"""A counterexample longer than this explains nothing."""
_MAX_LINES = 60
_UNMEANT = frozenset(
    {
        "AttributeError",
        "IndexError",
        "NameError",
        "RecursionError",
        "TypeError",
        "UnboundLocalError",
        "ZeroDivisionError",
    }
)
"""Exceptions that are seldom raised on purpose."""
_SEEMS_DOCUMENTED = 0.7
_SEEMS_DECLARED = 0.6
_WRONG_TYPE = 0.8
_DETAIL = 600


@dataclass(frozen=True, slots=True)
class Counterexample:
    """The smallest arguments for which a property does not hold, each as source text."""

    arguments: Mapping[str, str]


def counterexample_in(report: str) -> Counterexample | None:
    """The first counterexample in what pytest showed of a failure; None where there is none that can be written down.

    >>> counterexample_in("E   Falsifying example: test_x(\\nE       text='ß',  # or any other\\nE   )").arguments
    {'text': "'ß'"}
    """
    lines = report.splitlines()
    for index, line in enumerate(lines):
        match = _BEGINS.match(line)
        if match is not None:
            return _read(match["rest"], lines[index + 1 : index + _MAX_LINES])
    return None


def aftermath(candidate: Candidate, trial: Trial, context: TargetContext) -> Finding | Candidate | None:
    """What follows from a falsified property.

    A Finding where it rests on documentation; else an example at the counterexample, whose value is left to be observed
    (``assert CALL == ...``); None where the report holds no counterexample, or no call of the target can be told.
    """
    found = counterexample_in(trial.error)
    if found is None:
        return None
    promise = promised(candidate.source)
    if promise and _contradicts(promise, trial):
        return _finding(candidate, trial, found, promise, context)
    return _example(candidate, found, context)


def promised(source: str) -> str:
    """The sentence that a property rests on, with how it begins; '' for one that was merely tried."""
    function = single_test(ast.parse(source))
    doc = (ast.get_docstring(function) or "") if function is not None else ""
    return doc if doc.startswith((RESTS_ON, DECLARED)) else ""


def _contradicts(promise: str, trial: Trial) -> bool:
    """Whether the failure is about what was promised. An exception that somebody raised on purpose is not: that the
    function passes on what it calls raises may be meant, and the example at the counterexample says so.
    """
    exception = trial.failure.exception if trial.failure is not None else ""
    return exception.endswith("AssertionError") or exception.rpartition(".")[2] in _UNMEANT


# --------------------------------------------------------------------------- reading


def _read(first: str, following: list[str]) -> Counterexample | None:
    """The call that begins in ``first``: lines are added until it parses."""
    text = first
    for line in ["", *following]:
        if line:
            match = _CONTINUES.match(line)
            text += "\n" + (match["rest"] if match is not None else line)
        try:
            node = ast.parse(text.strip(), mode="eval").body
        except SyntaxError:
            continue
        return _arguments(node)
    return None


def _arguments(node: ast.expr) -> Counterexample | None:
    if not isinstance(node, ast.Call) or node.args or any(word.arg is None for word in node.keywords):
        return None
    found = {word.arg: ast.unparse(_Spelled().visit(word.value)) for word in node.keywords if word.arg}
    return Counterexample(found) if sum(len(text) for text in found.values()) <= _LONGEST else None


class _Spelled(ast.NodeTransformer):
    """Names that a ``repr`` uses and no program knows: ``nan`` and ``inf``."""

    def visit_Name(self, node: ast.Name) -> ast.AST:
        text = _NOT_FINITE.get(node.id)
        return ast.parse(text, mode="eval").body if text is not None else node


# --------------------------------------------------------------------------- writing


def _finding(
    candidate: Candidate, trial: Trial, found: Counterexample, promise: str, context: TargetContext
) -> Finding | None:
    source = _plain_test(candidate.source, found, context)
    if source is None:
        return None
    declared = promise.startswith(DECLARED)
    sentence = promise.partition(": ")[2]
    shown = ", ".join(f"{name}={text}" for name, text in found.arguments.items())
    title = f"{candidate.target} does not keep to {'its signature' if declared else 'its documentation'}"
    return make_finding(
        candidate.target,
        FindingKind.ANNOTATION if declared else FindingKind.PROPERTY,
        "declared type" if declared else "documented property",
        title=f"{title}: {sentence}"[:200],
        detail=f"{promise}\n\nIt does not hold for {shown}.\n\n{trial.error.strip()[-_DETAIL:]}",
        rests_on=sentence,
        observed=f"it does not hold for {shown}",
        source=source,
        confidence=_confidence(declared, trial),
        claim=promise,
    )


def _confidence(declared: bool, trial: Trial) -> float:
    """A wrong type is a plain contradiction; an exception may be about inputs that nobody meant."""
    asserted = trial.failure is not None and trial.failure.exception.endswith("AssertionError")
    if declared:
        return _WRONG_TYPE if asserted else _SEEMS_DECLARED
    return _SEEMS_DOCUMENTED


def _plain_test(source: str, found: Counterexample, context: TargetContext) -> str | None:
    """The property as a plain test of the counterexample: no Hypothesis, the arguments set before the body."""
    tree = ast.parse(source)
    function = single_test(tree)
    if function is None or set(parameter_names(function)) != set(found.arguments):
        return None
    given = [f"{name} = {text}" for name, text in found.arguments.items()]
    doc = function.body[:1] if ast.get_docstring(function) is not None else []
    body = _Unrejected().visit(ast.Module(function.body[len(doc) :], [])).body
    function.body = [*doc, *ast.parse("\n".join(given)).body, *body]
    return _standalone(tree, function, context)


class _Unrejected(ast.NodeTransformer):
    """``reject()`` is of use under Hypothesis only; the counterexample was not rejected, so nothing is lost."""

    def visit_Try(self, node: ast.Try) -> ast.AST | list[ast.stmt]:
        handled = [statement for handler in node.handlers for statement in handler.body]
        calls = [item for item in handled if isinstance(item, ast.Expr) and ast.unparse(item) == "reject()"]
        plain = len(calls) == len(handled) or all(isinstance(item, ast.Return | ast.Pass) for item in handled)
        return node.body if plain and not node.finalbody else node


def _example(candidate: Candidate, found: Counterexample, context: TargetContext) -> Candidate | None:
    """A unit test of the target's call at the counterexample; what it gives is left to be observed."""
    tree = ast.parse(candidate.source)
    function = single_test(tree)
    if function is None or not set(parameter_names(function)) <= set(found.arguments):
        return None
    call = _call_of(function, context)
    if call is None:
        return None
    values = {name: ast.parse(text, mode="eval").body for name, text in found.arguments.items()}
    written = _Filled(values).visit(call)
    if loaded_names(written) & bound_names(ast.Module(function.body, [])):
        return None  # it uses what the test has worked out before
    assertion = ast.Assert(ast.Compare(written, [ast.Eq()], [ast.Constant(...)]), None)
    what = re.sub(r"\W+|_+", "_", context.call_name).strip("_").lower()
    function.body = [assertion]
    function.name = f"test_{what}_of_{_label(found)}"
    source = _standalone(tree, function, context)
    if source is None:
        return None
    digest = hashlib.sha256(f"{candidate.target}\0{source}".encode()).hexdigest()[:10]
    return replace(
        candidate,
        id=f"cand-{digest}",
        kind=TestKind.UNIT,
        source=source,
        origin=f"{candidate.origin} falsified",
        parents=(*candidate.parents, candidate.id),
        characterization=True,
    )


def _call_of(function: FunctionNode, context: TargetContext) -> ast.expr | None:
    """The first call of the target in the test, with what is around it where that makes it one value."""
    name = context.target.qualname.rpartition(".")[2]
    for statement in own_statements(function.body):
        for node in ast.walk(statement):
            if isinstance(node, ast.Call) and dotted(node.func) in ("list", "asyncio.run") and node.args:
                inner = node.args[0]
                if isinstance(inner, ast.Call) and _is_named(inner.func, name):
                    return node
            if isinstance(node, ast.Call) and _is_named(node.func, name):
                return node
            if isinstance(node, ast.Attribute) and node.attr == name and context.form == "property":
                return node
    return None


def _is_named(function: ast.expr, name: str) -> bool:
    return (isinstance(function, ast.Name) and function.id == name) or (
        isinstance(function, ast.Attribute) and function.attr == name
    )


class _Filled(ast.NodeTransformer):
    def __init__(self, values: Mapping[str, ast.expr]) -> None:
        self._values = values

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return self._values.get(node.id, node)


def _label(found: Counterexample) -> str:
    """The arguments as words of a name."""
    words = re.findall(r"[a-z0-9]+", " ".join(found.arguments.values()).lower())[:4]
    return "_".join(words)[:30].strip("_") or "_and_".join(found.arguments)


def _standalone(tree: ast.Module, function: FunctionNode, context: TargetContext) -> str | None:
    """The module of a plain test: the imports that it uses, those of the counterexample's names among them."""
    function.decorator_list = []
    function.args = ast.arguments([], [], None, [], [], None, [])
    used = loaded_names(function)
    kept: list[ast.stmt] = [
        node
        for node in tree.body
        if node is function
        or isinstance(node, FunctionNode | ast.ClassDef | ast.Assign)
        or (isinstance(node, ast.Import | ast.ImportFrom) and _binds_one_of(node, used))
    ]
    missing = used - bound_names(ast.Module(kept, [])) - BUILTINS
    mender = ImportMender(context)
    for name in sorted(missing):
        line = mender.statement_for(name)
        if line is None:
            return None
        kept[:0] = ast.parse(line).body
    tree.body = kept
    return render(tree)


def _binds_one_of(node: ast.Import | ast.ImportFrom, used: set[str]) -> bool:
    node.names = [alias for alias in node.names if (alias.asname or alias.name.split(".")[0]) in used]
    return bool(node.names)
