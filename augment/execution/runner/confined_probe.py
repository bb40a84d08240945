# Paths stay plain strings here: they are handed to the kernel as they are.
# ruff: noqa: PTH100, PTH110, PTH118, PTH120, PTH123
"""``python confined_probe.py SPEC CANARY``: confine this process as a batch would be, and tell what it can still reach.

Prints one JSON object: ``reached`` lists what should have been out of reach and was not; ``error`` is what the kernel
refused. Valid for Python 3.9, standard library only.
"""

from __future__ import annotations

import importlib
import json
import os
import socket
import sys
from typing import Any

from runner_main import NAME, load_session  # type: ignore[import-not-found]


def reached(canary: str, writable: str) -> list[str]:
    """What of a few simple things this process can still do; empty where the sandbox holds."""
    found = []
    try:
        open(canary).close()
        found.append("a file outside")
    except OSError:
        pass
    try:
        socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close()
        found.append("netlink sockets")
    except OSError:
        pass
    with open(os.path.join(writable, "probe"), "w") as file:
        file.write("x")
    return found


def main(spec: dict[str, Any], canary: str) -> None:
    """Confine, look, tell."""
    load_session()
    confine = importlib.import_module(NAME + ".confine")
    try:
        confine.enter(spec)
        print(json.dumps({"reached": reached(canary, str(spec["folders"][0])}))
    except OSError as error:
        print(json.dumps({"error": str(error)}))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), sys.argv[2])
