"""The engine protocol: what a program that runs a model offers, and how one is chosen by name.

An engine's *core* is synchronous and single-threaded: requests are added and cancelled between steps, and each step
advances every request by about a token (vLLM's engine, OpenVINO's pipeline and transformers' batching all have this
shape). A core lives in a process of its own (:mod:`augment.serve.worker`), because a step may hold Python's global lock
for a second and may crash; the rest of Augment sees it through :class:`augment.serve.engine_process.EngineProcess`.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, cast

from augment.errors import ModelError
from augment.seams import Request


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """Which model to run and how.

    ``threads`` None means every core. ``context_length`` None means the model's own. ``max_ongoing`` requests are
    worked on at once, ``max_queued`` more may wait. ``nice`` is the process's niceness on CPU: at 19 test verdicts go
    first. ``num_cpus`` and ``num_gpus`` are what a replica reserves of Ray. ``base_url`` and ``key`` are those of a
    server elsewhere; the key is shown nowhere. ``python`` is the interpreter that runs the engine, None for Augment's.
    """

    model: str
    engine: str = "openvino"
    source: str = "auto"
    path: str | None = None
    threads: int | None = None
    kv_cache_gb: float = 1.0
    context_length: int | None = None
    max_ongoing: int = 8
    max_queued: int = 64
    num_cpus: float = 0.0
    num_gpus: float = 0.0
    nice: int = 19
    base_url: str | None = None
    python: str | None = None
    key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Delta:
    """News of one request: text written since the last one. ``finish_reason`` is set on the last one only.

    ``finish_reason`` is stop, length, cancelled or error; ``error`` then says what is wrong with the request.
    """

    id: int
    text: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    finish_reason: str | None = None
    error: str = ""


class EngineCore(Protocol):
    """A loaded model that is driven step by step from one thread."""

    def add(self, request_id: int, request: Request) -> Delta | None:
        """Take a request in. A Delta comes back at once when it cannot be served (finish reason *error*)."""

    def cancel(self, request_id: int) -> None:
        """Stop working on a request and free its memory at the next step. Unknown ids are ignored."""

    @property
    def busy(self) -> bool:
        """Whether a step has anything to do."""

    def step(self) -> Sequence[Delta]:
        """Advance every request once and tell what is new. Raises when the engine itself is broken."""


class CoreLoader(Protocol):
    """What an engine module offers: ``load`` makes the model ready; it may take minutes."""

    def load(self, spec: EngineSpec) -> EngineCore:
        """Load the model of ``spec``. Raises ModelError."""


KEY_VARIABLE = "AUGMENT_API_KEY"
"""Where the key of a server is looked for unless the settings name another variable, and how a worker is given it."""

WORK_FOLDER_VARIABLE = "AUGMENT_WORK_FOLDER"
"""Where a worker is told the folder for what it needs while it runs, such as sockets; it is removed after its end."""

ENGINES = {
    "openvino": "augment.serve.openvino_engine",
    "transformers": "augment.serve.transformers_engine",
    "vllm": "augment.serve.vllm_engine",
    "openai": "augment.serve.remote_engine",
}
"""Engine name -> module with ``load``. A new engine is a module and a line here; a dotted name is a module itself."""


def load_core(spec: EngineSpec) -> EngineCore:
    """Load the model of ``spec`` in this process. Raises ModelError, also where it will not fit into memory."""
    module = spec.engine if "." in spec.engine else ENGINES.get(spec.engine)
    if module is None:
        raise ModelError(f"Unknown engine {spec.engine!r}; take one of {', '.join(sorted(ENGINES))}.")
    if spec.engine in ENGINES and spec.base_url is None:
        from augment.serve.memory import check_load  # it knows of specs, and this module of nothing

        check_load(spec)
    return cast(CoreLoader, importlib.import_module(module)).load(spec)
