"""Why background work may not run now, as the governor says it."""

from __future__ import annotations

import time
from typing import Any

import ray

from augment.actors.naming import GOVERNOR, find_actor
from augment.service import GovernorState

ASK_EVERY_S = 1.0


class HeldBack:
    """Asks the governor at most once a second."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._governor: Any = None
        self._asked_at = 0.0
        self._reason = ""

    def why(self) -> str:
        """The governor's reason to hold background work back, '' when it may run."""
        now = time.monotonic()
        if now - self._asked_at >= ASK_EVERY_S:
            self._asked_at = now
            if self._governor is None:  # a handle stays good when the actor is restarted
                self._governor = find_actor(GOVERNOR, self._namespace)
            state: GovernorState = ray.get(self._governor.state.remote())
            self._reason = "" if state.background_limit else state.reason or "no background work is allowed"
        return self._reason
