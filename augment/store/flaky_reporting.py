"""The part of the reporter that keeps attempts, flakiness and mutes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from augment.records import Attempt, Evidence
from augment.store.store import Store


class FlakyReporting:
    """Mixed into :class:`augment.store.Reporter`, which publishes and knows when its files are stale."""

    _store: Store

    def _publish(self, name: str, data: Mapping[str, Any]) -> None:
        raise NotImplementedError

    def _changed(self) -> None:
        raise NotImplementedError

    def attempts(self, attempts: Sequence[Attempt], evidence: Sequence[Evidence] = ()) -> None:
        """Keep every execution of tests that ran more than once, and what they amount to."""
        self._store.add_attempts(attempts, evidence)
        self._changed()

    def attempts_of(self, nodeid: str, limit: int = 50) -> list[dict[str, Any]]:
        """The newest executions of one test that were retries or reruns, newest first."""
        return self._store.attempts_of(nodeid, limit)

    def mixed_tests(self) -> list[str]:
        """Known tests that have lately both passed and not passed on one revision."""
        return self._store.mixed_tests()

    def evidence(self) -> list[Evidence]:
        """What is known of the flakiness of each test that was ever rerun."""
        return self._store.evidence()

    def content_changed(self, nodeids: Sequence[str]) -> None:
        """Forget the evidence about tests (or test files) that changed, or whose code did, and end their mutes."""
        for nodeid in self._store.content_changed(nodeids):
            self._publish("flaky", {"nodeid": nodeid, "muted_until": None})

    def mute(self, nodeid: str, until: float, by: str = "user") -> bool:
        """Mute a test and announce it; False where that changed nothing."""
        muted = self._store.mute(nodeid, until, by)
        if muted:
            self._publish("flaky", {"nodeid": nodeid, "muted_until": until})
        return muted

    def unmute(self, nodeid: str) -> bool:
        """End a mute by a user's word and announce it; False where there was none."""
        unmuted = self._store.unmute(nodeid)
        if unmuted:
            self._publish("flaky", {"nodeid": nodeid, "muted_until": None})
        return unmuted

    def flaky(self) -> list[dict[str, Any]]:
        """Tests that are flaky or muted, the worst first."""
        return self._store.flaky()
