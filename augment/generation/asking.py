"""Keeps the model busy in the background while the gates judge what it wrote before."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence

from augment.errors import ModelError
from augment.generation.model import BrokenTest, ModelGenerator, Proposals
from augment.generation.prompts import PromptTask

log = logging.getLogger("augment.generation")

_REPAIRS_A_CALL = 4
_LEAST_S = 4.0
"""A call with less time than this brings nothing that could still be judged."""


class ModelDesk:
    """One call of the model at a time, in a thread: new prompts first, then one try to mend what failed.

    A call that outlives the module it was asked for is collected later; its tests still count. When the model is lost
    for good, :attr:`lost` says why and nothing more is asked.
    """

    def __init__(self, model: ModelGenerator, prompts_per_call: int, call_s: float, repair: bool, seed: int) -> None:
        self._model = model
        self._prompts_per_call = prompts_per_call
        self._call_s = call_s
        self._repair = repair
        self._seed = seed
        self._tasks: deque[PromptTask] = deque()
        self._broken: deque[BrokenTest] = deque()
        self._answer: list[Proposals] = []
        self._thread: threading.Thread | None = None
        self.asked_about: set[str] = set()
        """Targets of the running call, while :attr:`busy`."""
        self.had_turn: set[str] = set()
        """Targets that the model was asked about so far, or that nothing was left of when their turn came."""
        self.lost: ModelError | None = None

    @property
    def busy(self) -> bool:
        """Whether a call is running or waits to be collected."""
        return self._thread is not None

    @property
    def tokens_per_s(self) -> float:
        """How fast the model was lately."""
        return self._model.tokens_per_s

    @property
    def prompt_s(self) -> float | None:
        """Seconds of a call that one prompt took lately."""
        return self._model.prompt_s

    def plan(self, tasks: Sequence[PromptTask]) -> None:
        """Replace what is to be asked by ``tasks``; tests to be mended stay."""
        self._tasks = deque(tasks)

    def add_broken(self, broken: Sequence[BrokenTest]) -> None:
        """Take in failing tests that the model may mend."""
        if self._repair:
            self._broken.extend(broken)

    def start(self, seconds_left: float, refresh: Callable[[PromptTask], PromptTask | None]) -> bool:
        """Begin a call that should end within ``seconds_left``. False when there is nothing to ask or no time.

        ``refresh`` brings a task up to date, with what is left to be shown, or gives None where nothing is.
        """
        if self.busy or self.lost is not None or seconds_left < _LEAST_S:
            return False
        self.asked_about = set()
        seconds = min(seconds_left, self._call_s)
        count = self._model.affordable(self._prompts_per_call, seconds)
        if not count:
            return False
        self._seed += 100
        tasks = self._next_tasks(count, refresh)
        if tasks:
            self.asked_about = {task.context.target.id for task in tasks}
            return self._begin(lambda: self._model.propose_many(tasks, self._seed, seconds))
        broken = [self._broken.popleft() for _ in range(min(count, _REPAIRS_A_CALL, len(self._broken)))]
        if broken:
            return self._begin(lambda: self._model.repair_many(broken, self._seed, seconds))
        return False

    def collect(self, timeout_s: float) -> Proposals | None:
        """What the running call brought, waiting up to ``timeout_s`` for it; None while it still runs."""
        if self._thread is None:
            return None
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            return None
        self._thread = None
        return self._answer.pop() if self._answer else None

    def _next_tasks(self, count: int, refresh: Callable[[PromptTask], PromptTask | None]) -> list[PromptTask]:
        chosen: list[PromptTask] = []
        while self._tasks and len(chosen) < count:
            planned = self._tasks.popleft()
            self.had_turn.add(planned.context.target.id)
            task = refresh(planned)
            if task is not None:
                chosen.append(task)
        return chosen

    def _begin(self, call: Callable[[], Proposals]) -> bool:
        def ask() -> None:
            try:
                self._answer.append(call())
            except ModelError as error:
                log.warning("the model is lost: %s", error)
                self.lost = error

        self._thread = threading.Thread(target=ask, name="augment-model", daemon=True)
        self._thread.start()
        return True
