"""What a GGUF file says of itself in its first bytes: architecture, sizes, number of weights. No tensor is read.

The format is that of https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3, little-endian.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from augment.errors import ModelError

_SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_STRING, _ARRAY = 8, 9
_LONGEST = 1 << 24
"""A count or a length above this is no header but damage."""
_KEPT_ITEMS = 64
"""Items of a list that are kept: vocabularies have hundreds of thousands, which only their number is asked of."""


@dataclass(frozen=True, slots=True)
class GGUFHeader:
    """``values`` are the file's own keys, a list cut short; ``parameters`` is the number of weights.

    ``lengths`` are the numbers of items of the lists.
    """

    values: Mapping[str, Any]
    lengths: Mapping[str, int]
    parameters: int

    def of_architecture(self, key: str) -> Any:
        """A value that the file keeps below the name of its architecture, such as ``block_count``; None if absent."""
        return self.values.get(f"{self.values.get('general.architecture')}.{key}")


def read_gguf(path: Path) -> GGUFHeader:
    """The header of ``path``. Raises ModelError when it is none, or is cut off."""
    try:
        with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return parse_gguf(data)
    except OSError as error:
        raise ModelError(f"Model file {path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, struct.error, KeyError) as error:
        raise ModelError(f"Augment cannot read the header of {path}: the file is damaged, or no GGUF file.") from error


def parse_gguf(data: bytes | mmap.mmap) -> GGUFHeader:
    """Read the header that ``data`` begins with. Raises ValueError, KeyError or struct.error where there is none."""
    reader = _Reader(data)
    if data[:4] != b"GGUF" or reader.number("<4xI") not in (2, 3):
        raise ValueError("no GGUF header")
    tensors, keys = reader.count(), reader.count()
    values: dict[str, Any] = {}
    lengths: dict[str, int] = {}
    for _ in range(keys):
        key, kind = reader.text(), reader.number("<I")
        if kind == _ARRAY:
            values[key], lengths[key] = reader.items()
        else:
            values[key] = reader.value(kind)
    return GGUFHeader(values, lengths, sum(reader.tensor() for _ in range(tensors)))


class _Reader:
    """Reads on from a place in the header."""

    def __init__(self, data: bytes | mmap.mmap) -> None:
        self._data = data
        self._at = 0

    def number(self, form: str) -> Any:
        value = struct.unpack_from(form, self._data, self._at)[0]
        self._at += struct.calcsize(form)
        return value

    def count(self) -> int:
        number = int(self.number("<Q"))
        if number > _LONGEST:
            raise ValueError("a length beyond reason")
        return number

    def text(self) -> str:
        size = self.count()
        text = self._data[self._at : self._at + size]
        self._skip(size)
        return text.decode("utf-8", "replace")

    def value(self, kind: int) -> Any:
        return self.text() if kind == _STRING else self.number(_SCALARS[kind])

    def items(self) -> tuple[list[Any], int]:
        kind, length = self.number("<I"), self.count()
        kept = [self.value(kind) for _ in range(min(length, _KEPT_ITEMS))]
        rest = length - len(kept)
        if kind == _STRING:
            at = self._at
            for _ in range(rest):
                at += 8 + int.from_bytes(self._data[at : at + 8], "little")
            self._skip(at - self._at)
        else:
            self._skip(rest * struct.calcsize(_SCALARS[kind]))
        return kept, length

    def tensor(self) -> int:
        """The number of weights of the next tensor."""
        self.text()
        dimensions = [self.number("<Q") for _ in range(self.number("<I"))]
        self._skip(12)  # how it is quantised, and where it lies
        return prod(dimensions)

    def _skip(self, size: int) -> None:
        self._at += size
        if self._at > len(self._data):
            raise ValueError("cut off")
