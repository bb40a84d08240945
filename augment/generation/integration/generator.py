"""The generator of integration tests: each exercises a flow that analysis found, in one short test."""

from __future__ import annotations

import ast
import hashlib
import itertools
from collections.abc import Iterator

from augment.analysis import Chain, CommandFlow, FileFlow, Flow, ParserFlow, RouteFlow, StoreFlow, TargetContext
from augment.generation.integration.commands import CommandTests, ParserTests
from augment.generation.integration.data import ChainTests, FileTests, StoreTests
from augment.generation.integration.draft import Draft, source_of
from augment.generation.integration.web import RouteTests
from augment.records import Candidate, TestKind

_PASSING = 3
"""Tests of a command or route that are proposed for a function further down."""


class IntegrationGenerator:
    """Proposes tests of flows over the project's modules: commands, routes, databases, files, chains of calls.

    What a flow gives is left to be observed (``== ...``). A command or route of a project with one module passes no
    second one: its test is of the kind ``unit``.
    """

    @property
    def name(self) -> str:
        """The name by which the generator is switched off and credited."""
        return "integration"

    def propose(self, context: TargetContext, seed: int, limit: int) -> list[Candidate]:
        """At most ``limit`` candidates, the first test of each flow before the second of any."""
        found: dict[str, Candidate] = {}
        streams = [(flow, _drafts(flow, seed)) for flow in context.flows]
        for flow, draft in _in_turn([(flow, _share(context, flow, drafts)) for flow, drafts in streams]):
            if len(found) >= limit:
                break
            source = source_of(draft)
            key = _key(source)
            if key is not None:
                found.setdefault(key, _candidate(context, flow, source, draft.rule, seed))
        return list(found.values())


def _drafts(flow: Flow, seed: int) -> Iterator[Draft]:
    """The tests of one flow. Calls within one module are none; commands and routes are worth it anyway."""
    drafts: Iterator[Draft] = iter(())
    match flow:
        case CommandFlow():
            drafts = CommandTests().drafts(flow, seed)
        case ParserFlow():
            drafts = ParserTests().drafts(flow, seed)
        case RouteFlow():
            drafts = RouteTests().drafts(flow, seed)
        case StoreFlow() if len(flow.modules) > 1:
            drafts = StoreTests().drafts(flow, seed)
        case FileFlow() if len(flow.modules) > 1:
            drafts = FileTests().drafts(flow, seed)
        case Chain() if len(flow.modules) > 1:
            drafts = ChainTests().drafts(flow, seed)
    return drafts


def _share(context: TargetContext, flow: Flow, drafts: Iterator[Draft]) -> Iterator[Draft]:
    """All tests of a flow for what it begins with, the first for what it only passes: the rest would come twice."""
    is_entrance = isinstance(flow, CommandFlow | ParserFlow | RouteFlow)
    passes = is_entrance and flow.entry.target.id != context.target.id
    return itertools.islice(drafts, _PASSING if passes else None)


def _in_turn(streams: list[tuple[Flow, Iterator[Draft]]]) -> Iterator[tuple[Flow, Draft]]:
    """One draft of each flow in turn."""
    rows = itertools.zip_longest(*(drafts for _, drafts in streams))
    for row in rows:
        for (flow, _), draft in zip(streams, row, strict=True):
            if draft is not None:
                yield flow, draft


def _key(source: str) -> str | None:
    """The test without its name: two that differ by name only are one. None for values that make no valid source."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return None
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            node.name = "test"
    return ast.dump(tree)


def _candidate(context: TargetContext, flow: Flow, source: str, rule: str, seed: int) -> Candidate:
    digest = hashlib.sha256(f"integration\0{context.target.id}\0{source}".encode()).hexdigest()[:10]
    return Candidate(
        id=f"cand-{digest}",
        target=context.target.id,
        generator="integration",
        kind=TestKind.INTEGRATION if len(flow.modules) > 1 else TestKind.UNIT,
        source=source,
        origin=rule,
        seed=seed,
        characterization=True,
    )
