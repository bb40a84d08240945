"""The sentences of a docstring, and which of them promise something."""

from __future__ import annotations

import re

_RAISES_ROW = re.compile(r"^\s*(?::raises?|@raises?|:exception)\s+(?P<name>[\w.]+)\s*:", re.MULTILINE)
_RAISES_HEAD = re.compile(r"^(?P<indent>[ \t]*)(Raises|Exceptions)\s*:?\s*$", re.MULTILINE)
_ERROR_NAME = re.compile(
    r"^\s*[`*]*(?P<name>(?:\w+\.)*[A-Z]\w*(?:Error|Exception|Warning|Invalid\w*|Exit|Interrupt))\b"
)
_IN_PROSE = re.compile(r"\b[Rr]aises?\s+(?:an?\s+)?[`:\w]*?`*(?P<name>[A-Z]\w*(?:Error|Exception))\b")
_EXAMPLE = re.compile(r"^\s*(>>>|\.\.\.)")


def sentences_of(doc: str) -> tuple[str, ...]:
    """The sentences of a docstring in one line each; examples and the names of sections are left out.

    >>> sentences_of("Sort the items. The\\n    result is new.")
    ('Sort the items.', 'The result is new.')
    """
    kept: list[str] = []
    in_example = False
    for line in doc.splitlines():
        in_example = bool(_EXAMPLE.match(line)) or (in_example and bool(line.strip()))
        kept.append("" if in_example or _EXAMPLE.match(line) else line)
    found: list[str] = []
    for paragraph in re.split(r"\n\s*\n|\n(?=\s*(?:[-*•]|:\w+|\w+ ?\(.*\):|[A-Z]\w+:\s*$))", "\n".join(kept)):
        text = " ".join(paragraph.split())
        found += [part.strip() for part in re.split(r"(?<=[.!?])\s+(?=[A-Z`:])|;\s+", text) if part.strip()]
    return tuple(found)


def documented_errors(doc: str) -> tuple[str, ...]:
    """The exceptions that a docstring names as raised, in its section, its fields or its prose.

    >>> documented_errors("Read it.\\n\\nRaises:\\n    ValueError: when it is empty.")
    ('ValueError',)
    """
    names = [match["name"] for match in _RAISES_ROW.finditer(doc)]
    for head in _RAISES_HEAD.finditer(doc):
        for line in doc[head.end() :].lstrip("\n").splitlines():
            if not line.strip():
                break
            match = _ERROR_NAME.match(line)
            if match is not None:
                names.append(match["name"])
    names += [match["name"] for match in _IN_PROSE.finditer(doc)]
    return tuple(dict.fromkeys(names))


def sentence_with(doc: str, pattern: re.Pattern[str]) -> tuple[str, re.Match[str]] | None:
    """The first sentence that ``pattern`` matches, and the match; None where none does."""
    for sentence in sentences_of(doc):
        match = pattern.search(sentence)
        if match is not None:
            return sentence, match
    return None
