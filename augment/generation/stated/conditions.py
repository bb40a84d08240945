"""Conditions in prose that a machine can check: "if ``x`` is negative or zero", "when the list is empty".

A condition is read whole or not at all: one word that is not understood, and it says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Check = Callable[[Any, Mapping[str, Any]], bool | None]
"""(the subject's value, all arguments) -> whether it holds; None where that cannot be told."""

_WORDS = {"zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "ten": 10}
_GENERIC = frozenset(
    {"it", "value", "input", "argument", "list", "sequence", "iterable", "string", "text", "number", "collection"}
    | {"dict", "dictionary", "mapping", "array", "integer", "object", "data"}
)
_SIZED = (str, bytes, list, tuple, dict, set, frozenset)
_KINDS: dict[str, tuple[type, ...]] = {
    "str": (str,), "string": (str,), "text": (str,), "int": (int,), "integer": (int,), "float": (float, int),
    "number": (int, float, complex), "list": (list,), "tuple": (tuple,), "dict": (dict,), "dictionary": (dict,),
    "mapping": (dict,), "set": (set,), "bytes": (bytes,), "bool": (bool,), "boolean": (bool,),
    "sequence": (str, bytes, list, tuple), "iterable": _SIZED, "collection": _SIZED, "array": (list, tuple),
}  # fmt: skip
_LOOSELY: dict[str, tuple[type, ...]] = {
    "float": (int,), "sequence": (bytes, dict, set), "iterable": (bytes, dict, set), "collection": (bytes, dict, set),
    "array": (bytes, dict, set), "text": (bytes,),
}  # fmt: skip
"""What may or may not be meant by a word."""
_OPERAND = r"(?P<operand>-?\d+(?:\.\d+)?|[A-Za-z_]\w*)"
_ARTICLE = r"(?:an? |the )?"
_SUBJECT = re.compile(
    r"^(?:the |an? |any |either |given |supplied |provided |input |passed |specified |argument |parameter |value of )*"
    r"(?P<subject>[A-Za-z_]\w*)(?: argument| parameter| value| string| list)? "
    r"(?P<rest>(?:is|are|was|must|should|has|contains|exceeds|equals|consists|isn't|cannot|can't|<|>|=|!|not in).*)$"
)


@dataclass(frozen=True, slots=True)
class Condition:
    """What one sentence asks of the arguments."""

    text: str
    parts: tuple[tuple[str, Check], ...]
    joined: str = "or"

    @property
    def mentions(self) -> frozenset[str]:
        """The words that may name a parameter, those that the subjects are compared with included."""
        return self.subjects | frozenset(re.findall(r"[A-Za-z_]\w*", self.text))

    @property
    def subjects(self) -> frozenset[str]:
        """The parameters that it is about."""
        return frozenset(name for name, _ in self.parts)

    def holds(self, arguments: Mapping[str, Any]) -> bool | None:
        """Whether the arguments meet it; None where that cannot be told, as where one is no literal."""
        found = [check(arguments[name], arguments) if name in arguments else None for name, check in self.parts]
        decisive = self.joined == "or"
        if any(item is decisive for item in found):
            return decisive
        return None if any(item is None for item in found) else not decisive


def read_condition(text: str, parameters: Sequence[str]) -> Condition | None:
    """The condition that ``text`` states of ``parameters``; None unless every word of it is understood."""
    plain = " ".join(re.sub(r"[`*\"“”]", "", text).split()).strip(" .,;")
    plain = re.sub(r"^(?:only )?(?:if|when|whenever|in case|where|for when)\s+", "", plain, flags=re.IGNORECASE)
    has_or, has_and = " or " in plain, " and " in plain
    protected = re.sub(r"(than|less|equal) or (equal)", r"\1 or_\2", plain)
    protected = re.sub(r"(between \S+) and ", r"\1 and_", protected)
    has_or, has_and = " or " in protected, " and " in protected
    if has_or and has_and:
        return None
    parts: list[tuple[str, Check]] = []
    subject = ""
    for piece in re.split(r",? (?:or|and) ", protected):
        found = _read_part(piece.replace("or_", "or ").replace("and_", "and "), subject, parameters)
        if found is None:
            return None
        subject, check = found
        parts.append((subject, check))
    return Condition(plain, tuple(parts), "and" if has_and else "or") if parts else None


def _read_part(piece: str, before: str, parameters: Sequence[str]) -> tuple[str, Check] | None:
    match = _SUBJECT.match(piece)
    name = _resolve(match["subject"], parameters) if match else ""
    if match and name:
        check = _read_predicate(match["rest"], parameters)
        return (name, check) if check else None
    if not before:
        return None
    # "if x is negative or zero": the second predicate speaks of the same subject.
    check = _read_predicate(piece, parameters) or _read_predicate(f"is {piece}", parameters)
    return (before, check) if check else None


def _resolve(word: str, parameters: Sequence[str]) -> str:
    if word in parameters:
        return word
    return parameters[0] if word.lower() in _GENERIC and len(parameters) == 1 else ""


def _read_predicate(text: str, parameters: Sequence[str]) -> Check | None:
    text = text.strip()
    must = re.match(r"^(?:must|should)(?P<negated> not)? (?:be |have )?(?P<rest>.+)$", text)
    if must:
        inner = _read_predicate(f"is {must['rest']}", parameters)
        return inner if must["negated"] or inner is None else _negated(inner)
    for pattern, make in _PREDICATES:
        match = pattern.fullmatch(text)
        if match:
            return make(match, parameters)
    return None


def _negated(check: Check) -> Check:
    def negation(value: Any, arguments: Mapping[str, Any]) -> bool | None:
        found = check(value, arguments)
        return None if found is None else not found

    return negation


# --------------------------------------------------------------------------- predicates


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _compare(value: Any, operator: str, other: Any) -> bool | None:
    if _is_number(value) and _is_number(other):
        outcomes: dict[str, bool] = {
            "<": value < other, "<=": value <= other, ">": value > other, ">=": value >= other,
            "==": value == other, "!=": value != other,
        }  # fmt: skip
        return outcomes[operator]
    return None


def _operand(word: str, parameters: Sequence[str]) -> Callable[[Mapping[str, Any]], Any] | None:
    if word.lower() in _WORDS:
        number = _WORDS[word.lower()]
        return lambda _: number
    if re.fullmatch(r"-?\d+(?:\.\d+)?", word):
        parsed = float(word) if "." in word else int(word)
        return lambda _: parsed
    return (lambda arguments: arguments.get(word)) if word in parameters else None


def _comparison(operator: str) -> Callable[[re.Match[str], Sequence[str]], Check | None]:
    def make(match: re.Match[str], parameters: Sequence[str]) -> Check | None:
        operand = _operand(match["operand"], parameters)
        if operand is None:
            return None
        return lambda value, arguments: _compare(value, operator, operand(arguments))

    return make


def _against_zero(operator: str) -> Callable[[re.Match[str], Sequence[str]], Check]:
    return lambda _match, _parameters: lambda value, _: _compare(value, operator, 0)


def _empty(match: re.Match[str], _parameters: Sequence[str]) -> Check:
    kinds = _KINDS.get((match.groupdict().get("kind") or "").rstrip("s"), _SIZED)
    return lambda value, _: (len(value) == 0) if isinstance(value, kinds) and isinstance(value, _SIZED) else None


def _size(match: re.Match[str], parameters: Sequence[str]) -> Check | None:
    operand = _operand(match["operand"], parameters)
    if operand is None:
        return None
    operator = ">" if match["way"].lower() in ("more", "longer") else "<"
    return lambda value, arguments: (
        _compare(len(value), operator, operand(arguments)) if isinstance(value, _SIZED) else None
    )


def _none(_match: re.Match[str], _parameters: Sequence[str]) -> Check:
    return lambda value, _: value is None


def _kind(match: re.Match[str], _parameters: Sequence[str]) -> Check | None:
    kinds = _KINDS.get(match["kind"].lower())
    if kinds is None or (kinds == (set,) and " a set" not in match[0]):
        return None  # "is not set" is not about sets
    negated = "not" in match["verb"]

    def check(value: Any, _arguments: Mapping[str, Any]) -> bool | None:
        if isinstance(value, bool) and bool not in kinds:
            return None  # whether True is a number is a matter of taste
        if isinstance(value, float) and float not in kinds and value.is_integer():
            return None
        if not isinstance(value, str) and isinstance(value, _LOOSELY.get(match["kind"].lower(), ())):
            return None
        if isinstance(value, list | tuple) and set(kinds) & {list, tuple}:
            return None if not isinstance(value, kinds) else not negated
        return isinstance(value, kinds) is not negated

    return check


def _between(match: re.Match[str], parameters: Sequence[str]) -> Check | None:
    low, high = _operand(match["low"], parameters), _operand(match["high"], parameters)
    if low is None or high is None:
        return None
    outside = match["verb"] in ("is not", "is outside", "is out of")

    def check(value: Any, arguments: Mapping[str, Any]) -> bool | None:
        under, over = _compare(value, "<", low(arguments)), _compare(value, ">", high(arguments))
        if under is None or over is None:
            return None
        if value in (low(arguments), high(arguments)):
            return None  # whether the bounds belong to it is seldom said
        return (under or over) is outside

    return check


def _blank(_match: re.Match[str], _parameters: Sequence[str]) -> Check:
    return lambda value, _: not value.strip() if isinstance(value, str) and value else None


def _member(match: re.Match[str], parameters: Sequence[str]) -> Check | None:
    other = match["operand"]
    if other not in parameters:
        return None
    negated = any(word in match["verb"] for word in ("not", "missing", "absent"))

    def check(value: Any, arguments: Mapping[str, Any]) -> bool | None:
        among = arguments.get(other)
        if not isinstance(among, list | tuple | dict | set | frozenset | str):
            return None
        if isinstance(among, str) and not isinstance(value, str):
            return None
        try:
            if isinstance(among, dict) and value in among.values():
                return None  # whether a dict is its keys or its values is seldom said
            return (value in among) is not negated
        except TypeError:
            return None

    return check


def _parity(match: re.Match[str], _parameters: Sequence[str]) -> Check:
    odd = match["parity"] == "odd"
    return lambda value, _: bool(value % 2) is odd if isinstance(value, int) and not isinstance(value, bool) else None


_IS = r"(?:is|are|was)"
_NOUN = " number| integer| value"
_PREDICATES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], Sequence[str]], Check | None]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), make)
    for pattern, make in (
        (rf"{_IS} (?:{_ARTICLE}empty(?: (?P<kind>[a-z]+))?|zero-length)", _empty),
        (r"(?:has|contains) no (?:elements|items|entries|characters|values)", _empty),
        (rf"(?:has|contains) (?P<way>more|fewer|less) than {_OPERAND} (?:elements?|items?|entries|characters?)", _size),
        (rf"{_IS} (?P<way>longer|shorter) than {_OPERAND}(?: characters?| items?| elements?)?", _size),
        (rf"{_IS} (?:not empty|non-?empty)(?: (?P<kind>[a-z]+))?", lambda m, p: _negated(_empty(m, p))),
        (rf"{_IS} {_ARTICLE}(?:negative|below zero)(?: number| integer| value)?", _against_zero("<")),
        (rf"{_IS} (?:zero|0)", _against_zero("==")),
        (rf"{_IS} (?:not zero|non-?zero)", _against_zero("!=")),
        (rf"{_IS} {_ARTICLE}(?:strictly )?positive(?: number| integer| value)?", _against_zero(">")),
        (rf"{_IS} (?:not {_ARTICLE}(?:strictly )?positive|non-?positive)(?:{_NOUN})?", _against_zero("<=")),
        (rf"{_IS} (?:not negative|{_ARTICLE}non-?negative)(?: number| integer| value)?", _against_zero(">=")),
        (rf"{_IS} (?:not given as )?None", _none),
        (rf"{_IS} not None", lambda m, p: _negated(_none(m, p))),
        (rf"(?P<verb>{_IS} not|isn't) (?:of type |an instance of )?{_ARTICLE}(?P<kind>[a-z]+)", _kind),
        (rf"(?P<verb>{_IS}) (?:of type |an instance of |an? )(?P<kind>[a-z]+)", _kind),
        (rf"(?:{_IS} )?(?:less|smaller|lower) than or equal to {_OPERAND}", _comparison("<=")),
        (rf"(?:{_IS} )?(?:greater|larger|higher|bigger|more) than or equal to {_OPERAND}", _comparison(">=")),
        (rf"{_IS} at least {_OPERAND}", _comparison(">=")),
        (rf"{_IS} at most {_OPERAND}", _comparison("<=")),
        (rf"{_IS} (?:(?:less|smaller|lower|fewer) than|below|under) {_OPERAND}", _comparison("<")),
        (rf"(?:{_IS} (?:(?:greater|larger|higher|bigger|more) than|above|over)|exceeds) {_OPERAND}", _comparison(">")),
        (rf"(?:{_IS} )?<= ?{_OPERAND}", _comparison("<=")),
        (rf"(?:{_IS} )?>= ?{_OPERAND}", _comparison(">=")),
        (rf"(?:{_IS} )?< ?{_OPERAND}", _comparison("<")),
        (rf"(?:{_IS} )?> ?{_OPERAND}", _comparison(">")),
        (rf"(?:(?:{_IS} )?==? ?|{_IS} equal to |equals |{_IS} )(?P<operand>-?\d+(?:\.\d+)?)", _comparison("==")),
        (
            r"(?P<verb>is not|is outside|is out of|is) (?:in |within |of )?(?:the )?(?:range |interval |between )*"
            r"[\[(]?(?P<low>-?\d+(?:\.\d+)?)(?:,? ?(?:and|to|-|\.\.) ?|, ?)(?P<high>-?\d+(?:\.\d+)?)[\])]?",
            _between,
        ),
        (rf"{_IS} (?:blank|(?:only )?whitespace(?: only)?)", _blank),
        (r"(?:consists of|contains) only (?:of )?(?:whitespace|spaces)", _blank),
        (
            rf"(?P<verb>(?:{_IS} )?(?:not (?:found |present |contained )?in|missing from|absent from)|{_IS} in)"
            rf" (?:the )?{_OPERAND}",
            _member,
        ),
        (rf"{_IS} (?:an )?(?P<parity>odd|even)(?: number| integer)?", _parity),
    )
)  # fmt: skip
