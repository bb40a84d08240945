"""The seams between Augment's parts: protocols that plain classes and their Ray shells both satisfy.

``execution`` implements :class:`Executor`, ``serve`` implements :class:`Engine`, ``store`` implements
:class:`ReportSink` and :class:`ReportReader`. The service and the command line use these names only, so the same code
runs in one process and on a cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from augment.behaviour import BehaviourChange
from augment.exploring import Exploration, Explored
from augment.mutants import Mutant, MutantVerdict
from augment.records import (
    Activity,
    Admission,
    Attempt,
    Control,
    CoverageReport,
    Decision,
    Fault,
    Finding,
    Job,
    JobState,
    Lane,
    Rejection,
    ResourceSample,
    Run,
    Snapshot,
    Verdict,
)

# --------------------------------------------------------------------------- execution


@dataclass(frozen=True, slots=True)
class Limits:
    """What one batch may use. None means no limit of that sort."""

    wall_s: float = 300.0
    """Wall-clock time of the whole batch; past it the process group is killed."""
    test_s: float | None = 60.0
    """Wall-clock time of one test; past it the test is a timeout fault."""
    cpu_s: float | None = None
    memory_bytes: int | None = None
    """Resident memory of the whole process tree, watched from outside."""
    file_bytes: int | None = 256 * 2**20
    output_bytes: int = 1 * 2**20
    """Captured output kept a batch; what is beyond is cut, and the cut is said."""
    processes: int | None = None
    """Processes of the whole tree at once; batches that are not trusted have a limit where none is named."""
    temporary_bytes: int = 512 * 2**20
    """Size of the temporary folder that a confined batch has to itself."""


@dataclass(frozen=True, slots=True)
class Share:
    """One batch's part of a suite that several batches run together without collecting it first.

    ``names`` are files, classes (``file::Class``) and functions (``file::test_it``, without parameters): all that the
    batch runs, or with ``rest`` all that it leaves to the others. Of the batches of a suite exactly one has ``rest``.
    """

    names: tuple[str, ...]
    rest: bool = False


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What collecting a test file showed. ``tie`` says what holds its tests together: ``file`` (fixtures of the module
    or package), ``class`` (fixtures of a class), or ``test`` (nothing). ``collect_s`` is the time it took, in seconds.
    """

    tie: str
    collect_s: float


@dataclass(frozen=True, slots=True)
class Batch:
    """Tests to run together in one fresh process of the project's interpreter.

    ``private`` runs them in a private copy of ``snapshot`` instead of in the project itself, with ``files`` (relative
    path -> text) laid over the copy: generated tests always run so. ``nodeids`` are pytest node ids, files or folders
    relative to the root; empty means what plain pytest would collect. ``repeat`` runs the selection so many times in
    the same process. ``source_roots`` are put in front on ``sys.path``, relative to the root (as in :class:`Project`).
    ``trusted`` is True for the user's own tests, which keep the user's environment less its secrets;
    generated code gets an allow-list. ``measure`` lists files or folders to measure (empty: every project file that is
    not a test). ``time_zone`` becomes TZ and ``temp_folder``, which must exist, TMPDIR of the tests ('' leaves them as
    they are). ``avoid`` names an executor (``BatchResult.executor``) that another stands in for if there is one.
    """

    id: str
    root: str
    interpreter: str
    nodeids: tuple[str, ...] = ()
    lane: Lane = Lane.FAST
    snapshot: Snapshot | None = None
    private: bool = False
    files: Mapping[str, str] = field(default_factory=dict)
    source_roots: tuple[str, ...] = (".",)
    trusted: bool = True
    coverage: bool = True
    measure: tuple[str, ...] = ()
    repeat: int = 1
    hash_seed: int | None = None
    shuffle_seed: int | None = None
    time_zone: str = ""
    temp_folder: str = ""
    avoid: str = ""
    pytest_args: tuple[str, ...] = ()
    limits: Limits = Limits()
    share: Share | None = None
    """Which part of what pytest collects is run; None is all of it."""
    defer_gpu: bool = False
    """Leave out tests that are marked ``gpu``; the result names them."""
    visible_gpus: str | None = None
    """``CUDA_VISIBLE_DEVICES`` of the tests; None leaves it as it is."""
    explore: Exploration | None = None
    """Scenarios to run in the place of the tests that are collected; those only bring conftest files and plugins."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong in one test, for repair: the exception and where it left the test's own file.

    ``test_lineno`` is the 1-based line in the test module whose execution raised (None outside it). ``origin`` is
    *test* when the innermost frame is the test file (an assertion), *project* when it is a project file, else *other*.
    """

    nodeid: str
    exception: str
    """Qualified type name, such as ``builtins.ValueError`` or ``shop.errors.CartError``."""
    message: str
    test_lineno: int | None
    origin: str


@dataclass(frozen=True, slots=True)
class Observation:
    """A value that a test passed to ``__augment_observe__(slot, value)``, a builtin inside the runner that records and
    returns the value.

    ``literal`` is True when ``repr`` evaluates back to an equal value of the same type through ``ast.literal_eval``.
    """

    nodeid: str
    slot: int
    type: str
    repr: str
    literal: bool


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What came of a batch.

    ``verdicts`` are in order of completion; with ``repeat`` a nodeid appears once a round. ``collection_errors`` maps a
    file to the text of the error that kept it from being collected. ``fault`` is set when the batch itself was ended by
    the infrastructure; tests it cost have a verdict with that fault. ``output`` is the terminal text of pytest.
    ``exit_code`` is pytest's own (None after a fault). ``executor`` names the slot or process that ran it.
    """

    batch_id: str
    verdicts: tuple[Verdict, ...] = ()
    collected: tuple[str, ...] = ()
    gpu_tests: tuple[str, ...] = ()
    """Those marked ``gpu`` among what was asked for; with ``defer_gpu`` they are not among ``collected``."""
    collection_errors: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, FileFacts] = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()
    observations: tuple[Observation, ...] = ()
    coverage: CoverageReport = field(default_factory=CoverageReport)
    fault: Fault | None = None
    output: str = ""
    exit_code: int | None = None
    seconds: float = 0.0
    executor: str = ""
    explored: Explored | None = None


VerdictSink = Callable[[Verdict], None]


@dataclass(frozen=True, slots=True)
class MutationOrder:
    """Mutants to try together, always in a private copy of ``snapshot`` with ``files`` laid over it.

    ``tests`` names for each mutant (by id) the tests that reach it, the likeliest to fail first; a mutant without any
    comes back as *no tests*. ``seconds`` is how long each test takes on the unchanged code (1 is assumed). ``fresh``
    are mutants that a code swap after the imports would not show in full: each is tried in a fresh run of its changed
    file, which takes as long as a batch. A test's CPU time may be ``cpu_floor_s`` plus ``timeout_factor`` times its
    seconds, a mutant's wall-clock time ``wall_floor_s`` plus ``timeout_factor`` times those of all its tests.
    """

    id: str
    root: str
    interpreter: str
    snapshot: Snapshot
    mutants: tuple[Mutant, ...]
    tests: Mapping[str, tuple[str, ...]]
    seconds: Mapping[str, float] = field(default_factory=dict)
    fresh: frozenset[str] = frozenset()
    files: Mapping[str, str] = field(default_factory=dict)
    lane: Lane = Lane.IDLE
    source_roots: tuple[str, ...] = (".",)
    trusted: bool = True
    pytest_args: tuple[str, ...] = ()
    limits: Limits = Limits(wall_s=600.0, test_s=None, memory_bytes=4 * 2**30)
    timeout_factor: float = 5.0
    cpu_floor_s: float = 0.5
    wall_floor_s: float = 5.0


@dataclass(frozen=True, slots=True)
class MutationResult:
    """What came of the mutants of one order, in order of completion; each has exactly one verdict unless ``fault`` is
    set, which says how the infrastructure ended the whole order."""

    order_id: str
    verdicts: tuple[MutantVerdict, ...] = ()
    fault: Fault | None = None
    seconds: float = 0.0


MutantSink = Callable[[MutantVerdict], None]


class Executor(Protocol):
    """Runs batches, several at once when called from several threads."""

    def run(self, batch: Batch, on_verdict: VerdictSink | None = None) -> BatchResult:
        """Run ``batch``; call ``on_verdict`` as each test ends. Never raises for what test code does."""

    def mutate(self, order: MutationOrder, on_outcome: MutantSink | None = None) -> MutationResult:
        """Try the mutants of ``order``; call ``on_outcome`` as each is decided. Never raises for what code does."""

    def cancel(self, batch_id: str) -> None:
        """End a batch or mutation order early; it returns with a *superseded* fault. Unknown ids are ignored."""

    def close(self) -> None:
        """End everything that is running and let go of processes and folders. Idempotent."""


# --------------------------------------------------------------------------- model


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to sample. ``max_tokens`` counts generated tokens. ``temperature`` 0 is greedy."""

    temperature: float = 0.3
    top_p: float = 0.95
    max_tokens: int = 512
    stop: tuple[str, ...] = ()
    seed: int | None = None
    repetition_penalty: float = 1.0
    json_schema: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat: ``role`` is system, user or assistant."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Request:
    """One chat to continue."""

    messages: tuple[Message, ...]
    sampling: Sampling = Sampling()


@dataclass(frozen=True, slots=True)
class Completion:
    """What the model wrote. ``finish_reason`` is stop, length or cancelled."""

    text: str
    prompt_tokens: int
    completion_tokens: int
    finish_reason: str
    seconds: float = 0.0


class Engine(Protocol):
    """A loaded model, as the generator sees it."""

    @property
    def model(self) -> str:
        """The name of the model."""

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        """Continue all chats, in one batch where the engine can. Raises ModelError when the model is lost."""


# --------------------------------------------------------------------------- report


class ReportSink(Protocol):
    """Where results go. A call that returns has made its record durable; calls may be repeated (same ids)."""

    def run_started(self, run: Run) -> None: ...

    def verdicts(self, run_id: str, verdicts: Sequence[Verdict]) -> None: ...

    def run_finished(self, run_id: str, finished_at: float) -> None: ...

    def coverage(self, revision: str, report: CoverageReport) -> None:
        """Replace what is known of each test in ``report.tests``, and of the imports and possible lines."""

    def admitted(self, admissions: Sequence[Admission]) -> None: ...

    def rejected(self, rejections: Sequence[Rejection]) -> None: ...

    def decided(self, decision: Decision) -> None:
        """Keep which tests a revision selected and why, so that every selection and every skip can be explained."""

    def controlled(self, controls: Sequence[Control]) -> None:
        """Keep what a control sample found."""

    def finding(self, finding: Finding) -> None: ...

    def behaviour_changed(self, changes: Sequence[BehaviourChange]) -> None:
        """Keep what a save changed of what the code does, in the order of reading."""

    def sample(self, sample: ResourceSample) -> None: ...

    def activity(self, activity: Activity) -> None: ...

    def tokens(self, model: str, prompt: int, completion: int) -> None:
        """Add to the count of model tokens used."""


class Memory(Protocol):
    """What the service must not forget when an actor or the driver dies. Every call is durable and idempotent."""

    def enqueue(self, jobs: Sequence[Job]) -> None:
        """Add jobs; a pending job for the same target is replaced."""

    def pending_jobs(self, limit: int = 100) -> list[Job]:
        """Pending jobs, the most urgent first."""

    def finish_job(self, job_id: str, state: JobState) -> None:
        """Take a job from the queue."""

    def count_attempt(self, job_id: str) -> int:
        """Note that work on the job begins, and return how often it has begun."""

    def remember(self, key: str, value: Any) -> None:
        """Keep a JSON-ready value under ``key``."""

    def recall(self, key: str) -> Any:
        """The value kept under ``key``, or None."""

    def known_coverage(self) -> CoverageReport:
        """The newest coverage of every test, of the imports, and every possible line."""

    def forget_tests(self, nodeids: Sequence[str]) -> None:
        """Drop tests that no longer exist from the coverage and from the list of tests. Their history stays."""

    def latest_outcomes(self) -> dict[str, str]:
        """nodeid -> newest outcome of every known test."""

    def decisions(self, limit: int = 20) -> list[Decision]:
        """Which tests the newest revisions selected, newest first."""

    def attempts(self, attempts: Sequence[Attempt]) -> None:
        """Keep every single execution of tests that were run more than once."""

    def content_changed(self, nodeids: Sequence[str]) -> None:
        """Forget the evidence of flakiness about tests (or test files) that changed, or whose code did, and end their
        mutes.
        """


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the live stream. ``data`` is JSON-ready; ``seq`` grows by one."""

    seq: int
    name: str
    data: Mapping[str, Any]


class ReportReader(Protocol):
    """What the dashboard may read. Everything returned is JSON-ready."""

    def health(self) -> dict[str, Any]: ...

    def summary(self) -> dict[str, Any]: ...

    def runs(self, limit: int = 50, after: str | None = None) -> list[dict[str, Any]]:
        """Runs, newest first; ``after`` is the id of the run to continue below."""

    def run(self, run_id: str) -> dict[str, Any] | None: ...

    def tests(self) -> list[dict[str, Any]]:
        """Every known test with its newest verdict."""

    def flaky(self) -> list[dict[str, Any]]:
        """Tests that are flaky or muted, the worst first."""

    def attempts_of(self, nodeid: str, limit: int = 50) -> list[dict[str, Any]]:
        """The newest executions of one test that were retries or reruns, newest first."""

    def why(self, nodeid: str) -> dict[str, Any]:
        """Why a test was run or skipped of late, and what would select it; ``near`` names where it is not ``known``."""

    def admissions(self) -> list[dict[str, Any]]: ...

    def stale(self) -> list[dict[str, Any]]:
        """Generated tests that no longer hold since their code changed and wait for a word, by the changed target."""

    def notes(self, limit: int = 50) -> list[dict[str, Any]]:
        """What became of kept tests, newest first."""

    def findings(self) -> list[dict[str, Any]]: ...

    def behaviour(self, limit: int = 50) -> list[dict[str, Any]]:
        """Calls that do something else since a save, newest save first."""

    def rejections(self) -> dict[str, int]:
        """How many candidates each gate turned away."""

    def resources(self, since: float) -> list[dict[str, Any]]: ...

    def activities(self) -> list[dict[str, Any]]: ...

    def events(self, after: int, timeout_s: float) -> list[Event]:
        """Events with a larger ``seq``, waiting up to ``timeout_s`` for the first; ``after=-1`` means from now on."""
