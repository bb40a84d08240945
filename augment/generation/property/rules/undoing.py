"""Objects with a state: one method undoes another, gives back what another took, or counts it."""

from __future__ import annotations

from collections.abc import Iterator

from augment.analysis import CallForm, Neighbour
from augment.generation.property.properties import Property, guarded
from augment.generation.property.rules.pairs import are_opposite
from augment.generation.property.subject import Subject, with_arguments, written_arguments
from augment.generation.search.prepared import FILLING


class Undoing:
    """``cart.add(x)`` and then ``cart.remove(x)`` leaves the cart as it was; ``stack.pop()`` gives what was pushed."""

    name = "undoing"

    def properties(self, subject: Subject) -> Iterator[Property]:
        """With each method of the same class whose name is the opposite of the target's."""
        context = subject.context
        if context.form is not CallForm.INSTANCE_METHOD:
            return
        owner = context.target.qualname.rpartition(".")[0]
        for other in context.neighbours:
            alike = other.qualname.rpartition(".")[0] == owner and other.form is CallForm.INSTANCE_METHOD
            if alike and not other.is_async and are_opposite(subject.name, other.qualname.rpartition(".")[2]):
                yield from self._with(subject, other)

    def _with(self, subject: Subject, other: Neighbour) -> Iterator[Property]:
        inputs = with_arguments(subject, other)
        if inputs is None:
            return
        instance = next(item.name for item in inputs if item.parameter is None)
        name = other.qualname.rpartition(".")[2]
        back = f"{instance}.{name}({written_arguments(other, inputs)})"
        called = guarded(subject, subject.call())
        if not any(item.required for item in other.parameters) and subject.arguments:
            taken = subject.arguments[-1].name
            title = f"then_{name}_gives_the_{taken}"
            yield Property(self.name, title, inputs, (*called, f"assert {back} == {taken}"))
        body = (f"before = copy.deepcopy(vars({instance}))", *called, back, f"assert vars({instance}) == before")
        yield Property(self.name, f"is_undone_by_{name}", inputs, body, frozenset({"import copy"}))
        title = f"a_second_time_is_undone_by_{name}"
        yield Property(self.name, title, inputs, (*called, *body), frozenset({"import copy"}))


class Filling:
    """After ``cart.add(x)``, ``x in cart`` and ``cart.count()`` is larger by what was added."""

    name = "filling"

    def properties(self, subject: Subject) -> Iterator[Property]:
        """For a method whose name says that it fills: what its class can be asked afterwards."""
        instance = next((item.name for item in subject.inputs if item.parameter is None), "")
        if subject.context.form is not CallForm.INSTANCE_METHOD or not FILLING.match(subject.name):
            return
        called = guarded(subject, subject.call())
        if "def __contains__(" in subject.context.class_skeleton and subject.arguments:
            held = subject.arguments[0].name
            yield Property(self.name, f"holds_the_{held}", subject.inputs, (*called, f"assert {held} in {instance}"))
        counts = [(f"{instance}.{name}()", name) for name in _counters(subject)]
        if "def __len__(" in subject.context.class_skeleton:
            counts.append((f"len({instance})", "length"))
        amounts = [item.name for item in subject.of_kind("int")] + ["1"]
        for asked, name in counts:
            for amount in amounts:
                body = (f"before = {asked}", *called, f"assert {asked} == before + {amount}")
                words = "one" if amount == "1" else f"the_{amount}"
                yield Property(self.name, f"adds_{words}_to_the_{name}", subject.inputs, body)


def _counters(subject: Subject) -> list[str]:
    """The methods of the class that take nothing and give a whole number."""
    owner = subject.context.target.qualname.rpartition(".")[0]
    return [
        item.qualname.rpartition(".")[2]
        for item in subject.context.neighbours
        if item.qualname.rpartition(".")[0] == owner
        and item.form is CallForm.INSTANCE_METHOD
        and item.returns == "int"
        and not any(parameter.required for parameter in item.parameters)
    ]
