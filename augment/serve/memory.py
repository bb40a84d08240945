"""How much memory a model will take, foreseen from its files before anything is loaded.

Weights in the form that the engine keeps them in, the attention cache up to its limit, and the engine itself. The
shares of the engines are what was measured with Qwen2.5-Coder-1.5B on Linux.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from augment.errors import ModelError
from augment.serve.cache import ModelFiles
from augment.serve.catalogue import ModelEntry, catalogue
from augment.serve.engine import EngineSpec
from augment.serve.fetch import locate_files
from augment.serve.gguf import GGUFHeader, read_gguf
from augment.serve.hardware import GB, Hardware, computes_in_16_bits, detect_hardware

_BFLOAT16 = 2
_ENGINE_BYTES = {"openvino": 0.7 * GB, "transformers": 0.8 * GB, "vllm": 2.0 * GB}
"""What the engine takes beside weights and cache: its libraries, and room to compute in."""
_OPENVINO_GROWTH = 1.2
"""OpenVINO's form of a GGUF file is so many times its size, as it keeps scales and the tied output apart."""
_GGUF_BYTES_A_WEIGHT = 0.63
"""Of Q4_K_M, and nearly of OpenVINO's int4: what a model of the catalogue that is not here yet is judged by."""
_FORGIVEN = 0.9
"""An estimate may be a tenth too high before it turns anybody away."""
_LONGEST_HEADER = 1 << 28


@dataclass(frozen=True, slots=True)
class ModelShape:
    """What a model's files say of it. ``bytes`` are those of its weights as they lie there.

    ``parameters`` counts weights and ``token_bytes`` is what a token takes in an attention cache of 16-bit numbers;
    both are 0 where the files do not say. ``context`` is the longest text in tokens, 0 likewise.
    """

    format: str
    bytes: int
    parameters: int = 0
    token_bytes: int = 0
    context: int = 0


@dataclass(frozen=True, slots=True)
class Foreseen:
    """Bytes that a loaded model will take, by what takes them."""

    weights: int
    cache: int
    engine: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.weights + self.cache + self.engine

    def describe(self) -> str:
        """For a person, in GB."""
        parts = (("weights", self.weights), ("attention cache", self.cache), ("the engine", self.engine))
        return ", ".join(f"{name} {size / GB:.1f}" for name, size in parts)


def read_shape(files: ModelFiles) -> ModelShape:
    """What the headers of ``files`` say; quick, whatever their size. Raises ModelError where one is damaged."""
    if files.format == "gguf":
        return shape_of_gguf(read_gguf(files.main), files.main.stat().st_size)
    config = _config(files.main)
    if files.format == "openvino":
        return ModelShape(
            "openvino", _bytes(files.main, "openvino_model.bin"), 0, token_bytes(config), _context(config)
        )
    parameters = sum(safetensors_parameters(path) for path in sorted(files.main.glob("*.safetensors")))
    size = _bytes(files.main, "*.safetensors")
    return ModelShape("safetensors", size, parameters, token_bytes(config), _context(config))


def shape_of_gguf(header: GGUFHeader, size: int) -> ModelShape:
    """The shape by a GGUF file's header and its size in bytes."""
    layers, heads = header.of_architecture("block_count"), header.of_architecture("attention.head_count")
    shared, width = header.of_architecture("attention.head_count_kv"), header.of_architecture("embedding_length")
    head_size = header.of_architecture("attention.key_length")
    config = {
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": shared,
        "hidden_size": width,
        "head_dim": head_size,
    }
    context = header.of_architecture("context_length") or 0
    return ModelShape("gguf", size, header.parameters, token_bytes(config), int(context))


def token_bytes(config: Mapping[str, Any]) -> int:
    """Keys and values of one token in every layer, 16 bits a number; 0 where ``config`` does not say."""
    layers, heads = config.get("num_hidden_layers"), config.get("num_attention_heads")
    shared = config.get("num_key_value_heads") or heads
    if not (isinstance(layers, int) and isinstance(heads, int) and isinstance(shared, int) and heads):
        return 0  # also where layers differ: lists instead of numbers
    size = config.get("head_dim") or int(config.get("hidden_size") or 0) // heads
    return layers * shared * int(size) * 2 * _BFLOAT16


def _context(config: Mapping[str, Any]) -> int:
    longest = config.get("max_position_embeddings")
    return longest if isinstance(longest, int) else 0


def _config(folder: Path) -> Mapping[str, Any]:
    """``config.json``, the part that speaks of text; empty where there is none, as beside some OpenVINO models."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    text = config.get("text_config", config) if isinstance(config, dict) else {}
    return text if isinstance(text, dict) else {}


def _bytes(folder: Path, pattern: str) -> int:
    return sum(path.stat().st_size for path in folder.glob(pattern))


def safetensors_parameters(path: Path) -> int:
    """The number of weights in a safetensors file, by its header. Raises ModelError where that cannot be read."""
    try:
        with path.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            if length > _LONGEST_HEADER:
                raise ValueError("a header beyond reason")
            header = json.loads(stream.read(length))
        return sum(math.prod(entry["shape"]) for name, entry in header.items() if name != "__metadata__")
    except (OSError, ValueError, struct.error, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"Augment cannot read the header of {path}: the file is damaged, or no safetensors."
        ) from error


# ---------------------------------------------------------------------- what an engine makes of it


def foresee(shape: ModelShape, spec: EngineSpec) -> Foreseen:
    """What the engine of ``spec`` will take with a model of this shape."""
    return Foreseen(_weights(shape, spec), _cache(shape, spec), int(_ENGINE_BYTES.get(spec.engine, GB)))


def foreseen(spec: EngineSpec) -> Foreseen:
    """What the model of ``spec`` will take. Raises ModelError where it is not here or damaged."""
    return foresee(read_shape(locate_files(spec.model, source=spec.source, path=spec.path)), spec)


def _weights(shape: ModelShape, spec: EngineSpec) -> int:
    if spec.engine == "openvino":
        return int(shape.bytes * _OPENVINO_GROWTH) if shape.format == "gguf" else shape.bytes
    sixteen = shape.parameters * _BFLOAT16 or shape.bytes
    return sixteen * 2 if spec.engine == "vllm" and not spec.num_gpus and not computes_in_16_bits() else sixteen


def _cache(shape: ModelShape, spec: EngineSpec) -> int:
    """The limit that the settings set, or less where all answers at their longest do not fill it."""
    limit = math.ceil(spec.kv_cache_gb) * GB if spec.engine == "openvino" else int(spec.kv_cache_gb * GB)
    context = min(filter(None, (shape.context, spec.context_length)), default=0)
    fullest = shape.token_bytes * context * spec.max_ongoing
    return min(limit, fullest) if fullest else limit


def foresee_entry(entry: ModelEntry, spec: EngineSpec) -> int:
    """Bytes that a model of the catalogue would take with the engine of ``spec``; it need not be here."""
    if spec.engine == "openvino":
        return entry.memory_bytes
    parameters = int(entry.download_bytes / _GGUF_BYTES_A_WEIGHT)
    return foresee(ModelShape("gguf", entry.download_bytes, parameters), spec).total


def fitting_entry(spec: EngineSpec, free: int, entries: Sequence[ModelEntry] | None = None) -> ModelEntry | None:
    """The largest tier's own model that fits into ``free`` bytes with the engine of ``spec``; None where none does."""
    fitting = [
        entry
        for entry in (catalogue() if entries is None else entries)
        if entry.default and entry.memory_bytes and foresee_entry(entry, spec) <= free
    ]
    return max(fitting, key=lambda entry: entry.memory_bytes, default=None)


def memory_trouble(name: str, shape: ModelShape, spec: EngineSpec, hardware: Hardware) -> str:
    """Why the model will not fit here, and what would; "" where it fits."""
    on_gpu = bool(spec.num_gpus) and hardware.vram > 0
    free, place = (hardware.vram_free, f"free on {hardware.gpu}") if on_gpu else (hardware.memory_free, "free here")
    need = foresee(shape, spec)
    if need.total * _FORGIVEN <= free:
        return ""
    return (
        f"{name} needs about {need.total / GB:.1f} GB of memory with the engine `{spec.engine}` ({need.describe()}), "
        f"and {free / GB:.1f} GB are {place}: {_way_out(spec, free)}."
    )


def _way_out(spec: EngineSpec, free: int) -> str:
    fitting = fitting_entry(spec, free)
    if fitting is None:
        return "no model of the catalogue fits; close something, or do without a model (--no-model)"
    tier = f"the tier that fits is {fitting.tier} (--model-name {fitting.hub})"
    return (
        f"{tier}, or close something, or lower kv_cache_gb" if spec.kv_cache_gb > 1 else f"{tier}, or close something"
    )


def check_load(spec: EngineSpec) -> None:
    """Raise ModelError where the model of ``spec`` is not here, or will not fit into what this machine has free."""
    files = locate_files(spec.model, source=spec.source, path=spec.path)
    trouble = memory_trouble(files.name, read_shape(files), spec, detect_hardware())
    if trouble:
        raise ModelError(trouble)
