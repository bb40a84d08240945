"""What the docstring states, taken at its word: each clear sentence becomes a property that rests on it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from augment.generation.property.properties import RESTS_ON, Property
from augment.generation.property.rules.commutativity import symmetric, the_pair
from augment.generation.property.rules.idempotence import passed_again, settled, undone
from augment.generation.property.rules.invariants import Claim, stated, untouched
from augment.generation.property.rules.metamorphic import monotonous, same_for
from augment.generation.property.rules.round_trip import there_and_back
from augment.generation.property.sentences import sentences_of
from augment.generation.property.subject import Input, Subject

_NUMBER, _LISTS = ("int", "float"), ("list", "tuple", "sequence")
_ALL = ("str", "int", "float", "list", "tuple", "sequence", "dict", "set", "bytes")
_N = r"(?P<{}>-?\d+(?:\.\d+)?)"
_NAME = r"[`*]{0,2}(?P<name>\w+)[`*]{0,2}"
_HEDGE = re.compile(
    r"\b(if|unless|except|when|may|might|usually|otherwise|should|optionally|must|can be)\b", re.IGNORECASE
)
"""A sentence with a condition promises something under that condition only."""
_ALWAYS = re.compile(r"(?:^|[,;] )(?P<clause>(?:but |and |it is |which is )?(?:never|always)\b[^,;]*)", re.IGNORECASE)
"""A clause that holds in both cases of a sentence that only tells two cases apart."""
_CONDITION = re.compile(_HEDGE.pattern.replace("|otherwise", ""), re.IGNORECASE)
_Reader = Callable[[Subject, "re.Match[str]", str], Iterator[Property]]


class Documented:
    """Idempotence, inverses, order, bounds, lengths, case and the like, where a sentence states them plainly."""

    name = "documented"

    def properties(self, subject: Subject) -> Iterator[Property]:
        """One or more for each sentence that is understood; sentences with a condition are left alone, but for what
        they say is *never* or *always* so.
        """
        if not subject.typed:
            return
        for sentence in sentences_of(subject.doc):
            rests_on = f"{RESTS_ON}{sentence}"
            for said in _unconditional(sentence):
                for pattern, read in _READERS:
                    match = re.search(pattern, said, re.IGNORECASE)
                    if match is not None:
                        yield from read(subject, match, rests_on)


def _unconditional(sentence: str) -> list[str]:
    if not _HEDGE.search(sentence):
        return [sentence]
    return [] if _CONDITION.search(sentence) else [match["clause"] for match in _ALWAYS.finditer(sentence)]


def _claims(title: str, text: str, result: tuple[str, ...], kinds: tuple[tuple[str, ...], ...] = ()) -> _Reader:
    def read(subject: Subject, match: re.Match[str], rests_on: str) -> Iterator[Property]:
        words = {key: value for key, value in match.groupdict().items() if value is not None}
        spelled = text
        for key, value in words.items():
            spelled = spelled.replace(f"<{key}>", value)
        yield from list(stated(subject, Claim(title, spelled, result, kinds), "documented", rests_on))[:1]

    return read


def _about(title: str, text: str, result: tuple[str, ...], kinds: tuple[str, ...]) -> _Reader:
    """A claim about the argument that the sentence names."""

    def read(subject: Subject, match: re.Match[str], rests_on: str) -> Iterator[Property]:
        named = _named(subject, match["name"], kinds)
        if named is not None:
            claim = Claim(title.replace("{0}", named.name), text.replace("{0}", named.name), result)
            yield from stated(subject, claim, "documented", rests_on)

    return read


def _named(subject: Subject, name: str, kinds: tuple[str, ...]) -> Input | None:
    return next((item for item in subject.of_kind(*kinds) if item.name == name), None)


def _idempotent(subject: Subject, match: re.Match[str], rests_on: str) -> Iterator[Property]:
    start = passed_again(subject)
    if start is not None:
        yield settled(subject, start, "documented", rests_on)


def _own_inverse(subject: Subject, match: re.Match[str], rests_on: str) -> Iterator[Property]:
    start = passed_again(subject)
    if start is not None:
        yield undone(subject, start, "documented", rests_on)


def _inverse(subject: Subject, match: re.Match[str], rests_on: str) -> Iterator[Property]:
    wanted = match["name"].rpartition(".")[2]
    partner = next((item for item in subject.context.neighbours if item.qualname.rpartition(".")[2] == wanted), None)
    if partner is not None:
        yield from list(there_and_back(subject, partner, "documented", rests_on))[:1]


def _symmetric(subject: Subject, match: re.Match[str], rests_on: str) -> Iterator[Property]:
    pair = the_pair(subject)
    if pair is not None:
        yield symmetric(subject, pair, "documented", rests_on)


def _any_case(subject: Subject, match: re.Match[str], rests_on: str) -> Iterator[Property]:
    for item in subject.of_kind("str")[:1]:
        yield same_for(subject, item, "{}.swapcase()", "ignores_case", "documented", rests_on)


def _any_order(subject: Subject, match: re.Match[str], rests_on: str) -> Iterator[Property]:
    for item in subject.of_kind("list")[:1]:
        yield same_for(subject, item, "{}[::-1]", "ignores_order", "documented", rests_on)


def _around(subject: Subject, match: re.Match[str], rests_on: str) -> Iterator[Property]:
    for item in subject.of_kind("str")[:1]:
        yield same_for(subject, item, "f' {{{}}} '", "ignores_space_around", "documented", rests_on)


def _pure(subject: Subject, match: re.Match[str], rests_on: str) -> Iterator[Property]:
    for item in subject.of_kind("list", "dict", "set")[:1]:
        yield untouched(subject, item, "documented", rests_on)


def _pure_all(subject: Subject, match: re.Match[str], rests_on: str) -> Iterator[Property]:
    for item in subject.of_kind("list", "dict", "set"):
        yield untouched(subject, item, "documented", rests_on)


def _in_order(subject: Subject, match: re.Match[str], rests_on: str) -> Iterator[Property]:
    """What comes out comes in the order of its first place in what went in."""
    lists = subject.of_kind("list")
    if len(lists) == 1 and subject.result.kind == "list":
        name = lists[0].name
        places = f"places = [{name}.index(item) for item in result if item in {name}]"
        body = (f"result = {subject.call()}", places, "assert places == sorted(places)")
        yield Property("documented", "keeps_the_order", subject.inputs, body, rests_on=rests_on)


def _growing(subject: Subject, match: re.Match[str], rests_on: str) -> Iterator[Property]:
    if subject.result.is_number:
        for item in subject.of_kind("int", "float")[:1]:
            yield monotonous(subject, item, "documented", rests_on)


def _never_raises(subject: Subject, match: re.Match[str], rests_on: str) -> Iterator[Property]:
    check = subject.result.check("result")
    if check is not None:
        imports = frozenset({check[1]}) if check[1] else frozenset[str]()
        body = (f"result = {subject.call()}", f"assert {check[0]}")
        yield Property("documented", "never_raises", subject.inputs, body, imports, rests_on)


def _within(subject: Subject, match: re.Match[str], rests_on: str) -> Iterator[Property]:
    low, high = match["low"] or match["from"], match["high"] or match["to"]
    if subject.result.is_number and re.search(r"return|result|value|give|score", rests_on, re.IGNORECASE):
        claim = Claim("lies_within_its_bounds", f"{low} <= result <= {high}", _NUMBER)
        yield from stated(subject, claim, "documented", rests_on)


_READERS: tuple[tuple[str, _Reader], ...] = (
    (r"\bidempotent\b|applying it (again|twice)|twice (is|gives|has) the same", _idempotent),
    (r"\b(its|is) own inverse\b|\binvolution\b|twice gives back", _own_inverse),
    (r"\b(?:inverse|opposite|reverse|counterpart) (?:function |operation )?(?:of|to)\s+:?\w*:?[`*]{0,2}"
     r"(?P<name>[\w.]+)", _inverse),
    (r"\b(?:undoes|reverts|reverses|inverts) (?:what )?:?\w*:?[`*]{0,2}(?P<name>[\w.]+)", _inverse),
    (r"\b(?:commutative|symmetric)\b|order of (?:the )?(?:two |both )?arguments (?:does not|doesn't) matter",
     _symmetric),
    (r"\bcase[- ]insensitive|ignor\w+ (?:upper and lower )?case|without regard to case|regardless of case", _any_case),
    (r"order (?:of the \w+ )?(?:does not|doesn't) matter|regardless of (?:the |their )?order|in any order", _any_order),
    (r"ignor\w+ (?:leading and trailing |surrounding )(?:white ?)?spaces?|white ?space around \w+ is ignored", _around),
    (r"(?:does not|doesn't|never|without) (?:modify|change|mutate|alter|modifying|changing|mutating)|"
     r"\b(?:left|remains?|stays?) (?:unchanged|untouched|as it (?:is|was))|returns? a (?:new|sorted copy|copy)|"
     r"\b(?:which|input|argument|original|list|dict|dictionary|mapping|table|sequence|set) (?:is|are) (?:not|never) "
     r"(?:modified|changed|mutated|altered)", _pure),
    (r"\bneither (?:of them|of the \w+|\w+)? ?is (?:modified|changed|mutated|altered)", _pure_all),
    (r"\bin (?:the )?order (?:in which|that) they (?:first )?(?:appear|occur)|"
     r"\bin (?:the )?order of (?:their )?(?:first )?(?:appearance|occurrence)", _in_order),
    (r"\bmonotonic|\bnever decreas|non-decreasing", _growing),
    (r"never raises|does not raise|doesn't raise|never fails|no exception", _never_raises),
    (r"\b(?:sorted|in (?:ascending|increasing|alphabetical|sorted) order)"
     r"(?! by| in desc| desc| from (?:the )?(?:high|larg))",
     _claims("is_in_order", "list(result) == sorted(result)", _LISTS)),
    (r"\b(?:never negative|non-?negative|not negative|zero or more|at least zero|at least 0)\b",
     _claims("is_not_negative", "result >= 0", _NUMBER)),
    (r"\b(?:always|strictly|is) positive\b|\bgreater than (?:zero|0)\b|a positive (?:int|integer|number|float)\b",
     _claims("is_positive", "result > 0", _NUMBER)),
    (rf"\bbetween {_N.format('low')} and {_N.format('high')}\b|\bfrom {_N.format('from')} to {_N.format('to')}\b",
     _within),
    (r"\b(?:without duplicates|no duplicates|duplicates? (?:are |is )?removed|unique (?:items|values|elements)"
     r"|each once)\b",
     _claims("repeats_nothing", "len(set(result)) == len(result)", _LISTS)),
    (r"^returns? (?:\S+ ){1,5}in lower[- ]?case\b|^(?:returns? )?an? lower[- ]?cased? \w+|: lower[- ]case\b",
     _claims("is_lower_case", "result == result.lower()", ("str",))),
    (r"^returns? (?:\S+ ){1,5}in upper[- ]?case\b|^(?:returns? )?an upper[- ]?cased? \w+|: upper[- ]case\b",
     _claims("is_upper_case", "result == result.upper()", ("str",))),
    (r"\bsame length\b|as long as the (?:input|original)", _claims("is_as_long_as_the_{0}", "len(result) == len({0})",
                                                              ("str", "bytes", *_LISTS), (("str", "list"),))),
    (rf"\b(?:at most|(?:no|never) (?:longer|more) than|fits?(?: in| into| within)?|maximum (?:length )?(?:of )?|within)"
     rf"\s+{_NAME}",
     _about("is_no_longer_than_{0}", "len(result) <= {0}", ("str", *_LISTS), ("int",))),
    (rf"\b(?:at least|no (?:shorter|less) than)\s+{_NAME}",
     _about("is_at_least_as_long_as_{0}", "len(result) >= {0}", ("str", *_LISTS), ("int",))),
    (rf"\b(?:exactly|into|list of|consists of)\s+{_NAME}\s+(?:characters|items|parts|elements|pieces|shares)",
     _about("is_as_long_as_{0}", "len(result) == {0}", ("str", *_LISTS), ("int",))),
    (rf"\bmultiple of\s+{_NAME}", _about("is_a_multiple_of_{0}", "result % {0} == 0", ("int",), ("int",))),
    (rf"\b(?:at most|no (?:more|larger|greater) than|never (?:more|greater|larger) than|never exceeds?)"
     rf"\s+(?:the )?{_NAME}",
     _about("is_no_more_than_{0}", "result <= {0}", _NUMBER, _NUMBER)),
    (rf"\b(?:at least|no (?:less|smaller) than|never (?:less|smaller) than|never below|rounds? up)\s+(?:the )?{_NAME}",
     _about("is_at_least_{0}", "result >= {0}", _NUMBER, _NUMBER)),
    (rf"\b(?:adds? up|sums?(?: up)?) to (?:the )?(?:it\b|{_NAME})",
     _claims("adds_up_to_the_{0}", "sum(result) == {0}", _LISTS, (("int",),))),
    (r"\bnever (?:returns? )?None\b|\balways returns? a\b", _never_raises),
    (r"\bnever empty\b|\bnon-?empty (?:string|list|text)\b",
     _claims("is_never_empty", "len(result) > 0", ("str", *_LISTS))),
    (r"\b(?:single|one) spaces?\b.*|no (?:double|repeated|consecutive) spaces",
     _claims("has_no_doubled_spaces", "'  ' not in result", ("str",))),
    (r"\b(?:stripped|no (?:leading or trailing|surrounding) (?:white ?)?spaces?"
     r"|without (?:leading or trailing|surrounding) (?:white ?)?spaces?)\b",
     _claims("has_no_space_around_it", "result == result.strip()", ("str",))),
    (r"\b(?:letters and digits|alphanumeric characters) joined by single hyphens\b",
     _claims("has_single_hyphens", "'--' not in result", ("str",))),
)  # fmt: skip
