"""Two sights of one scenario, of old and of new code -> what differs between them."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from augment.behaviour import ENDLESS, NOTHING_RAISED, RAISES
from augment.exploring import Leaf, Raised, Sight
from augment.generation.difference.calls import Step, imports_for, said, steps_of
from augment.generation.explore.state import is_worth_stating, usable_leaves
from augment.generation.observe import stable_message
from augment.generation.values import tells_of_this_machine

_CLOSE = 1e-9
"""Floats that differ by less, relatively, are the same number reckoned in another order."""
_MOST_TEXT = 160
"""Characters of a value or message in a note."""
_QUICK_S = 0.1
"""What took longer than this may be past its time for the machine's sake, not the code's."""
_ENDLESS = re.compile(r"hung|took longer")


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that a scenario shows otherwise: ``setup``, ``call`` and ``path`` as in a BehaviourChange.

    ``odd`` is how far it is from what a person wants to read: 1 for a call varied at random, 2 for one that the new
    code does not take any more, which is plain from the diff.
    """

    setup: tuple[str, ...]
    call: str
    path: str
    before: str
    after: str
    odd: int = 0
    imports: tuple[str, ...] = ()
    """The lines that the setup, the call and the exceptions it ended with need."""


def is_same(before: Sight, after: Sight) -> bool:
    """Whether both show, and end in, the same that a test can hold the code to."""
    if not (is_worth_stating(before) and is_worth_stating(after)):
        return False
    if (before.raised is None) != (after.raised is None):
        return False
    if before.raised is not None and after.raised is not None and not _same_end(before.raised, after.raised):
        return False
    texts = {leaf.key: leaf.text for leaf in after.leaves}
    return len(texts) == len(before.leaves) and all(
        leaf.key in texts and _alike(leaf.text, texts[leaf.key]) for leaf in before.leaves
    )


def differences(source: str, before: Sight, after: Sight) -> list[Difference]:
    """What differs, in the order of the scenario's statements; ``source`` is the scenario's, of the new code.

    Nothing where the old code could not be asked: it does not take the call, or never showed the same twice.
    """
    if before.problem or (before.raised is not None and not before.raised.in_project):
        return []
    raised = {end.type for end in (before.raised, after.raised) if end is not None}
    return [
        replace(item, imports=imports_for(source, (*item.setup, item.call), raised))
        for item in _differences(source, before, after)
    ]


def _differences(source: str, before: Sight, after: Sight) -> list[Difference]:
    steps = steps_of(source)
    if after.problem:
        return _ended_for_good(steps, before, after)
    found: list[Difference] = []
    ends = _at(steps, before.raised), _at(steps, after.raised)
    for index, step in enumerate(steps):
        if index in ends:
            return [*found, *_ended(steps, index, (before, after), ends)]
        if step.slot is not None:
            found += _values(steps, index, before, after)
    return found


# --------------------------------------------------------------------------- how it ended


def _at(steps: Sequence[Step], raised: Raised | None) -> int | None:
    """Which step raised; -1 where it is none of them."""
    if raised is None:
        return None
    lines = ((step.node.lineno, step.node.end_lineno or step.node.lineno) for step in steps)
    return next((index for index, (first, last) in enumerate(lines) if first <= raised.lineno <= last), -1)


def _ended(
    steps: Sequence[Step], index: int, sights: tuple[Sight, Sight], ends: tuple[int | None, int | None]
) -> list[Difference]:
    before, after = sights
    told = said(steps, index)
    if told is None:
        return []
    old = before.raised if ends[0] == index else None
    new = after.raised if ends[1] == index else None
    if old is not None and new is not None and _same_end(old, new):
        return []
    texts = (_end_of(old, steps[index], before), _end_of(new, steps[index], after))
    if texts[0] == texts[1]:
        return []
    return [Difference(*told, "{}", *texts, odd=2 if new is not None and not new.in_project else 0)]


def _same_end(old: Raised, new: Raised) -> bool:
    """Whether two exceptions are the same behaviour. What the interpreter says of senseless arguments is nobody's."""
    if not old.by_project and not new.by_project:
        return True
    if _name(old) != _name(new):
        return False
    messages = stable_message(old.message), stable_message(new.message)
    return not all(messages) or messages[0] == messages[1]


def _end_of(raised: Raised | None, step: Step, sight: Sight) -> str:
    if raised is not None:
        first_line = raised.message.strip().partition("\n")[0]
        message = "" if tells_of_this_machine(first_line) else first_line
        return _cut(f"{RAISES}{_name(raised)}: {message}" if message else f"{RAISES}{_name(raised)}")
    leaves = [leaf for leaf in usable_leaves(sight) if leaf.slot == step.slot]
    return _described(leaves) if leaves else NOTHING_RAISED


def _name(raised: Raised) -> str:
    return raised.type.rpartition(".")[2]


def _ended_for_good(steps: Sequence[Step], before: Sight, after: Sight) -> list[Difference]:
    """New code that hangs where old code was quick."""
    if not _ENDLESS.search(after.problem) or before.seconds > _QUICK_S:
        return []
    at = next((index for index, step in enumerate(steps) if step.slot is not None), None)
    told = said(steps, at) if at is not None else None
    if at is None or told is None:
        return []
    return [Difference(*told, "{}", _end_of(before.raised, steps[at], before), ENDLESS)]


# --------------------------------------------------------------------------- what it showed


def _values(steps: Sequence[Step], index: int, before: Sight, after: Sight) -> list[Difference]:
    """The difference of one value that both showed: of all of it, or of its most telling part."""
    slot = steps[index].slot
    old = {leaf.path: leaf for leaf in usable_leaves(before) if leaf.slot == slot}
    new = {leaf.path: leaf for leaf in usable_leaves(after) if leaf.slot == slot}
    if not old or not new:
        return []
    if ("{}" in old) != ("{}" in new):
        path, texts = "{}", (_described(list(old.values())), _described(list(new.values())))
    else:
        parts = [path for path in old if path in new and not _alike(old[path].text, new[path].text)]
        if not parts:
            return []
        path = min(parts, key=_telling)
        texts = _cut(old[path].text), _cut(new[path].text)
        if texts[0] == texts[1]:  # they differ beyond what is shown
            return []
    told = said(steps, index)
    return [] if told is None else [Difference(*told, path, *texts)]


def _telling(path: str) -> tuple[bool, bool, int]:
    return path.startswith("type("), path.startswith("len("), len(path)


def _described(leaves: Sequence[Leaf]) -> str:
    """A value in a word: its literal, or what is known of it."""
    known = {leaf.path: leaf.text for leaf in leaves}
    if "{}" in known:
        return _cut(known["{}"])
    kind = known.get("type({}).__name__")
    if kind is not None:
        return f"a {ast.literal_eval(kind)} object"
    path, text = next(iter(known.items()))
    if path == "str({})":
        return _cut(f"{text} as text")
    return _cut(f"a value with {path.replace('{}', 'it')} == {text}")


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_TEXT else text[: _MOST_TEXT - 3] + "..."


def _alike(one: str, other: str) -> bool:
    """Whether two literals are equal, numbers of the same type nearly so."""
    if one == other:
        return True
    try:
        return _equal(ast.literal_eval(one), ast.literal_eval(other))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return False


def _equal(one: object, other: object) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=_CLOSE, abs_tol=1e-12)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(value, other[key]) for key, value in one.items())
    return one == other
