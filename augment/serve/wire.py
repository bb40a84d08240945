"""The lines of JSON between :mod:`augment.serve.worker` and :mod:`augment.serve.engine_process`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import IO, Any

from augment.seams import Message, Request, Sampling
from augment.serve.engine import Delta


def write(stream: IO[str], message: Mapping[str, Any]) -> None:
    """Send one message."""
    stream.write(json.dumps(message) + "\n")
    stream.flush()


def request_from(data: Mapping[str, Any]) -> Request:
    """The request that ``asdict`` and JSON made into ``data``."""
    sampling = dict(data["sampling"])
    sampling["stop"] = tuple(sampling["stop"])
    return Request(tuple(Message(**turn) for turn in data["messages"]), Sampling(**sampling))


def add_command(request_id: int, request: Request) -> dict[str, Any]:
    """The command that puts ``request`` into the batch."""
    return {"op": "add", "id": request_id, "request": asdict(request)}


def deltas_event(deltas: Sequence[Delta]) -> dict[str, Any]:
    """The event that carries ``deltas``."""
    return {"event": "deltas", "items": [asdict(delta) for delta in deltas]}


def deltas_from(event: Mapping[str, Any]) -> list[Delta]:
    """The deltas that an event carries."""
    return [Delta(**item) for item in event["items"]]
