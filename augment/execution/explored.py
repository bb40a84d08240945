"""An exploration on its way to a runner, and what the runner tells of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from augment.errors import ProjectError
from augment.execution.mutation.telling import RevisionTexts, told_mutants
from augment.exploring import Exploration, Explored, Leaf, Raised, Sight
from augment.records import FileCoverage
from augment.seams import Batch

_MOST_TEXT = 4000
"""Characters of one leaf or path that are taken from a runner, which tells of at most a few hundred."""


def told_exploration(batch: Batch) -> dict[str, Any]:
    """What ``runner/explore.py`` takes. Raises RevisionGoneError when a mutated file has changed since."""
    wanted = batch.explore
    if wanted is None or batch.snapshot is None:
        raise ProjectError(f"The batch {batch.id} explores and names no revision.")
    texts = RevisionTexts(batch.root, batch.snapshot, dict(batch.files))
    units, mutants = told_mutants(wanted.mutants, texts.read)
    return {
        "scenarios": [{"source": item.source, "fixtures": list(item.fixtures)} for item in wanted.scenarios],
        "files": list(wanted.files),
        "units": units,
        "mutants": mutants,
        "enough": wanted.enough,
        "scenario_s": wanted.scenario_s,
        "mutants_s": wanted.mutants_s,
    }


class ExploredBuilder:
    """Takes the events of one exploration. What does not fit what was asked for raises ValueError or LookupError."""

    def __init__(self, order: Exploration) -> None:
        self._order = order
        self._sights: dict[str, Sight] = {}
        self._noticed: dict[str, Mapping[str, tuple[str, ...]]] = {}
        self._unapplied: dict[str, str] = {}
        self._problem = ""

    @property
    def handlers(self) -> dict[str, Callable[[Mapping[str, Any]], None]]:
        """What takes each kind of event."""
        return {
            "sight": self._on_sight,
            "noticed": self._on_noticed,
            "unexplored": self._on_unapplied,
            "explored": self._on_problem,
        }

    def result(self) -> Explored:
        """All of it; a scenario that nothing was told of has a problem."""
        why = self._problem or "was not reached"
        sights = (self._sights.get(item.id) or Sight(item.id, problem=why) for item in self._order.scenarios)
        return Explored(tuple(sights), self._noticed, self._unapplied)

    def _on_sight(self, event: Mapping[str, Any]) -> None:
        name = self._scenario(event["index"])
        raised = event.get("raised")
        self._sights[name] = Sight(
            scenario=name,
            leaves=tuple(_leaf(leaf) for leaf in event.get("leaves", ())),
            raised=None if raised is None else _raised(raised),
            ran={str(file): _coverage(arcs) for file, arcs in event.get("ran", {}).items()},
            seconds=float(event.get("seconds", 0.0)),
            problem=str(event.get("problem", ""))[:_MOST_TEXT],
        )

    def _on_noticed(self, event: Mapping[str, Any]) -> None:
        mutant = self._order.mutants[event["mutant"]]
        self._noticed[mutant.id] = {
            self._scenario(int(index)): tuple(str(key)[:_MOST_TEXT] for key in keys)
            for index, keys in event["by"].items()
        }

    def _on_unapplied(self, event: Mapping[str, Any]) -> None:
        self._unapplied[self._order.mutants[event["mutant"]].id] = str(event["why"])[:_MOST_TEXT]

    def _on_problem(self, event: Mapping[str, Any]) -> None:
        self._problem = str(event["problem"])[:_MOST_TEXT]

    def _scenario(self, index: int) -> str:
        return self._order.scenarios[index].id


def _leaf(told: tuple[int, str, str]) -> Leaf:
    slot, path, text = told
    return Leaf(int(slot), str(path)[:_MOST_TEXT], str(text)[:_MOST_TEXT])


def _raised(told: Mapping[str, Any]) -> Raised:
    return Raised(
        str(told["type"])[:_MOST_TEXT],
        str(told["message"])[:_MOST_TEXT],
        int(told["lineno"]),
        bool(told["in_project"]),
        bool(told["by_project"]),
    )


def _coverage(arcs: Iterable[tuple[int, int]]) -> FileCoverage:
    pairs = frozenset((int(start), int(end)) for start, end in arcs)
    return FileCoverage(frozenset(end for _, end in pairs if end > 0), pairs)
