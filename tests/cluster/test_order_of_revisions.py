"""Saves reach the service in the order in which they were made, however close together."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import ray
from heads import JOINED

from augment.actors.base import grouped
from augment.actors.service import ServiceActor
from augment.records import Snapshot


@pytest.fixture(scope="module")
def own_ray() -> Iterator[None]:
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp") as folder:
        os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_AUTH_MODE="disabled")
        JOINED.append("revisions")
        ray.init(num_cpus=1, namespace="revisions", include_dashboard=False, _temp_dir=folder, log_to_driver=False)
        yield
        ray.shutdown()


def test_the_newest_of_many_saves_in_one_moment_is_the_last(own_ray: None) -> None:
    service: Any = ServiceActor

    class Noting(service.__ray_metadata__.modified_class):  # type: ignore[misc]
        """The actor with a coordinator and sources that note what they are told, half of it slowly."""

        def __init__(self) -> None:
            self.noted: list[str] = []
            offer = SimpleNamespace(offer=lambda contents: time.sleep(0.01 if contents else 0.0))
            note = SimpleNamespace(revision=lambda snapshot: self.noted.append(snapshot.revision))
            self._sources, self._coordinator = offer, note

        def all_noted(self) -> list[str]:
            return self.noted

    snapshots = [Snapshot.of({"a.py": str(number)}) for number in range(100)]
    actor = grouped(revisions=1, control=4)(Noting).remote()
    told = [actor.revision.remote(one, {"a.py": b"x"} if i % 2 == 0 else {}) for i, one in enumerate(snapshots)]
    ray.get(told, timeout=60)
    assert ray.get(actor.all_noted.remote(), timeout=60) == [one.revision for one in snapshots]
