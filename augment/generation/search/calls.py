"""Pools of values for each parameter -> argument lists, the most promising first."""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator
from dataclasses import dataclass

from augment.analysis import Parameter, ParameterKind
from augment.generation.search.construct import combine
from augment.generation.search.values import Value, label_of

VARIADIC = (ParameterKind.VAR_POSITIONAL, ParameterKind.VAR_KEYWORD)
MAX_RANDOM_ROUNDS = 4
"""Random combinations tried for each one wanted: small pools run out of new ones."""


@dataclass(frozen=True)
class Call:
    """One argument list: the value of each passed parameter, in the order of the signature, and what sets it apart."""

    arguments: tuple[tuple[Parameter, Value], ...]
    label: str = ""
    rule: str = "usual"

    @property
    def text(self) -> str:
        """The arguments as they stand between the parentheses."""
        return ", ".join(written(parameter, value) for parameter, value in self.arguments)

    @property
    def needs(self) -> Value:
        """What all arguments need together."""
        return combine("", [value for _, value in self.arguments])


def written(parameter: Parameter, value: Value) -> str:
    """One argument: by position where it must be, by name where it must be or has a default."""
    if parameter.kind is ParameterKind.VAR_POSITIONAL:
        return value.text
    if parameter.kind is ParameterKind.VAR_KEYWORD:
        return f"**{value.text}"
    by_name = parameter.kind is ParameterKind.KEYWORD_ONLY or (
        parameter.default is not None and parameter.kind is not ParameterKind.POSITIONAL_ONLY
    )
    return f"{parameter.name}={value.text}" if by_name else value.text


def argument_lists(
    parameters: tuple[Parameter, ...], pools: dict[str, list[Value]], rng: random.Random, wanted: int
) -> Iterator[Call]:
    """Argument lists without repetition: the first value of each; one parameter varied at a time, in turn; then
    random combinations. Nothing when a required parameter has no value.
    """
    needed = [item for item in parameters if item.required or _is_open(item, parameters)]
    if any(not pools.get(item.name) for item in needed if item.required):
        return
    base = {item.name: pools[item.name][0] for item in needed if pools.get(item.name)}
    seen: set[str] = set()
    for call in _all(parameters, pools, base, rng, wanted):
        if call.text not in seen:
            seen.add(call.text)
            yield call


def shown(parameters: tuple[Parameter, ...], calls: tuple[str, ...]) -> Iterator[Call]:
    """The argument lists of calls found in the project or its documentation."""
    for text in calls:
        call = _bound(parameters, text)
        if call is not None:
            yield call


def _all(
    parameters: tuple[Parameter, ...],
    pools: dict[str, list[Value]],
    base: dict[str, Value],
    rng: random.Random,
    wanted: int,
) -> Iterator[Call]:
    yield _call(parameters, base, "")
    depth = max((len(pool) for pool in pools.values()), default=0)
    for index in range(depth):
        for item in parameters:
            pool = pools.get(item.name, [])
            if index < len(pool) and (item.kind not in VARIADIC or parameters[0] is item):
                value = pool[index]
                label = f"{value.label}_{item.name}" if value.label else item.name
                yield _call(parameters, base | {item.name: value}, label)
    for _ in range(wanted * MAX_RANDOM_ROUNDS):
        chosen = {name: rng.choice(pools[name]) for name in base}
        extra = [
            item.name
            for item in parameters
            if item.name not in base and pools.get(item.name) and item.kind not in VARIADIC
        ]
        chosen |= {name: rng.choice(pools[name]) for name in extra if rng.random() < 0.5}
        labels = [f"{value.label}_{name}" for name, value in chosen.items() if value.label][:2]
        yield _call(parameters, chosen, "_and_".join(labels), "mixed")


def _call(parameters: tuple[Parameter, ...], chosen: dict[str, Value], label: str, rule: str = "usual") -> Call:
    return Call(tuple((item, chosen[item.name]) for item in parameters if item.name in chosen), label, rule)


def _is_open(item: Parameter, parameters: tuple[Parameter, ...]) -> bool:
    """Whether ``*args`` is the only thing that a call can pass."""
    return item.kind is ParameterKind.VAR_POSITIONAL and len(parameters) == 1


def _bound(parameters: tuple[Parameter, ...], text: str) -> Call | None:
    """A call's literal arguments matched with the parameters; None where they do not fit."""
    try:
        node = ast.parse(text, mode="eval").body
    except SyntaxError:
        return None
    if not isinstance(node, ast.Call) or any(isinstance(item, ast.Starred) for item in node.args):
        return None
    positional = [item for item in parameters if item.kind in (*_POSITIONAL,)]
    by_name = {item.name: item for item in parameters if item.kind not in VARIADIC}
    if len(node.args) > len(positional) or any(word.arg not in by_name for word in node.keywords):
        return None
    chosen = dict(zip((item.name for item in positional), node.args, strict=False))
    chosen |= {word.arg: word.value for word in node.keywords if word.arg}
    values = {name: Value(ast.unparse(value), label_of(ast.unparse(value))) for name, value in chosen.items()}
    labels = [value.label for value in values.values() if value.label]
    return _call(parameters, values, labels[0] if labels else "", "example")


_POSITIONAL = (ParameterKind.POSITIONAL_ONLY, ParameterKind.POSITIONAL_OR_KEYWORD)
