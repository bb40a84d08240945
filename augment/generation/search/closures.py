"""Functions that a target returns, and how a test calls them: closures, decorators, decorators that take arguments."""

from __future__ import annotations

import ast
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

from augment.analysis import Parameter, ParameterKind, TargetContext
from augment.generation.search.calls import VARIADIC, Call, argument_lists
from augment.generation.search.construct import Maker
from augment.generation.search.values import Value
from augment.generation.syntax import FunctionNode

_CLASS_NAMES = frozenset({"cls", "klass", "class_", "kind"})
_MOST_CALLS = 6
FUNCTION = (
    "calls = []",
    "def function(value=3, *args):\n    calls.append(value)\n    return value",
)
FAILING = (
    "calls = []",
    "def function(value=3, *args):\n    calls.append(value)\n    if len(calls) < 2:\n        raise {error}('boom')\n"
    "    return value",
)
BROKEN = (
    "calls = []",
    "def function(value=3, *args):\n    calls.append(value)\n    raise {error}('boom')",
)
SAMPLE = ("class Sample:\n    value = 1\n\n    def method(self):\n        return self.value",)


@dataclass(frozen=True)
class Returned:
    """A function inside another one that gives it away. ``inner`` is what it returns in turn, where that is one too."""

    parameters: tuple[Parameter, ...]
    is_async: bool
    inner: Returned | None


def returned_function(context: TargetContext) -> Returned | None:
    """The function that the target returns, None where it returns something else."""
    try:
        tree = ast.parse(context.source)
    except SyntaxError:
        return None
    function = next((node for node in tree.body if isinstance(node, FunctionNode)), None)
    return _returned(function) if function is not None else None


def _returned(function: FunctionNode) -> Returned | None:
    inner = {node.name: node for node in function.body if isinstance(node, FunctionNode)}
    last = function.body[-1]
    if not isinstance(last, ast.Return):
        return None
    if isinstance(last.value, ast.Lambda):
        return Returned(_parameters(last.value.args), False, None)
    name = last.value.id if isinstance(last.value, ast.Name) else ""
    if name not in inner:
        return None
    node = inner[name]
    return Returned(_parameters(node.args), isinstance(node, ast.AsyncFunctionDef), _returned(node))


def _parameters(args: ast.arguments) -> tuple[Parameter, ...]:
    plain = [*args.posonlyargs, *args.args]
    first = len(plain) - len(args.defaults)
    found = [
        Parameter(
            item.arg,
            ast.unparse(item.annotation) if item.annotation else "",
            ast.unparse(args.defaults[index - first]) if index >= first else None,
        )
        for index, item in enumerate(plain)
    ]
    if args.vararg:
        found.append(Parameter(args.vararg.arg, "", None, ParameterKind.VAR_POSITIONAL))
    return tuple(found)


def is_class_decorator(context: TargetContext) -> bool:
    """Whether the target takes one class and gives it back."""
    only = context.parameters[0] if len(context.parameters) == 1 else None
    return only is not None and (only.name in _CLASS_NAMES or only.annotation.lower().startswith("type"))


def takes_function(context: TargetContext, returned: Returned) -> bool:
    """Whether the target, or what it returns, wraps a function: then the function inside it all is what runs."""
    wraps = returned.inner or returned
    last = wraps.parameters
    outer = returned.parameters if returned.inner is not None else context.parameters
    calls_it = len([item for item in outer if item.kind not in VARIADIC and item.required]) == 1
    return calls_it and any(item.kind in VARIADIC for item in last)


def calls_of(returned: Returned, maker: Maker, rng: random.Random) -> list[Call]:
    """Argument lists for the innermost of the functions that come back."""
    parameters = returned.parameters
    pools = {item.name: maker.for_parameter(item) for item in parameters}
    return list(itertools.islice(argument_lists(parameters, pools, rng, _MOST_CALLS), _MOST_CALLS))


def stand_ins(errors: tuple[str, ...]) -> Iterator[tuple[str, Value]]:
    """Functions for a decorator to wrap, with a label each: that works, that fails at first, that always fails."""
    yield "", Value("function", setup=FUNCTION)
    for error in errors[:2] or ("ValueError",):
        yield "failing_first", Value("function", setup=tuple(text.replace("{error}", error) for text in FAILING))
        yield "failing", Value("function", setup=tuple(text.replace("{error}", error) for text in BROKEN))
