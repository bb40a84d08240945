"""Source text with the positions of its syntax tree, and edits of it."""

from __future__ import annotations

import ast
import bisect
import re
from dataclasses import dataclass

_COMMENT = re.compile(r"#[^\n]*")

Located = ast.expr | ast.stmt | ast.keyword | ast.arg | ast.pattern


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """A replacement of the characters from ``start`` up to ``end`` (offsets into the source)."""

    start: int
    end: int
    replacement: str

    def apply(self, source: str) -> str:
        """``source`` with this edit done."""
        return source[: self.start] + self.replacement + source[self.end :]


class Text:
    """A source text whose lines end in a line feed, addressed by character offsets."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.lines = source.split("\n")
        self._starts = [0]
        for line in self.lines:
            self._starts.append(self._starts[-1] + len(line) + 1)

    def line_start(self, lineno: int) -> int:
        """The offset where a 1-based line begins; the end of the text for the line after the last."""
        return min(self._starts[lineno - 1], len(self.source))

    def lineno(self, offset: int) -> int:
        """The 1-based line that an offset lies in."""
        return bisect.bisect_right(self._starts, offset)

    def offset(self, lineno: int, column: int) -> int:
        """The offset of a position in the syntax tree, whose columns count UTF-8 bytes."""
        line = self.lines[lineno - 1]
        if not line.isascii():
            column = len(line.encode()[:column].decode(errors="ignore"))
        return self._starts[lineno - 1] + column

    def start(self, node: Located) -> int:
        """Where a node begins."""
        return self.offset(node.lineno, node.col_offset)

    def end(self, node: Located) -> int:
        """Where a node ends."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self.offset(node.end_lineno, node.end_col_offset)

    def of(self, node: Located) -> str:
        """What is written of a node."""
        return self.source[self.start(node) : self.end(node)]

    def replace(self, node: Located, replacement: str) -> Edit:
        """Put something else in the place of a node."""
        return Edit(self.start(node), self.end(node), replacement)

    def symbol(self, before: Located, after: Located, pattern: str, replacement: str) -> Edit | None:
        """Replace what ``pattern`` matches between two nodes; comments in between do not count."""
        begin, end = self.end(before), self.start(after)
        gap = _COMMENT.sub(lambda comment: " " * len(comment.group()), self.source[begin:end])
        found = re.search(pattern, gap)
        return Edit(begin + found.start(), begin + found.end(), replacement) if found else None

    def whole_lines(self, first: int, last: int) -> Edit:
        """Delete the lines from ``first`` to ``last``, both included."""
        return Edit(self.line_start(first), self.line_start(last + 1), "")
