"""What a person may do from the dashboard."""

from __future__ import annotations

from typing import Any, Protocol


class Actions(Protocol):
    """The review of generated tests that are held back. The service implements it.

    Both return the admission as it stands afterwards, JSON-ready, and raise AugmentError where it cannot be done: an
    admission that is not waiting, a file that cannot be written.
    """

    def accept(self, admission_id: str) -> dict[str, Any]:
        """Keep a held test: write it to its file."""

    def reject(self, admission_id: str) -> dict[str, Any]:
        """Turn a test away: it is not written, or taken out of its file again."""
