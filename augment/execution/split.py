"""Cutting a large selection into batches that run side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from augment.records import new_id
from augment.seams import Batch


def split_batch(batch: Batch, parts: int, seconds: Mapping[str, float] | None = None) -> list[Batch]:
    """At most ``parts`` batches that together run ``batch``; tests of one file stay together and in order.

    ``seconds`` says how long a test or file took before (1 is assumed for each that is not in it); the files are dealt
    out longest first, each to the part with the least to do.
    """
    files: dict[str, list[str]] = {}
    for nodeid in batch.nodeids:
        files.setdefault(nodeid.partition("::")[0], []).append(nodeid)
    if parts <= 1 or len(files) <= 1:
        return [batch]
    known = seconds or {}
    cost = {file: sum(known.get(nodeid, 1.0) for nodeid in nodeids) for file, nodeids in files.items()}
    groups: list[list[str]] = [[] for _ in range(min(parts, len(files)))]
    load = [0.0] * len(groups)
    for file in sorted(files, key=lambda name: -cost[name]):
        lightest = load.index(min(load))
        groups[lightest].append(file)
        load[lightest] += cost[file]
    order = {file: position for position, file in enumerate(files)}
    return [
        replace(batch, id=new_id("batch"), nodeids=_nodeids(sorted(group, key=order.__getitem__), files))
        for group in groups
    ]


def _nodeids(group: Sequence[str], files: Mapping[str, list[str]]) -> tuple[str, ...]:
    return tuple(nodeid for file in group for nodeid in files[file])
