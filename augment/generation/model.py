"""The generator that asks a language model."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from augment.generation.prompts import STOPS, PromptTask, RepairPrompt, ScenarioPrompt, UnitPrompt, build_messages
from augment.generation.replies import parse_reply
from augment.generation.scenarios import SCHEMA, scenario_sources
from augment.generation.settings import GenerationSettings
from augment.generation.split import split_reply
from augment.records import Candidate, Rejection, TestKind, new_id
from augment.seams import Completion, Engine, Message, Request, Sampling

if TYPE_CHECKING:
    from augment.analysis import TargetContext

_SMALLEST_REPLY = 96
_WARMER = 0.3
_UNHURRIED_S = 45.0
"""Wall-clock time of a call that nobody waits for: its first test waits for its last."""
_CALLS_REPLY = 220
"""Tokens of a list of calls; one that is cut off is read as far as it goes."""
_SCENARIO = ScenarioPrompt().name
_LARGEST_REPLY = 420
"""A small model repeats itself in longer replies, and short calls let other work in between."""


@dataclass(frozen=True, slots=True)
class Proposals:
    """What one call of the model brought, and what it cost."""

    candidates: tuple[Candidate, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class BrokenTest:
    """A candidate for the model to mend, with the error that it ended in."""

    context: TargetContext
    candidate: Candidate
    error: str


class ModelGenerator:
    """Asks an engine for tests, many prompts at once, and takes the replies apart.

    It learns how fast the engine is, so that a call can be sized to the time that is left.
    """

    name = "model"

    def __init__(
        self, engine: Engine, settings: GenerationSettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._clock = clock
        self._tokens_per_s = settings.tokens_per_s
        self.prompt_s = settings.prompt_s
        """Seconds of a call that one prompt takes, by the latest call; None before the first."""

    @property
    def tokens_per_s(self) -> float:
        """How fast the engine writes, by the latest calls, prompts included."""
        return self._tokens_per_s

    def propose(self, context: TargetContext, seed: int, limit: int) -> list[Candidate]:
        """Candidates of one unit prompt for one target."""
        task = PromptTask(context, UnitPrompt(), 0)
        return list(self.propose_many([task], seed, None).candidates)[:limit]

    def propose_many(self, tasks: Sequence[PromptTask], seed: int, seconds: float | None) -> Proposals:
        """Send the prompts of all ``tasks`` in one call that should end within ``seconds``."""
        chats = [
            build_messages(task.context, task.variant, task.sample, self._settings.prompt_chars, task.gaps)
            for task in tasks
        ]
        schemas = [SCHEMA if isinstance(task.variant, ScenarioPrompt) else None for task in tasks]
        completions, spent = self._call(chats, seed, seconds, schemas)
        candidates: list[Candidate] = []
        rejections: list[Rejection] = []
        for index, (task, completion) in enumerate(zip(tasks, completions, strict=True)):
            made = self._candidates(task.context, task.variant.kind, completion, task.variant.name, seed + index)
            candidates.extend(made)
            if not made and completion.finish_reason != "cancelled":
                rejections.append(self._unusable(task, completion, seed + index))
        return _proposals(candidates, completions, spent, rejections)

    def repair_many(self, broken: Sequence[BrokenTest], seed: int, seconds: float | None) -> Proposals:
        """Ask once for each of ``broken`` to be mended, the error shown."""
        prompt = RepairPrompt()
        chats = [
            prompt.messages(item.context, item.candidate.source, item.error, self._settings.prompt_chars)
            for item in broken
        ]
        completions, spent = self._call(chats, seed, seconds)
        mended = [
            candidate
            for item, completion in zip(broken, completions, strict=True)
            for candidate in self._candidates(
                item.context, item.candidate.kind, completion, prompt.name, seed, (item.candidate.id,)
            )
        ]
        return _proposals(mended, completions, spent)

    def affordable(self, wanted: int, seconds: float) -> int:
        """How many prompts of at least the smallest useful reply fit into ``seconds``; at most ``wanted``.

        Where replies have a fixed length, as many as a call of moderate length takes, and one while nothing is known: a
        processor without wide vectors reads 20 tokens a second, and five prompts at once would outlast any patience.
        """
        if self._settings.reply_tokens is not None:
            known = self.prompt_s
            return min(wanted, 1 if known is None else max(1, int(_UNHURRIED_S / max(known, 0.01))))
        return min(wanted, int(seconds * self._tokens_per_s / _SMALLEST_REPLY))

    def _call(
        self,
        chats: Sequence[tuple[Message, ...]],
        seed: int,
        seconds: float | None,
        schemas: Sequence[Mapping[str, Any] | None] = (),
    ) -> tuple[list[Completion], float]:
        room = min(self._settings.reply_tokens or _LARGEST_REPLY, self._settings.max_length)
        if seconds is not None and self._settings.reply_tokens is None:
            room = max(_SMALLEST_REPLY, min(room, int(seconds * self._tokens_per_s / len(chats))))
        asked = itertools.zip_longest(chats, schemas)
        requests = [
            Request(chat, self._sampling(room, seed + index, schema)) for index, (chat, schema) in enumerate(asked)
        ]
        start = self._clock()
        completions = self._engine.generate(requests)
        spent = self._clock() - start
        self.prompt_s = spent / len(chats) if spent > 0.5 else self.prompt_s
        made = sum(completion.completion_tokens for completion in completions)
        if spent > 0.5 and made:
            self._tokens_per_s = 0.5 * self._tokens_per_s + 0.5 * made / spent
        return completions, spent

    def _sampling(self, room: int, seed: int, schema: Mapping[str, Any] | None) -> Sampling:
        """How one reply is drawn. Inputs are to vary, so they are drawn a little warmer than whole tests."""
        temperature = self._settings.temperature
        if schema is None:
            return Sampling(temperature, max_tokens=room, stop=STOPS, seed=seed)
        warmer = min(1.0, temperature + _WARMER) if temperature else 0.0
        return Sampling(warmer, max_tokens=min(room, _CALLS_REPLY), seed=seed, json_schema=schema)

    def _candidates(
        self,
        context: TargetContext,
        kind: TestKind,
        completion: Completion,
        origin: str,
        seed: int,
        parents: tuple[str, ...] = (),
    ) -> list[Candidate]:
        if origin == _SCENARIO:
            sources = scenario_sources(completion.text, context)
        else:
            tree = parse_reply(completion.text)
            sources = split_reply(tree, context) if tree is not None else []
        return [
            Candidate(
                id=new_id("cand"),
                target=context.target.id,
                generator=self.name,
                kind=_kind_of(source, kind),
                source=source,
                origin=origin,
                model=self._engine.model,
                seed=seed,
                parents=parents,
            )
            for source in sources
        ]

    def _unusable(self, task: PromptTask, completion: Completion, seed: int) -> Rejection:
        """A reply without a single test in it still counts, and still says why."""
        candidate = Candidate(
            id=new_id("cand"),
            target=task.context.target.id,
            generator=self.name,
            kind=task.variant.kind,
            source=completion.text[:4000],
            origin=task.variant.name,
            model=self._engine.model,
            seed=seed,
        )
        return Rejection(candidate, "reply", f"no test in the reply (ended by {completion.finish_reason})")


def _kind_of(source: str, asked: TestKind) -> TestKind:
    """What the model wrote, which is not always what it was asked for."""
    if "@given" in source:
        return TestKind.PROPERTY
    return TestKind.UNIT if asked is TestKind.PROPERTY else asked


def _proposals(
    candidates: Iterable[Candidate],
    completions: Sequence[Completion],
    spent: float,
    rejections: Iterable[Rejection] = (),
) -> Proposals:
    return Proposals(
        tuple(candidates),
        tuple(rejections),
        sum(completion.prompt_tokens for completion in completions),
        sum(completion.completion_tokens for completion in completions),
        spent,
    )
