"""Tests that are proposed and kept, what becomes of them, and findings."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class TestKind(StrEnum):
    """The type of test asked for."""

    __test__ = False  # pytest would collect the name

    UNIT = "unit"
    INTEGRATION = "integration"
    PROPERTY = "property"


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
