"""What became of tests: verdicts, faults, attempts, runs, and why a test was run or not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from augment.records.work import Lane


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
