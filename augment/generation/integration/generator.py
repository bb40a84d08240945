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
        for flow, draft in _in_turn([(flow, _drafts(flow, seed)) for flow in context.flows]):
            if len(found) >= limit:
                break
            source = source_of(draft)
            found.setdefault(_key(source), _candidate(context, flow, source, draft.rule, seed))
        return list(found.values())


def _drafts(flow: Flow, seed: int) -> Iterator[Draft]:
    """The tests of one flow. Chains and files within one module are none; commands and routes are worth it anyway."""
    if isinstance(flow, CommandFlow):
        return CommandTests().drafts(flow, seed)
    if isinstance(flow, ParserFlow):
        return ParserTests().drafts(flow, seed)
    if isinstance(flow, RouteFlow):
        return RouteTests().drafts(flow, seed)
    if len(flow.modules) < 2:
        return iter(())
    if isinstance(flow, StoreFlow):
        return StoreTests().drafts(flow, seed)
    if isinstance(flow, FileFlow):
        return FileTests().drafts(flow, seed)
    return ChainTests().drafts(flow, seed) if isinstance(flow, Chain) else iter(())


def _in_turn(streams: list[tuple[Flow, Iterator[Draft]]]) -> Iterator[tuple[Flow, Draft]]:
    """One draft of each flow in turn."""
    rows = itertools.zip_longest(*(drafts for _, drafts in streams))
    for row in rows:
        for (flow, _), draft in zip(streams, row, strict=True):
            if draft is not None:
                yield flow, draft


def _key(source: str) -> str:
    """The test without its name: two that differ by name only are one."""
    tree = ast.parse(source)
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
