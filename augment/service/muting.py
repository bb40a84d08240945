"""A person's word on a mute, carried out the same by the command line and by the dashboard."""

from __future__ import annotations

import time
from typing import Any, Protocol

from augment.errors import AugmentError

DAY_S = 86400.0
DAYS = 7.0
"""How long a mute lasts where nobody says."""


class Mutes(Protocol):
    """Where mutes stand: the store, or the reporter that owns it."""

    def mute(self, nodeid: str, until: float, by: str = "user") -> bool:
        """Mute a test; an AugmentError where it never ran."""

    def unmute(self, nodeid: str) -> bool:
        """End a mute; False where there was none."""


def mute(mutes: Mutes, nodeid: str, days: float | None) -> dict[str, Any]:
    """Mute a test for so many days; returns until when, JSON-ready. Raises AugmentError for an unknown test."""
    until = time.time() + (DAYS if days is None else days) * DAY_S
    mutes.mute(nodeid, until, "user")
    return {"nodeid": nodeid, "muted_until": until}


def unmute(mutes: Mutes, nodeid: str) -> dict[str, Any]:
    """End a mute. Raises AugmentError where there is none, and for an unknown test."""
    if not mutes.unmute(nodeid):
        raise AugmentError(f"{nodeid} is not muted")
    return {"nodeid": nodeid, "muted_until": None}
