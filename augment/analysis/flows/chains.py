"""Chains: what one function returns and another takes, from code that passes it on and from the types of both."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cached_property

from augment.analysis.facts import Found, ProjectFacts
from augment.analysis.flows.callgraph import CallGraph, Shape
from augment.analysis.flows.links import Link, links_in
from augment.analysis.signatures import parameters_of
from augment.analysis.source import Function, decorator_names

_MAX_PRODUCERS = 4
_MAX_CONSUMERS = 24
_MAX_LONG = 6
_UNFIT = frozenset(
    {"fixture", "contextmanager", "asynccontextmanager", "setter", "deleter", "overload", "abstractmethod", "validator"}
    | {"field_validator", "model_validator", "property", "cached_property"}
)


class Chains:
    """The chains of two and three calls in a project. ``apart`` are ids of handlers, which are not called directly."""

    def __init__(self, facts: ProjectFacts, graph: CallGraph, apart: Iterable[str]) -> None:
        self._facts, self._graph = facts, graph
        self._apart = frozenset(apart)

    def through(self, target: str) -> Iterator[tuple[Link, ...]]:
        """The chains that pass ``target``: pairs that the project's code shows, pairs that types suggest, triples."""
        pairs = self._by_step.get(target, ())
        yield from ((link,) for link in pairs)
        longer = 0
        for link in pairs:
            for chain in (*self._before(link), *self._after(link)):
                if longer < _MAX_LONG:
                    longer += 1
                    yield chain

    # ----- links

    @cached_property
    def _by_step(self) -> dict[str, tuple[Link, ...]]:
        found: defaultdict[str, dict[Link, None]] = defaultdict(dict)
        for link in self._links:
            found[link.producer][link] = None
            found[link.consumer][link] = None
        return {target: tuple(links) for target, links in found.items()}

    @cached_property
    def _links(self) -> tuple[Link, ...]:
        """Every pair of calls that passes at least two modules."""
        usable = (link for link in (*self._shown(), *self._typed()) if self._is_usable(link))
        return tuple(dict.fromkeys(usable))

    def _shown(self) -> Iterator[Link]:
        for facts in [*self._facts.modules.values(), *self._facts.tests]:
            for item in facts.defined.values():
                if isinstance(item.node, Function):
                    yield from links_in(self._graph, facts, item.node)

    def _typed(self) -> Iterator[Link]:
        producers: defaultdict[Shape, list[str]] = defaultdict(list)
        consumers: defaultdict[Shape, list[tuple[str, str]]] = defaultdict(list)
        for key, found in self._graph.functions.items():
            node = found.item.node
            if not isinstance(node, Function) or not self._is_fit(key, found):
                continue
            shape = self._graph.returned(found)
            if shape is not None and not node.name.startswith("_"):
                producers[shape].append(key)
            bound = found.item.owner is not None and "staticmethod" not in decorator_names(node)
            for parameter in parameters_of(node, bound=bound):
                taken = self._graph.shape(found.facts, parameter.annotation)
                if taken is not None:
                    consumers[taken].append((key, parameter.name))
            if found.item.owner is not None and bound:
                consumers[Shape(key.rpartition(".")[0])].append((key, ""))
        for shape, makers in producers.items():
            for consumer, name in consumers.get(shape, [])[:_MAX_CONSUMERS]:
                yield from (Link(maker, consumer, name) for maker in self._nearest(makers, consumer))

    def _nearest(self, producers: list[str], consumer: str) -> list[str]:
        """Producers of other modules first."""
        home = consumer.partition(":")[0]
        return sorted(producers, key=lambda key: key.partition(":")[0] == home)[:_MAX_PRODUCERS]

    def _is_usable(self, link: Link) -> bool:
        if link.producer == link.consumer:
            return False
        for key in (link.producer, link.consumer):
            found = self._graph.functions.get(key)
            if found is None or not self._is_fit(key, found):
                return False
        if isinstance(self._graph.functions[link.producer].item.node, ast.ClassDef) and link.parameter == "":
            return False  # a method called on a new object is a test of the class, not a flow
        return len(self._graph.modules(link.producer, link.consumer)) > 1

    def _is_fit(self, key: str, found: Found) -> bool:
        """Whether a test can call the function: no handler, no private part of its module, no property."""
        name = found.item.node.name
        if key in self._apart or (name.startswith("_") and name != "__call__"):
            return False
        return not _UNFIT & set(decorator_names(found.item.node))

    # ----- longer chains

    def _before(self, link: Link) -> Iterator[tuple[Link, ...]]:
        for first in self._by_step.get(link.producer, ()):
            if first.consumer == link.producer and first.producer != link.consumer:
                yield first, link

    def _after(self, link: Link) -> Iterator[tuple[Link, ...]]:
        for last in self._by_step.get(link.consumer, ()):
            if last.producer == link.consumer and last.consumer != link.producer:
                yield link, last
