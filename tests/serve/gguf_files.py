"""GGUF headers made by hand."""

import io
import struct


def text(value):
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def gguf(values, tensors=(), version=3):
    """The beginning of a GGUF file, as a program that writes such files lays it out."""
    out = io.BytesIO()
    out.write(b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(values)))
    for key, value in values.items():
        out.write(text(key))
        if isinstance(value, str):
            out.write(struct.pack("<I", 8) + text(value))
        elif isinstance(value, list):
            words = isinstance(value[0], str)
            out.write(struct.pack("<IIQ", 9, 8 if words else 5, len(value)))
            for item in value:
                out.write(text(item) if words else struct.pack("<i", item))
        else:
            out.write(struct.pack("<II", 4, value))
    for name, shape in tensors:
        out.write(text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 12, 0))
    return out.getvalue()


KEYS = {
    "general.architecture": "qwen2",
    "qwen2.block_count": 28,
    "qwen2.attention.head_count": 12,
    "qwen2.attention.head_count_kv": 2,
    "qwen2.embedding_length": 1536,
    "qwen2.context_length": 32768,
}
