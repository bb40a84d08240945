"""Values and calls for the steps of a flow: the rules of search, with databases and fixtures beside them."""

from __future__ import annotations

import itertools
import keyword
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from augment.analysis import CallForm, Parameter, ParameterKind, StoreFlow, StoreHandle, TargetContext, TypeKind
from augment.generation.integration.draft import fixtures_in, snake
from augment.generation.search.calls import Call, argument_lists, shown, written
from augment.generation.search.construct import Maker
from augment.generation.search.forms import CONSTRUCTORS, DUNDER_FORMS, MAX_ITEMS
from augment.generation.search.guards import read_guards
from augment.generation.search.habits import Habits
from augment.generation.search.values import Value, unique

FRESH_FILE = Value("tmp_path / 'data.db'", "", fixtures=frozenset({"tmp_path"}))
_CALLS = 24
_DULL = frozenset({"to", "from", "by", "all", "in", "with", "of", "for", "the", "new", "and", "as"})


class FlowMaker(Maker):
    """Makes values for one step. ``handles`` are the databases of the flow by what annotations call them."""

    def __init__(self, context: TargetContext, handles: Mapping[str, Value] | None = None) -> None:
        super().__init__(context, read_guards(context.source, tuple(item.name for item in context.parameters)))
        self._handles = handles or {}
        self._fixtures = frozenset(context.fixtures)

    def for_parameter(self, parameter: Parameter) -> list[Value]:
        """Values for one parameter: a fixture of that name, the flow's database, then what search would take."""
        handle = self._handles.get(parameter.annotation.strip("'"))
        if handle is not None:
            return [handle]
        found = super().for_parameter(parameter)
        if parameter.name in self._fixtures:
            return unique([Value(parameter.name, "", fixtures=frozenset({parameter.name})), *found])
        return found

    def for_annotation(self, annotation: str, name: str, depth: int) -> list[Value]:
        """Values of an annotated type."""
        handle = self._handles.get(annotation.strip("'"))
        return [handle] if handle is not None else super().for_annotation(annotation, name, depth)


@dataclass(slots=True)
class Script:
    """The statements of one test as they come together. Objects and databases are made once and used again."""

    handles: Mapping[str, Value] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    imports: set[str] = field(default_factory=set)
    fixtures: set[str] = field(default_factory=set)
    _subjects: dict[str, str] = field(default_factory=dict)
    _names: set[str] = field(default_factory=set)

    def need(self, value: Value) -> None:
        """Take over what a value needs; statements that stand already are not repeated."""
        self.imports |= value.imports
        self.fixtures |= value.fixtures
        if value.setup and not _stands(self.lines, value.setup):
            self.lines += value.setup

    def add(self, line: str) -> None:
        """A statement."""
        self.lines.append(line)
        self.fixtures |= fixtures_in([line])

    def text(self) -> tuple[str, ...]:
        """The statements; a variable that nothing reads is left out."""
        kept: list[str] = []
        for number, line in enumerate(self.lines):
            name, _, value = line.partition(" = ")
            later = "\n".join(self.lines[number + 1 :])
            is_read = not name.isidentifier() or bool(re.search(rf"\b{name}\b", later))
            kept.append(line if is_read else value)
        return tuple(kept)

    def name_for(self, context: TargetContext) -> str:
        """A variable for what a call gives, by the noun in the function's name; new in this test."""
        words = [word for word in snake(context.target.qualname.rpartition(".")[2]).split("_") if word]
        noun = words[-1] if words and words[-1] not in _DULL else "result"
        noun = noun if len(words) > 1 else "result"
        return self.unused("result" if keyword.iskeyword(noun) or noun in context.call_name.split(".") else noun)

    def unused(self, name: str) -> str:
        """``name``, with a number where the test has it already."""
        imported = {line.rpartition(" ")[2] for line in self.imports}
        found, number = name, 2
        while found in self._names or found in self.fixtures or found in imported:
            found, number = f"{name}_{number}", number + 1
        self._names.add(found)
        return found

    def subject(self, context: TargetContext, choice: int) -> str | None:
        """The variable of the object that a method is called on, made when it is first asked for."""
        owner = context.owner
        if owner is None or owner.kind is TypeKind.ENUM:
            return None
        key = f"{owner.module}:{owner.qualname}"
        if key not in self._subjects:
            made = FlowMaker(context, self.handles).instances(owner)
            if not made:
                return None
            value = made[choice % len(made)]
            self.need(value)
            self._subjects[key] = self.unused(snake(owner.qualname.rpartition(".")[2]))
            self.add(f"{self._subjects[key]} = {value.text}")
        return self._subjects[key]

    def hold(self, context: TargetContext, variable: str) -> None:
        """Have methods of the class that ``context`` belongs to called on ``variable``."""
        if context.owner is not None:
            self._subjects[f"{context.owner.module}:{context.owner.qualname}"] = variable

    def expression(self, context: TargetContext, call: Call, choice: int = 0) -> str | None:
        """The call of a step, its needs taken over; None where no object can be made to call it on."""
        subject = self.subject(context, choice) if _is_bound(context) else ""
        if subject is None:
            return None
        self.need(call.needs)
        if not _is_bound(context):
            self.imports.add(context.import_line)
        return _awaited(self, context, _call_text(context, call, subject))


def calls_of(
    context: TargetContext,
    handles: Mapping[str, Value],
    seed: int,
    given: Mapping[str, str] | None = None,
    known: Mapping[str, Value] | None = None,
) -> list[Call]:
    """Ways to call a step, the most promising first; [] where a required argument has no value.

    ``given`` are arguments that are variables of the test; ``known`` are values that parameters of the same name had
    in an earlier step.
    """
    given, known = given or {}, known or {}
    maker = FlowMaker(context, handles)
    parameters = _called(context)
    pools = {item.name: maker.for_parameter(item) for item in parameters}
    for name, text in given.items():
        pools[name] = [Value(text)]
    for name, value in known.items():
        if name in pools and name not in given:
            pools[name] = unique([value, *pools[name]])
    rng = random.Random(f"{seed}:{context.target.id}")
    lists = argument_lists(_asked(parameters, given), pools, rng, _CALLS)
    examples = shown(parameters, context.example_calls) if not given and not known else iter(())
    return list(itertools.islice(itertools.chain(examples, lists), _CALLS))


def handles_of(flow: StoreFlow) -> dict[str, Value]:
    """The database of a flow, by what the marked annotations call it."""
    made = {
        StoreHandle.CONNECTION: _connection(flow),
        StoreHandle.PATH: Value("str(tmp_path / 'data.db')", "", fixtures=frozenset({"tmp_path"})),
        StoreHandle.ENGINE: _engine(flow),
        StoreHandle.SESSION: _session(flow),
    }
    return {handle.value: value for handle, value in made.items()} | {"Path": FRESH_FILE, "pathlib.Path": FRESH_FILE}


def observed(script: Script, context: TargetContext, expression: str, subjects: tuple[str, ...] = ()) -> None:
    """Statements that run the last call of a flow and look at what it gives, or at what it changed."""
    habits = Habits.of(context)
    if habits.yields and not context.is_async:
        script.imports.add("import itertools")
        script.add(f"assert list(itertools.islice({expression}, {MAX_ITEMS})) == ...")
    elif habits.manages and not context.is_async:
        script.add(f"with {expression} as entered:")
        script.add("    assert entered == ...")
    else:
        script.add(f"assert {expression} == ...")
    if habits.prints:
        script.add("assert capsys.readouterr().out == ...")
    if not habits.returns:
        for name in subjects:
            script.add(f"assert {name} == ...")


def plain_values(call: Call) -> dict[str, Value]:
    """The literal arguments of a call by parameter, for later steps that take the same."""
    return {item.name: value for item, value in call.arguments if not value.setup and not value.fixtures}


def is_constructor(context: TargetContext) -> bool:
    """Whether the step makes an object of the project."""
    return context.form is CallForm.CLASS or context.target.qualname.rpartition(".")[2] in CONSTRUCTORS


def _called(context: TargetContext) -> tuple[Parameter, ...]:
    if context.owner is not None and is_constructor(context):
        return context.owner.parameters
    return context.parameters


def _asked(parameters: tuple[Parameter, ...], given: Mapping[str, str]) -> tuple[Parameter, ...]:
    """The parameters with those that are given made required, so that every call passes them: by name, where others
    before them may be left out."""
    return tuple(
        replace(item, default=None, kind=ParameterKind.KEYWORD_ONLY)
        if item.name in given and item.default is not None and item.kind is ParameterKind.POSITIONAL_OR_KEYWORD
        else item
        for item in parameters
    )


def _is_bound(context: TargetContext) -> bool:
    return context.form in (CallForm.INSTANCE_METHOD, CallForm.PROPERTY) and not is_constructor(context)


def _call_text(context: TargetContext, call: Call, subject: str) -> str:
    name = context.call_name.rpartition(".")[2]
    if context.form is CallForm.PROPERTY:
        return f"{subject}.{name}"
    arguments = ", ".join(_argument(parameter, value) for parameter, value in call.arguments)
    if not subject:
        made = context.call_name.rpartition(".")[0] if name in CONSTRUCTORS else context.call_name
        return f"{made}({arguments})"
    if name in DUNDER_FORMS:
        return DUNDER_FORMS[name].format(self=subject, args=arguments, items=MAX_ITEMS)
    return f"{subject}.{name}({arguments})"


def _argument(parameter: Parameter, value: Value) -> str:
    return written(parameter, value)


def _awaited(script: Script, context: TargetContext, text: str) -> str:
    if not context.is_async:
        return text
    script.imports.add("import asyncio")
    return f"asyncio.run({text})"


def _stands(lines: list[str], setup: tuple[str, ...]) -> bool:
    return all(line in lines for line in setup)


def _connection(flow: StoreFlow) -> Value:
    if flow.opener is None:
        return _opened(
            "connection = sqlite3.connect(':memory:')", frozenset({"import sqlite3"}), flow, "connection", frozenset()
        )
    first = flow.opener.parameters[0]
    is_path = "Path" in first.annotation and "str" not in first.annotation
    place = "tmp_path / 'data.db'" if is_path else "':memory:'"
    fixtures = frozenset({"tmp_path"}) if is_path else frozenset[str]()
    line = f"connection = {flow.opener.call_name}({place})"
    return _opened(line, frozenset({flow.opener.import_line}), flow, "connection", fixtures)


def _opened(line: str, imports: frozenset[str], flow: StoreFlow, name: str, fixtures: frozenset[str]) -> Value:
    """A variable that holds the database, with the schema in it."""
    lines = [line]
    if flow.prepare is not None:
        lines.append(f"{flow.prepare.call_name}({name})")
        imports |= {flow.prepare.import_line}
    return Value(name, "", imports, fixtures, tuple(lines))


def _engine(flow: StoreFlow) -> Value:
    imports = {"from sqlalchemy import create_engine"}
    lines = ["engine = create_engine('sqlite://')"]
    if flow.metadata is not None:
        imports.add(flow.metadata[0])
        lines.append(f"{flow.metadata[1]}.metadata.create_all(engine)")
    return Value("engine", "", frozenset(imports), frozenset(), tuple(lines))


def _session(flow: StoreFlow) -> Value:
    engine = _engine(flow)
    imports = engine.imports | {"from sqlalchemy.orm import Session"}
    return Value("session", "", imports, frozenset(), (*engine.setup, "session = Session(engine)"))
