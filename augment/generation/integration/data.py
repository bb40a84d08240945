"""Flows of data: chains of calls, files written and read back, databases shared by several calls."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from augment.analysis import CallForm, Chain, FileFlow, StoreFlow, TargetContext
from augment.generation.integration.draft import Draft, named, prepared, snake
from augment.generation.integration.making import Script, calls_of, handles_of, is_constructor, observed, plain_values
from augment.generation.search.calls import Call
from augment.generation.search.values import Value

_VARIANTS = 6
_FILE = "path = tmp_path / 'data.txt'"


class ChainTests:
    """Each call takes what the one before gave; what the last one gives is observed."""

    rule = "chain"

    def drafts(self, flow: Chain, seed: int) -> Iterator[Draft]:
        """Tests of the chain, with other arguments for its first call each; none where it only makes an object."""
        if is_constructor(flow.steps[-1]):
            return
        firsts = calls_of(flow.steps[0], {}, seed)
        for choice, first in enumerate(firsts[:_VARIANTS]):
            draft = self._draft(flow, first, choice, seed)
            if draft is not None:
                yield draft

    def _draft(self, flow: Chain, first: Call, choice: int, seed: int) -> Draft | None:
        script = Script()
        script.need(prepared(flow.situation))
        passed, call, subjects = "", first, tuple[str, ...]()
        for number, step in enumerate(flow.steps):
            if number:
                link = flow.links[number - 1]
                found = calls_of(step, {}, seed, {link: passed} if link else {})
                if not found:
                    return None
                call = found[min(choice // 2, len(found) - 1)]
                subjects = (passed,)
                if not link:
                    script.hold(step, passed)
            expression = script.expression(step, call, choice)
            if expression is None:
                return None
            if number == len(flow.steps) - 1:
                observed(script, step, expression, subjects)
            else:
                passed = script.name_for(step)
                script.add(f"{passed} = {expression}")
        words = [_word(step) for step in flow.steps]
        name = named("_then_".join(words), first.label and f"with_{first.label}")
        return Draft(name, script.text(), frozenset(script.imports), frozenset(script.fixtures), self.rule)


class FileTests:
    """One function writes a file in a folder of the test, another reads it."""

    rule = "file"

    def drafts(self, flow: FileFlow, seed: int) -> Iterator[Draft]:
        """Tests with other things written each."""
        if flow.reader is None:
            return
        place = Value("path", "", frozenset(), frozenset({"tmp_path"}), (_FILE,))
        for choice, as_text in product(range(_VARIANTS), (False, True)):
            draft = self._draft(flow, flow.reader, choice, seed, place if not as_text else _as_text(place))
            if draft is not None:
                yield draft

    def _draft(self, flow: FileFlow, reader: TargetContext, choice: int, seed: int, place: Value) -> Draft | None:
        script = Script()
        script.need(place)
        writing = calls_of(flow.entry, {}, seed, {flow.written_to: place.text})
        reading = calls_of(reader, {}, seed, {flow.read_from: place.text})
        wants_path = "Path" in _annotation(flow.entry, flow.written_to)
        if choice >= len(writing) or not reading or (wants_path and place.text != "path"):
            return None
        wrote = script.expression(flow.entry, writing[choice], choice)
        if wrote is None:
            return None
        script.add(wrote)
        read = script.expression(reader, reading[0], choice)
        if read is None:
            return None
        observed(script, reader, read)
        label = writing[choice].label
        name = named(f"{_word(flow.entry)}_then_{_word(reader)}", label and f"with_{label}")
        return Draft(name, script.text(), frozenset(script.imports), frozenset(script.fixtures), self.rule)


class StoreTests:
    """Calls that share one database, made new for the test."""

    rule = "database"

    def drafts(self, flow: StoreFlow, seed: int) -> Iterator[Draft]:
        """Tests with other arguments for the first call each; the last call looks for what the first one put there."""
        handles = handles_of(flow)
        firsts = calls_of(flow.steps[0], handles, seed)
        for choice, first in enumerate(firsts[:_VARIANTS]):
            draft = self._draft(flow, handles, first, choice, seed)
            if draft is not None:
                yield draft

    def _draft(self, flow: StoreFlow, handles: dict[str, Value], first: Call, choice: int, seed: int) -> Draft | None:
        script = Script(handles)
        script.need(prepared(flow.situation))
        known: dict[str, Value] = {}
        made: list[tuple[TargetContext, str]] = []
        call = first
        for number, step in enumerate(flow.steps):
            if number:
                found = calls_of(step, handles, seed, _identifiers(step, made), known)
                if not found:
                    return None
                call = found[min(choice // 3, len(found) - 1)]
            expression = script.expression(step, call, choice // 2)
            if expression is None:
                return None
            if number == len(flow.steps) - 1:
                observed(script, step, expression)
            elif _gives_something(step):
                made.append((step, script.name_for(step)))
                script.add(f"{made[-1][1]} = {expression}")
            else:
                script.add(expression)
            known |= plain_values(call)
        name = named("_then_".join(_word(step) for step in flow.steps), first.label and f"with_{first.label}")
        return Draft(name, script.text(), frozenset(script.imports), frozenset(script.fixtures), self.rule)


def _identifiers(step: TargetContext, made: list[tuple[TargetContext, str]]) -> dict[str, str]:
    """The arguments that ask for the number of something that was made before, as what making it gave."""
    found: dict[str, str] = {}
    for name in (item.name for item in step.parameters if item.required):
        noun = name.removesuffix("id").rstrip("_") if name == "id" or name.endswith("_id") else None
        for maker, variable in made:
            own = {word.removesuffix("s") for word in snake(maker.target.qualname).split("_")}
            number = _number_in(maker, variable) if noun is not None and (not noun or noun in own) else ""
            if number:
                found[name] = number
    return found


def _number_in(maker: TargetContext, variable: str) -> str:
    """The expression for the number that a call gave, '' where it gives none."""
    head = maker.source.partition(":\n")[0]
    if "-> int" in head or ("->" not in head and "lastrowid" in maker.source):
        return variable
    returned = head.rpartition("->")[2].strip() if "->" in head else ""
    return f"{variable}.id" if returned[:1].isupper() else ""


def _gives_something(step: TargetContext) -> bool:
    return "return " in step.source and "-> None" not in step.source.partition(":\n")[0]


def _as_text(place: Value) -> Value:
    return Value(f"str({place.text})", place.label, place.imports, place.fixtures, place.setup)


def _annotation(context: TargetContext, name: str) -> str:
    return next((item.annotation for item in context.parameters if item.name == name), "")


def _word(step: TargetContext) -> str:
    """How a test's name speaks of a step."""
    name = step.call_name
    if is_constructor(step):
        return name.partition(".")[0]
    is_method = step.form in (CallForm.INSTANCE_METHOD, CallForm.PROPERTY)
    return name.rpartition(".")[2] if is_method else name
