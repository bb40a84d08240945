"""Mutants as the runner takes them: the text of each function once, and each change as offsets into it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from augment.analysis import decode_source
from augment.execution.mutation.mutants import normalised, unit_around
from augment.execution.mutation.units import Unit
from augment.mutants import Mutant, MutantPlace
from augment.records import Snapshot, content_hash
from augment.shipping import RevisionGoneError


class RevisionTexts:
    """The texts of a revision's files, lines ended by line feeds; ``laid_over`` stand in front of what is on disk."""

    def __init__(self, root: str, snapshot: Snapshot, laid_over: dict[str, str]) -> None:
        self._root = Path(root)
        self._snapshot = snapshot
        self._laid_over = laid_over
        self._texts: dict[str, str] = {}

    def read(self, file: str) -> str:
        """The text of one file. Raises RevisionGoneError when it has changed since."""
        if file not in self._texts:
            laid_over = self._laid_over.get(file)
            data = (self._root / file).read_bytes() if laid_over is None else laid_over.encode()
            if laid_over is None and content_hash(data) != self._snapshot.files.get(file):
                raise RevisionGoneError(f"{file} has changed since")
            self._texts[file] = normalised(decode_source(data))
        return self._texts[file]


def told_mutants(
    mutants: Sequence[Mutant], read: Callable[[str], str]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What ``runner/swap.py`` takes: the units, and the mutants with the number of theirs."""
    numbers: dict[tuple[str, str, int], int] = {}
    units: list[dict[str, Any]] = []
    told = []
    for mutant in mutants:
        text = read(mutant.file)
        unit = unit_around(text, mutant)
        key = (mutant.file, mutant.target, unit.start)
        if key not in numbers:
            numbers[key] = len(units)
            units.append({"file": mutant.file, "chain": list(unit.chain), "text": unit.alone(text)})
        shift = len(unit.frame) - unit.start
        first, last = _lines(mutant, unit)
        told.append(
            {
                "id": mutant.id,
                "unit": numbers[key],
                "file": mutant.file,
                "start": mutant.start + shift,
                "end": mutant.end + shift,
                "text": mutant.replacement,
                "place": mutant.place.value,
                "first": first,
                "last": last,
            }
        )
    return units, told


def _lines(mutant: Mutant, unit: Unit) -> tuple[int, int]:
    """The lines of which one has to run for the mutant to show: of its statement, or of the whole function."""
    if mutant.place is not MutantPlace.BODY:
        return mutant.body_lineno, mutant.end_lineno
    inside = [
        node.lineno
        for node in ast.walk(unit.node)
        if isinstance(node, ast.stmt) and node is not unit.node and node.lineno <= mutant.lineno
    ]
    return max(inside, default=mutant.lineno), mutant.lineno
