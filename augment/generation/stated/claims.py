"""A docstring -> what it claims that a machine can check. Each claim keeps the sentence that it rests on."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from augment.generation.stated.conditions import Condition, read_condition
from augment.generation.stated.docstrings import Docstring, Entry
from augment.generation.stated.invariants import Invariant, read_invariants, unmarked
from augment.generation.stated.types import documented_type

_NAME = r"[A-Z]\w*(?:\.[A-Z]\w*)*"
_RAISES_IF = re.compile(
    rf"\b(?i:raises?|throws?) (?:an? |the )?(?P<name>{_NAME})(?: exception| error)? "
    r"(?P<condition>(?i:if|when|whenever) .+)"
)
_IS_RAISED_IF = re.compile(
    rf"^(?i:an? |the )?(?P<name>{_NAME})(?: exception)? (?:is|will be|gets) (?:raised|thrown) "
    r"(?P<condition>(?i:if|when|whenever) .+)"
)
_IF_RAISES = re.compile(
    rf"^(?P<condition>(?:if|when|whenever) [^,]+), (?:(?:it )?(?:raises|throws) (?:an? |the )?(?P<name>{_NAME})"
    rf"|(?:an? |the )?(?P<passive>{_NAME})(?: exception)? (?:is|will be) (?:raised|thrown))\b", re.IGNORECASE
)  # fmt: skip
_VALUE = (
    r"(?P<value>True|False|None|zero|-?\d+(?:\.\d+)?|\[\]|\{\}|\(\)|''|\"\"|"
    r"(?:an |the )?empty (?:string|list|dict|dictionary|tuple|set))"
)
_RETURNS_IF = re.compile(rf"^{_VALUE} (?P<condition>(?:if|when|whenever|where) .+)$", re.IGNORECASE)
_OR_VALUE_IF = re.compile(rf",? or {_VALUE} (?P<condition>(?:if|when|whenever|where) .+)$", re.IGNORECASE)
_FOR_EMPTY = re.compile(
    rf"^(?:or )?{_VALUE} (?:for|with|given) (?:an )?empty "
    r"(?P<kind>string|list|sequence|iterable|dict|dictionary|input)$",
    re.IGNORECASE,
)
_IF_RETURNS = re.compile(
    rf"^(?P<condition>(?:if|when|whenever) [^,]+), (?:it )?(?:returns?|{_VALUE.replace('value', 'early')} is returned)"
    rf"(?: {_VALUE})?(?: is returned)?$", re.IGNORECASE
)  # fmt: skip
_WHETHER = re.compile(r"^whether (?:or not )?(?P<condition>.+)$", re.IGNORECASE)
_OTHERWISE = re.compile(r"[,;.]? (?:and |or )?(?:(?:False|None) otherwise|(?:otherwise|else),? (?:returns? )?\w+)$")
_FALSE_OTHERWISE = re.compile(r"False otherwise|(?:otherwise|else),? (?:returns? )?False", re.IGNORECASE)
_PROSE_TYPE = re.compile(
    r"^(?:always )?(?:an? |the )(?:new )?(?P<type>list|dict|dictionary|string|str|tuple|integer|int|boolean|bool|float)"
    r"(?! or | subclass|-| like|able)\b", re.IGNORECASE
)  # fmt: skip
_DEFAULT = re.compile(
    r"(?:\bdefaults? to|\bdefault(?: value)?(?: is|:|=)|\bby default(?: is)?)\s+"
    r"(?P<value>``[^`]+``|`[^`]+`|'[^']*'|\"[^\"]*\"|-?\d+(?:\.\d+)?(?!\w|\.\d|%)|True|False|None)", re.IGNORECASE
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RaisesIf:
    """This exception is raised under this condition."""

    exception: str
    condition: Condition
    sentence: str


@dataclass(frozen=True, slots=True)
class ReturnsIf:
    """This value is returned under this condition. ``only``: True then, and False otherwise."""

    value: Any
    condition: Condition
    sentence: str
    only: bool = False
    empty: bool = False
    """The value is an empty one of whatever kind."""


@dataclass(frozen=True, slots=True)
class ReturnsType:
    """What is returned is of this type (as an annotation). ``loose``: said in prose, where words are not exact."""

    annotation: str
    sentence: str
    loose: bool = False


@dataclass(frozen=True, slots=True)
class DefaultIs:
    """A parameter's default, as the documentation gives it."""

    parameter: str
    value: Any
    sentence: str


@dataclass(frozen=True, slots=True)
class Claims:
    """Everything that one docstring claims. ``exceptions`` are all it names, with or without a condition."""

    raises: tuple[RaisesIf, ...] = ()
    returns: tuple[ReturnsIf, ...] = ()
    types: tuple[ReturnsType, ...] = ()
    invariants: tuple[Invariant, ...] = ()
    defaults: tuple[DefaultIs, ...] = ()
    documented: tuple[str, ...] = ()
    exceptions: frozenset[str] = frozenset()
    says_none: bool = False
    parameter_types: Mapping[str, str] = field(default_factory=dict)


def read_claims(doc: Docstring, parameters: Sequence[str], known: Collection[str]) -> Claims:
    """The claims of a docstring about a target with these parameters; ``known`` are the names of its module."""
    about_return = list(_about_return(doc))
    raises = tuple(_raises(doc, parameters, known))
    named = {_last(entry.name) for entry in doc.raises} | {claim.exception for claim in raises}
    text = " ".join([*doc.sentences, doc.returns.text if doc.returns else "", doc.returns.type if doc.returns else ""])
    return Claims(
        raises=raises,
        returns=tuple(_returns(doc, about_return, parameters)),
        types=tuple(_types(doc, about_return)),
        invariants=tuple(read_invariants(about_return, parameters)),
        defaults=tuple(_defaults(doc, parameters)),
        documented=tuple(entry.name for entry in doc.parameters),
        exceptions=frozenset(named),
        says_none="none" in text.lower(),
        parameter_types={entry.name: documented_type(entry.type) for entry in doc.parameters if entry.type},
    )


def _about_return(doc: Docstring) -> Iterator[tuple[str, str]]:
    """(sentence, what it says of the value that is returned)."""
    for sentence in doc.sentences:
        match = re.match(
            r"^(?:this function |the function |it |this )?(?:always )?returns?(?: that)? (?P<rest>.+)$",
            sentence,
            re.IGNORECASE,
        )
        if match:
            yield sentence, match["rest"].rstrip(".")
    if doc.returns is not None and doc.returns.text:
        for part in re.split(r"(?<=[.!?;])\s+", doc.returns.text):
            yield f"Returns: {part}", re.sub(r"^returns? ", "", part, flags=re.IGNORECASE).rstrip(".;")


# --------------------------------------------------------------------------- exceptions


def is_exception(name: str, known: Collection[str]) -> bool:
    """Whether a name is that of an exception: a builtin one, or one of the project's that looks like it."""
    found = getattr(builtins, name, None)
    if isinstance(found, type):
        return issubclass(found, BaseException)
    return name in known and name[:1].isupper()


def _raises(doc: Docstring, parameters: Sequence[str], known: Collection[str]) -> Iterator[RaisesIf]:
    for entry in doc.raises:
        name = _last(entry.name.strip("`: "))
        for sentence in _conditions_of(entry):
            condition = read_condition(sentence, parameters)
            if condition is not None and is_exception(name, known):
                yield RaisesIf(name, condition, f"Raises {name}: {sentence}")
    for sentence in doc.sentences:
        for pattern in (_RAISES_IF, _IS_RAISED_IF, _IF_RAISES):
            match = pattern.search(unmarked(sentence))
            if match is None:
                continue
            name = _last(match["name"] or match.groupdict().get("passive") or "")
            condition = read_condition(match["condition"], parameters)
            if condition is not None and is_exception(name, known):
                yield RaisesIf(name, condition, sentence)


def _conditions_of(entry: Entry) -> Iterator[str]:
    for part in re.split(r"(?<=[.;])\s+", entry.text):
        text = re.sub(r"^(?:raised |thrown )", "", part.strip(), flags=re.IGNORECASE)
        if re.match(r"^(?:if|when|whenever|in case)\b", text, re.IGNORECASE) or re.search(r"\bmust\b", text):
            yield text


# --------------------------------------------------------------------------- return values


def _returns(doc: Docstring, about_return: Sequence[tuple[str, str]], parameters: Sequence[str]) -> Iterator[ReturnsIf]:
    for sentence, said in about_return:
        plain = unmarked(said).strip()
        yield from _value_if(sentence, plain, parameters)
        whether = _WHETHER.match(plain)
        condition = read_condition(whether["condition"], parameters) if whether else None
        if condition is not None:
            yield ReturnsIf(True, condition, sentence, only=True)
    for sentence in doc.sentences:
        match = _IF_RETURNS.match(unmarked(sentence).rstrip("."))
        if match:
            yield from _claimed(match["value"] or match["early"], match["condition"], sentence, parameters, only=False)


def _value_if(sentence: str, plain: str, parameters: Sequence[str]) -> Iterator[ReturnsIf]:
    if match := _FOR_EMPTY.match(plain):
        yield from _claimed(match["value"], f"if the {match['kind']} is empty", sentence, parameters, only=False)
        return
    only = bool(_FALSE_OTHERWISE.search(plain)) or " if and only if " in plain
    stripped = _OTHERWISE.sub("", plain).replace(" if and only if ", " if ")
    for pattern in (_RETURNS_IF, _OR_VALUE_IF):
        match = pattern.search(stripped)
        if match:
            yield from _claimed(match["value"], match["condition"], sentence, parameters, only)
            return


def _claimed(
    value: str | None, condition_text: str, sentence: str, parameters: Sequence[str], only: bool
) -> Iterator[ReturnsIf]:
    condition = read_condition(condition_text, parameters)
    if condition is None or value is None:
        return
    empty = "empty" in value.lower() or value in ("[]", "{}", "()", "''", '""')
    parsed = None if empty else _plain_value(value)
    yield ReturnsIf(parsed, condition, sentence, only and parsed is True, empty)


def _plain_value(text: str) -> Any:
    words = {"true": True, "false": False, "none": None, "zero": 0}
    return words[text.lower()] if text.lower() in words else ast.literal_eval(text)


def _types(doc: Docstring, about_return: Sequence[tuple[str, str]]) -> Iterator[ReturnsType]:
    if doc.returns is not None and doc.returns.type:
        annotation = documented_type(doc.returns.type)
        if annotation:
            yield ReturnsType(annotation, f"Returns: {doc.returns.type}")
            return
    for sentence, said in about_return:
        match = _PROSE_TYPE.match(said)
        if match and "," not in said[: match.end() + 1]:
            yield ReturnsType(documented_type(match["type"]), sentence, loose=True)
            return


# --------------------------------------------------------------------------- defaults


def _defaults(doc: Docstring, parameters: Sequence[str]) -> Iterator[DefaultIs]:
    for entry in doc.parameters:
        match = _DEFAULT.search(f"{entry.type} {entry.text}")
        if match is None or entry.name not in parameters:
            continue
        text = match["value"].strip("`")
        lowered = {"true": "True", "false": "False", "none": "None"}.get(text.lower(), text)
        try:
            value = ast.literal_eval(lowered)
        except (ValueError, SyntaxError):
            continue
        yield DefaultIs(entry.name, value, f"{entry.name}: {' '.join(entry.text.split())}")


def _last(name: str) -> str:
    return name.rpartition(".")[2]
