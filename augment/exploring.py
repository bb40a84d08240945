"""The records of exploration: many small scenarios in one process, what each did, and which mutants each would notice.

A test costs a runner milliseconds, a call microseconds. So what generators propose is first run as *scenarios*,
hundreds in a batch, and only those that earn it become tests. What a scenario shows here is a hint: the gates have the
last word.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from augment.mutants import Mutant
from augment.records import FileCoverage

OUTCOME = "!"
"""The key under which a change of how a scenario *ends* is told: another exception, or none, or no end."""

FIXTURES = ("tmp_path", "capsys", "monkeypatch")
"""The fixtures of pytest that a scenario may ask for."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A module with one function ``scenario`` that calls project code and shows values.

    It shows them by ``__augment_look__(slot, value)``, which gives the value back.
    ``fixtures`` are those of :data:`FIXTURES` that the function takes.
    """

    id: str
    source: str
    fixtures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Exploration:
    """Scenarios to run in one batch, and the mutants to try them on.

    ``files`` are the project's files whose lines are traced. Each mutant meets the scenarios that run its line, until
    ``enough`` have noticed it. ``scenario_s`` is the wall-clock time of one scenario, ``mutants_s`` that of all
    mutants: those that it leaves untried are not told.
    """

    scenarios: tuple[Scenario, ...]
    files: tuple[str, ...]
    mutants: tuple[Mutant, ...] = ()
    enough: int = 6
    scenario_s: float = 0.5
    mutants_s: float = 20.0


@dataclass(frozen=True, slots=True)
class Leaf:
    """One stable literal that can be asserted of a value that was looked at.

    ``path`` is an expression with ``{}`` in the place of the value (``{}``, ``len({})``, ``{}.name``), ``text`` the
    literal that it gave.
    """

    slot: int
    path: str
    text: str

    @property
    def key(self) -> str:
        """What names the leaf within its scenario."""
        return f"{self.slot}|{self.path}"


@dataclass(frozen=True, slots=True)
class Raised:
    """An exception that left a scenario. ``lineno`` is the line of the scenario's module that was running.

    ``message`` is '' where it differed between two runs. ``in_project`` is whether code of the project was running, and
    ``by_project`` whether it was the innermost: what it raises, its message too, is then its own behaviour.
    """

    type: str
    message: str
    lineno: int
    in_project: bool
    by_project: bool = False


@dataclass(frozen=True, slots=True)
class Sight:
    """What one scenario did: what it showed, how it ended, and the lines and arcs (raw, from line to line) that ran.

    ``problem`` is '' for one that ended or raised the same way twice, else why it is of no use (it hung, it ended the
    process, its second run differed).
    """

    scenario: str
    leaves: tuple[Leaf, ...] = ()
    raised: Raised | None = None
    ran: Mapping[str, FileCoverage] = field(default_factory=dict)
    seconds: float = 0.0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Explored:
    """What came of an exploration. ``noticed`` maps a mutant to the scenarios that notice it, each with the keys of the
    leaves that differ (:data:`OUTCOME` where it ends otherwise); a mutant that none noticed has an empty entry.
    """

    sights: tuple[Sight, ...] = ()
    noticed: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    unapplied: Mapping[str, str] = field(default_factory=dict)
