"""All flows of a project, indexed once; asked for the flows of one target at a time."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from augment.analysis.facts import Found, ProjectFacts
from augment.analysis.flows.callgraph import CallGraph
from augment.analysis.flows.chains import Chains
from augment.analysis.flows.commands import Commands, FoundCommand
from augment.analysis.flows.model import (
    Chain,
    CommandFlow,
    CommandLevel,
    FileFlow,
    Flow,
    ParserFlow,
    Route,
    RouteFlow,
    Situation,
    StoreFlow,
    WebApplication,
)
from augment.analysis.flows.parsers import FoundParser, find_parsers
from augment.analysis.flows.routes import Routes
from augment.analysis.flows.situations import Situations
from augment.analysis.flows.stores import FoundStore, Stores, with_handles
from augment.analysis.model import ProjectType, TargetContext

MAX_ENTRANCES = 4
"""Commands and routes that one function is tested through."""
MAX_CHAINS = 16

MAKING = re.compile(r"^(add|create|new|init|insert|import|load|set|put|register|start|push|save)(-|_|$)")
"""Words of commands that put something there."""
MAX_BEFORE = 2

Contexts = Callable[[Found], TargetContext]


@dataclass(frozen=True, slots=True)
class _FoundRoute:
    application: WebApplication
    route: Route
    found: Found


class FlowFinder:
    """The flows of one revision of a project. ``contexts`` makes the context of a definition, without flows.

    Nothing is read before the first question; what all targets share is then worked out once.
    """

    def __init__(self, facts: ProjectFacts, contexts: Contexts) -> None:
        self._facts, self._contexts = facts, contexts
        self._graph = CallGraph(facts)

    def of(self, target: str) -> tuple[Flow, ...]:
        """The flows that pass ``target`` (an id): through commands and routes first, then over stores, then chains."""
        return tuple(
            flow
            for flows in (self._entrances(target), self._stored(target), self._files(target), self._chained(target))
            for flow in flows
        )

    # ----- what all targets share

    @cached_property
    def _commands(self) -> list[FoundCommand]:
        return list(Commands(self._facts, self._graph).find())

    @cached_property
    def _parsers(self) -> list[FoundParser]:
        return list(find_parsers(self._facts, self._graph))

    @cached_property
    def _routes(self) -> list[_FoundRoute]:
        found = Routes(self._facts, self._graph, self._contexts).find()
        return [_FoundRoute(application, route, definition) for application, route, definition in found]

    @cached_property
    def _apart(self) -> frozenset[str]:
        """Ids of handlers: the framework calls them, no test does."""
        handlers: list[FoundCommand | FoundParser | _FoundRoute] = [*self._commands, *self._routes]
        return frozenset(key for item in handlers for key in _starts(item))

    @cached_property
    def _chains(self) -> Chains:
        return Chains(self._facts, self._graph, self._apart)

    @cached_property
    def _stores(self) -> Stores:
        return Stores(self._facts, self._graph, self._apart)

    @cached_property
    def _situations(self) -> Situations:
        return Situations(self._facts, self._graph)

    @cached_property
    def _through(self) -> dict[str, list[FoundCommand | FoundParser | _FoundRoute]]:
        """Id of a function -> the entrances that reach it, its own first, the shortest ways before longer ones."""
        found: defaultdict[str, list[tuple[int, int, FoundCommand | FoundParser | _FoundRoute]]] = defaultdict(list)
        entrances: list[FoundCommand | FoundParser | _FoundRoute] = [*self._commands, *self._parsers, *self._routes]
        for number, item in enumerate(entrances):
            for steps, key in enumerate(self._graph.reached(*_starts(item))):
                found[key].append((steps, number, item))
        return {key: [item for _, _, item in sorted(ways, key=lambda way: way[:2])] for key, ways in found.items()}

    # ----- flows of one target

    def _entrances(self, target: str) -> Iterator[Flow]:
        own = [item for item in self._through.get(target, ()) if item.found.id == target]
        others = [item for item in self._through.get(target, ()) if item.found.id != target]
        for item in [*own, *others[:MAX_ENTRANCES]]:
            context = self._contexts(item.found)
            if context is not None:
                yield self._entrance(item, context)

    def _entrance(self, item: FoundCommand | FoundParser | _FoundRoute, context: TargetContext) -> Flow:
        reached = self._graph.reached(*_starts(item))
        modules, situation = self._graph.modules(*_starts(item)), self._situations.of(reached)
        if isinstance(item, FoundCommand):
            before = _makers([other.levels for other in self._commands if _is_same_program(item, other)], item.levels)
            return CommandFlow(context, modules, situation, item.framework, item.module, item.name, item.levels, before)
        if isinstance(item, FoundParser):
            before = _makers([other.levels for other in self._parsers if other.found.id == item.found.id], item.levels)
            return ParserFlow(
                context, modules, situation, item.takes_words, item.returns_parser, item.exits, item.levels, before
            )
        same = [other for other in self._routes if other.application == item.application and other != item]
        if item.application.factory is not None:  # what the factory sets up is part of the flow
            factory = f"{item.application.module}:{item.application.name}"
            modules = self._graph.modules(item.found.id, factory)
            situation = self._situations.of((*reached, *self._graph.reached(factory)))
        others = tuple(other.route for other in same)
        return RouteFlow(context, modules, situation, item.application, item.route, others)

    def _stored(self, target: str) -> Iterator[Flow]:
        for found in self._stores.through(target):
            steps = [self._step(key) for key in found.steps]
            if any(step is None for step in steps):
                continue
            present = tuple(step for step in steps if step is not None)
            keys = [key for key in (*found.steps, found.opener, found.prepare) if key]
            yield self._store_flow(found, present, self._graph.modules(*keys, *self._owners(present)))

    def _store_flow(self, found: FoundStore, steps: tuple[TargetContext, ...], modules: tuple[str, ...]) -> Flow:
        return StoreFlow(
            steps[-1],
            modules,
            self._situations.of(self._graph.reached(*found.steps)),
            found.handle,
            self._step(found.opener),
            self._step(found.prepare),
            steps,
            self._stores.metadata(),
        )

    def _owners(self, steps: tuple[TargetContext, ...]) -> list[str]:
        """The classes whose objects the steps are called on, and those of what these are made from."""
        owners = [step.owner for step in steps if step.owner is not None]
        types = [item for step in steps for item in step.types]
        return [f"{item.module}:{item.qualname}" for item in (*owners, *types)]

    def _files(self, target: str) -> Iterator[Flow]:
        for found in self._stores.files_through(target):
            writer, reader = self._step(found.writer), self._step(found.reader)
            if writer is not None and reader is not None:
                modules = self._graph.modules(found.writer, found.reader, *self._owners((writer, reader)))
                yield FileFlow(writer, modules, Situation(), reader, found.written_to, found.read_from)

    def _chained(self, target: str) -> Iterator[Flow]:
        count = 0
        for links in self._chains.through(target):
            keys = [links[0].producer, *(link.consumer for link in links)]
            steps = [self._contexts(self._graph.functions[key]) for key in keys]
            present = tuple(step for step in steps if step is not None)
            if len(present) == len(keys) and count < MAX_CHAINS:
                count += 1
                situation = self._situations.of(self._graph.reached(*keys))
                names = tuple(link.parameter for link in links)
                yield Chain(present[0], self._graph.modules(*keys), situation, present, names)

    def _step(self, key: str) -> TargetContext | None:
        """The context of a step over a database, its parameters and those of its types marked by their handles."""
        found = self._graph.functions.get(key)
        context = self._contexts(found) if found is not None else None
        if context is None or found is None:
            return None
        return replace(
            context,
            parameters=with_handles(self._stores, found, context.parameters),
            owner=self._marked(context.owner) if context.owner else None,
            types=tuple(self._marked(item) for item in context.types),
        )

    def _marked(self, item: ProjectType) -> ProjectType:
        found = self._graph.functions.get(f"{item.module}:{item.qualname}")
        if found is None:
            return item
        return replace(item, parameters=with_handles(self._stores, found, item.parameters))


def _starts(item: FoundCommand | FoundParser | _FoundRoute) -> tuple[str, ...]:
    """Ids of what runs first when an entrance is used."""
    return (item.found.id, *item.setups) if isinstance(item, FoundCommand) else (item.found.id,)


def _is_same_program(one: FoundCommand, other: FoundCommand) -> bool:
    return (one.module, one.name) == (other.module, other.name)


def _makers(
    ways: list[tuple[CommandLevel, ...]], own: tuple[CommandLevel, ...]
) -> tuple[tuple[CommandLevel, ...], ...]:
    """The commands of a program that put something there for ``own`` to find; ``own`` first where it is one itself."""
    makers = [levels for levels in ways if MAKING.match(levels[-1].word)]
    return tuple(sorted(makers, key=lambda levels: levels != own)[:MAX_BEFORE])
