"""What a project itself shows of a target: its callers, its documented examples, the style of its tests."""

from __future__ import annotations

import ast
import doctest
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from augment.analysis.facts import Found, ModuleFacts, ProjectFacts
from augment.analysis.source import Function, decorator_names, definitions, dotted_name, first_line, last_line, suites
from augment.records import Target, TargetKind

MAX_CALLERS = 5
MAX_EXAMPLE_CALLS = 16
MAX_EXCERPT_LINES = 6
MAX_STYLE_LINES = 20
MAX_CALL_TEXT = 300


@dataclass(frozen=True)
class CallSite:
    """A call in the project. ``statement`` is the smallest statement around it."""

    facts: ModuleFacts
    call: ast.Call
    statement: ast.stmt


class Examples:
    """The calls, tests and fixtures of a project, indexed once for all targets."""

    def __init__(self, facts: ProjectFacts) -> None:
        self._facts = facts

    @cached_property
    def _calls(self) -> dict[str, list[CallSite]]:
        """Last part of the called name -> where it is called; tests first, for they show inputs."""
        found: defaultdict[str, list[CallSite]] = defaultdict(list)
        for facts in [*self._facts.tests, *self._facts.modules.values()]:
            for statement, call in _calls_in(facts.tree.body):
                name = dotted_name(call.func) or (call.func.attr if isinstance(call.func, ast.Attribute) else "")
                if name:
                    found[name.rpartition(".")[2]].append(CallSite(facts, call, statement))
        return dict(found)

    @cached_property
    def fixtures(self) -> tuple[str, ...]:
        """Names of the fixtures that the project's conftests define."""
        conftests = (facts for facts in self._facts.tests if facts.file.rpartition("/")[2] == "conftest.py")
        return tuple(
            sorted(
                {
                    node.name
                    for facts in conftests
                    for node in definitions(facts.tree.body)
                    if isinstance(node, Function) and "fixture" in decorator_names(node)
                }
            )
        )

    def callers(self, target: Target, found: Found) -> tuple[str, ...]:
        """Short excerpts of the code that calls the target, each under a comment with its file."""
        excerpts: dict[str, None] = {}
        for site in self._sites(target, found):
            first, last = first_line(site.statement), last_line(site.statement)
            last = min(last, first + MAX_EXCERPT_LINES - 1)
            excerpts[f"# {site.facts.file}\n{_dedent(site.facts.text(first, last))}"] = None
            if len(excerpts) == MAX_CALLERS:
                break
        return tuple(excerpts)

    def calls(self, target: Target, found: Found) -> tuple[str, ...]:
        """Calls of the target whose arguments are literals."""
        texts: dict[str, None] = {}
        for site in self._sites(target, found):
            words = [word.value for word in site.call.keywords if word.arg]
            arguments = [*site.call.args, *words]
            if arguments and len(words) == len(site.call.keywords) and all(is_literal(item) for item in arguments):
                text = ast.unparse(site.call)
                if len(text) <= MAX_CALL_TEXT:
                    texts[text] = None
        return tuple(texts)[:MAX_EXAMPLE_CALLS]

    def style_for(self, found: Found) -> str:
        """One short existing test, of the same module where there is one; '' in a project without tests."""
        stem = found.facts.module.rpartition(".")[2]
        tests = [facts for facts in self._facts.tests if not facts.file.endswith("_augment.py")]
        near = [facts for facts in tests if stem and stem in facts.source]
        for group in (near, tests):
            shortest = min((text for facts in group for text in _short_tests(facts)), key=len, default="")
            if shortest:
                return shortest
        return ""

    def _sites(self, target: Target, found: Found) -> Iterator[CallSite]:
        """Calls that mean the target, as far as names can tell; calls of itself left out."""
        name = found.item.node.name
        if target.kind is TargetKind.METHOD and name == "__init__" and found.item.owner:
            name = found.item.owner.name
        for site in self._calls.get(name, ()):
            inside = site.facts.file == target.file and target.lineno <= site.call.lineno <= target.end_lineno
            if not inside and self._means(site, target, found):
                yield site

    def _means(self, site: CallSite, target: Target, found: Found) -> bool:
        name = dotted_name(site.call.func)
        if target.kind is TargetKind.METHOD and found.item.node.name != "__init__":
            return isinstance(site.call.func, ast.Attribute) and self._may_know(site.facts, found)
        meant = self._facts.resolve(site.facts, name) if name else None
        wanted = target.id if target.kind is not TargetKind.METHOD else target.id.rpartition(".")[0]
        return meant is not None and meant.id == wanted

    def _may_know(self, facts: ModuleFacts, found: Found) -> bool:
        """Whether a file has to do with the class at all: a method's name alone says too little."""
        owner = found.item.owner
        return facts.file == found.facts.file or (owner is not None and owner.name in facts.source)


def doctests_of(docstring: str | None) -> tuple[tuple[str, str], ...]:
    """The examples of a docstring: (statements, expected text), in order; broken ones are left out."""
    try:
        examples = doctest.DocTestParser().get_examples(docstring or "")
    except ValueError:
        return ()
    return tuple((item.source.strip(), item.want.strip("\n")) for item in examples)


def is_literal(node: ast.expr) -> bool:
    """Whether the expression is a literal, containers and signs included."""
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return False
    return True


def _calls_in(body: list[ast.stmt]) -> Iterator[tuple[ast.stmt, ast.Call]]:
    """Every call with the smallest statement around it."""
    for statement in body:
        inner = suites(statement)
        nested = {id(node) for suite in inner for node in suite}
        yield from ((statement, call) for call in _own_calls(statement, nested))
        for suite in inner:
            yield from _calls_in(suite)


def _own_calls(statement: ast.stmt, nested: set[int]) -> Iterator[ast.Call]:
    pending: list[ast.AST] = [statement]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Call):
            yield node
        pending += [child for child in ast.iter_child_nodes(node) if id(child) not in nested]


def _short_tests(facts: ModuleFacts) -> Iterator[str]:
    for node in definitions(facts.tree.body):
        if isinstance(node, Function) and node.name.startswith("test_"):
            first, last = first_line(node), last_line(node)
            text = facts.text(first, last)
            if 1 < last - first < MAX_STYLE_LINES and "assert" in text:
                yield text


def _dedent(text: str) -> str:
    lines = text.split("\n")
    indent = len(lines[0]) - len(lines[0].lstrip())
    return "\n".join(line[indent:] if not line[:indent].strip() else line.lstrip() for line in lines)
