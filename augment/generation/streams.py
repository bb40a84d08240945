"""The deterministic generators' candidates, target by target in turn."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence

from augment.analysis import TargetContext
from augment.generation.generator import Generator
from augment.records import Candidate

_TURN = 4
"""Candidates of one target before it is the next one's turn."""


class Streams:
    """What the generators propose for the targets of one module, drawn as it is needed.

    Generators compete: a target that the model is being asked about can be left alone until its tests were judged,
    or search would always have covered it first.
    """

    def __init__(
        self, generators: Sequence[Generator], contexts: Sequence[TargetContext], seed: int, limit: int
    ) -> None:
        self._seed = seed
        self._limit = limit
        self._waiting = deque((generator, context) for generator in generators for context in contexts)
        self._begun: dict[tuple[str, str], Iterator[Candidate]] = {}

    def take(self, count: int, is_open: Callable[[TargetContext], bool], reserved: set[str]) -> list[Candidate]:
        """Up to ``count`` candidates of targets that are open and not ``reserved``; closed ones drop out."""
        taken: list[Candidate] = []
        passed_over = 0
        while self._waiting and len(taken) < count and passed_over < len(self._waiting):
            generator, context = self._waiting.popleft()
            if not is_open(context):
                continue
            if context.target.id in reserved:
                self._waiting.append((generator, context))
                passed_over += 1
                continue
            passed_over = 0
            share = self._share(generator, context, min(_TURN, count - len(taken)))
            taken += share
            if share:
                self._waiting.append((generator, context))
        return taken

    def is_empty(self) -> bool:
        """Whether nothing is left, reserved targets included."""
        return not self._waiting

    def _share(self, generator: Generator, context: TargetContext, count: int) -> list[Candidate]:
        key = (generator.name, context.target.id)
        if key not in self._begun:
            self._begun[key] = iter(generator.propose(context, self._seed, self._limit))
        stream = self._begun[key]
        return [candidate for _, candidate in zip(range(count), stream, strict=False)]
