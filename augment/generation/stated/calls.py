"""Observed calls of a target, and which argument each of its parameters got."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from augment.analysis import CallForm, Parameter, ParameterKind, TargetContext
from augment.generation.stated.types import Seen
from augment.generation.syntax import dotted

_CONSTRUCTORS = ("__init__", "__new__", "__post_init__")


@dataclass(frozen=True, slots=True)
class Observed:
    """One call as it was seen to end: with a value (``type``, ``repr``), or with an exception.

    ``expression`` is what a test wrote, such as ``total([])`` or ``asyncio.run(total([]))``; ``setup`` are the
    statements before it, ``imports`` the import lines and ``fixtures`` the arguments of that test. ``type`` and
    ``exception`` are qualified names. ``literal``: ``repr`` evaluates back to the value.
    """

    expression: str
    type: str = ""
    repr: str = ""
    literal: bool = False
    exception: str = ""
    message: str = ""
    imports: tuple[str, ...] = ()
    setup: tuple[str, ...] = ()
    fixtures: tuple[str, ...] = ()

    @property
    def seen(self) -> Seen:
        """The value, for what is stated of types; without an exception only."""
        return Seen(self.type, self.literal, ast.literal_eval(self.repr) if self.literal else None)


@dataclass(frozen=True, slots=True)
class Bound:
    """A call of the target. ``arguments`` has the literal values by parameter, defaults included; ``texts`` every
    argument that was passed, as written. ``collected``: the items of an iterator were looked at, not the iterator.
    """

    observed: Observed
    arguments: Mapping[str, Any] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    collected: bool = False
    made_with: Mapping[str, Any] = field(default_factory=dict)
    """Literal arguments of the constructor of the object that a method was called on."""

    @property
    def raised(self) -> str:
        """The plain name of the exception; '' when a value came back."""
        return self.observed.exception.rpartition(".")[2]


def bind(context: TargetContext, observed: Observed) -> Bound | None:
    """Which argument each parameter got; None for an expression that is not a plain call of the target."""
    try:
        node: ast.expr = ast.parse(observed.expression, mode="eval").body
        setup = [statement for line in observed.setup for statement in ast.parse(line).body]
    except SyntaxError:
        return None
    node, collected = _unwrapped(node)
    names = _assigned(setup)
    made_with = _made_with(context, setup, names)
    if made_with is None:
        return None
    if context.form is CallForm.PROPERTY:
        is_read = isinstance(node, ast.Attribute) and node.attr == _last(context.call_name)
        return Bound(observed, made_with=made_with) if is_read and not context.target.qualname.endswith("er") else None
    if not isinstance(node, ast.Call) or not _calls(context, node):
        return None
    given = match_arguments(node, context.parameters)
    if given is None:
        return None
    values = {name: literal(argument, names) for name, argument in given.items()}
    arguments = {name: value[0] for name, value in values.items() if value is not None}
    for parameter in context.parameters:
        if parameter.name not in given and parameter.default is not None:
            default = _parsed(parameter.default)
            if default is not None:
                arguments[parameter.name] = default[0]
    texts = {name: ast.unparse(argument) for name, argument in given.items()}
    return Bound(observed, arguments, texts, collected, made_with)


def match_arguments(call: ast.Call, parameters: Sequence[Parameter]) -> dict[str, ast.expr] | None:
    """Parameter -> argument of a call; None where unpacking or variadic parameters leave that open."""
    if any(isinstance(item, ast.Starred) for item in call.args) or any(word.arg is None for word in call.keywords):
        return None
    places = [item for item in parameters if item.kind in (
        ParameterKind.POSITIONAL_ONLY, ParameterKind.POSITIONAL_OR_KEYWORD
    )]  # fmt: skip
    if len(call.args) > len(places):
        return None
    given = {place.name: argument for place, argument in zip(places, call.args, strict=False)}
    known = {item.name for item in parameters}
    for word in call.keywords:
        if word.arg not in known or word.arg in given:
            return None
        given[word.arg] = word.value
    return given


def literal(node: ast.expr, names: Mapping[str, ast.expr]) -> tuple[Any] | None:
    """The value of an expression in a tuple of its own; None when it is no literal, nor a name that has one."""
    if isinstance(node, ast.Name) and node.id in names:
        node = names[node.id]
    try:
        return (ast.literal_eval(node),)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def _unwrapped(node: ast.expr) -> tuple[ast.expr, bool]:
    """The call inside ``asyncio.run(...)`` and ``list(itertools.islice(..., n))``."""
    if isinstance(node, ast.Call) and dotted(node.func) == "asyncio.run" and len(node.args) == 1:
        return node.args[0], False
    if isinstance(node, ast.Call) and dotted(node.func) == "list" and len(node.args) == 1:
        inner = node.args[0]
        if isinstance(inner, ast.Call) and dotted(inner.func) in ("itertools.islice", "islice"):
            return inner.args[0], True
    return node, False


def _calls(context: TargetContext, call: ast.Call) -> bool:
    name = context.target.qualname.rpartition(".")[2]
    wanted = context.call_name
    if name in _CONSTRUCTORS:
        wanted = context.call_name.rpartition(".")[0]
    if context.form is CallForm.INSTANCE_METHOD and name not in _CONSTRUCTORS:
        return isinstance(call.func, ast.Attribute) and call.func.attr == name
    written = dotted(call.func)
    return written == wanted or written.endswith(f".{wanted}")


def _assigned(setup: Sequence[ast.stmt]) -> dict[str, ast.expr]:
    """Names that were assigned exactly once, plainly."""
    found: dict[str, ast.expr] = {}
    often: set[str] = set()
    for statement in setup:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                often |= {node.id} if node.id in found else set()
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            found[statement.targets[0].id] = statement.value
    return {name: value for name, value in found.items() if name not in often}


def _made_with(
    context: TargetContext, setup: Sequence[ast.stmt], names: Mapping[str, ast.expr]
) -> dict[str, Any] | None:
    """The literal arguments of the owner's constructor in the setup; None where they cannot be told apart."""
    if context.owner is None or context.form not in (CallForm.INSTANCE_METHOD, CallForm.PROPERTY):
        return {}
    for statement in setup:
        value = statement.value if isinstance(statement, ast.Assign) else None
        if isinstance(value, ast.Call) and dotted(value.func).endswith(context.owner.qualname):
            given = match_arguments(value, context.owner.parameters)
            if given is None:
                return None
            values = {name: literal(argument, names) for name, argument in given.items()}
            return {name: value[0] for name, value in values.items() if value is not None}
    return {}


def _parsed(text: str) -> tuple[Any] | None:
    try:
        return literal(ast.parse(text, mode="eval").body, {})
    except SyntaxError:
        return None


def _last(name: str) -> str:
    return name.rpartition(".")[2]
