"""The part of the reporter that tells what saves changed of what the code does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from augment.behaviour import BehaviourChange
from augment.store.behaviour import as_json
from augment.store.store import Store


class BehaviourReporting:
    """Mixed into :class:`augment.store.Reporter`, which publishes."""

    _store: Store

    def _publish(self, name: str, data: Mapping[str, Any]) -> None:
        raise NotImplementedError

    def behaviour_changed(self, changes: Sequence[BehaviourChange]) -> None:
        """Keep what a save changed of what the code does, and announce what was not known."""
        for change in self._store.put_behaviour(changes):
            self._publish("behaviour", as_json(change))

    def behaviour(self, limit: int = 50) -> list[dict[str, Any]]:
        """Calls that do something else since a save, newest save first."""
        return self._store.behaviour(limit)
