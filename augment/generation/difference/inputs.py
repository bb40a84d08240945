"""What old and new code are run on: calls of a changed target, from its old and its new text and from tests of it."""

from __future__ import annotations

import ast
import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from augment.analysis import Change, ContextBuilder, TargetContext, is_test_file
from augment.errors import ProjectError
from augment.generation.explore.sketch import Sketch, opened
from augment.generation.explore.vary import varied
from augment.generation.explore.words import words_of
from augment.generation.generator import Generator
from augment.generation.replies import key_of
from augment.generation.split import split_reply
from augment.generation.syntax import is_test, is_test_class

NAME = "difference"
_PROPOSED = 40
"""Calls that the deterministic generator is asked for, from the new text and from the old one each."""
_TESTS = 16
"""Tests of a target, the project's or Augment's own, whose calls are taken over."""
_VARIED = 40
"""Variations of those calls: what a change does at one value it may not do at another."""
VARIED = "varied"
"""The parent of what was varied."""
_TRIES = 4
_SUBJECT = "subject"


@dataclass(frozen=True, slots=True)
class Pair:
    """A changed target with its contexts. ``before`` is None where only the name differs."""

    change: Change
    now: TargetContext
    before: TargetContext | None


class Inputs:
    """Makes the sketches of changed targets. ``now`` and ``before`` are the texts of all Python files."""

    def __init__(
        self, now: ContextBuilder, before: ContextBuilder, sources: Mapping[str, str], seeds: Generator, seed: int
    ) -> None:
        self._now = now
        self._before = before
        self._sources = sources
        self._seeds = seeds
        self._seed = seed
        self._given: dict[str, set[str]] = {}

    def of(self, change: Change) -> list[Sketch]:
        """The sketches of one target, in the names of the new code; the calls of its tests come first."""
        pair = self._pair(change)
        if pair is None:
            return []
        proposed = list(self._proposed(pair))
        varied_ones = list(self._variations(pair, proposed, _VARIED))
        return [*self._fresh(change, proposed), *self._fresh(change, varied_ones, VARIED)]

    def closer(self, change: Change, sources: Sequence[str], count: int) -> list[Sketch]:
        """About ``count`` variations of ``sources``, none of which was given before."""
        pair = self._pair(change)
        return [] if pair is None else self._fresh(change, self._variations(pair, sources, count), VARIED)

    def _fresh(self, change: Change, sources: Iterable[str], *parents: str) -> list[Sketch]:
        target = change.target.id
        known = self._given.setdefault(target, set())
        sketches: list[Sketch] = []
        for source in sources:
            key = key_of(source)
            if key not in known:
                known.add(key)
                sketches.append(Sketch(f"{NAME}-{target}-{len(known)}", target, source, NAME, parents=parents))
        return sketches

    def _pair(self, change: Change) -> Pair | None:
        try:
            now = self._now.build(change.target)
        except ProjectError:  # it went away meanwhile
            return None
        old = change.previous
        if old is None or old.id != change.target.id:
            return Pair(change, now, None)
        try:
            return Pair(change, now, self._before.build(old))
        except ProjectError:
            return Pair(change, now, None)

    def _proposed(self, pair: Pair) -> Iterator[str]:
        yield from self._from_tests(pair.now)
        contexts = [pair.now, *([pair.before] if pair.before is not None else [])]
        for context in contexts:
            for candidate in self._seeds.propose(context, self._seed, _PROPOSED):
                if (source := opened(candidate.source, watch=_SUBJECT)) is not None:
                    yield source

    def _from_tests(self, context: TargetContext) -> Iterator[str]:
        """The calls of tests that name the target, with any expected value left open."""
        name = context.call_name.rpartition(".")[2]
        if name.startswith("__"):  # constructors go by the name of their class
            name = context.call_name.rpartition(".")[0].rpartition(".")[2] or name
        named = re.compile(rf"\b{re.escape(name)}\b")
        count = 0
        for file in sorted(self._sources):
            text = self._sources[file]
            if not is_test_file(file) or not named.search(text):
                continue
            for source in _tests_naming(text, named, context):
                if count >= _TESTS:
                    return
                count += 1
                yield source

    def _variations(self, pair: Pair, sources: Sequence[str], count: int) -> Iterator[str]:
        if not sources:
            return
        rng = random.Random(f"{self._seed}:{pair.change.target.id}:{len(sources)}:{count}")
        context = pair.now
        if pair.before is not None:  # what only the old code compared with is worth trying as well
            both = tuple(dict.fromkeys((*pair.now.literals, *pair.before.literals)))
            context = replace(pair.now, literals=both)
        words = words_of(context, sources)
        found = 0
        for _ in range(count * _TRIES):
            if found >= count:
                return
            if (source := varied(rng.choice(sources), words, rng)) is not None:
                found += 1
                yield source


def _tests_naming(text: str, named: re.Pattern[str], context: TargetContext) -> Iterator[str]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return
    lines = text.splitlines()

    def is_wanted(node: ast.stmt) -> bool:
        if not (is_test(node) or is_test_class(node)):
            return True
        return bool(named.search("\n".join(lines[node.lineno - 1 : node.end_lineno])))

    tree.body = [node for node in tree.body if is_wanted(node)]
    for source in split_reply(tree, context):
        if named.search(source) and (sketch := opened(source)) is not None:
            yield sketch
