"""What a person may do from the dashboard."""

from __future__ import annotations

from typing import Any, Protocol


class Actions(Protocol):
    """The review of generated tests that are held back, the mutes of flaky ones, and what findings are.

    The service implements it.

    The first two return the admission as it stands afterwards, JSON-ready, and raise AugmentError where it cannot be
    done: an admission that is not waiting, a file that cannot be written.
    """

    def accept(self, admission_id: str) -> dict[str, Any]:
        """Keep a held test: write it to its file."""

    def reject(self, admission_id: str) -> dict[str, Any]:
        """Turn a test away: it is not written, or taken out of its file again."""

    def accept_stale(self, what: str | None) -> list[dict[str, Any]]:
        """Re-pin stale tests to what the code does now: those of a target, one by node id or admission, or all (None).

        What became of each; raises AugmentError where nothing is stale.
        """

    def reject_stale(self, what: str | None) -> list[dict[str, Any]]:
        """Leave stale tests as they are, because the code is wrong. Raises AugmentError where nothing is stale."""

    def undo(self, what: str | None, force: bool) -> list[dict[str, Any]]:
        """Undo the last write (None), or a write, admission or note by its id; the admissions as they stand then."""

    def mute(self, nodeid: str, days: float | None) -> dict[str, Any]:
        """Mute a test for so many days (None: as long as the settings say): its failures are shown apart.

        Raises AugmentError for a test that never ran.
        """

    def mark(self, finding_id: str, state: str) -> dict[str, Any]:
        """Say what a finding is: bug, intended (a test then pins it), noise (it and its like stay away), or open again;
        *resolved* is what a rerun says. Returns it as it stands afterwards. Raises AugmentError where that cannot be.
        """

    def unmute(self, nodeid: str) -> dict[str, Any]:
        """End a test's mute; it is not muted again unasked. Raises AugmentError where it is not muted."""
