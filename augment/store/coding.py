"""Compact, readable-by-tools encodings of what is bulky: texts and coverage."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from augment.records import FileCoverage

_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def in_parts(keys: Iterable[str], size: int = 500) -> Iterator[list[str]]:
    """``keys`` in lists that fit into one SQL statement each."""
    keys = iter(keys)
    while part := list(islice(keys, size)):
        yield part


def essence(output: str) -> str:
    """The one line that says most of a test's output: pytest's first ``E`` line, else the last line."""
    lines = [line.strip() for line in _COLOUR.sub("", output).splitlines() if line.strip()]
    marked = next((line for line in lines if line.startswith("E ")), None)
    if marked is not None:
        return marked.removeprefix("E").strip()
    return lines[-1] if lines else ""


def pack_text(text: str) -> bytes:
    """UTF-8, deflated. Lone surrogates, which test output may hold, become question marks."""
    return zlib.compress(text.encode("utf-8", "replace"), 6)


def unpack_text(data: bytes) -> str:
    """The text that ``pack_text`` packed."""
    return zlib.decompress(data).decode("utf-8")


def pack_coverage(coverage: Mapping[str, FileCoverage]) -> bytes:
    """Coverage as deflated JSON, with lines as ranges."""
    plain = {file: [_ranges(part.lines), sorted(part.branches)] for file, part in coverage.items()}
    return zlib.compress(json.dumps(plain, separators=(",", ":")).encode(), 6)


def unpack_coverage(data: bytes) -> dict[str, FileCoverage]:
    """The coverage that ``pack_coverage`` packed."""
    plain: dict[str, Any] = json.loads(zlib.decompress(data))
    return {
        file: FileCoverage(
            frozenset(line for first, last in ranges for line in range(first, last + 1)),
            frozenset((start, end) for start, end in branches),
        )
        for file, (ranges, branches) in plain.items()
    }


def _ranges(lines: Iterable[int]) -> list[tuple[int, int]]:
    ranges: list[tuple[int, int]] = []
    for line in sorted(lines):
        if ranges and ranges[-1][1] == line - 1:
            ranges[-1] = (ranges[-1][0], line)
        else:
            ranges.append((line, line))
    return ranges
