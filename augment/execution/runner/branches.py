"""From a branch in bytecode (offset, destination) to the lines it leads from and to, in coverage.py's terms."""

from __future__ import annotations

import dis
from collections.abc import Container, Iterable, Iterator
from types import CodeType
from typing import Any

_JUMPS = frozenset({"JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT", "JUMP", "JUMP_NO_INTERRUPT"})
_ENDS = frozenset({"RERAISE", "RAISE_VARARGS"})
_LONGEST = 10_000
"""Instructions followed at most: generated code may be endless in a circle."""

Arc = tuple[int, int]


class BranchMap:
    """The branches of one code object. An arc to a negative line leaves the code, as in coverage.py."""

    def __init__(self, code: CodeType) -> None:
        self._exit = -code.co_firstlineno
        self._code = code
        self._at: dict[int, Any] | None = None
        self._next: dict[int, int] = {}
        self._awaited: list[Arc] | None = None
        self._known: dict[tuple[int, int], Arc | None] = {}

    def arcs(self, taken: Iterable[tuple[int, int]]) -> set[Arc]:
        """The arcs of branches that were taken, those within one line left out."""
        found = set()
        for branch in taken:
            if branch[1] < 0:
                continue
            if branch not in self._known:
                self._known[branch] = self._follow(*branch)
            arc = self._known[branch]
            if arc is not None:
                found.add(arc)
        return found

    def implied(self, ran: Container[int]) -> set[Arc]:
        """The arcs of ``async for``, which fires no branch event: those whose ends are among the lines that ran."""
        if self._awaited is None:
            self._awaited = list(self._async_loops())
        return {(start, end) for start, end in self._awaited if start in ran and (end < 0 or end in ran)}

    def _async_loops(self) -> Iterator[Arc]:
        at = self._read()
        waiting = False
        for offset, instruction in at.items():
            entered = waiting and instruction.opname == "END_SEND"
            if offset in self._next and (entered or instruction.opname == "END_ASYNC_FOR"):
                found = self._follow(offset, self._next[offset])
                if found is not None:
                    yield found
            waiting = instruction.opname == "GET_ANEXT" or (waiting and not entered)

    def _read(self) -> dict[int, Any]:
        if self._at is None:
            instructions = list(dis.get_instructions(self._code))
            self._at = {instruction.offset: instruction for instruction in instructions}
            offsets = [instruction.offset for instruction in instructions]
            self._next = {offset: offsets[index + 1] for index, offset in enumerate(offsets[:-1])}
        return self._at

    def _follow(self, offset: int, target: int) -> Arc | None:
        """Go on from the destination until another line begins, or the code ends."""
        at = self._read()
        source = _line(at.get(offset))
        if source is None:
            return None
        here: int | None = self._settle(target)
        for _ in range(_LONGEST):
            instruction = at.get(here) if here is not None else None
            if instruction is None or instruction.opname in _ENDS:
                return None
            line = _line(instruction)
            if instruction.opname in _JUMPS and line in (None, source):
                here = instruction.argval
            elif line is not None and line != source:
                return source, line
            elif instruction.opname.startswith("RETURN_") and instruction.opname != "RETURN_GENERATOR":
                return source, self._exit
            elif instruction.opname.startswith(("POP_JUMP", "FOR_ITER", "SEND", "JUMP_IF")):
                return None  # another branch of the same line decides
            else:
                here = self._next.get(instruction.offset)
        return None

    def _settle(self, target: int) -> int | None:
        """The instruction at ``target``, or the next one where it points at an inline cache."""
        at = self._read()
        for offset in range(target, target + 64, 2):
            if offset in at:
                return offset
        return None


def _line(instruction: Any) -> int | None:
    if instruction is None or instruction.positions is None:
        return None
    line = instruction.positions.lineno
    return line if line else None
