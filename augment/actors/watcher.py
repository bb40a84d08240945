"""The watcher actor."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import ray

from augment.actors.base import Shell, end_with_threads
from augment.actors.logs import start_logging
from augment.actors.naming import SERVICE, WATCHER, find_actor
from augment.analysis import Snapshots
from augment.records import Snapshot
from augment.service import Watcher

log = logging.getLogger("augment.watcher")


@ray.remote
class WatcherActor(Shell):
    """Shell over :class:`augment.service.Watcher`.

    Lifecycle: made by launch on the node that has the files, wherever Ray would have put it. When it dies it restarts,
    scans the whole tree and reports it as a revision, so nothing saved meanwhile is missed.
    """

    def __init__(self, root: str, namespace: str, log_dir: str, log_level: str) -> None:
        start_logging(Path(log_dir), WATCHER, log_level)
        end_with_threads()
        self._namespace = namespace
        self._service: Any = None
        self._snapshots = Snapshots(Path(root))
        self._watcher = Watcher(Path(root), self._snapshots, self._report, log.warning)
        self._watcher.start()

    def stop(self) -> None:
        """Stop watching."""
        self._watcher.stop()

    def _report(self, snapshot: Snapshot) -> None:
        if self._service is None:  # a handle stays good when the actor is restarted
            self._service = find_actor(SERVICE, self._namespace)
        self._service.revision.remote(snapshot, self._snapshots.contents())
        log.info("revision %s: %d files", snapshot.revision, len(snapshot.files))
