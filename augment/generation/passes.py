"""One pass of generation over some targets: propose, judge, keep, record, within a budget for each module."""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from augment.analysis import ContextBuilder, TargetContext, decode_source, project_sources
from augment.errors import ProjectError
from augment.execution import probe_interpreter
from augment.generation.asking import ModelDesk
from augment.generation.explore import Explorer, opened
from augment.generation.gates import Judge, Judgement
from augment.generation.generator import Generator
from augment.generation.keeping import Keeper
from augment.generation.ledger import Ledger
from augment.generation.model import ModelGenerator, Proposals
from augment.generation.mutant_book import MutantBook
from augment.generation.observe import has_placeholder
from augment.generation.prompts import plan_prompts
from augment.generation.settings import GenerationSettings
from augment.generation.streams import Streams
from augment.generation.trials import TrialRunner
from augment.generation.write import TestWriter
from augment.records import (
    Activity,
    Admission,
    Candidate,
    CoverageReport,
    Finding,
    Lane,
    Project,
    Rejection,
    Snapshot,
    Target,
    TestKind,
    new_id,
)
from augment.seams import Batch, Engine, Executor, Limits, ReportSink

_GATING_RESERVE_S = 5.0
"""Kept back of a module's budget when the model is asked: what it writes has to pass the gates too."""
_POLL_S = 0.25
_RESERVED_SHARE = 0.4
"""When less than this share of a module's budget is left, search no longer waits for the model."""
_SHORT_S = 3.0
_LONG_S = 8.0
_LEAST_SPARE_S = 3.0
"""Less than this is not worth going back to a module for."""
_KNOWN_TESTS_SHARE = 0.15
"""Of a module's budget, for trying its mutants on the tests that exist already."""
SEARCH = "search"
_FEWEST_AT_ONCE = 3
_MOST_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a pass stands, for a progress bar. ``done`` and ``total`` count modules."""

    module: str
    done: int
    total: int
    admitted: int
    rejected: int


@dataclass(slots=True)
class PassResult:
    """What one pass brought. ``seconds`` is wall-clock time; tokens are the model's, prompt and completion."""

    admitted: list[Admission] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    seconds: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    coverage: CoverageReport = field(default_factory=CoverageReport)
    superseded: bool = False
    """The project changed while the pass ran, which ended it."""
    tokens_per_s: float | None = None
    """How fast the model was, for the settings of the next pass; None without a model."""

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens together."""
        return self.prompt_tokens + self.completion_tokens


def measure_baseline(
    project: Project, executor: Executor, limits: Limits | None = None, lane: Lane = Lane.WRITE
) -> CoverageReport:
    """Coverage of the project's existing suite, run once in place; empty of tests where there are none."""
    result = executor.run(
        Batch(
            id=new_id("batch"),
            root=project.root,
            interpreter=project.interpreter,
            lane=lane,
            source_roots=project.source_roots,
            coverage=True,
            limits=limits or Limits(),
        )
    )
    return result.coverage


@dataclass(slots=True)
class _Pace:
    """How many candidates to judge at once: many while most add nothing, few while many go through all gates.

    Leases stay short and the end of a budget is not overrun by much.
    """

    size: int
    seconds_each: float = 0.4

    def at_once(self, seconds_left: float) -> int:
        """How many to judge now, so that it ends about when the budget does."""
        return max(_FEWEST_AT_ONCE, min(self.size, int(seconds_left / self.seconds_each)))

    def learn(self, seconds: float, count: int) -> None:
        """Adjust to how long the last batch took."""
        self.seconds_each = max(0.02, (self.seconds_each + seconds / count) / 2)
        if seconds < _SHORT_S:
            self.size = min(_MOST_AT_ONCE, self.size * 2)
        elif seconds > _LONG_S:
            self.size = max(_FEWEST_AT_ONCE, self.size // 2)


@dataclass(slots=True)
class _Tools:
    """What one run of a pass works with."""

    contexts: dict[str, TargetContext]
    ledger: Ledger
    runner: TrialRunner
    judge: Judge
    keeper: Keeper
    desk: ModelDesk | None
    kinds: tuple[TestKind, ...]
    result: PassResult
    pace: _Pace
    book: MutantBook
    baseline: CoverageReport
    spare_s: float = 0.0


@dataclass(slots=True)
class _Work:
    """One module under work, and what is at hand for it. ``written`` is what the model wrote and nobody judged yet."""

    contexts: Sequence[TargetContext]
    explorer: Explorer | None
    streams: Streams
    written: deque[Candidate] = field(default_factory=deque)
    begun: bool = False

    @property
    def module(self) -> str:
        """The module's dotted name."""
        return self.contexts[0].target.module

    def has_work(self, is_open: Callable[[TargetContext], bool]) -> bool:
        """Whether more time could bring anything."""
        return bool(self.written) or (self.explorer is not None and self.explorer.has_work(is_open))


class GenerationPass:
    """Writes tests for given targets of one revision.

    The model takes part when ``engine`` is given; ``generators`` are the deterministic ones (None: those of Augment).
    Nothing here runs project code itself: everything goes through ``executor``. What is kept is on disk and recorded
    in ``sink`` as soon as it is proven, so a pass that dies loses nothing it has reported.
    """

    def __init__(
        self,
        project: Project,
        snapshot: Snapshot,
        executor: Executor,
        sink: ReportSink,
        engine: Engine | None,
        settings: GenerationSettings,
        *,
        generators: Sequence[Generator] | None = None,
        lane: Lane = Lane.WRITE,
        clock: Callable[[], float] = time.monotonic,
        progress: Callable[[Progress], None] = lambda _: None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self._project = project
        self._snapshot = snapshot
        self._executor = executor
        self._sink = sink
        self._engine = engine if _uses(settings, "model") else None
        self._settings = settings
        offered = _own_generators() if generators is None else generators
        self._generators = [generator for generator in offered if _uses(settings, generator.name)]
        self._lane = lane
        self._clock = clock
        self._progress = progress
        self._should_stop = should_stop

    def run(self, targets: Sequence[Target], baseline: CoverageReport | None = None) -> PassResult:
        """Generate for ``targets``; the modules with most left to cover come first.

        Without ``baseline`` the existing suite is run once to get it. Raises ProjectError when a test file cannot be
        written to. A lost model ends its own part of the pass only.
        """
        began = self._clock()
        if baseline is None:
            baseline = measure_baseline(self._project, self._executor, lane=self._lane)
        tools = self._prepare(targets, baseline)
        modules = self._modules(tools)
        works = [self._work(contexts, tools) for contexts in modules]
        for done, work in enumerate(works):
            if self._over(tools):
                break
            self._report_progress(tools, work.module, done, len(works))
            self._spend(work, tools, self._settings.budget_s_per_module, done == len(works) - 1)
            self._report_progress(tools, work.module, done + 1, len(works))
        self._spend_the_rest(works, tools)
        tools.result.seconds = self._clock() - began
        tools.result.coverage = tools.ledger.report()
        tools.result.superseded = tools.runner.superseded
        if tools.desk is not None:
            tools.result.tokens_per_s = tools.desk.tokens_per_s
        return tools.result

    # ------------------------------------------------------------------ preparing

    def _prepare(self, targets: Sequence[Target], baseline: CoverageReport) -> _Tools:
        settings = self._settings
        builder = ContextBuilder(self._project, project_sources(self._project, self._snapshot), baseline)
        contexts: dict[str, TargetContext] = {}
        for target in targets:
            try:
                contexts[target.id] = builder.build(target)
            except ProjectError as error:  # the target went away meanwhile
                self._say(str(error))
        ledger = Ledger(baseline)
        runner = TrialRunner(
            self._project,
            self._snapshot,
            self._executor,
            settings.output,
            settings.test_wall_s,
            self._lane,
            self._should_stop,
        )
        writer = TestWriter(self._project, settings.output, settings.merge)
        book = MutantBook(self._text, settings.hidden_mutants)
        desk = None
        if self._engine is not None:
            model = ModelGenerator(self._engine, settings, self._clock)
            desk = ModelDesk(
                model, settings.prompts_per_call, settings.call_s, settings.enabled("repair"), settings.seed
            )
        return _Tools(
            contexts,
            ledger,
            runner,
            Judge(runner, ledger, settings, writer.known_keys(), book),
            Keeper(writer, runner, settings, self._snapshot.revision),
            desk,
            self._kinds(),
            PassResult(),
            _Pace(settings.batch_size),
            book,
            baseline,
        )

    def _text(self, file: str) -> str:
        return decode_source(Path(self._project.root, file).read_bytes())

    def _kinds(self) -> tuple[TestKind, ...]:
        """The kinds asked for; properties only where the project's interpreter can run what would be kept."""
        if TestKind.PROPERTY not in self._settings.kinds:
            return self._settings.kinds
        if probe_interpreter(self._project.interpreter).tools.get("hypothesis") is not None:
            return self._settings.kinds
        self._say("no property tests: Hypothesis is not installed in the project's interpreter")
        return tuple(kind for kind in self._settings.kinds if kind is not TestKind.PROPERTY)

    def _modules(self, tools: _Tools) -> list[list[TargetContext]]:
        """The contexts by file, files and targets with most left to cover first."""

        def left(context: TargetContext) -> int:
            lines, branches = tools.ledger.missing(context.target)
            known = tools.ledger.knows(context.target.file)
            return len(lines) + len(branches) if known else len(context.source.splitlines())

        by_file = sorted(tools.contexts.values(), key=lambda context: context.target.file)
        groups = [list(group) for _, group in itertools.groupby(by_file, key=lambda context: context.target.file)]
        for group in groups:
            group.sort(key=left, reverse=True)
        return sorted(groups, key=lambda group: sum(left(context) for context in group), reverse=True)

    # ------------------------------------------------------------------ one module

    def _work(self, contexts: Sequence[TargetContext], tools: _Tools) -> _Work:
        """What is at hand for one module. The targets of a module share its budget."""
        settings = self._settings
        seeds = next((item for item in self._generators if item.name == SEARCH), None)
        others = [item for item in self._generators if item.name != SEARCH]
        explorer = Explorer(
            contexts, tools.runner, tools.ledger, tools.book, seeds, settings.seed, guided=settings.enabled("guidance")
        )
        if not settings.enabled("explore") and seeds is not None:
            others.append(seeds)
        return _Work(
            contexts,
            explorer if settings.enabled("explore") else None,
            Streams(others, contexts, settings.seed, settings.search_limit),
        )

    def _spend(self, work: _Work, tools: _Tools, seconds: float, last: bool) -> None:
        """Work on one module for so long at most; what is left of the time is kept for others."""
        began = self._clock()
        self._say(f"writing tests for {work.module}")
        if not work.begun:
            work.begun = True
            tools.book.add(context.target for context in work.contexts)
            if tools.desk is not None:
                tools.desk.plan(plan_prompts(work.contexts, tools.kinds, self._settings.samples))
            self._try_known_tests(work, tools, began + seconds * _KNOWN_TESTS_SHARE)
        self._module(work, tools, began + seconds, last)
        tools.spare_s += max(0.0, seconds - (self._clock() - began))

    def _spend_the_rest(self, works: Sequence[_Work], tools: _Tools) -> None:
        """Modules that were done before their time leave it to those that were not, the one with most left first."""
        left = list(works)
        while left and tools.spare_s > _LEAST_SPARE_S and not self._over(tools):
            left = [work for work in left if self._open_work(work, tools) and work.has_work(self._opener(tools))]
            if not left:
                return
            work = max(left, key=lambda item: sum(tools.book.alive_of(context.target) for context in item.contexts))
            left.remove(work)
            seconds, tools.spare_s = tools.spare_s, 0.0
            self._spend(work, tools, seconds, last=False)

    def _module(self, work: _Work, tools: _Tools, deadline: float, last: bool) -> None:
        """Explore, and judge what comes of it and of the other generators, while the model writes."""
        settings = self._settings
        while not self._over(tools) and self._clock() < deadline and self._open_work(work, tools):
            self._ask(tools, deadline)
            left = deadline - self._clock()
            reserved = self._reserved(tools, left)
            size = tools.pace.at_once(left)
            chunk = _take(work.written, size) or work.streams.take(size, self._opener(tools), reserved)
            worked = self._turn(work, chunk, tools, reserved)
            if not worked and (tools.desk is None or not tools.desk.busy) and work.streams.is_empty():
                return
            work.written.extend(self._collect(tools, 0.0 if worked else _POLL_S))
        if last and tools.desk is not None:
            self._finish(work, tools, deadline + settings.overtime_s)
            if settings.model_first:
                self._search(work, tools, self._clock() + settings.search_s)

    def _turn(self, work: _Work, chunk: Sequence[Candidate], tools: _Tools, reserved: set[str]) -> bool:
        """Judge ``chunk`` and what one step of exploration brings; False when there was nothing to do."""
        began = self._clock()
        self._judge(self._fed(work, chunk), tools)
        if chunk:
            tools.pace.learn(self._clock() - began, len(chunk))
        explorer, is_open = work.explorer, self._opener(tools)
        if explorer is None:
            return bool(chunk)

        def is_free(context: TargetContext) -> bool:
            return context.target.id not in reserved and is_open(context)

        explored = explorer.has_work(is_free)
        if explored:
            proposed = explorer.step(is_free)
            self._judge(proposed.candidates, tools, proposed.mutants)
        return explored or bool(chunk)

    def _fed(self, work: _Work, chunk: Sequence[Candidate]) -> list[Candidate]:
        """Hand the calls of ``chunk`` to the explorer; what is to be judged as it stands."""
        if work.explorer is None:
            return list(chunk)
        work.explorer.feed(chunk)
        return [item for item in chunk if not (has_placeholder(item.source) and opened(item.source) is not None)]

    def _try_known_tests(self, work: _Work, tools: _Tools, deadline: float) -> None:
        """Which mutants the tests that exist already notice, as far as the time goes."""
        if not self._settings.enabled("mutants"):
            return
        files = {context.target.file for context in work.contexts}
        tools.book.kill(tools.runner.noticed_by(tools.baseline, tools.book.alive(files), deadline - self._clock()))

    def _finish(self, work: _Work, tools: _Tools, end: float) -> None:
        """Judge what the model still writes at the end of the budget: its reply would be lost with the pass."""
        while tools.desk is not None and tools.desk.busy and self._clock() < end and not self._over(tools):
            work.written.extend(self._collect(tools, _POLL_S))
        self._turn(work, _take(work.written, _FEWEST_AT_ONCE), tools, set())
        while work.written and self._clock() < end and not self._over(tools):
            self._turn(work, _take(work.written, _FEWEST_AT_ONCE), tools, set())

    def _search(self, work: _Work, tools: _Tools, end: float) -> None:
        """Judge what the deterministic generators propose for what the model has left open."""
        while self._clock() < end and not self._over(tools) and self._open_work(work, tools):
            chunk = work.streams.take(tools.pace.at_once(end - self._clock()), self._opener(tools), set())
            if not self._turn(work, chunk, tools, set()):
                return

    def _opener(self, tools: _Tools) -> Callable[[TargetContext], bool]:
        return lambda context: self._is_open(context, tools)

    def _reserved(self, tools: _Tools, seconds_left: float) -> set[str]:
        """The targets that are held back for the model. Late in the budget nothing is, unless the model goes first."""
        if tools.desk is None or not tools.desk.busy:
            return set()
        if self._settings.model_first:
            return set(tools.contexts)
        if seconds_left < _RESERVED_SHARE * self._settings.budget_s_per_module:
            return set()
        return tools.desk.asked_about

    def _open_work(self, work: _Work, tools: _Tools) -> bool:
        """Whether anything of the module is still to be covered, or something written is still to be judged."""
        if work.written or not self._settings.enabled("gain"):
            return True
        return any(self._is_open(context, tools) for context in work.contexts)

    def _is_open(self, context: TargetContext, tools: _Tools) -> bool:
        if not tools.ledger.knows(context.target.file) or not self._settings.enabled("gain"):
            return True
        lines, branches = tools.ledger.missing(context.target)
        return bool(lines or branches or tools.book.alive_of(context.target))

    def _ask(self, tools: _Tools, deadline: float) -> None:
        if tools.desk is not None:
            room = deadline - self._clock() - _GATING_RESERVE_S
            tools.desk.start(room, lambda task: self._is_open(task.context, tools))

    def _collect(self, tools: _Tools, timeout_s: float) -> tuple[Candidate, ...]:
        proposals = tools.desk.collect(timeout_s) if tools.desk is not None else None
        if proposals is None:
            return ()
        self._count(proposals, tools)
        return proposals.candidates

    def _count(self, proposals: Proposals, tools: _Tools) -> None:
        tools.result.prompt_tokens += proposals.prompt_tokens
        tools.result.completion_tokens += proposals.completion_tokens
        if self._engine is not None:
            self._sink.tokens(self._engine.model, proposals.prompt_tokens, proposals.completion_tokens)
        self._reject(proposals.rejections, tools)

    # ------------------------------------------------------------------ judging and keeping

    def _judge(
        self, candidates: Sequence[Candidate], tools: _Tools, expected: frozenset[str] | None = None
    ) -> None:
        if not candidates:
            return
        judgement = tools.judge.judge(candidates, tools.contexts, expected)
        if tools.runner.superseded:
            return  # about a revision that is gone: neither kept nor held against the tests
        self._keep(judgement, tools)
        self._reject(judgement.rejections, tools)
        for finding in judgement.findings:
            self._sink.finding(finding)
        tools.result.findings.extend(judgement.findings)
        if tools.desk is not None:
            tools.desk.add_broken(judgement.broken)

    def _keep(self, judgement: Judgement, tools: _Tools) -> None:
        proven = sorted(judgement.proven, key=lambda item: item.candidate.target)
        for _, group in itertools.groupby(proven, key=lambda item: item.candidate.target.partition(":")[0]):
            kept = tools.keeper.keep(list(group), lambda target_id: tools.contexts[target_id].target)
            if kept.admissions:
                self._sink.admitted(kept.admissions)
            tools.result.admitted.extend(kept.admissions)
            self._reject(kept.rejections, tools)

    def _reject(self, rejections: Iterable[Rejection], tools: _Tools) -> None:
        turned_away = list(rejections)
        if turned_away:
            self._sink.rejected(turned_away)
            tools.result.rejected.extend(turned_away)

    # ------------------------------------------------------------------ telling

    def _over(self, tools: _Tools) -> bool:
        return tools.runner.superseded or self._should_stop()

    def _say(self, text: str) -> None:
        self._sink.activity(Activity("generator", text, time.time()))

    def _report_progress(self, tools: _Tools, module: str, done: int, total: int) -> None:
        result = tools.result
        self._progress(Progress(module, done, total, len(result.admitted), len(result.rejected)))


def _own_generators() -> Sequence[Generator]:
    """The deterministic generators of Augment; imported when a pass begins, for they are large."""
    from augment.generation.search import SearchGenerator

    return (SearchGenerator(),)


def _uses(settings: GenerationSettings, generator: str) -> bool:
    return generator in settings.generators and settings.enabled(generator)


def _take(queue: deque[Candidate], count: int) -> list[Candidate]:
    return [queue.popleft() for _ in range(min(count, len(queue)))]
