"""What stands beside a target: the functions that a relation between two of them may be about."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from augment.analysis.facts import Found, ModuleFacts, ProjectFacts
from augment.analysis.model import CallForm, Neighbour
from augment.analysis.signatures import parameters_of
from augment.analysis.source import Function, decorator_names

MAX_NEIGHBOURS = 200
"""A package of thousands of functions is not read whole for one target."""


class Neighbours:
    """The neighbours of the targets of one revision; each module is read once."""

    def __init__(self, facts: ProjectFacts) -> None:
        self._facts = facts
        self._by_module: dict[str, tuple[Neighbour, ...]] = {}

    def of(self, found: Found, owner: Found | None) -> tuple[Neighbour, ...]:
        """The public functions of the target's module and of the modules beside it, and for a method its class's.

        The target itself is left out; its own class comes first, then its module.
        """
        package = found.facts.module.rpartition(".")[0]
        beside = (
            item
            for module, item in self._facts.modules.items()
            if module.rpartition(".")[0] == package and item is not found.facts
        )
        listed = [item for module in (found.facts, *beside) for item in self._functions(module)][:MAX_NEIGHBOURS]
        methods = list(_methods(owner)) if owner is not None else []
        return tuple(item for item in (*methods, *listed) if item.id != found.id)

    def _functions(self, facts: ModuleFacts) -> tuple[Neighbour, ...]:
        if facts.module not in self._by_module:
            self._by_module[facts.module] = tuple(_functions(facts))
        return self._by_module[facts.module]


def _functions(facts: ModuleFacts) -> Iterator[Neighbour]:
    for qualname, item in facts.defined.items():
        if "." not in qualname and not qualname.startswith("_") and isinstance(item.node, Function):
            yield _neighbour(facts.module, qualname, item.node, CallForm.FUNCTION)


def _methods(owner: Found) -> Iterator[Neighbour]:
    node = owner.item.node
    for item in node.body if isinstance(node, ast.ClassDef) else ():
        if isinstance(item, Function) and not item.name.startswith("_"):
            qualname = f"{owner.item.qualname}.{item.name}"
            yield _neighbour(owner.facts.module, qualname, item, _form(set(decorator_names(item))))


def _form(decorators: set[str]) -> CallForm:
    if decorators & {"property", "cached_property", "setter", "deleter"}:
        return CallForm.PROPERTY
    if "classmethod" in decorators:
        return CallForm.CLASS_METHOD
    return CallForm.STATIC_METHOD if "staticmethod" in decorators else CallForm.INSTANCE_METHOD


def _neighbour(module: str, qualname: str, node: Function, form: CallForm) -> Neighbour:
    bound = form not in (CallForm.FUNCTION, CallForm.STATIC_METHOD)
    returns = ast.unparse(node.returns) if node.returns else ""
    return Neighbour(
        module, qualname, parameters_of(node, bound=bound), returns, form, isinstance(node, ast.AsyncFunctionDef)
    )
