"""The records of behaviour that a change to the code changed: the same call, before and after.

Not a verdict and not a suspicion: nobody says that the old behaviour was right. It is what a save did, told at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from augment.records import Snapshot

RAISES = "raises "
"""How what a call gave begins where it raised; no literal begins so."""
NOTHING_RAISED = "no exception"
"""What a call gave whose value no literal states."""
ENDLESS = "does not end"
CHANGE = "behaviour-"
"""How the id of a change begins."""


@dataclass(frozen=True, slots=True)
class Edit:
    """What one save, or a diff against git, replaced: enough to run the code as it was before.

    ``previous`` names what was there (a revision, or what git calls it), ``snapshot`` is what is there now.
    ``replaced`` maps each Python file that differs to its old text, byte for byte (None for a file that is new).
    """

    previous: str
    snapshot: Snapshot
    replaced: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class BehaviourChange:
    """One call that does something else since its target was changed: *this save changed behaviour*.

    ``call`` is an expression, ``setup`` the statements before it. ``path`` says which part of its value is meant, with
    ``{}`` in the place of the value (``{}`` is all of it, ``{}.total`` an attribute). ``before`` and ``after`` are
    literals, or say how the call ended (``raises ValueError: negative``, ``does not end``). ``was`` is the target's old
    id where it was renamed or moved. ``imports`` are the lines that the call needs, and the exceptions it ended with.
    """

    target: str
    call: str
    before: str
    after: str
    revision: str
    previous: str
    at: float
    setup: tuple[str, ...] = ()
    path: str = "{}"
    was: str = ""
    imports: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The same for the same change seen again: the revision that it was seen on does not count."""
        parts = (self.previous, self.target, *self.setup, self.call, self.path, self.before, self.after)
        digest = hashlib.sha256("\0".join(parts).encode("utf-8", "backslashreplace")).hexdigest()
        return f"{CHANGE}{digest[:12]}"

    @property
    def subject(self) -> str:
        """The expression whose value changed."""
        return self.path.replace("{}", self.call)

    @property
    def sentence(self) -> str:
        """What a person reads: ``f(2)`` was 3, is 4."""
        told = f"`{self.subject}` {_was(self.before)}, {_is(self.after, self.before)}"
        return f"{told}, after `{'; '.join(self.setup)}`" if self.setup else told


def layable(data: bytes) -> str | None:
    """A source as text that becomes the same bytes again when a batch lays it over; None where there is none such."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _was(before: str) -> str:
    if before.startswith(RAISES):
        return f"raised {before.removeprefix(RAISES)}"
    return "raised nothing" if before == NOTHING_RAISED else f"was {before}"


def _is(after: str, before: str) -> str:
    if after.startswith(RAISES) or after == ENDLESS:
        return f"now {after}"
    if after == NOTHING_RAISED:
        return "now raises nothing"
    return f"is {after}"


def change_of(row: Mapping[str, Any]) -> BehaviourChange:
    """A change from what was kept or shown of it."""
    names = {item.name for item in fields(BehaviourChange)}
    plain = {name: value for name, value in row.items() if name in names}
    return BehaviourChange(**{**plain, "setup": tuple(row["setup"]), "imports": tuple(row.get("imports", ()))})


@dataclass(frozen=True, slots=True)
class Compared:
    """What came of running old and new code on the same inputs.

    ``changes`` are in the order of reading, the smallest call of each target first. ``unchanged`` maps a target to open
    tests (``assert f(2) == ...``) whose calls did the same before and after. ``targets`` and ``calls`` count what was
    compared. ``problem`` says why nothing, or not all, could be ('' where it could); ``superseded`` is set when the
    project no longer holds the revision.
    """

    changes: tuple[BehaviourChange, ...] = ()
    unchanged: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict)
    targets: int = 0
    calls: int = 0
    seconds: float = 0.0
    problem: str = ""
    superseded: bool = False
