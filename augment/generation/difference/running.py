"""Old code and new code in batches of their own, side by side, in the sandbox."""

from __future__ import annotations

import posixpath
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from augment.behaviour import Edit
from augment.exploring import Exploration, Scenario, Sight
from augment.generation.difference.targets import files_before
from augment.generation.explore.sketch import Sketch
from augment.generation.paths import conftest_files
from augment.records import Fault, FaultKind, Lane, Project, Snapshot, new_id
from augment.seams import Batch, Executor, Limits

_WALL_S = 30.0
_HOLDER = "def test_nothing():\n    pass\n"
"""What a batch collects, for the sake of the conftest files around it."""


class CannotCompareError(Exception):
    """A batch was lost; ``fault`` says how."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.detail or fault.kind.value)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Case:
    """One sketch, with what the two revisions are run on."""

    sketch: Sketch
    now: Scenario
    before: Scenario

    @property
    def is_varied(self) -> bool:
        """Whether it was varied at random: true all the same, but not what a person would write."""
        return bool(self.sketch.parents)


@dataclass(frozen=True, slots=True)
class Showing:
    """What old and new code did with one case."""

    case: Case
    before: Sight
    after: Sight


class BothSides:
    """Runs cases on the code before an edit and on the code after it, untrusted and in private copies.

    ``output`` is the folder of Augment's own tests, which no comparison needs. Thread-safe.
    """

    def __init__(self, project: Project, executor: Executor, output: str, lane: Lane) -> None:
        self._project = project
        self._executor = executor
        self._output = output
        self._lane = lane
        self._running: set[str] = set()
        self._cancelled = False
        self._lock = threading.Lock()

    def cancel(self) -> None:
        """End what runs, and whatever would be run after it."""
        with self._lock:
            self._cancelled = True
            running = tuple(self._running)
        for batch in running:
            self._executor.cancel(batch)

    def run(self, edit: Edit, cases: Sequence[Case], hash_seed: int, seconds: float) -> list[Showing]:
        """Each case, of at most ``seconds``, with its two sights. Raises CannotCompareError when a batch is lost."""
        if not cases:
            return []
        old, laid_over = files_before(edit)
        traced = tuple(file for file, text in edit.replaced.items() if text is not None)
        with ThreadPoolExecutor(2) as pool:
            asked = Exploration(tuple(case.before for case in cases), traced, scenario_s=seconds)
            before = pool.submit(self._batch, old, laid_over, asked, hash_seed)
            after = self._batch(
                edit.snapshot, {}, Exploration(tuple(case.now for case in cases), (), scenario_s=seconds), hash_seed
            )
            sights = before.result()
        names = sights.keys() & after.keys()
        return [
            Showing(case, sights[case.sketch.id], after[case.sketch.id]) for case in cases if case.sketch.id in names
        ]

    def _batch(
        self, snapshot: Snapshot, laid_over: Mapping[str, str], asked: Exploration, hash_seed: int
    ) -> dict[str, Sight]:
        holder = posixpath.join(self._output, "test_comparison.py")
        own = self._output.rstrip("/") + "/"
        batch = Batch(
            id=new_id("batch"),
            root=self._project.root,
            interpreter=self._project.interpreter,
            nodeids=(holder,),
            lane=self._lane,
            snapshot=Snapshot.of({file: at for file, at in snapshot.files.items() if not file.startswith(own)}),
            private=True,
            files={**conftest_files(self._project, self._output), **laid_over, holder: _HOLDER},
            source_roots=self._project.source_roots,
            trusted=False,
            coverage=False,
            hash_seed=hash_seed,
            limits=Limits(wall_s=_WALL_S, test_s=None, memory_bytes=2 * 2**30),
            explore=asked,
        )
        with self._lock:
            self._running.add(batch.id)
            cancelled = self._cancelled
        if cancelled:
            raise CannotCompareError(Fault(FaultKind.SUPERSEDED, "a newer save came"))
        try:
            result = self._executor.run(batch)
        finally:
            with self._lock:
                self._running.discard(batch.id)
        if result.fault is not None:
            raise CannotCompareError(result.fault)
        return {sight.scenario: sight for sight in result.explored.sights} if result.explored is not None else {}
