"""The records of mutation: a change to one function, and what the tests made of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class MutantPlace(StrEnum):
    """Which part of its function a mutant changes: it decides how the mutant can be applied."""

    BODY = "body"
    DEFAULT = "default"
    DECORATOR = "decorator"


class MutantOutcome(StrEnum):
    """What became of a mutant. Killed and timeout both mean that the tests notice it."""

    KILLED = "killed"
    SURVIVED = "survived"
    TIMEOUT = "timeout"
    NO_TESTS = "no tests"
    """No passing test reaches it."""
    NOT_APPLICABLE = "not applicable"
    """It could not be tried: ``MutantVerdict.detail`` says why."""

    @property
    def noticed(self) -> bool:
        """Whether the tests tell this mutant from the code."""
        return self in (MutantOutcome.KILLED, MutantOutcome.TIMEOUT)


@dataclass(frozen=True, slots=True)
class Mutant:
    """A small change of one function: characters ``start:end`` of ``file`` give way to ``replacement``.

    Offsets count characters of the text with lines ended by line feeds. ``id`` and order are stable as long as the text
    of the function is. ``target`` is the function's own id, also where a whole class was asked for; ``lineno`` is the
    1-based line of the change; ``diff`` is a unified diff of the file.
    """

    id: str
    target: str
    file: str
    operator: str
    lineno: int
    start: int
    end: int
    replacement: str
    place: MutantPlace
    body_lineno: int
    """The 1-based line of the function's first statement."""
    end_lineno: int
    """The 1-based last line of the function."""
    diff: str


@dataclass(frozen=True, slots=True)
class MutantVerdict:
    """What became of one mutant: ``nodeid`` is the test that killed it, ``detail`` says how (a crash, a timeout)."""

    mutant: str
    outcome: MutantOutcome
    nodeid: str | None = None
    seconds: float = 0.0
    detail: str = ""
