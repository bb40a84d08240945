"""From a target to its mutants: the operators' edits, less those that change nothing and those that are the same."""

from __future__ import annotations

import ast
import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from augment.execution.mutation.fingerprint import body_fingerprint, head_fingerprint
from augment.execution.mutation.operators import edits_in
from augment.execution.mutation.text import Edit, Text
from augment.execution.mutation.units import Unit, units_of
from augment.mutants import Mutant, MutantPlace
from augment.records import Target

_CONTEXT = 3


def mutants_of(source: str, target: Target) -> list[Mutant]:
    """The mutants of a function or method, or of all methods of a class, in order of the text.

    Only code inside functions is mutated. Left out are mutants that compile to what the function compiled to before,
    or to what an earlier mutant compiles to. Raises SyntaxError when ``source`` does not parse.
    """
    module = _read(normalised(source))
    return [mutant for unit in _inside(module, target) for mutant in _unit_mutants(module.text, unit, target)]


def mutant_of(source: str, target: Target, edit: tuple[int, int, str], operator: str) -> Mutant | None:
    """One mutant made by hand or by another tool: ``edit`` is start, end and replacement in ``source`` (line feeds).

    None when the edit lies in no function of ``target``, does not compile or changes nothing.
    """
    made = Edit(*edit)
    module = _read(source)
    for unit in _inside(module, target):
        if unit.start <= made.start and made.end <= unit.end:
            shape = _Shape.of(unit, source[unit.start : unit.end])
            change = _Shape.of(unit, _mutated(unit, made, source))
            if change is not None and shape is not None and change != shape:
                return _mutant(module.text, unit, target, operator, made, shape.place_of(change))
    return None


def sample_mutants(mutants: Sequence[Mutant], count: int, seed: int) -> list[Mutant]:
    """``count`` mutants drawn by ``seed``, in their first order; all of them where there are no more."""
    if count >= len(mutants):
        return list(mutants)
    chosen = random.Random(seed).sample(range(len(mutants)), count)
    return [mutants[index] for index in sorted(chosen)]


def apply_mutant(source: str, mutant: Mutant) -> str:
    """``source`` with the mutant in it, lines ended by line feeds."""
    return Edit(mutant.start, mutant.end, mutant.replacement).apply(normalised(source))


def unit_around(source: str, mutant: Mutant) -> Unit:
    """The function that a mutant changes. Raises ValueError when ``source`` has none there any more."""
    for unit in _read(source).units:
        if unit.start <= mutant.start and mutant.end <= unit.end:
            return unit
    raise ValueError(f"{mutant.file} has no function at line {mutant.lineno}")


def normalised(source: str) -> str:
    """``source`` with every line ended by one line feed: the offsets of mutants count such characters."""
    return source.replace("\r\n", "\n").replace("\r", "\n")


@dataclass(frozen=True, slots=True)
class _Module:
    text: Text
    units: list[Unit]


@lru_cache(maxsize=4)
def _read(source: str) -> _Module:
    """The functions of a module; targets of one module follow each other."""
    text = Text(source)
    return _Module(text, units_of(ast.parse(source), text))


def _inside(module: _Module, target: Target) -> list[Unit]:
    first, last = module.text.line_start(target.lineno), module.text.line_start(target.end_lineno + 1)
    return [unit for unit in module.units if first <= unit.start and unit.end <= last]


@dataclass(frozen=True, slots=True)
class _Shape:
    """What a version of a function is, to tell whether another one is the same."""

    body: Any
    head: tuple[tuple[str, ...], tuple[str, ...]]

    @classmethod
    def of(cls, unit: Unit, written: str, head: tuple[tuple[str, ...], tuple[str, ...]] | None = None) -> _Shape | None:
        """None where it does not compile: an edit may take away only one of two brackets. ``head`` if it is known."""
        alone = unit.brief + written
        try:
            return cls(body_fingerprint(alone, unit.chain), head or head_fingerprint(alone, unit.chain))
        except (SyntaxError, LookupError):
            return None

    def place_of(self, change: _Shape) -> MutantPlace:
        """Where a changed version differs from this one."""
        if change.head[0] != self.head[0]:
            return MutantPlace.DECORATOR
        return MutantPlace.BODY if change.head == self.head else MutantPlace.DEFAULT


def _unit_mutants(text: Text, unit: Unit, target: Target) -> Iterator[Mutant]:
    original = _Shape.of(unit, text.source[unit.start : unit.end])
    if original is None:
        return
    seen = {original}
    for operator, edit in sorted(edits_in(unit.node, text), key=lambda item: (item[1].start, item[1].end)):
        head = original.head if edit.start >= unit.body else None
        shape = _Shape.of(unit, _mutated(unit, edit, text.source), head)
        if shape is not None and shape not in seen:
            seen.add(shape)
            yield _mutant(text, unit, target, operator.name, edit, original.place_of(shape))


def _mutated(unit: Unit, edit: Edit, source: str) -> str:
    return source[unit.start : edit.start] + edit.replacement + source[edit.end : unit.end]


def _mutant(text: Text, unit: Unit, target: Target, operator: str, edit: Edit, place: MutantPlace) -> Mutant:
    relative = f"{operator}\0{edit.start - unit.start}\0{edit.end - edit.start}\0{edit.replacement}"
    owner = f"{target.module}:{unit.qualname}"
    return Mutant(
        id=f"{owner}~{hashlib.sha256(relative.encode()).hexdigest()[:8]}",
        target=owner,
        file=target.file,
        operator=operator,
        lineno=text.lineno(edit.start),
        start=edit.start,
        end=edit.end,
        replacement=edit.replacement,
        place=place,
        body_lineno=unit.node.body[0].lineno,
        end_lineno=unit.node.end_lineno or unit.node.lineno,
        diff=_diff(text, edit, target.file),
    )


def _diff(text: Text, edit: Edit, file: str) -> str:
    """A unified diff of one edit. By hand: difflib would read the whole file for every mutant."""
    first, last = text.lineno(edit.start), text.lineno(max(edit.start, edit.end - 1))
    begin, end = text.line_start(first), text.line_start(last + 1)
    old = text.lines[first - 1 : last]
    changed = text.source[begin : edit.start] + edit.replacement + text.source[edit.end : end]
    new = changed.removesuffix("\n").split("\n") if changed else []
    before = text.lines[max(0, first - 1 - _CONTEXT) : first - 1]
    after = text.lines[last : last + _CONTEXT]
    if last + len(after) == len(text.lines) and after and not after[-1]:
        after.pop()  # nothing follows the last line feed
    around, start = len(before) + len(after), first - len(before)
    lines = [f"--- a/{file}", f"+++ b/{file}", f"@@ -{start},{around + len(old)} +{start},{around + len(new)} @@"]
    lines += [f" {line}" for line in before]
    lines += [f"-{line}" for line in old] + [f"+{line}" for line in new]
    lines += [f" {line}" for line in after]
    return "\n".join(lines) + "\n"
