"""One pass of generation over some targets: propose, judge, keep, record, within a budget for each module."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from augment.analysis import ContextBuilder, TargetContext, decode_source, project_sources
from augment.errors import ProjectError
from augment.execution import probe_interpreter
from augment.generation.accounts import Accounts, PassResult
from augment.generation.asking import ModelDesk
from augment.generation.findings import Settled
from augment.generation.gates import Judge
from augment.generation.generator import Generator
from augment.generation.inspecting import Inspection
from augment.generation.keeping import Keeper
from augment.generation.ledger import Ledger
from augment.generation.model import ModelGenerator
from augment.generation.module_work import ModuleWork
from augment.generation.mutant_book import MutantBook
from augment.generation.promises import Promises
from augment.generation.settings import GenerationSettings
from augment.generation.tools import Pace, Tools
from augment.generation.trials import TrialRunner
from augment.generation.write import TestWriter
from augment.records import CoverageReport, Finding, Lane, Project, Snapshot, Target, TestKind, new_id
from augment.seams import Batch, Engine, Executor, Limits, ReportSink

_INSPECTION_SHARE = 0.25
"""Of the budget of one module, spent at the end of a pass on what is stated of its targets."""
_LEAST_SPARE_S = 3.0
"""Less than this is not worth going back to a module for."""
_ONE_KIND = {"integration": TestKind.INTEGRATION, "property": TestKind.PROPERTY}
"""Generators that write tests of one kind only; left out where that kind is not wanted or cannot be kept."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a pass stands, for a progress bar. ``done`` and ``total`` count modules."""

    module: str
    done: int
    total: int
    admitted: int
    rejected: int


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


class GenerationPass:
    """Writes tests for given targets of one revision.

    The model takes part when ``engine`` is given; ``generators`` are the deterministic ones (None: those of Augment),
    ``more`` others beside them, which know something of this one run. ``known`` are the findings so far: those that
    people settled are not made again, those that stand are tried again.
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
        more: Sequence[Generator] = (),
        lane: Lane = Lane.WRITE,
        known: Sequence[Finding] = (),
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
        offered = [*(_own_generators() if generators is None else generators), *more]
        self._generators = [generator for generator in offered if _uses(settings, generator.name)]
        self._lane = lane
        self._known = known
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
        generators = self._allowed(tools) if tools.kinds else []
        modules = self._modules(tools)
        works: list[ModuleWork] = []
        for done, contexts in enumerate(modules):
            if tools.over:
                break
            work = ModuleWork(contexts, generators, tools)
            works.append(work)
            self._report_progress(tools, work.module, done, len(modules))
            work.spend(self._settings.budget_s_per_module, alone=len(modules) == 1)
            self._report_progress(tools, work.module, done + 1, len(modules))
        _spend_the_rest(works, tools)
        if works:
            works[-1].finish(tools.spare_s)
        self._inspect(tools)
        result = tools.accounts.result
        result.seconds = self._clock() - began
        result.coverage = tools.ledger.report()
        result.superseded = tools.runner.superseded
        if self._settings.enabled("mutants"):
            result.survivors = {name: tools.book.alive_of(item.target) for name, item in tools.contexts.items()}
        if tools.desk is not None:
            result.tokens_per_s, result.prompt_s = tools.desk.tokens_per_s, tools.desk.prompt_s
            result.unasked = frozenset(tools.contexts.keys() - tools.desk.had_turn)
        return result

    def _inspect(self, tools: Tools) -> None:
        """Try what is stated of the targets, and again what was found to be wrong before."""
        if tools.over or not self._settings.enabled("findings"):
            return
        inspection = Inspection(tools.runner, tools.judge.doubts, tools.ledger, self._settings.seed)
        tools.accounts.found(inspection.mended(self._known, tools.contexts))
        end = self._clock() + _INSPECTION_SHARE * self._settings.budget_s_per_module

        def is_over() -> bool:
            return tools.over or self._clock() > end

        contexts = list(tools.contexts.values())
        found = inspection.inspect(contexts, is_over)
        if TestKind.PROPERTY in tools.kinds and any(item.name == "property" for item in self._generators):
            judge = tools.judge
            found += Promises(tools.runner, judge.doubts, self._settings.seed, judge.has_tried).try_all(
                contexts, is_over
            )
        if not tools.runner.superseded:  # else about a revision that is gone
            tools.accounts.found(found)

    # ------------------------------------------------------------------ preparing

    def _prepare(self, targets: Sequence[Target], baseline: CoverageReport) -> Tools:
        settings = self._settings
        accounts = Accounts(self._sink, None if self._engine is None else self._engine.model)
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
        return Tools(
            settings=settings,
            contexts=self._contexts(targets, baseline, accounts),
            baseline=baseline,
            ledger=ledger,
            book=book,
            runner=runner,
            judge=Judge(runner, ledger, settings, writer.known_keys(), book, Settled(self._known)),
            keeper=Keeper(writer, runner, settings, self._snapshot.revision),
            desk=self._desk(),
            kinds=self._kinds(accounts),
            accounts=accounts,
            pace=Pace(settings.batch_size),
            clock=self._clock,
            should_stop=self._should_stop,
        )

    def _contexts(
        self, targets: Sequence[Target], baseline: CoverageReport, accounts: Accounts
    ) -> dict[str, TargetContext]:
        builder = ContextBuilder(self._project, project_sources(self._project, self._snapshot), baseline)
        contexts: dict[str, TargetContext] = {}
        for target in targets:
            try:
                contexts[target.id] = builder.build(target)
            except ProjectError as error:  # the target went away meanwhile
                accounts.say(str(error))
        return contexts

    def _desk(self) -> ModelDesk | None:
        if self._engine is None:
            return None
        settings = self._settings
        model = ModelGenerator(self._engine, settings, self._clock)
        return ModelDesk(model, settings.prompts_per_call, settings.call_s, settings.enabled("repair"), settings.seed)

    def _text(self, file: str) -> str:
        return decode_source(Path(self._project.root, file).read_bytes())

    def _kinds(self, accounts: Accounts) -> tuple[TestKind, ...]:
        """The kinds asked for; properties only where the project's interpreter can run what would be kept."""
        if TestKind.PROPERTY not in self._settings.kinds:
            return self._settings.kinds
        if probe_interpreter(self._project.interpreter).tools.get("hypothesis") is not None:
            return self._settings.kinds
        accounts.say("no property tests: Hypothesis is not installed in the project's interpreter")
        return tuple(kind for kind in self._settings.kinds if kind is not TestKind.PROPERTY)

    def _allowed(self, tools: Tools) -> list[Generator]:
        """The generators whose kind of test is wanted and can be kept."""
        return [item for item in self._generators if _ONE_KIND.get(item.name, tools.kinds[0]) in tools.kinds]

    def _modules(self, tools: Tools) -> list[list[TargetContext]]:
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

    def _report_progress(self, tools: Tools, module: str, done: int, total: int) -> None:
        result = tools.accounts.result
        self._progress(Progress(module, done, total, len(result.admitted), len(result.rejected)))


def _spend_the_rest(works: Sequence[ModuleWork], tools: Tools) -> None:
    """Modules that were done before their time leave it to those that were not, the one with most left first."""
    left = list(works)
    while left and tools.spare_s > _LEAST_SPARE_S and not tools.over:
        left = [work for work in left if work.is_open and work.is_hopeful]
        if not left:
            return
        work = max(left, key=lambda item: item.alive)
        left.remove(work)
        seconds, tools.spare_s = tools.spare_s, 0.0
        work.spend(seconds)


def _own_generators() -> Sequence[Generator]:
    """The deterministic generators of Augment; imported when a pass begins, for they are large."""
    from augment.generation.integration import IntegrationGenerator
    from augment.generation.property import PropertyGenerator
    from augment.generation.search import SearchGenerator

    return (SearchGenerator(), IntegrationGenerator(), PropertyGenerator())


def _uses(settings: GenerationSettings, generator: str) -> bool:
    return generator in settings.generators and settings.enabled(generator)
