"""Turn a GGUF file into safetensors: ``python -m augment.serve.safetensors_convert GGUF FOLDER``.

A process of its own, since reading takes far more memory than the model needs afterwards, and because it may run in
another environment than Augment's, which has torch and transformers. Loading GGUF takes a minute each time, safetensors
a few seconds.
"""

from __future__ import annotations

import functools
import os
import sys
from pathlib import Path
from typing import Any

from augment.serve.process import be_nice, end_with_parent


def convert(source: Path, folder: Path) -> None:
    """Write weights in bfloat16, configuration and tokenizer of ``source`` into the empty ``folder``."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # all that is needed is in the file
    import accelerate  # noqa: F401  # transformers reads GGUF with its help, and notices late that it is missing
    import gguf
    import torch
    import transformers

    # transformers opens the file for the tokenizer and again for the weights, and its vocabulary takes 20 s each time.
    gguf.GGUFReader = functools.cache(gguf.GGUFReader)
    # The tokenizer first: it is read in seconds, and what it cannot read the rest is of no use for.
    tokenizer: Any = transformers.AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
    tokenizer.save_pretrained(folder)
    # Newer versions would keep the weights of some models packed, and could then write none.
    packed = getattr(transformers, "GgufConfig", None)
    options = {"quantization_config": packed(dequantize=True)} if packed is not None else {}
    model: Any = transformers.AutoModelForCausalLM.from_pretrained(
        source.parent, gguf_file=source.name, dtype=torch.bfloat16, **options
    )
    # The weights are plain numbers now; what is saved must not say that they are still packed.
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.hf_quantizer = None
    model.save_pretrained(folder)


if __name__ == "__main__":
    end_with_parent()
    be_nice(5)
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
    sys.stdout.flush()
    os._exit(0)  # the libraries' own tear-down frees what the system frees faster
