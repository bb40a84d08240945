"""What every result has in common: length, order, bounds, contents. Chosen by names first, then by types."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from augment.generation.property.properties import Property, guarded
from augment.generation.property.strategies import SIZED
from augment.generation.property.subject import Input, Subject

SEQUENCE = ("list", "tuple")
MAX_BY_TYPE = 4


@dataclass(frozen=True, slots=True)
class Claim:
    """An assertion about ``result``. ``{0}``, ``{1}`` are the arguments of ``kinds``; ``needs`` an import line."""

    title: str
    text: str
    result: tuple[str, ...]
    kinds: tuple[tuple[str, ...], ...] = ()
    needs: str = ""


_NUMBER, _ANY_LIST, _TEXT = ("int", "float"), ("list", "tuple"), ("str",)
_LISTS = ("list", "tuple", "sequence")
BY_NAME: tuple[tuple[str, tuple[Claim, ...]], ...] = (
    (r"strip|trim|clean|normali[sz]e|squeeze|collapse|slug|tidy|shorten|truncate", (
        Claim("has_no_space_around_it", "result == result.strip()", _TEXT),
        Claim("is_no_longer_than_the_{0}", "len(result) <= len({0})", _TEXT, (_TEXT,)),
    )),
    (r"lower|slug|snake|kebab|underscore|dasheri|parameteri|normali|sort_key|canonical", (
        Claim("is_lower_case", "result == result.lower()", _TEXT),
    )),
    (r"slug|snake|camel|kebab|dash|parameteri|underscore|identifier", (
        Claim("has_no_space", "' ' not in result", _TEXT),
    )),
    (r"upper|initials|acronym", (Claim("is_upper_case", "result == result.upper()", _TEXT),)),
    (r"truncate|shorten|ellips|abbrev|slug|clip|cut|limit|excerpt|wrap", (
        Claim("is_no_longer_than_the_{0}", "len(result) <= {0}", ("str", "list"), (("int",),)),
        Claim("is_no_longer_than_the_limit_or_the_{1}", "len(result) <= max({0}, len({1}))", ("str", "list"),
              (("int",), _TEXT)),
    )),
    (r"pad|just|center|zfill|fill|align", (
        Claim("is_at_least_as_long_as_the_{0}", "len(result) >= {0}", ("str", "list"), (("int",),)),
        Claim("is_as_long_as_the_{0}", "len(result) == max({0}, len({1}))", ("str",), (("int",), _TEXT)),
        Claim("contains_the_{0}", "{0} in result", _TEXT, (_TEXT,)),
    )),
    (r"reverse|shuffle|sort|order|rotate|swap|permut", (
        Claim("has_the_same_items", "sorted(result) == sorted({0})", ("str", *_LISTS), (("str", *_ANY_LIST),)),
    )),
    (r"sort|order|rank|merge", (Claim("is_in_order", "list(result) == sorted(result)", _LISTS),)),
    (r"unique|uniq|dedup|distinct|without_dup", (
        Claim("repeats_nothing", "len(set(result)) == len(result)", _LISTS),
        Claim("keeps_every_item", "set(result) == set({0})", _LISTS, (_ANY_LIST,)),
    )),
    (r"chunk|batch|group|split|partition|window|page|divide|slice", (
        Claim("joins_to_the_{0}", "[item for part in result for item in part] == {0}", _LISTS, (("list",),)),
        Claim("joins_to_the_{0}", "''.join(result) == {0}", _LISTS, (_TEXT,)),
        Claim("has_no_part_larger_than_the_{0}", "all(len(part) <= {0} for part in result)", _LISTS, (("int",),)),
        Claim("has_as_many_parts_as_{0}", "len(result) == {0}", _LISTS, (("int",),)),
    )),
    (r"filter|select|keep|remove|drop|without|exclude|only|compact|pick|unique|sample|top|head|tail|first|last|take", (
        Claim("is_taken_from_the_{0}", "all(item in {0} for item in result)", _LISTS, (_ANY_LIST,)),
        Claim("is_no_longer_than_the_{0}", "len(result) <= len({0})", ("str", *_LISTS), (("str", *_ANY_LIST),)),
    )),
    (r"split|share|divide|distribute|allocate", (
        Claim("adds_up_to_the_{0}", "sum(result) == {0}", _LISTS, (("int",),)),
        Claim("differs_by_one_at_most", "max(result) - min(result) <= 1", _LISTS),
    )),
    (r"count|len|size|num|total|words|distance|abs|diff|gap|age|days|quantity|stock|weight", (
        Claim("is_not_negative", "result >= 0", _NUMBER),
        Claim("is_no_more_than_the_length_of_the_{0}", "result <= len({0})", ("int",), (("str", *_ANY_LIST),)),
    )),
    (r"clamp|clip|limit|bound|constrain|restrict", (
        Claim("lies_within_its_bounds", "{1} <= result <= max({1}, {2})", _NUMBER, (_NUMBER, _NUMBER, _NUMBER)),
    )),
    (r"round|ceil|floor|step|snap|quanti|align|multiple", (
        Claim("is_a_multiple_of_the_{0}", "result % {0} == 0", ("int",), (("int",),)),
        Claim("is_a_multiple_of_the_{1}", "result % {1} == 0", ("int",), (("int",), ("int",))),
        Claim("is_near_the_{0}", "abs(result - {0}) < {1}", _NUMBER, (_NUMBER, _NUMBER)),
        Claim("is_at_least_the_{0}", "result >= {0}", _NUMBER, (_NUMBER,)),
        Claim("is_at_most_the_{0}", "result <= {0}", _NUMBER, (_NUMBER,)),
    )),
    (r"mean|average|median|mode|middle|avg|percentile|quantile", (
        Claim("lies_among_the_{0}", "not {0} or min({0}) <= result <= max({0})", _NUMBER, (("list",),)),
    )),
    (r"max|min|largest|smallest|cheapest|best|longest|shortest|most|least|choose|choice|pick|first|last|find", (
        Claim("is_one_of_the_{0}", "result is None or result in {0}", ("str", "int", "float", ""),
              ((*_ANY_LIST, "dict"),)),
    )),
    (r"ratio|percent|score|similar|probab|fraction|rate|share|confidence|accuracy", (
        Claim("is_a_fraction", "0 <= result <= 1", _NUMBER),
        Claim("is_a_percentage", "0 <= result <= 100", _NUMBER),
    )),
    (r"gcd|divisor", (Claim("divides_the_{0}", "result == 0 or {0} % result == 0", ("int",), (("int",),)),)),
    (r"lcm|multiple", (Claim("is_a_multiple_of_the_{0}", "{0} == 0 or result % {0} == 0", ("int",), (("int",),)),)),
    (r"discount|reduce|subtract|decrease|cut|deduct|less|shrink", (
        Claim("is_no_more_than_the_{0}", "result <= {0}", _NUMBER, (_NUMBER,)),
        Claim("is_not_negative", "result >= 0", _NUMBER),
    )),
    (r"tax|increase|grow|raise|surcharge|with_|add|gross|compound", (
        Claim("is_at_least_the_{0}", "result >= {0}", _NUMBER, (_NUMBER,)),
    )),
    (r"merge|union|combine|update|join|extend|concat", (
        Claim("has_every_key_of_the_{0}", "set({0}) <= set(result)", ("dict", "set"), (("dict", "set"),)),
        Claim("has_the_keys_of_both", "set(result) == set({0}) | set({1})", ("dict", "set"),
              (("dict", "set"), ("dict", "set"))),
        Claim("is_as_long_as_both", "len(result) == len({0}) + len({1})", ("str", *_LISTS),
              (("str", *_ANY_LIST), ("str", *_ANY_LIST))),
    )),
    (r"after|next|add|later|due|deadline|delivery|arriv|end", (
        Claim("is_not_before_the_{0}", "result >= {0}", ("date", "datetime"), (("date", "datetime"),)),
    )),
    (r"before|previous|prior|start|first|begin", (
        Claim("is_not_after_the_{0}", "result <= {0}", ("date", "datetime"), (("date", "datetime"),)),
    )),
    (r"workday|business|working", (Claim("is_no_weekend", "result.weekday() < 5", ("date", "datetime")),)),
    (r"weekday|day_of_week", (Claim("is_a_day_of_the_week", "0 <= result <= 7", ("int",)),)),
    (r"frequenc|counts|count_|histogram|tally|counter", (
        Claim("counts_at_least_one_of_each", "all(count >= 1 for count in result.values())", ("dict",)),
        Claim("counts_every_item", "sum(result.values()) == len({0})", ("dict",), (("list",),)),
        Claim("counts_every_word", "sum(result.values()) <= len({0}.split())", ("dict",), (_TEXT,)),
    )),
    (r"factor|divisors", (
        Claim("multiplies_to_the_{0}", "math.prod(result) == {0}", _LISTS, (("int",),), "import math"),
        Claim("divides_the_{0}", "all({0} % item == 0 for item in result)", _LISTS, (("int",),)),
    )),
    (r"range|between|days|dates|span", (Claim("is_in_order", "list(result) == sorted(result)", _LISTS),)),
    (r"group|index|bucket|categor|by_", (
        Claim("keeps_every_item", "sum(len(part) for part in result.values()) == len({0})", ("dict",), (("list",),)),
    )),
    (r"join|concat|format|phrase|names|enumerate|list|sentence", (
        Claim("is_empty_only_for_nothing", "bool(result) or not {0}", _TEXT, ((*_TEXT, *_ANY_LIST),)),
    )),
    (r"prefix|prepend", (Claim("ends_with_the_{0}", "result.endswith({0})", _TEXT, (_TEXT,)),)),
    (r"suffix|append", (Claim("begins_with_the_{0}", "result.startswith({0})", _TEXT, (_TEXT,)),)),
    (r"invert|transpose|zip|pair", (Claim("has_as_many_items", "len(result) == len({0})", ("dict", *_LISTS),
                                          (("dict", *_ANY_LIST),)),)),
)  # fmt: skip
"""By words in the target's name; ``{0}`` of a claim is any argument of its kinds."""
BY_TYPE: tuple[Claim, ...] = (
    Claim("is_as_long_as_the_{0}", "len(result) == len({0})", ("str", "bytes", *_LISTS),
          (("str", "bytes", *_ANY_LIST),)),
    Claim("is_no_longer_than_the_{0}", "len(result) <= len({0})", ("str", "bytes", *_LISTS),
          (("str", "bytes", *_ANY_LIST),)),
    Claim("is_at_least_as_long_as_the_{0}", "len(result) >= len({0})", ("str", "bytes", *_LISTS),
          (("str", "bytes", *_ANY_LIST),)),
    Claim("has_the_keys_of_the_{0}", "set(result) == set({0})", ("dict",), (("dict",),)),
    Claim("has_at_most_the_keys_of_the_{0}", "set(result) <= set({0})", ("dict", "set"), (("dict", "set"),)),
    Claim("is_not_negative", "result >= 0", _NUMBER),
    Claim("is_at_most_the_{0}", "result <= {0}", _NUMBER, (_NUMBER,)),
    Claim("is_at_least_the_{0}", "result >= {0}", _NUMBER, (_NUMBER,)),
    Claim("is_no_larger_than_the_{0}", "abs(result) <= abs({0})", _NUMBER, (_NUMBER,)),
    Claim("has_the_sign_of_the_{0}", "result * {0} >= 0", _NUMBER, (_NUMBER,)),
    Claim("has_as_many_items_as_the_{0}", "len(result) == {0}", _LISTS, (("int",),)),
    Claim("contains_the_{0}", "str({0}) in result", _TEXT, (("int",),)),
    Claim("contains_the_{0}", "{0} in result", _TEXT, (_TEXT,)),
    Claim("is_part_of_the_{0}", "result in {0}", _TEXT, (_TEXT,)),
    Claim("is_not_before_the_{0}", "result >= {0}", ("date", "datetime"), (("date", "datetime"),)),
    Claim("is_not_after_the_{0}", "result <= {0}", ("date", "datetime"), (("date", "datetime"),)),
    Claim("is_taken_from_the_{0}", "all(item in {0} for item in result)", _LISTS, (("list",),)),
    Claim("is_never_empty", "len(result) > 0", ("str", *_LISTS)),
)  # fmt: skip


class Invariants:
    """Claims about each result that the target's name suggests."""

    name = "invariants"

    def properties(self, subject: Subject) -> Iterator[Property]:
        """All that fit the types, in the order of the words."""
        words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", subject.name).lower()
        for pattern, claims in BY_NAME:
            if re.search(pattern, words):
                for claim in claims:
                    yield from stated(subject, claim, self.name)


class Bounds:
    """Claims about each result that its type and those of the arguments suggest."""

    name = "bounds"

    def properties(self, subject: Subject) -> Iterator[Property]:
        """The first few that fit."""
        found = [item for claim in BY_TYPE for item in stated(subject, claim, self.name)]
        yield from found[:MAX_BY_TYPE]


class Untouched:
    """Arguments that could be changed are not."""

    name = "untouched"

    def properties(self, subject: Subject) -> Iterator[Property]:
        """One, where an argument is a list, a dictionary or a set."""
        changeable = subject.of_kind("list", "dict", "set")
        if changeable:
            yield untouched(subject, changeable[0], self.name)


def stated(subject: Subject, claim: Claim, rule: str, rests_on: str = "") -> Iterator[Property]:
    """The claim about each choice of arguments that fits; nothing where the result is of another type."""
    if subject.result.kind not in claim.result or (subject.result.optional and "is None" not in claim.text):
        return
    for chosen in _choices(subject, claim):
        names = [item.name for item in chosen]
        lines = (*guarded(subject, f"result = {subject.call()}"), f"assert {claim.text.format(*names)}")
        imports = frozenset({claim.needs}) if claim.needs else frozenset[str]()
        yield Property(rule, claim.title.format(*names), subject.inputs, lines, imports, rests_on)


def untouched(subject: Subject, argument: Input, rule: str, rests_on: str = "") -> Property:
    """The call leaves ``argument`` as it was."""
    copied = f"copy.deepcopy({argument.name})"
    lines = guarded(subject, subject.call())
    body = (f"before = {copied}", *lines, f"assert {argument.name} == before")
    imports = frozenset({"import copy"})
    return Property(rule, f"leaves_the_{argument.name}_alone", subject.inputs, body, imports, rests_on)


def _choices(subject: Subject, claim: Claim) -> Iterator[tuple[Input, ...]]:
    if not claim.kinds:
        yield ()
        return
    if len(claim.kinds) == 1:
        yield from ((item,) for item in subject.of_kind(*claim.kinds[0]))
        return
    chosen: list[Input] = []
    for kinds in claim.kinds:
        found = next((item for item in subject.of_kind(*kinds) if item not in chosen), None)
        if found is None:
            return
        chosen.append(found)
    yield tuple(chosen)


def sized(subject: Subject) -> tuple[Input, ...]:
    """The arguments that have a length."""
    return subject.of_kind(*SIZED)
