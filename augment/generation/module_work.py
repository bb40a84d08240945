"""The work on one module: explore its targets, and judge what comes of it and of the other generators, while the model
writes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from augment.analysis import TargetContext
from augment.generation.explore import Explorer, opened
from augment.generation.generator import Generator
from augment.generation.observe import has_placeholder
from augment.generation.prompts import Gaps, PromptTask, plan_prompts
from augment.generation.streams import Streams
from augment.generation.tools import FEWEST_AT_ONCE, Tools
from augment.records import Candidate

SEARCH = "search"
"""The generator whose calls exploration begins with."""
_GATING_RESERVE_S = 5.0
"""Kept back of a module's budget when the model is asked: what it writes has to pass the gates too."""
_POLL_S = 0.25
_RESERVED_SHARE = 0.4
"""When less than this share of a module's budget is left, search no longer waits for the model."""
_KNOWN_TESTS_SHARE = 0.15
"""Of a module's budget, for trying its mutants on the tests that exist already."""
_SURVIVORS, _UNREACHED = 3, 5
"""Mutants and lines that a prompt shows; a small model loses itself in more."""
_HELD_S = 12.0
"""So long search leaves the targets alone that the model was just asked about."""
_PATIENCE_S = 30.0
"""A model that takes longer for one prompt does not keep the others waiting, wherever it would go first."""
_MOST_REST_S = 5.0
_MANY = 4
"""While steps of exploration propose so many tests, whole tests of other generators wait: each costs a hundred calls.
Their first ones do not, or exploration would have covered everything before they are seen.
"""


class ModuleWork:
    """The targets of one module, which share its budget, and the generators at work on them."""

    def __init__(self, contexts: Sequence[TargetContext], generators: Sequence[Generator], tools: Tools) -> None:
        settings = tools.settings
        self._contexts = contexts
        self._tools = tools
        self._written: deque[Candidate] = deque()
        self._begun = False
        self._rests_until = 0.0
        self._asked_at = tools.clock()
        self._finding = False
        self._explorer: Explorer | None = None
        others = list(generators)
        if settings.enabled("explore"):
            seeds = next((item for item in generators if item.name == SEARCH), None)
            others = [item for item in generators if item.name != SEARCH]
            self._explorer = Explorer(
                contexts,
                tools.runner,
                tools.ledger,
                tools.book,
                seeds,
                settings.seed,
                guided=settings.enabled("guidance"),
                source=tools.book.read(contexts[0].target.file),
            )
        self._streams = Streams(others, contexts, settings.seed, settings.search_limit)

    @property
    def module(self) -> str:
        """The module's dotted name."""
        return self._contexts[0].target.module

    @property
    def is_open(self) -> bool:
        """Whether anything is still to be covered or killed, or something written is still to be judged."""
        if self._written or not self._tools.settings.enabled("gain"):
            return True
        return any(self._tools.is_open(context) for context in self._contexts)

    @property
    def is_hopeful(self) -> bool:
        """Whether more time could bring anything."""
        explorer = self._explorer
        return bool(self._written) or (explorer is not None and explorer.has_work(self._tools.is_open))

    @property
    def alive(self) -> int:
        """How many mutants of its targets live."""
        return sum(self._tools.book.alive_of(context.target) for context in self._contexts)

    def spend(self, seconds: float, *, alone: bool = False) -> None:
        """Work for so long at most; what is left of the time is kept for other modules.

        With nothing left to do but to wait for the model, it waits where it is ``alone``; else others go on meanwhile.
        """
        tools = self._tools
        began = tools.clock()
        tools.accounts.say(f"writing tests for {self.module}")
        if not self._begun:
            self._begin(began + seconds * _KNOWN_TESTS_SHARE)
            self._glimpse(tools.settings.first)
        self._turns(began + seconds, alone)
        tools.spare_s += max(0.0, seconds - (tools.clock() - began))

    def finish(self, seconds: float) -> None:
        """After the last module of a pass: wait so long for what the model still writes, and as the settings allow."""
        tools = self._tools
        if tools.desk is None:
            return
        self._await_model(tools.clock() + seconds + tools.settings.overtime_s)
        if tools.settings.model_first:
            self._search(tools.clock() + tools.settings.search_s)

    def _begin(self, deadline: float) -> None:
        """List the mutants, plan the prompts, and see which mutants the tests that exist notice, if time allows."""
        self._begun = True
        tools, settings = self._tools, self._tools.settings
        if tools.desk is not None:
            tools.desk.plan(plan_prompts(self._contexts, tools.kinds, settings.samples, settings.enabled("scenarios")))
        if settings.enabled("mutants"):
            tools.book.add(context.target for context in self._contexts)
            alive = tools.book.alive({context.target.file for context in self._contexts})
            tools.book.kill(tools.runner.noticed_by(tools.baseline, alive, deadline - tools.clock()))

    def _glimpse(self, most: int) -> None:
        """One step of exploration ahead of everybody, for the few tests that somebody waits for."""
        if most and self._explorer is not None and not self._tools.over:
            proposed = self._explorer.step(self._tools.is_open, most=most)
            self._tools.judge_and_keep(proposed.candidates, proposed.mutants)

    def _turns(self, deadline: float, alone: bool) -> None:
        tools = self._tools
        while not tools.over and tools.clock() < deadline and self.is_open:
            self._ask(deadline)
            left = deadline - tools.clock()
            reserved = self._reserved(left)
            size = tools.pace.at_once(left)
            chunk = self._take(size)
            if not chunk and not self._finding:
                chunk = self._streams.take(size, tools.is_open, reserved)
            worked = self._turn(chunk, reserved)
            waits = bool(reserved) or self._rests or (alone and tools.asking)
            if not worked and self._streams.is_empty() and not waits:
                return
            self._collect(0.0 if worked else _POLL_S)

    def _turn(self, chunk: Sequence[Candidate], reserved: set[str]) -> bool:
        """Judge ``chunk`` and what one step of exploration brings; False when there was nothing to do."""
        tools = self._tools
        began = tools.clock()
        tools.judge_and_keep(self._fed(chunk))
        if chunk:
            tools.pace.learn(tools.clock() - began, len(chunk))
        return self._explore(reserved) or bool(chunk)

    def _explore(self, reserved: set[str]) -> bool:
        """One step. After one in vain the processor is left to the model for a while: both want all of it.

        What the model proposed is explored also where targets are ``reserved`` for it.
        """
        tools, explorer = self._tools, self._explorer
        began = tools.clock()
        if explorer is None or began < self._rests_until or not explorer.has_work(tools.is_open, reserved):
            return False
        proposed = explorer.step(tools.is_open, reserved)
        self._finding = len(proposed.candidates) >= _MANY
        if not proposed.candidates and tools.asking and self._waited_s <= _PATIENCE_S:
            now = tools.clock()
            self._rests_until = now + min(_MOST_REST_S, 2 * (now - began))
        tools.judge_and_keep(proposed.candidates, proposed.mutants)
        return True

    @property
    def _rests(self) -> bool:
        return self._explorer is not None and self._tools.asking and self._tools.clock() < self._rests_until

    def _fed(self, chunk: Sequence[Candidate]) -> list[Candidate]:
        """Hand the calls of ``chunk`` to the explorer; what is to be judged as it stands."""
        if self._explorer is None:
            return list(chunk)
        own = {context.target.id for context in self._contexts}
        # The model may answer when the module that it was asked about has had its time: that is judged as it stands.
        mine = [item for item in chunk if item.target in own]
        self._explorer.feed(mine)
        explored = [item for item in mine if has_placeholder(item.source) and opened(item.source) is not None]
        return [item for item in chunk if item not in explored]

    def _await_model(self, end: float) -> None:
        """Judge what the model still writes at the end of the budget: its reply would be lost with the pass."""
        tools = self._tools
        while tools.asking and tools.clock() < end and not tools.over:
            self._collect(_POLL_S)
        mine = set(tools.contexts) if self._model_first else set()
        self._turn(self._take(FEWEST_AT_ONCE), mine)
        while self._written and tools.clock() < end and not tools.over:
            self._turn(self._take(FEWEST_AT_ONCE), mine)

    def _search(self, end: float) -> None:
        """Judge what the deterministic generators propose for what the model has left open."""
        tools = self._tools
        while tools.clock() < end and not tools.over and self.is_open:
            chunk = self._streams.take(tools.pace.at_once(end - tools.clock()), tools.is_open, set())
            if not self._turn(chunk, set()):
                return

    def _take(self, count: int) -> list[Candidate]:
        return [self._written.popleft() for _ in range(min(count, len(self._written)))]

    # ------------------------------------------------------------------ the model

    def _reserved(self, seconds_left: float) -> set[str]:
        """The targets that are held back for the model. Late in the budget nothing is, unless the model goes first."""
        tools = self._tools
        if tools.desk is None or not tools.desk.busy:
            return set()
        if self._model_first:
            return set(tools.contexts)
        if seconds_left < _RESERVED_SHARE * tools.settings.budget_s_per_module or self._waited_s > _HELD_S:
            return set()
        return tools.desk.asked_about

    @property
    def _model_first(self) -> bool:
        """Whether all others wait for the model: not for one that takes, or was seen to take, too long for that."""
        desk = self._tools.desk
        if desk is None or not self._tools.settings.model_first:
            return False
        return (desk.prompt_s if desk.prompt_s is not None else self._waited_s) <= _PATIENCE_S

    @property
    def _waited_s(self) -> float:
        """How long the call that was begun here last has been under way, or was."""
        return self._tools.clock() - self._asked_at

    def _ask(self, deadline: float) -> None:
        desk = self._tools.desk
        if desk is not None and desk.start(deadline - self._tools.clock() - _GATING_RESERVE_S, self._refreshed):
            self._asked_at = self._tools.clock()

    def _refreshed(self, task: PromptTask) -> PromptTask | None:
        """A prompt that shows what is still open of its target; None where nothing is."""
        tools, target = self._tools, task.context.target
        if not tools.is_open(task.context):
            return None
        if not tools.ledger.knows(target.file):
            return task
        source = task.context.source.splitlines()
        numbers, _ = tools.ledger.missing(target)
        inside = [source[number - target.lineno] for number in numbers if number - target.lineno < len(source)]
        return replace(task, gaps=Gaps(tuple(inside[:_UNREACHED]), tools.book.survivors(target, _SURVIVORS)))

    def _collect(self, timeout_s: float) -> None:
        desk = self._tools.desk
        proposals = desk.collect(timeout_s) if desk is not None else None
        if proposals is not None:
            self._tools.accounts.proposed(proposals)
            self._written.extend(proposals.candidates)
