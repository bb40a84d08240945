"""A docstring -> its parameters, return value and exceptions, in Google's, numpy's or reST's style, and its prose."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

_KINDS = {
    "args": "parameters", "arguments": "parameters", "parameters": "parameters", "params": "parameters",
    "keyword args": "parameters", "keyword arguments": "parameters", "other parameters": "parameters",
    "returns": "returns", "return": "returns", "yields": "yields", "yield": "yields",
    "raises": "raises", "raise": "raises", "exceptions": "raises", "throws": "raises",
}  # fmt: skip
_OTHERS = frozenset(
    {"example", "examples", "note", "notes", "warning", "warnings", "see also", "references", "todo", "attributes"}
    | {"usage", "methods", "warns", "deprecated", "tip", "important", "caution"}
)
_FIELD = re.compile(r"^[:@](?P<tag>\w+)(?:\s+(?P<rest>[^:]*?))?\s*:(?:\s+(?P<text>.*))?$")
_FIELD_KINDS = {
    "param": "parameters", "parameter": "parameters", "arg": "parameters", "argument": "parameters",
    "key": "parameters", "keyword": "parameters", "type": "type", "return": "returns", "returns": "returns",
    "rtype": "rtype", "raises": "raises", "raise": "raises", "except": "raises", "exception": "raises",
}  # fmt: skip
_GOOGLE_ENTRY = re.compile(
    r"^(?P<name>\*{0,2}[\w.`]+)\s*(?:\((?P<type>[^()]*(?:\([^()]*\)[^()]*)*)\))?\s*:\s+(?P<text>.*)$"
)
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z`*:\"'])")


@dataclass(frozen=True, slots=True)
class Entry:
    """One documented parameter, exception or return value. ``type`` is text as written, '' without one."""

    name: str
    type: str
    text: str


@dataclass(frozen=True, slots=True)
class Docstring:
    """A docstring taken apart. ``sentences`` are those of the prose outside its sections, examples left out."""

    sentences: tuple[str, ...] = ()
    parameters: tuple[Entry, ...] = ()
    returns: Entry | None = None
    raises: tuple[Entry, ...] = ()

    def parameter(self, name: str) -> Entry | None:
        """What is said of one parameter."""
        return next((item for item in self.parameters if item.name == name), None)


def read_docstring(text: str | None) -> Docstring:
    """Take a docstring apart. What follows no style that is known counts as prose."""
    if not text:
        return Docstring()
    lines = _without_examples(textwrap.dedent(text).strip("\n").split("\n"))
    found: dict[str, list[Entry]] = {"parameters": [], "returns": [], "raises": [], "yields": []}
    prose: list[str] = []
    types: dict[str, str] = {}
    for kind, block in _blocks(lines):
        if kind == "prose":
            prose += ["", *block]
        elif kind == "fields":
            _read_fields(block, found, types)
        elif kind.startswith("numpy "):
            found[kind.removeprefix("numpy ")] += _numpy_entries(kind, block)
        elif kind != "skip":
            found[kind] += _google_entries(kind, block)
    parameters = tuple(
        Entry(item.name, item.type or types.get(item.name, ""), item.text) for item in found["parameters"]
    )
    returns = found["returns"][0] if found["returns"] else None
    if "return" in types:
        returns = Entry("", types["return"], returns.text if returns else "")
    return Docstring(tuple(_sentences(prose)), parameters, returns, tuple(found["raises"]))


def _without_examples(lines: list[str]) -> list[str]:
    kept: list[str] = []
    inside = False
    for line in lines:
        if line.lstrip().startswith(">>>"):
            inside = True
        elif not line.strip():
            inside = False
        kept.append("" if inside else line)
    return kept


def _blocks(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    """(kind, lines) of every run of prose and every section."""
    index = 0
    prose: list[str] = []
    while index < len(lines):
        title = lines[index].strip()
        word = title.rstrip(":").strip().lower()
        is_numpy = index + 1 < len(lines) and bool(re.fullmatch(r"\s*-{3,}\s*", lines[index + 1]))
        is_google = title.endswith(":") and (word in _KINDS or word in _OTHERS)
        if _FIELD.match(title) and _FIELD.match(title)["tag"] in _FIELD_KINDS:  # type: ignore[index]
            yield "prose", prose
            yield "fields", lines[index:]
            return
        if (is_numpy and title) or is_google:
            yield "prose", prose
            prose = []
            start = index + 2 if is_numpy else index + 1
            index = _end_of(lines, start, _indent(lines[index]), is_numpy)
            kind = _KINDS.get(word, "skip")
            yield (f"numpy {kind}" if is_numpy and kind != "skip" else kind), lines[start:index]
            continue
        prose.append(lines[index])
        index += 1
    yield "prose", prose


def _end_of(lines: list[str], start: int, indent: int, is_numpy: bool) -> int:
    """Where a section ends: at the next header for numpy's, at a line that is not indented more for Google's."""
    for index in range(start, len(lines)):
        if not lines[index].strip():
            continue
        if is_numpy:
            if index + 1 < len(lines) and re.fullmatch(r"\s*-{3,}\s*", lines[index + 1]):
                return index
        elif _indent(lines[index]) <= indent:
            return index
    return len(lines)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _paragraphs(lines: list[str]) -> Iterator[tuple[str, str]]:
    """(first line, the rest joined) of each entry of a section: a line at its left edge and those below it."""
    block = textwrap.dedent("\n".join(lines)).split("\n")
    head, rest = "", list[str]()
    for line in block:
        if line.strip() and not _indent(line):
            if head:
                yield head, " ".join(rest)
            head, rest = line.strip(), []
        elif line.strip():
            rest.append(line.strip())
    if head:
        yield head, " ".join(rest)


def _google_entries(kind: str, lines: list[str]) -> list[Entry]:
    if kind in ("returns", "yields"):
        whole = " ".join(line.strip() for line in lines if line.strip())
        type_, separator, text = whole.partition(": ")
        is_typed = bool(separator) and bool(re.fullmatch(r"[\w.\[\], |`]{1,60}", type_)) and _is_type_text(type_)
        return [Entry("", type_ if is_typed else "", text if is_typed else whole)] if whole else []
    entries = []
    for head, rest in _paragraphs(lines):
        match = _GOOGLE_ENTRY.match(head if not head.endswith(":") else f"{head} ")
        if match:
            text = f"{match['text']} {rest}".strip()
            entries.append(Entry(match["name"].strip("*`"), _plain_type(match["type"] or ""), text))
    return entries


def _is_type_text(text: str) -> bool:
    """Whether the words before a colon are a type rather than a beginning of a sentence."""
    words = re.findall(r"\w+", text)
    return len(words) == 1 or "[" in text or "|" in text or bool(re.fullmatch(r"[\w.]+(?: (?:or|of) [\w.]+)+", text))


def _numpy_entries(kind: str, lines: list[str]) -> list[Entry]:
    entries = []
    for head, rest in _paragraphs(lines):
        name, separator, type_ = head.partition(" : ")
        if kind == "numpy returns":
            entries.append(Entry("", _plain_type(type_ if separator else name), rest))
        elif kind == "numpy raises":
            entries.append(Entry(head.rstrip(":"), "", rest))
        else:
            entries += [Entry(each.strip("* "), _plain_type(type_), rest) for each in name.split(",")]
    return entries


def _read_fields(lines: list[str], found: dict[str, list[Entry]], types: dict[str, str]) -> None:
    """reST's field lists. ``types`` gets those of parameters by name, and that of the return value as ``return``."""
    for tag, rest, text in _fields(lines):
        kind = _FIELD_KINDS.get(tag)
        if kind == "parameters" and rest:
            *type_, name = rest.split()
            found["parameters"].append(Entry(name.strip("*"), " ".join(type_), text))
        elif kind == "type" and rest:
            types[rest.strip("*")] = text
        elif kind == "rtype":
            types["return"] = text
        elif kind == "returns":
            found["returns"].append(Entry("", "", text))
        elif kind == "raises" and rest:
            found["raises"] += [Entry(name, "", text) for name in rest.replace(",", " ").split()]


def _fields(lines: list[str]) -> Iterator[tuple[str, str, str]]:
    current: tuple[str, str, str] | None = None
    for line in lines:
        match = _FIELD.match(line.strip())
        if match:
            if current:
                yield current
            current = (match["tag"], match["rest"] or "", match["text"] or "")
        elif current and line.strip():
            current = (current[0], current[1], f"{current[2]} {line.strip()}".strip())
        elif current:
            yield current
            current = None
    if current:
        yield current


def _plain_type(text: str) -> str:
    return re.sub(r",?\s*(?:optional|default[^,]*|required)\s*$", "", text.strip(), flags=re.IGNORECASE).strip(" ,")


def _sentences(lines: list[str]) -> Iterator[str]:
    paragraphs = re.split(r"\n\s*\n", "\n".join(lines))
    for paragraph in paragraphs:
        flat = " ".join(paragraph.split())
        yield from (part.strip() for part in _SENTENCE.split(flat) if part.strip())
