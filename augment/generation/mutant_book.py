"""Which mutants of the targets are still alive: no kept test notices them, and none of the user's that was tried."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence

from augment.execution import mutants_of
from augment.mutants import Mutant, MutantPlace
from augment.records import Target

log = logging.getLogger("augment.generation")


class MutantBook:
    """The mutants of some targets, each alive until it is told to be dead.

    ``read`` gives the text of a project file. Left out are ``hidden`` ones, which a benchmark keeps for itself, and
    changes of decorators, which take a whole run each to try.
    """

    def __init__(self, read: Callable[[str], str], hidden: Collection[str] = ()) -> None:
        self.read = read
        self._hidden = frozenset(hidden)
        self._mutants: dict[str, Mutant] = {}
        self._by_target: defaultdict[str, list[str]] = defaultdict(list)
        self._listed: set[str] = set()
        self._dead: set[str] = set()
        self._left_out: set[str] = set()

    def add(self, targets: Iterable[Target]) -> None:
        """List the mutants of ``targets``; of those that were added before nothing changes."""
        for target in targets:
            if target.id in self._listed:
                continue
            self._listed.add(target.id)
            for mutant in self._of(target):
                if mutant.id not in self._hidden and mutant.place is not MutantPlace.DECORATOR:
                    self._mutants.setdefault(mutant.id, mutant)
                    self._by_target[target.id].append(mutant.id)

    def alive(self, files: Collection[str] | None = None) -> list[Mutant]:
        """The living ones, in order of the text; of ``files`` only where some are named."""
        gone = self._dead | self._left_out
        return [
            mutant
            for name, mutant in self._mutants.items()
            if name not in gone and (files is None or mutant.file in files)
        ]

    def alive_of(self, target: Target) -> int:
        """How many of one target's mutants live."""
        gone = self._dead | self._left_out
        return sum(1 for name in self._by_target[target.id] if name not in gone)

    def of(self, target: Target) -> list[Mutant]:
        """All of one target's mutants that can be tried, dead or alive."""
        return [self._mutants[name] for name in self._by_target[target.id] if name not in self._left_out]

    def survivors(self, target: Target, most: int) -> tuple[str, ...]:
        """The changes of some living mutants of a target, a ``-`` and a ``+`` line each; none where all of them live,
        for then nothing was tried yet.
        """
        gone = self._dead | self._left_out
        alive = [self._mutants[name] for name in self._by_target[target.id] if name not in gone]
        if len(alive) == len(self._by_target[target.id]):
            return ()
        shown = {mutant.lineno: _changed_lines(mutant) for mutant in alive}
        return tuple(shown.values())[:most]

    def total(self) -> int:
        """How many there are, dead or alive."""
        return len(self._mutants)

    def kill(self, names: Iterable[str]) -> None:
        """These are noticed by a test that is kept, or by one of the user's."""
        self._dead |= set(names) & self._mutants.keys()

    def leave_out(self, names: Iterable[str]) -> None:
        """These cannot be tried: they count neither as alive nor as dead."""
        self._left_out |= set(names)

    def _of(self, target: Target) -> Sequence[Mutant]:
        try:
            return mutants_of(self.read(target.file), target)
        except (SyntaxError, OSError) as error:  # the file is being edited: without mutants coverage decides
            log.info("no mutants of %s: %s", target.id, error)
            return ()


def _changed_lines(mutant: Mutant) -> str:
    lines = mutant.diff.splitlines()[3:]
    return "\n".join(f"{line[0]} {line[1:].strip()}" for line in lines if line[:1] in "+-")
