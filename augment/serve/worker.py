"""The process that runs a model: ``python -m augment.serve.worker SPEC``, with SPEC an EngineSpec as JSON.

Reads commands and writes events as lines of JSON (:mod:`augment.serve.wire`). Ends when its input ends or its parent
dies, and what an engine started by multiprocessing ends with it. A process of its own, because a step holds Python's
global lock for as long as it computes, and because a crash or a kill of the model must cost nobody else anything.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from dataclasses import replace
from typing import Any, TextIO

from augment.errors import ModelError
from augment.serve import wire
from augment.serve.engine import KEY_VARIABLE, EngineCore, EngineSpec, load_core
from augment.serve.process import be_nice, end_with_family, end_with_parent


class Worker:
    """Drives a core: takes commands in between steps, and tells what each step brought."""

    def __init__(self, core: EngineCore, out: TextIO) -> None:
        self._core = core
        self._out = out
        self.commands: queue.Queue[dict[str, Any]] = queue.Queue()

    def run(self) -> None:
        """Serve until told to close. Raises what a broken engine raises."""
        while self._obey():
            if self._core.busy:
                deltas = self._core.step()
                if deltas:
                    wire.write(self._out, wire.deltas_event(deltas))

    def _obey(self) -> bool:
        """Follow every command that waits, and wait for one when there is nothing else to do."""
        try:
            command = self.commands.get(block=not self._core.busy)
            while True:
                if command["op"] == "close":
                    return False
                self._follow(command)
                command = self.commands.get_nowait()
        except queue.Empty:
            return True

    def _follow(self, command: dict[str, Any]) -> None:
        if command["op"] == "cancel":
            self._core.cancel(command["id"])
            return
        refused = self._core.add(command["id"], wire.request_from(command["request"]))
        if refused is not None:
            wire.write(self._out, wire.deltas_event([refused]))


def _read_commands(commands: queue.Queue[dict[str, Any]]) -> None:
    for line in sys.stdin:
        commands.put(json.loads(line))
    os._exit(0)  # nobody is left to serve


def main() -> int:
    """Load the model, say so, and serve."""
    end_with_parent()
    # Libraries print to standard output; events go to a private copy of it.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    spec = replace(EngineSpec(**json.loads(sys.argv[1])), key=os.environ.pop(KEY_VARIABLE, ""))
    if not spec.num_gpus:
        be_nice(spec.nice)
    commands: queue.Queue[dict[str, Any]] = queue.Queue()
    threading.Thread(target=_read_commands, args=(commands,), name="commands", daemon=True).start()
    try:
        core = load_core(spec)
    except ModelError as error:
        wire.write(out, {"event": "failed", "text": str(error)})
        return 1
    wire.write(out, {"event": "ready"})
    worker = Worker(core, out)
    worker.commands = commands
    worker.run()
    out.flush()
    os._exit(0)  # leave without the libraries' tear-down, which waits for requests that nobody wants any more


if __name__ == "__mp_main__":
    # A process that an engine starts by multiprocessing imports this module under that name.
    end_with_family()
elif __name__ == "__main__":
    sys.exit(main())
