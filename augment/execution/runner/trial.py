# Paths stay plain strings here: they are handed to the kernel as they are.
# ruff: noqa: PTH118, PTH123
"""A trial of the sandbox: confine this process as a batch would be, and tell what it can still reach."""

from __future__ import annotations

import contextlib
import json
import os
import socket

from . import confine


def main(text: str, secret: str) -> None:
    """Enter the sandbox that ``text`` (JSON) specifies, and print one JSON object.

    ``reached`` lists what should have been out of reach and was not, the file ``secret`` for one; ``error`` is what the
    kernel refused to do.
    """
    spec = json.loads(text)
    try:
        confine.enter(spec)
        print(json.dumps({"reached": _reached(secret, spec["folders"][0])}))
    except OSError as error:
        print(json.dumps({"error": str(error)}))


def _reached(secret: str, writable: str) -> list[str]:
    found = []
    with contextlib.suppress(OSError):
        open(secret).close()
        found.append("a file outside")
    with contextlib.suppress(OSError):
        socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close()
        found.append("netlink sockets")
    with open(os.path.join(writable, "trial"), "w") as file:
        file.write("x")
    return found
