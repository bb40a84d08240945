"""Which engine runs the model: a pure function of the machine, of what is installed, and of the settings."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from augment.errors import ModelError
from augment.serve.extras import install_line
from augment.serve.hardware import GB, Hardware

AUTO = "auto"
READS = {
    "openvino": frozenset({"gguf", "openvino"}),
    "transformers": frozenset({"gguf", "safetensors"}),
    "vllm": frozenset({"gguf", "safetensors"}),
}
"""Engine of this machine -> the formats that it reads, GGUF by way of its own form."""

_ON_GPU = ("vllm", "transformers", "openvino")
_ON_CPU = ("openvino", "vllm", "transformers")
"""The fastest first. On a CPU OpenVINO computes with the file's own four bits; the others with sixteen."""


@dataclass(frozen=True, slots=True)
class Choice:
    """An engine and why it is that one. ``faster`` says what would be, or nothing. ``num_gpus`` is what it reserves."""

    engine: str
    reason: str
    faster: str = ""
    num_gpus: float = 0.0


def choose_engine(
    hardware: Hardware,
    installed: Collection[str],
    wanted: str = AUTO,
    *,
    base_url: str | None = None,
    num_gpus: float | None = None,
    model_format: str = "gguf",
) -> Choice:
    """The engine for this machine.

    ``wanted`` is the setting; anything but *auto* is taken at its word. ``num_gpus`` None takes a GPU where there is
    one, 0 never does. ``model_format`` is that of the files. Raises ModelError where nothing installed reads them.
    """
    if base_url and wanted in (AUTO, "openai"):
        return Choice("openai", f"base_url is {base_url}")
    gpus = (1.0 if hardware.vram else 0.0) if num_gpus is None else num_gpus
    where = (hardware.gpu or "a GPU") if gpus else "the CPU"
    if wanted != AUTO:
        # OpenVINO uses GPUs of Intel only, and those only where the settings say so.
        reserved = (num_gpus or 0.0) if wanted == "openvino" else gpus
        return Choice(
            wanted,
            f"the settings name it; it runs on {where if reserved else 'the CPU'}",
            _faster(wanted, hardware, reserved, model_format),
            reserved,
        )
    order = _ON_GPU if gpus else _ON_CPU
    able = [engine for engine in order if engine in installed and model_format in READS[engine]]
    if not able:
        raise ModelError(_nothing(model_format))
    engine = able[0]
    reserved = (num_gpus or 0.0) if engine == "openvino" else gpus
    where = where if reserved else "the CPU"
    reason = f"the fastest that is installed for {where}"
    return Choice(engine, reason, _faster(engine, hardware, reserved, model_format), reserved)


def _nothing(model_format: str) -> str:
    engine = "transformers" if model_format in READS["transformers"] else "openvino"  # which install everywhere
    return f"No engine that is installed reads {model_format} models; `{engine}` does: {install_line(engine)}"


def _faster(engine: str, hardware: Hardware, gpus: float, model_format: str) -> str:
    """What would answer faster than ``engine`` on this machine, as something to do; "" where nothing would."""
    if hardware.vram and engine != "vllm" and model_format in READS["vllm"]:
        return f"`vllm` would be faster on {hardware.gpu} ({hardware.vram / GB:.0f} GB): {install_line('vllm')}"
    if hardware.vram and not gpus:
        return f"{hardware.gpu} would be faster: leave num_gpus out, or set it to 1"
    if hardware.vram or gpus:
        return ""
    if engine != "openvino" and model_format in READS["openvino"]:
        return "`openvino` is faster on a CPU: leave engine at auto"
    return "a GPU would be faster, here (`vllm`) or behind a server (`base_url`)"
