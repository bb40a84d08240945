"""A target as the rules of properties see it: what it is called with, what it gives, what it says of itself."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from augment.analysis import CallForm, Neighbour, Parameter, ParameterKind, TargetContext
from augment.generation.property.limits import is_explained
from augment.generation.property.results import Result, result_of
from augment.generation.property.sentences import documented_errors
from augment.generation.property.strategies import Strategist, Strategy
from augment.generation.search.habits import Habits
from augment.generation.search.prepared import FILLING
from augment.generation.syntax import FunctionNode

_KEYWORDS = frozenset({"st", "given", "settings", "reject", "assume", "result", "once", "twice"})
"""Names that the tests use themselves."""


EXTRA = Parameter("")
"""Stands for the parameter of an input that the target does not take: it goes to another method."""


@dataclass(frozen=True, slots=True)
class Input:
    """One argument that a property varies. ``parameter`` is None for the instance that a method is called on."""

    name: str
    strategy: Strategy
    parameter: Parameter | None = None

    @property
    def kind(self) -> str:
        """The type of what is drawn."""
        return self.strategy.kind


@dataclass(frozen=True, slots=True)
class Subject:
    """The target with strategies for what it is called with.

    ``pattern`` is the call with ``{arguments}`` (and ``{instance}``) left open. ``errors`` are the exceptions that the
    source raises or the documentation names, each with its import line ('' for a builtin).
    """

    context: TargetContext
    strategist: Strategist
    name: str
    pattern: str
    imports: frozenset[str]
    inputs: tuple[Input, ...]
    result: Result
    doc: str
    errors: tuple[tuple[str, str], ...]
    gives: bool = True
    """Whether it returns anything; else only what it does to its instance can be told."""
    setup: tuple[str, ...] = ()
    """Statements that come before the call: what fills or starts the instance of a method."""

    @property
    def arguments(self) -> tuple[Input, ...]:
        """The inputs that are arguments, the instance of a method left out."""
        return tuple(item for item in self.inputs if item.parameter is not None and item.parameter is not EXTRA)

    @property
    def typed(self) -> bool:
        """Whether every input is what the signature says it takes, so that a broken promise is the function's own."""
        return all(item.strategy.typed for item in self.arguments)

    @property
    def words(self) -> str:
        """The target's name as part of a test's name."""
        spelled = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", self.context.call_name.replace(".", "_"))
        return re.sub(r"\W+|_+", "_", spelled).strip("_").lower()

    def call(self, **changed: str) -> str:
        """The call as source text; ``changed`` maps names of inputs to other expressions."""
        texts = {item.name: changed.get(item.name, item.name) for item in self.inputs}
        instance = next((texts[item.name] for item in self.inputs if item.parameter is None), "")
        arguments = ", ".join(_written(item, texts[item.name]) for item in self.arguments)
        return self.pattern.replace("{instance}", instance).replace("{arguments}", arguments)

    def of_kind(self, *kinds: str) -> tuple[Input, ...]:
        """The arguments of these types."""
        return tuple(item for item in self.arguments if item.kind in kinds)


def subjects_of(context: TargetContext) -> Iterator[Subject]:
    """The target with optional arguments, then with required ones only; then with text in the format of its name.

    Where a function checks its text, the format of its name comes first.

    A method is called on an instance that another method has filled, where one looks as if it did, then on a new one.

    Nothing where an argument cannot be drawn, and for classes, generators without end and what returns nothing.
    """
    seen: set[tuple[str, ...]] = set()
    strict = bool(_errors(context)) and not _is_within(context)
    for canonical in (True, False) if strict else (False, True):  # what is refused tells nothing
        strategist = Strategist(context, canonical=canonical)
        for wide in (True, False):
            plain = _subject(context, strategist, wide=wide)
            for subject in (filled(plain), plain) if plain is not None else ():
                if subject is None:
                    continue
                key = (*(f"{item.name}={item.strategy.text}" for item in subject.inputs), *subject.setup)
                if key not in seen:
                    seen.add(key)
                    yield subject


def filled(subject: Subject) -> Subject | None:
    """The subject with its instance filled by another method; arguments of the same name are the same."""
    instance = next((item for item in subject.inputs if item.parameter is None), None)
    if instance is None:
        return None
    for method in subject.context.neighbours:
        own = method.qualname.rpartition(".")[0] == subject.context.target.qualname.rpartition(".")[0]
        name = method.qualname.rpartition(".")[2]
        if own and method.form is CallForm.INSTANCE_METHOD and FILLING.match(name) and not method.is_async:
            inputs = with_arguments(subject, method)
            if inputs is not None:
                call = f"{instance.name}.{name}({written_arguments(method, inputs)})"
                return replace(subject, inputs=inputs, setup=(call,))
    return None


def with_arguments(subject: Subject, method: Neighbour) -> tuple[Input, ...] | None:
    """The inputs of the subject and those that a neighbour requires beyond them; None where one cannot be drawn."""
    inputs = list(subject.inputs)
    for parameter in method.parameters:
        if parameter.required and all(item.name != parameter.name for item in inputs):
            found = subject.strategist.for_parameter(parameter)
            if found is None or parameter.name in _KEYWORDS:
                return None
            inputs.append(Input(parameter.name, found, EXTRA))
    return tuple(inputs)


def written_arguments(method: Neighbour, inputs: Sequence[Input]) -> str:
    """The arguments of a neighbour that there are inputs for, each that of its own name."""
    names = {item.name for item in inputs}
    return ", ".join(
        item.name if item.required and item.kind is not ParameterKind.KEYWORD_ONLY else f"{item.name}={item.name}"
        for item in method.parameters
        if item.name in names and item.kind not in (ParameterKind.VAR_POSITIONAL, ParameterKind.VAR_KEYWORD)
    )


def pattern_of(neighbour: Neighbour) -> tuple[str, str] | None:
    """How a neighbour is called with one argument (``{argument}`` open), and its import line; None where it cannot be.

    A method without required arguments is called on the argument itself.
    """
    if neighbour.is_async or neighbour.qualname.rpartition(".")[2].startswith("_"):
        return None
    line = f"from {neighbour.module} import {neighbour.qualname.partition('.')[0]}"
    required = [item for item in neighbour.parameters if item.required]
    if neighbour.form is CallForm.INSTANCE_METHOD:
        return ("{argument}." + neighbour.qualname.rpartition(".")[2] + "()", line) if not required else None
    if neighbour.form is CallForm.PROPERTY or len(required) > 1 or not neighbour.parameters:
        return None
    first = required[0] if required else neighbour.parameters[0]
    if first.kind in (ParameterKind.VAR_POSITIONAL, ParameterKind.VAR_KEYWORD):
        return None
    by_name = first.kind is ParameterKind.KEYWORD_ONLY
    return (
        f"{neighbour.qualname}({first.name}={{argument}})" if by_name else f"{neighbour.qualname}({{argument}})",
        line,
    )


# --------------------------------------------------------------------------- internals


def _subject(context: TargetContext, strategist: Strategist, *, wide: bool) -> Subject | None:
    pattern = _pattern(context)
    if pattern is None:
        return None
    inputs: list[Input] = []
    if context.form in (CallForm.INSTANCE_METHOD, CallForm.PROPERTY):
        made = strategist.instances(context.owner) if context.owner is not None else None
        if made is None:
            return None
        inputs.append(Input(_instance_name(context), made))
    for parameter in context.parameters if context.form is not CallForm.PROPERTY else ():
        if not parameter.required and not wide:
            continue
        found = strategist.for_parameter(parameter)
        if found is not None:
            inputs.append(Input(_input_name(parameter.name, inputs), found, parameter))
        elif parameter.required:
            return None
    if not inputs:
        return None
    doc, errors = _doc(context), _errors(context)
    if context.raises and _is_within(context):
        errors = []
    return Subject(
        context,
        strategist,
        context.target.qualname.rpartition(".")[2],
        pattern,
        frozenset({context.import_line, *(["import asyncio"] if context.is_async else [])}),
        tuple(inputs),
        result_of(context),
        doc,
        tuple(errors),
        gives=Habits.of(context).returns or Habits.of(context).yields,
    )


def _is_within(context: TargetContext) -> bool:
    """Whether strategies stay within what the guards let through, so that nothing is raised."""
    return is_explained(context.source, tuple(item.name for item in context.parameters))


def _pattern(context: TargetContext) -> str | None:
    """The call with its arguments open; what yields is listed."""
    name = context.target.qualname.rpartition(".")[2]
    if context.form is CallForm.CLASS or (name.startswith("__") and name.endswith("__")):
        return None
    if context.target.qualname.endswith((".setter", ".deleter")):
        return None
    habits = Habits.of(context)
    if habits.manages or (context.form is CallForm.FUNCTION and not (habits.returns or habits.yields)):
        return None
    if context.form is CallForm.PROPERTY:
        return "{instance}." + name
    call = {CallForm.INSTANCE_METHOD: "{instance}." + name}.get(context.form, context.call_name) + "({arguments})"
    if habits.yields:
        endless = "while True" in context.source or "count(" in context.source or context.is_async
        return None if endless else f"list({call})"
    return f"asyncio.run({call})" if context.is_async else call


def _written(item: Input, text: str) -> str:
    parameter = item.parameter
    assert parameter is not None
    by_name = parameter.kind is ParameterKind.KEYWORD_ONLY or (
        parameter.default is not None and parameter.kind is not ParameterKind.POSITIONAL_ONLY
    )
    return f"{parameter.name}={text}" if by_name else text


def _input_name(name: str, before: Sequence[Input]) -> str:
    taken = {item.name for item in before} | _KEYWORDS
    return f"{name}_" if name in taken else name


def _instance_name(context: TargetContext) -> str:
    name = (context.owner.name if context.owner is not None else "subject").rpartition(".")[2]
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).strip("_").lower()
    taken = {item.name for item in context.parameters} | _KEYWORDS | set(dir(builtins))
    return words if words.isidentifier() and words not in taken else "subject"


def _doc(context: TargetContext) -> str:
    try:
        tree = ast.parse(context.source)
    except SyntaxError:
        return ""
    node = next((item for item in tree.body if isinstance(item, FunctionNode)), None)
    return (ast.get_docstring(node) or "") if node is not None else ""


def _errors(context: TargetContext) -> list[tuple[str, str]]:
    """The exceptions that belong to the function's contract: those that it raises itself or says that it raises."""
    spelled = [*context.raises, *documented_errors(_doc(context))]
    found: dict[str, str] = {}
    for name in spelled:
        short = name.rpartition(".")[2]
        if short in found:
            continue
        builtin = getattr(builtins, short, None)
        homes = context.project_names.get(short, ())
        if homes:
            home = context.target.module if context.target.module in homes else homes[0]
            found[short] = f"from {home} import {short}"
        elif isinstance(builtin, type) and issubclass(builtin, Exception) and short != "NotImplementedError":
            found[short] = ""
    return list(found.items())
