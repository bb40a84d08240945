"""The transformers engine: any causal language model in safetensors or GGUF, on an NVIDIA or Apple GPU or the CPU.

Answers are written together, a token each in one step (:mod:`augment.serve.torch_batch`); transformers' own batching
runs in threads of its own and takes over half of the machine's memory where there is no GPU.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from augment.errors import ModelError
from augment.seams import Request
from augment.serve.cache import way_out
from augment.serve.convert import last_line
from augment.serve.engine import Delta, EngineSpec
from augment.serve.grammar import Grammars
from augment.serve.hardware import usable_cores
from augment.serve.safetensors import safetensors_for
from augment.serve.text import Detokenizer, StopStrings
from augment.serve.torch_batch import Batch, PromptMemory, Reading, TorchModel
from augment.serve.torch_sampling import Sampler

_DEFAULT_CONTEXT = 32768
_TWO_BYTES = 2
_PIECES = {"cpu": 128}
_PIECE = 2048
"""Tokens of a prompt that one step reads: few enough that answers under way, and a cancel, need not wait long."""
_SHARE_FOR_MEMORY = 4
"""The part of the attention cache that prompts which were read may keep: a fourth."""


def load(spec: EngineSpec) -> TransformersCore:
    """Load the model of ``spec``; a GGUF file is made into safetensors the first time. Raises ModelError."""
    files, folder = safetensors_for(spec, "transformers")
    try:
        return TransformersCore(folder, spec)
    except (OSError, ValueError, RuntimeError, KeyError, ImportError) as error:
        remedy = "Put an intact model there" if files.source == "path" else way_out(files.name)
        raise ModelError(f"transformers cannot load {folder}: {last_line(error)}. {remedy}") from error


def _device(spec: EngineSpec) -> str:
    """Where to run. A GPU of NVIDIA only where one is reserved, for it may be another's."""
    import torch

    if spec.num_gpus and torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _number_format(device: str) -> Any:
    import torch

    old = device == "cuda" and not torch.cuda.is_bf16_supported()
    return torch.float16 if old else torch.bfloat16


class _Chat:
    """One request: what was asked of it and how far it is."""

    def __init__(self, request_id: int, prompt: list[int], most: int, sampler: Sampler, decode: Any) -> None:
        self.id = request_id
        self.prompt = prompt
        self.most = most
        self.sampler = sampler
        self.detokenizer = Detokenizer(decode)
        self.stops = StopStrings(sampler.sampling.stop)
        self.token = -1

    @property
    def length(self) -> int:
        """Tokens that it takes in the attention cache when it is as long as it may get."""
        return len(self.prompt) + self.most


class TransformersCore:
    """An :class:`~augment.serve.engine.EngineCore` over a model of transformers."""

    def __init__(self, folder: Path, spec: EngineSpec) -> None:
        os.environ.setdefault("HF_HUB_OFFLINE", "1")  # the model is here; nothing is asked of a hub
        # Threads that wait by spinning keep the core from those they wait for. Read when torch is imported.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        import torch
        import transformers

        from augment.serve import wide_layers

        transformers.utils.logging.disable_progress_bar()
        # Ray sets OMP_NUM_THREADS to 1 in its actors, and torch would follow it.
        torch.set_num_threads(spec.threads or usable_cores())
        device = _device(spec)
        self._tokenizer: Any = transformers.AutoTokenizer.from_pretrained(folder)
        if not self._tokenizer.chat_template:
            raise ValueError("it has no chat template, so it is no model to chat with; take an Instruct version")
        model: Any = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=_number_format(device))
        model = model.to(device).eval()
        number = _TWO_BYTES
        if device == "cpu" and not wide_layers.computes_in_16_bits():
            wide_layers.widen(model)
            number *= 2
        config = model.config.get_text_config()
        own = getattr(config, "max_position_embeddings", None) or _DEFAULT_CONTEXT
        self._context = min(own, spec.context_length or own)
        self._room = max(1, int(spec.kv_cache_gb * 10**9) // _cache_bytes(config, number))
        self._streams = spec.max_ongoing
        self._piece = _PIECES.get(device, _PIECE)
        self._stop_ids = self._end_tokens(model)
        self._grammars = Grammars(self._tokenizer, config.vocab_size, self._stop_ids)
        self._model = TorchModel(model, device)
        self._memory = PromptMemory(self._room // _SHARE_FOR_MEMORY)
        self._batch = Batch(self._model)
        self._waiting: deque[_Chat] = deque()
        self._reading: tuple[_Chat, Reading] | None = None
        self._writing: list[_Chat] = []
        self._cancelled: set[int] = set()

    def _end_tokens(self, model: Any) -> set[int]:
        ends: set[int] = set()
        for named in (model.generation_config.eos_token_id, model.config.eos_token_id, self._tokenizer.eos_token_id):
            ends.update(named if isinstance(named, list) else [named])
        known = self._tokenizer.get_vocab()
        ends.update(known.get(text) for text in ("<|im_end|>", "<|endoftext|>", "<|eot_id|>"))
        return {end for end in ends if end is not None}

    def _decode(self, tokens: list[int]) -> str:
        return str(self._tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False))

    @property
    def busy(self) -> bool:
        """Whether any request is here."""
        return bool(self._waiting or self._reading or self._writing)

    def add(self, request_id: int, request: Request) -> Delta | None:
        """Let a request wait for a row. See the protocol."""
        import jinja2

        turns = [{"role": turn.role, "content": turn.content} for turn in request.messages]
        try:
            text = self._tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
        except (jinja2.TemplateError, ValueError, TypeError) as error:
            said = f"the model's chat template refuses these messages: {last_line(error)}"
            return Delta(request_id, finish_reason="error", error=said)
        prompt = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        grammar, trouble = self._grammars.start(request.sampling.json_schema)
        trouble = self._trouble(len(prompt)) or trouble
        if trouble:
            return Delta(request_id, finish_reason="error", error=trouble)
        most = min(request.sampling.max_tokens, min(self._context, self._room) - len(prompt))
        sampler = Sampler(request.sampling, prompt, grammar)
        self._waiting.append(_Chat(request_id, prompt, max(1, most), sampler, self._decode))
        return None

    def _trouble(self, count: int) -> str:
        """Why a prompt of ``count`` tokens cannot be answered, or ""."""
        if count >= self._context:
            return f"the prompt has {count} tokens, and at most {self._context - 1} can be read"
        if count >= self._room:
            return f"the prompt has {count} tokens, and the attention cache holds {self._room}; raise kv_cache_gb"
        return ""

    def cancel(self, request_id: int) -> None:
        """Let a request go at the next step. See the protocol."""
        if any(chat.id == request_id for chat in self._all()):
            self._cancelled.add(request_id)

    def step(self) -> Sequence[Delta]:
        """Read a piece of the next prompt, and write a token of every answer. See the protocol."""
        deltas = self._let_go()
        deltas += self._write()
        if self._reading is None and self._waiting and self._fits(self._waiting[0]):
            chat = self._waiting.popleft()
            self._reading = (chat, Reading(self._model, chat.prompt, self._memory))
        return deltas + self._read()

    def _fits(self, chat: _Chat) -> bool:
        """Whether the cache has room for one more row; rows are all as wide as the widest."""
        rows = len(self._writing) + 1
        width = max(chat.length, *(other.length for other in self._writing), 0)
        return rows == 1 or (rows <= self._streams and rows * width + self._memory.tokens <= self._room)

    def _let_go(self) -> list[Delta]:
        deltas = [self._delta(chat, "", "cancelled") for chat in self._all() if chat.id in self._cancelled]
        if deltas:
            self._waiting = deque(chat for chat in self._waiting if chat.id not in self._cancelled)
            if self._reading and self._reading[0].id in self._cancelled:
                self._reading = None
            self._keep([chat for chat in self._writing if chat.id not in self._cancelled])
        self._cancelled.clear()
        return deltas

    def _all(self) -> list[_Chat]:
        return [*self._waiting, *self._writing, *([self._reading[0]] if self._reading else [])]

    def _keep(self, chats: list[_Chat]) -> None:
        staying = {chat.id for chat in chats}
        self._batch.keep([at for at, chat in enumerate(self._writing) if chat.id in staying])
        self._writing = chats

    def _read(self) -> list[Delta]:
        if self._reading is None:
            return []
        chat, reading = self._reading
        scores = reading.step(self._piece)
        if scores is None:
            return []
        self._reading = None
        self._memory.keep(chat.prompt, reading.cache)
        delta = self._take(chat, scores)
        if delta is None or delta.finish_reason is None:
            self._batch.join(reading.cache)
            self._writing.append(chat)
        return [delta] if delta is not None else []

    def _write(self) -> list[Delta]:
        if not self._writing:
            return []
        scores = self._batch.step([chat.token for chat in self._writing])
        news = [self._take(chat, row) for chat, row in zip(self._writing, scores, strict=True)]
        deltas = [delta for delta in news if delta is not None]
        finished = {delta.id for delta in deltas if delta.finish_reason is not None}
        self._keep([chat for chat in self._writing if chat.id not in finished])
        return deltas

    def _take(self, chat: _Chat, scores: Any) -> Delta | None:
        """Choose the next token of an answer, and tell what text it brings."""
        chat.token = chat.sampler.pick(scores)
        ended = chat.token in self._stop_ids
        reason = "stop" if ended else "length" if chat.detokenizer.count + 1 >= chat.most else None
        last = reason is not None
        text = chat.detokenizer.feed([] if ended else [chat.token], last=last)
        text = chat.stops.feed(text, last=last)
        reason = "stop" if chat.stops.matched else reason
        return self._delta(chat, text, reason) if text or reason else None

    def _delta(self, chat: _Chat, text: str, reason: str | None) -> Delta:
        return Delta(chat.id, text, len(chat.prompt), chat.detokenizer.count, reason)


def _cache_bytes(config: Any, number: int) -> int:
    """What one token takes in the attention cache: keys and values of every layer, ``number`` bytes each."""
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return int(config.num_hidden_layers * heads * size * 2 * number)
