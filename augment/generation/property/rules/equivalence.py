"""Two ways to the same result: a second implementation in the project, or one that the language has."""

from __future__ import annotations

import re
from collections.abc import Iterator

from augment.analysis import CallForm, Neighbour
from augment.generation.property.properties import Property, equal, guarded
from augment.generation.property.rules.pairs import words_of
from augment.generation.property.subject import Subject

_MARKS = frozenset(
    {"fast", "slow", "naive", "simple", "v1", "v2", "v3", "2", "3", "old", "new", "legacy", "reference", "recursive"}
    | {
        "iterative",
        "optimized",
        "optimised",
        "py",
        "c",
        "pure",
        "python",
        "impl",
        "alt",
        "loop",
        "vectorized",
        "cached",
    }
    | {"quick", "bruteforce", "brute", "force", "lazy", "eager", "memoized", "dp", "native", "safe", "unsafe", "numpy"}
    | {"iter", "gen", "list"}
)
"""Words that say how something is done, not what."""
REFERENCES: tuple[tuple[str, tuple[str, ...], str, str], ...] = (
    (r"gcd|greatest_common_divisor", ("int", "int"), "math.gcd({0}, {1})", "import math"),
    (r"lcm|least_common_multiple", ("int", "int"), "math.lcm({0}, {1})", "import math"),
    (r"factorial", ("int",), "math.factorial({0})", "import math"),
    (r"mean|average|avg", ("list",), "statistics.fmean({0})", "import statistics"),
    (r"median", ("list",), "statistics.median({0})", "import statistics"),
    (r"product|prod", ("list",), "math.prod({0})", "import math"),
    (r"cumsum|running_total|accumulate", ("list",), "list(itertools.accumulate({0}))", "import itertools"),
    (r"total|sum", ("list",), "sum({0})", ""),
    (r"unique|uniq|dedup\w*|distinct", ("list",), "list(dict.fromkeys({0}))", ""),
    (r"flatten\w*", ("list",), "[item for part in {0} for item in part]", ""),
    (r"chunk\w*|batch\w*|grouper", ("list", "int"), "[{0}[at : at + {1}] for at in range(0, len({0}), {1})]", ""),
    (r"reversed?|reverse_string", ("str",), "{0}[::-1]", ""),
    (r"reversed?|reverse_list", ("list",), "{0}[::-1]", ""),
    (r"is_palindrome", ("str",), "({0} == {0}[::-1])", ""),
    (r"(count_words|word_count)", ("str",), "len({0}.split())", ""),
    (r"is_leap(_year)?|leap_year", ("int",), "calendar.isleap({0})", "import calendar"),
    (r"(days_in_month|month_days)", ("int", "int"), "calendar.monthrange({0}, {1})[1]", "import calendar"),
    (r"clamp|clip|limit|constrain", ("int", "int", "int"), "max({1}, min({0}, {2}))", ""),
    (r"clamp|clip|limit|constrain", ("float", "float", "float"), "max({1}, min({0}, {2}))", ""),
    (r"is_even", ("int",), "({0} % 2 == 0)", ""),
    (r"is_odd", ("int",), "({0} % 2 == 1)", ""),
    (r"merge\w*|combine\w*", ("dict", "dict"), "{{**{0}, **{1}}}", ""),
    (r"transpose", ("list",), "[list(row) for row in zip(*{0}, strict=True)]", ""),
    (r"is_int(eger)?|is_digit", ("str",), "{0}.isdigit()", ""),
    (r"swap_?case", ("str",), "{0}.swapcase()", ""),
    (r"\w*(count|frequenc)\w*", ("list",), "{{item: {0}.count(item) for item in {0}}}", ""),
    (r"invert\w*|swap_keys\w*", ("dict",), "{{value: key for key, value in {0}.items()}}", ""),
    (r"pairwise", ("list",), "list(zip({0}, {0}[1:]))", ""),
    (r"to_bin\w*|int_to_bin", ("int",), "bin({0})[2:]", ""),
    (r"to_hex\w*|int_to_hex", ("int",), "format({0}, 'x')", ""),
    (r"is_full_string|is_filled", ("str",), "({0}.strip() != '')", ""),
)  # fmt: skip
"""(name, kinds of the arguments, the same by the language, its import)."""


class Equivalence:
    """``fast_f(x) == f(x)``: a neighbour of the same signature whose name says that it does the same in another way."""

    name = "equivalence"

    def properties(self, subject: Subject) -> Iterator[Property]:
        """With each such neighbour."""
        for other in subject.context.neighbours:
            if _same_task(subject.name, other.qualname.rpartition(".")[2]) and _same_signature(subject, other):
                yield _agreement(subject, other, self.name)


class Reference:
    """``clamp(x, low, high) == max(low, min(x, high))``: what a well-known name stands for."""

    name = "reference"

    def properties(self, subject: Subject) -> Iterator[Property]:
        """Those whose name and types fit."""
        kinds = tuple(item.kind for item in subject.arguments)
        for pattern, wanted, text, line in REFERENCES:
            if kinds == wanted and re.fullmatch(pattern, "_".join(words_of(subject.name))):
                reference = text.format(*(item.name for item in subject.arguments))
                claim, imports = equal("result", reference, subject.result.kind)
                body = (*guarded(subject, f"result = {subject.call()}"), claim)
                needed = imports | (frozenset({line}) if line else frozenset())
                yield Property(self.name, "agrees_with_the_language", subject.inputs, body, needed)


def _agreement(subject: Subject, other: Neighbour, rule: str) -> Property:
    name = other.qualname.rpartition(".")[2]
    if other.form is CallForm.INSTANCE_METHOD:
        pattern, imports = "{instance}." + name + "({arguments})", frozenset[str]()
    else:
        pattern = f"{other.qualname}({{arguments}})"
        imports = frozenset({f"from {other.module} import {other.qualname.partition('.')[0]}"})
    instance = next((item.name for item in subject.inputs if item.parameter is None), "")
    arguments = ", ".join(item.name for item in subject.arguments)
    call = pattern.replace("{instance}", instance).replace("{arguments}", arguments)
    claim, needed = equal("result", call, subject.result.kind)
    body = (*guarded(subject, f"result = {subject.call()}"), claim)
    return Property(rule, f"agrees_with_{name.lower()}", subject.inputs, body, imports | needed)


def _same_task(name: str, other: str) -> bool:
    left, right = words_of(name), words_of(other)
    bare = [tuple(word for word in words if word not in _MARKS) for words in (left, right)]
    return left != right and bare[0] == bare[1] and bool(bare[0])


def _same_signature(subject: Subject, other: Neighbour) -> bool:
    if other.is_async or other.form is CallForm.PROPERTY:
        return False
    if (other.form is CallForm.INSTANCE_METHOD) is not (subject.context.form is CallForm.INSTANCE_METHOD):
        return False
    required = [item for item in other.parameters if item.required]
    return len(required) <= len(subject.arguments) <= len(other.parameters)
