"""The nodes of the cluster that this process has joined."""

from __future__ import annotations

from typing import Any

import ray


def listed_nodes() -> list[dict[str, Any]]:
    """Every node that Ray knows, also those that have gone: ``NodeID``, ``Alive``, ``Resources`` and more."""
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    return nodes
