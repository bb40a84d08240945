"""Token ids to text, a step at a time: partial characters are held back, and so is what may become a stop string."""

from __future__ import annotations

from collections.abc import Callable, Sequence

_BROKEN = "\ufffd"


class Detokenizer:
    """Text of a growing token sequence.

    Tokens are decoded with a few of their predecessors, since a tokenizer may write a token differently at the start of
    a text; a sequence that ends within a character waits for the rest of it.
    """

    def __init__(self, decode: Callable[[list[int]], str]) -> None:
        self._decode = decode
        self._tokens: list[int] = []
        self._context = 0
        self._read = 0

    @property
    def count(self) -> int:
        """Tokens fed so far."""
        return len(self._tokens)

    def feed(self, tokens: Sequence[int], *, last: bool = False) -> str:
        """Add ``tokens`` and return the text they complete. ``last`` gives out a broken character as it stands."""
        self._tokens.extend(tokens)
        before = self._decode(self._tokens[self._context : self._read])
        after = self._decode(self._tokens[self._context :])
        if len(after) <= len(before) or (after.endswith(_BROKEN) and not last):
            return ""
        self._context, self._read = self._read, len(self._tokens)
        return after[len(before) :]


class StopStrings:
    """Cuts a text at the first stop string. What may be the beginning of one is held back until that is decided."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._held = ""
        self.matched = False

    def feed(self, text: str, *, last: bool = False) -> str:
        """Add ``text`` and return what may be shown. Once ``matched``, nothing more ever is."""
        if self.matched:
            return ""
        text = self._held + text
        self._held = ""
        found = [at for stop in self._stops if (at := text.find(stop)) >= 0]
        if found:
            self.matched = True
            return text[: min(found)]
        keep = 0 if last else self._open_end(text)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def _open_end(self, text: str) -> int:
        """How many characters at the end of ``text`` could begin a stop string."""
        longest = max((len(stop) - 1 for stop in self._stops), default=0)
        for size in range(min(longest, len(text)), 0, -1):
            if any(stop.startswith(text[-size:]) for stop in self._stops):
                return size
        return 0
