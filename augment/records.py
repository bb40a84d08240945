"""The words of Augment as frozen records: what every part of it exchanges and the store keeps.

Nothing here knows Ray, a database or a web page. Times are seconds since the epoch (UTC) as floats, durations are
seconds, paths of project files are POSIX strings relative to the project's root.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


def new_id(prefix: str) -> str:
    """A short unique identifier such as ``run-4f9c01d2ab``."""
    return f"{prefix}-{uuid.uuid4().hex[:10]}"


class Outcome(StrEnum):
    """What became of one test in one run."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    SKIPPED = "skipped"
    XFAILED = "xfailed"
    FAULT = "fault"
    """No verdict: the infrastructure, not the test, ended it. ``Verdict.fault`` says how."""


class FaultKind(StrEnum):
    """What the infrastructure did to a test. Never a failure of the test."""

    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out of memory"
    CRASH = "crash"
    OUTPUT_LIMIT = "output limit"
    PROCESS_LIMIT = "process limit"
    SANDBOX_DENIAL = "sandbox denial"
    WORKER_LOST = "worker lost"
    SUPERSEDED = "superseded"


class Lane(StrEnum):
    """Why work is done, in order of urgency."""

    FAST = "fast"
    WRITE = "write"
    IDLE = "idle"


class TestKind(StrEnum):
    """The type of test asked for."""

    __test__ = False  # pytest would collect the name

    UNIT = "unit"
    INTEGRATION = "integration"
    PROPERTY = "property"


class TargetKind(StrEnum):
    """What sort of definition a target is."""

    FUNCTION = "function"
    METHOD = "method"
    CLASS = "class"


@dataclass(frozen=True, slots=True)
class Fault:
    """How the infrastructure ended a test or a batch, with a detail for a person."""

    kind: FaultKind
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one test did on one revision.

    ``output`` is what pytest would print of it: the failure's representation and captured streams, capped.
    """

    nodeid: str
    outcome: Outcome
    duration_s: float
    output: str = ""
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Conditions:
    """What was varied about one execution of a test. The defaults are what plain pytest does here.

    ``order`` is *given* (as collected), *shuffled* (with ``shuffle_seed``), *repeated* (as in an earlier attempt) or
    *alone* (no other test in its process).
    ``round`` counts executions in the same process, from 0. ``time_zone`` is a name for TZ ('' is the machine's own).
    ``temp`` is '' (the user's temporary folder), *clean* (an empty one) or *dirty* (one that earlier tests have used).
    """

    order: str = "given"
    shuffle_seed: int | None = None
    hash_seed: int | None = None
    time_zone: str = ""
    temp: str = ""
    round: int = 0


@dataclass(frozen=True, slots=True)
class Attempt:
    """One execution of one test that was, or may be, one of several on the same revision. Every one is kept.

    ``number`` counts the attempts of this test for one ``purpose``, from 1: *retry* (of a fault, the fault itself being
    number 1), *rerun* (in idle time, to see whether the verdict stands) or *isolate* (to find which condition a flip
    was due to). ``position`` is the place in the order in which its batch ran. ``executor`` names the slot that ran it.
    ``message`` is the end of the output, of which the line that says most is kept.
    """

    nodeid: str
    revision: str
    batch_id: str
    number: int
    purpose: str
    outcome: Outcome
    duration_s: float
    at: float
    executor: str = ""
    position: int = 0
    message: str = ""
    fault: Fault | None = None
    conditions: Conditions = Conditions()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What repeated executions of one test have shown since it, or what it executes, last changed.

    ``here`` are the passes and failures on ``revision``, the newest one it was rerun on: only a difference on one and
    the same revision is ``mixed``. ``silent`` counts reruns without such an outcome. ``tallies`` maps a condition in
    words (``time zone UTC``) to passes and failures under it, ``tried`` a way of rerunning to how often it was used.
    ``failing`` are the conditions of an attempt that failed and ``before`` the tests that had run before it in its
    process. ``suspects`` are single conditions of it still to be tried apart from the others, ``cause`` the one that
    makes it fail on its own ('' while unknown), ``reproduce`` a command that shows it. ``score`` is the mean of the
    posterior probability that an attempt gives the rarer outcome, ``low`` and ``high`` bound its central 90 %.
    """

    nodeid: str
    passes: int = 0
    failures: int = 0
    revision: str = ""
    here: tuple[int, int] = (0, 0)
    mixed: bool = False
    was_flaky: bool = False
    silent: int = 0
    tallies: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    tried: Mapping[str, int] = field(default_factory=dict)
    failing: Conditions | None = None
    failing_outcome: str = ""
    before: tuple[str, ...] = ()
    suspects: tuple[str, ...] = ()
    cause: str = ""
    reproduce: str = ""
    score: float = 0.0
    low: float = 0.0
    high: float = 0.0
    is_flaky: bool = False

    @property
    def attempts(self) -> int:
        """How often it came to a verdict."""
        return self.passes + self.failures


@dataclass(frozen=True, slots=True)
class Counts:
    """How many tests of a run came to each end."""

    passed: int = 0
    failed: int = 0
    error: int = 0
    skipped: int = 0
    xfailed: int = 0
    fault: int = 0

    @classmethod
    def of(cls, verdicts: Iterable[Verdict]) -> Counts:
        """Count the outcomes of ``verdicts``."""
        tally = dict.fromkeys((outcome.value for outcome in Outcome), 0)
        for verdict in verdicts:
            tally[verdict.outcome.value] += 1
        return cls(**tally)

    @property
    def total(self) -> int:
        """All tests counted, whatever their end."""
        return self.passed + self.failed + self.error + self.skipped + self.xfailed + self.fault


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a set of tests on one revision, for one reason."""

    id: str
    lane: Lane
    reason: str
    revision: str
    started_at: float
    finished_at: float | None = None
    counts: Counts = Counts()


@dataclass(frozen=True, slots=True)
class Target:
    """A function, method or class that tests may be written for.

    ``hash`` is of the normalised syntax tree: comments, blank lines and formatting do not change it, a docstring does.
    ``lineno`` and ``end_lineno`` are 1-based and inclusive, decorators included.
    """

    module: str
    qualname: str
    kind: TargetKind
    file: str
    lineno: int
    end_lineno: int
    hash: str
    is_async: bool = False
    is_abstract: bool = False

    @property
    def id(self) -> str:
        """``module:qualname``."""
        return f"{self.module}:{self.qualname}"


@dataclass(frozen=True, slots=True)
class FileCoverage:
    """What ran in one file: executed statement lines, and executed branches as (from line, to line).

    A negative ``to`` is an exit of the code block, as in coverage.py.
    """

    lines: frozenset[int] = frozenset()
    branches: frozenset[tuple[int, int]] = frozenset()

    def __or__(self, other: FileCoverage) -> FileCoverage:
        return FileCoverage(self.lines | other.lines, self.branches | other.branches)

    def __sub__(self, other: FileCoverage) -> FileCoverage:
        return FileCoverage(self.lines - other.lines, self.branches - other.branches)

    def __bool__(self) -> bool:
        return bool(self.lines or self.branches)


Coverage = Mapping[str, FileCoverage]
"""Project file -> what ran in it."""


@dataclass(frozen=True, slots=True)
class CoverageReport:
    """Coverage measured by one batch.

    ``tests`` maps each nodeid to what ran during it (setup and teardown included); ``imports`` is what ran while
    modules were imported, outside every test; ``possible`` is every statement and branch of each measured file.

    ``support`` is the same as ``tests`` for test modules and conftests, which are nobody's target: under each nodeid
    what ran of them during the test, under "" what ran while they were imported and collected. ``reads`` has for each
    test the project's files that it read as data: paths, folders that it listed (ending in ``/``), and
    :data:`PROCESSES` where it started processes, whose own reading and running nobody sees. What a module read while it
    was imported stands under the module's path. A test that was measured has an entry, be it empty.
    """

    tests: Mapping[str, Coverage] = field(default_factory=dict)
    imports: Coverage = field(default_factory=dict)
    possible: Coverage = field(default_factory=dict)
    support: Mapping[str, Coverage] = field(default_factory=dict)
    reads: Mapping[str, frozenset[str]] = field(default_factory=dict)


PROCESSES = "<processes>"
"""Among the reads of a test: it started other processes, and what they run and read is not recorded."""


def merge_coverage(parts: Iterable[Coverage]) -> dict[str, FileCoverage]:
    """The union of several coverages, file by file."""
    total: dict[str, FileCoverage] = {}
    for part in parts:
        for file, covered in part.items():
            total[file] = total.get(file, FileCoverage()) | covered
    return total


@dataclass(frozen=True, slots=True)
class Candidate:
    """A proposed test: one test function in a module of its own that stands alone.

    ``source`` is a whole test module: imports, helpers, exactly one ``test_...`` function. ``origin`` names the prompt
    variant or rule; ``parents`` are candidates that this one was repaired from. ``characterization`` marks an expected
    value that was observed rather than proposed.
    """

    id: str
    target: str
    generator: str
    kind: TestKind
    source: str
    origin: str = ""
    model: str | None = None
    seed: int | None = None
    parents: tuple[str, ...] = ()
    characterization: bool = False


class AdmissionState(StrEnum):
    """Where an admitted test stands."""

    KEPT = "kept"
    HELD = "held"
    REJECTED = "rejected"
    RETIRED = "retired"
    """Taken out of the suite again, with a note; its source is kept and can be put back."""


class Ruling(StrEnum):
    """What a person has said of a stale test."""

    OPEN = "open"
    """Nothing yet: it waits for a word."""
    REGRESSION = "regression"
    """The code is wrong, the test is right: it is left as it is until it passes again."""


@dataclass(frozen=True, slots=True)
class Staleness:
    """A kept test that no longer holds since code that it runs was changed on purpose, or broken.

    ``cause`` is the changed target and ``hash`` what it was changed to, on ``revision``, where the test failed first.
    """

    cause: str
    hash: str
    revision: str
    at: float
    ruling: Ruling = Ruling.OPEN


@dataclass(frozen=True, slots=True)
class Admission:
    """The record of why a candidate was kept.

    ``lines_gained`` and ``branches_gained`` count what no earlier test covered. ``runs`` is how many gate runs it
    passed. ``mutants_killed`` is None where mutants were not tried. ``state`` is *held* while a person is to review it.
    """

    id: str
    nodeid: str
    file: str
    target: str
    generator: str
    kind: TestKind
    source: str
    lines_gained: int
    branches_gained: int
    mutants_killed: int | None
    runs: int
    reason: str
    created_at: float
    characterization: bool = False
    state: AdmissionState = AdmissionState.KEPT
    origin: str = ""
    model: str | None = None
    seed: int | None = None
    parents: tuple[str, ...] = ()
    revision: str = ""
    written: str = ""
    """The exact text of the test in its file: whoever finds other text there knows that the user has edited it."""
    support: tuple[str, ...] = ()
    """The exact blocks of imports and helpers that were added to a file of the user's for it."""
    write: str = ""
    """Names the write that put it into its file; tests that were written together share it."""
    stale: Staleness | None = None


class NoteKind(StrEnum):
    """What became of a kept test after it was kept."""

    FOLLOWED = "followed"
    RESTORED = "restored"
    STALE = "stale"
    REGRESSION = "regression"
    REPINNED = "repinned"
    RETIRED = "retired"
    UNDONE = "undone"


@dataclass(frozen=True, slots=True)
class Note:
    """One thing that happened to a kept test, in words for a person. ``before`` is the test as it stood, '' where it
    stands as before: a module of its own that can be put back.
    """

    id: str
    admission: str
    kind: NoteKind
    target: str
    nodeid: str
    text: str
    at: float
    before: str = ""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A candidate that a gate turned away, and why. ``gate`` is a short stable name, ``detail`` is for a person."""

    candidate: Candidate
    gate: str
    detail: str = ""


class FindingKind(StrEnum):
    """What the code disagrees with."""

    DOCUMENTATION = "documentation"
    ANNOTATION = "annotation"
    EXAMPLE = "example"
    PROPERTY = "property"
    REVISION = "revision"


class FindingState(StrEnum):
    """Where a finding stands: as a person marked it, or *resolved* once its reproduction passes."""

    OPEN = "open"
    BUG = "bug"
    INTENDED = "intended"
    NOISE = "noise"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Finding:
    """A suspected bug: what the project states and what its code does disagree.

    ``source`` is the smallest failing test: a module with one test, which passes once the two agree. ``rests_on`` is
    the sentence, annotation or example that it takes at its word, ``observed`` what the code does instead,
    ``intended_source`` a test that pins that, for when it is meant so ('' where none can be written). ``confidence`` is
    the share of findings of its sort that are expected to be right; ``detail`` says why.

    ``key`` is the identity of the disagreement, whatever call showed it: a finding made again has the same. ``rule``
    names what found it; findings of one target, kind and rule are *like* each other. ``admission`` is the id of the
    admission that pins an intended one, ``decided_at`` when a person or a rerun last changed the state.
    """

    id: str
    target: str
    title: str
    detail: str
    source: str
    confidence: float
    created_at: float
    state: FindingState = FindingState.OPEN
    kind: FindingKind = FindingKind.EXAMPLE
    rests_on: str = ""
    observed: str = ""
    intended_source: str = ""
    key: str = ""
    rule: str = ""
    admission: str = ""
    decided_at: float | None = None

    @property
    def identity(self) -> str:
        """The key, or for a finding without one its id."""
        return self.key or self.id

    @property
    def like(self) -> str:
        """What it shares with those that go when it is marked as noise; '' for one without a rule."""
        return f"{self.target} {self.kind} {self.rule}" if self.rule else ""


@dataclass(frozen=True, slots=True)
class ResourceSample:
    """One look at the machine. Shares are fractions from 0 to 1; ``gpu`` and ``gpu_memory`` are None without a GPU.

    ``own_cpu`` is the part of ``cpu`` that Augment itself used. ``pending_cpus`` is CPU demand of other jobs that the
    cluster could not place yet.
    """

    at: float
    cpu: float
    memory: float
    disk: float
    gpu: float | None = None
    gpu_memory: float | None = None
    pending_cpus: float = 0.0
    own_cpu: float = 0.0

    @property
    def highest(self) -> tuple[str, float]:
        """The resource that others use most and its share, for throttling.

        A disk is in nobody's way until it is nearly full, so it counts from 95 % on.
        """
        shares = {"CPU of others": max(self.cpu - self.own_cpu, 0.0), "memory": self.memory}
        if self.disk >= 0.95:
            shares["disk"] = self.disk
        if self.gpu_memory is not None:
            shares["GPU memory"] = self.gpu_memory
        name = max(shares, key=lambda key: shares[key])
        return name, shares[name]


@dataclass(frozen=True, slots=True)
class Activity:
    """What one part of Augment is doing now, in words for the dashboard."""

    part: str
    text: str
    at: float


@dataclass(frozen=True, slots=True)
class Decision:
    """Which tests one revision's change selected, and enough of the change to say why the others were skipped.

    ``reasons`` maps what was selected (a nodeid, or a file or function that stands for all its tests) to why; it is
    empty with ``everything`` set when all tests ran. ``changes`` maps each changed file that matters to the scopes that
    differ in it ('' for code that runs on import, and for data). ``run_id`` is None when nothing was selected.
    """

    id: str
    revision: str
    previous: str
    at: float
    run_id: str | None
    reasons: Mapping[str, str] = field(default_factory=dict)
    changes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    everything: bool = False


@dataclass(frozen=True, slots=True)
class Control:
    """One deselected test that was run to see whether its selection missed anything.

    ``expected`` is the outcome it had before, ``observed`` what it did on ``revision``. It is a miss when they differ
    although the test does the same each time; ``stable`` is False when running it again gave the expected outcome.
    """

    nodeid: str
    revision: str
    run_id: str
    at: float
    expected: str
    observed: str
    stable: bool = True

    @property
    def missed(self) -> bool:
        """Whether the selection should have chosen this test."""
        return self.expected != self.observed and self.stable


def content_hash(data: bytes) -> str:
    """The content address of a file's bytes: the first 32 hex digits of SHA-256."""
    return hashlib.sha256(data).hexdigest()[:32]


def revision_of(files: Mapping[str, str]) -> str:
    """The name of a revision, from its files' relative paths and content hashes (12 hex digits)."""
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path}\0{files[path]}\n".encode())
    return digest.hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A revision: every project file that is not ignored, by relative path and content hash."""

    revision: str
    files: Mapping[str, str]

    @classmethod
    def of(cls, files: Mapping[str, str]) -> Snapshot:
        """Name the revision that consists of ``files``."""
        return cls(revision_of(files), dict(files))


@dataclass(frozen=True, slots=True)
class Project:
    """The code base under test. Folders are relative to ``root`` (absolute); ``.`` is the root itself.

    ``source_roots`` are the folders to put on ``sys.path`` (``.`` or ``src``), ``packages`` the importable top-level
    packages and modules found there, ``test_folders`` where its tests lie.
    """

    root: str
    name: str
    interpreter: str
    source_roots: tuple[str, ...]
    packages: tuple[str, ...]
    test_folders: tuple[str, ...]


class JobState(StrEnum):
    """Where a job of the write or idle lane stands."""

    PENDING = "pending"
    DONE = "done"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Job:
    """A durable request to write tests for a target. ``priority``: smaller goes first."""

    id: str
    target: str
    lane: Lane
    reason: str
    created_at: float
    priority: float = 0.0
    attempts: int = 0
    state: JobState = JobState.PENDING
