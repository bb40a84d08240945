"""An engine without a model: repeats the last message word by word, one a step. Some words do harm."""

import multiprocessing
import os
import sys
import time
from pathlib import Path

from augment.errors import ModelError
from augment.serve import Delta


class EchoCore:
    def __init__(self):
        self._running = {}

    @property
    def busy(self):
        return bool(self._running)

    def add(self, request_id, request):
        words = request.messages[-1].content.split()
        if words == ["refuse"]:
            return Delta(request_id, finish_reason="error", error="it was asked to")
        self._running[request_id] = (words, 0, request.sampling.max_tokens)
        return None

    def cancel(self, request_id):
        if request_id in self._running:
            self._running[request_id] = None

    def step(self):
        time.sleep(0.01)
        return [self._advance(request_id) for request_id in list(self._running)]

    def _advance(self, request_id):
        if self._running[request_id] is None:
            del self._running[request_id]
            return Delta(request_id, finish_reason="cancelled")
        words, at, limit = self._running[request_id]
        word = words[at % len(words)]
        if word == "crash":
            print("about to crash", file=sys.stderr, flush=True)
            os._exit(3)
        if word.startswith("crash-once:"):
            marker = Path(word.partition(":")[2])
            if not marker.exists():
                marker.touch()
                os._exit(3)
        done = "length" if at + 1 == limit else ("stop" if at + 1 == len(words) and "forever" not in words else None)
        if done:
            del self._running[request_id]
        else:
            self._running[request_id] = (words, at + 1, limit)
        return Delta(request_id, word + " ", len(words), at + 1, done)


def load(spec):
    if spec.model == "slow":
        time.sleep(1.0)
    if spec.model == "family":
        multiprocessing.get_context("spawn").Process(target=time.sleep, args=(600,)).start()
    if spec.model == "broken":
        raise ModelError("Model file /models/broken.gguf is corrupt.")
    print("libraries may print to standard output")
    return EchoCore()
