"""What the property generator proposes, and of what."""

import ast
import textwrap

import pytest

from augment.analysis import ContextBuilder, discover_project, targets_of
from augment.generation.property import PropertyGenerator
from augment.generation.property.rules import RULES
from augment.generation.property.rules.pairs import are_opposite
from augment.generation.property.sentences import documented_errors, sentences_of
from augment.generation.static_gates import STATIC_GATES
from augment.records import TestKind


@pytest.fixture
def context(tmp_path):
    """The context of a target of a one-module project called ``shop``."""

    def build(source, qualname):
        text = textwrap.dedent(source)
        (tmp_path / "shop.py").write_text(text)
        target = next(item for item in targets_of(text, "shop", "shop.py") if item.qualname == qualname)
        return ContextBuilder(discover_project(tmp_path), {"shop.py": text}).build(target)

    return build


@pytest.fixture
def asserted(context):
    """The assertions proposed for a target, those of one rule where one is named."""

    def find(source, qualname, rule=None):
        candidates = PropertyGenerator().propose(context(source, qualname), 0, 99)
        return [
            ast.unparse(node.test)
            for item in candidates
            if rule in (None, item.origin)
            for node in ast.walk(ast.parse(item.source))
            if isinstance(node, ast.Assert)
        ]

    return find


PRICES = '''
import datetime
import enum
from dataclasses import dataclass


class PriceError(ValueError):
    pass


class Level(enum.Enum):
    GOLD = 1
    SILVER = 2


@dataclass
class Price:
    cents: int
    label: str

    def __post_init__(self):
        if self.cents < 5:
            raise PriceError("too low")

    def rounded(self) -> "Price":
        return Price(self.cents // 10 * 10, self.label)


def parse_price(text: str) -> int:
    """Read a price.

    >>> parse_price("12.50")
    1250
    """
    if "." not in text:
        raise PriceError(text)
    return int(float(text) * 100)


def format_price(cents: int, level: Level = Level.GOLD) -> str:
    """Write a price."""
    return f"{cents / 100:.2f}"


def scale(price: Price, percent: int, day: datetime.date) -> int:
    if not 0 < percent <= 100:
        raise PriceError("percent")
    return price.cents * percent // 100


def discount(price: int, rate: float) -> int:
    return price


def discount_fast(price: int, rate: float) -> int:
    return price


def clean_name(name: str) -> str:
    return " ".join(name.split()).lower()


def cut(text: str, width: int) -> str:
    """Shorten the text so that it fits ``width`` characters. Never negative. Case is kept if possible."""
    return text[:width]


def merge(left: dict[str, int], right: dict[str, int]) -> dict[str, int]:
    return {**left, **right}


def middle(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]
'''


@pytest.mark.parametrize("qualname", ["Price.rounded", "parse_price", "format_price", "scale", "clean_name", "merge"])
def test_every_candidate_passes_the_static_gates_and_is_a_property(context, qualname):
    target = context(PRICES, qualname)
    candidates = PropertyGenerator().propose(target, 0, 48)
    assert candidates
    for item in candidates:
        assert item.kind is TestKind.PROPERTY
        assert (item.generator, item.target) == ("property", f"shop:{qualname}")
        assert [gate.objection(item, target) for gate in STATIC_GATES] == [None] * len(STATIC_GATES)


def test_the_same_context_gives_the_same_candidates_in_the_same_order(context):
    first, again = (PropertyGenerator().propose(context(PRICES, "format_price"), 3, 48) for _ in range(2))
    assert first == again
    assert len({item.source for item in first}) == len(first)


def test_the_limit_holds_and_a_rule_can_be_left_out(context):
    target = context(PRICES, "format_price")
    assert len(PropertyGenerator().propose(target, 0, 3)) == 3
    without = PropertyGenerator([rule for rule in RULES if rule.name != "round trip"]).propose(target, 0, 48)
    assert "round trip" not in {item.origin for item in without}


def test_functions_whose_names_are_opposite_make_a_round_trip(asserted):
    found = asserted(PRICES, "format_price", "round trip")
    assert "parse_price(there) == cents" in found
    assert "format_price(back, level=level) == there" in found


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("encode", "decode"),
        ("toRoman", "fromRoman"),
        ("snake_case_to_camel", "camel_case_to_snake"),
        ("compress", "decompress"),
        ("escape_html", "unescape_html"),
        ("to_dict", "from_dict"),
        ("bytes2human", "human2bytes"),
        ("celsius_to_kelvin", "kelvin_to_celsius"),
    ],
)
def test_names_that_speak_of_the_way_back(name, other):
    assert are_opposite(name, other)
    assert are_opposite(other, name)


@pytest.mark.parametrize(("name", "other"), [("encode", "encode"), ("encode_a", "decode_b"), ("total", "price")])
def test_names_that_do_not(name, other):
    assert not are_opposite(name, other)


def test_what_gives_its_own_type_is_tried_twice(asserted):
    assert set(asserted(PRICES, "clean_name", "idempotence")) == {"clean_name(once) == once"}
    assert set(asserted(PRICES, "Price.rounded", "idempotence")) == {"once.rounded() == once"}


def test_a_second_implementation_is_compared(asserted):
    assert asserted(PRICES, "discount", "equivalence") == ["result == discount_fast(price, rate)"]


def test_what_a_name_stands_for_is_compared_with_the_language(asserted):
    assert "result == {**left, **right}" in asserted(PRICES, "merge", "reference")


def test_two_arguments_of_one_type_are_swapped(asserted):
    found = asserted(PRICES, "merge", "commutativity")
    assert "result == merge(right, left)" in found
    assert "merge(first, third) == merge(left, last)" in found


def test_case_and_space_are_varied_where_the_source_handles_them(asserted):
    found = asserted(PRICES, "clean_name", "insensitivity")
    assert "clean_name(name.upper()) == result" in found
    assert "clean_name(f' {name} ') == result" in found
    assert asserted(PRICES, "cut", "insensitivity") == []


def test_lists_are_reordered(asserted):
    assert "middle(values[::-1]) == pytest.approx(result)" in asserted(PRICES, "middle", "permutation")


def test_a_clear_sentence_is_taken_at_its_word_and_quoted(context):
    candidates = PropertyGenerator().propose(context(PRICES, "cut"), 0, 48)
    documented = [item.source for item in candidates if item.origin == "documented"]
    assert len(documented) == 1
    assert "assert len(result) <= width" in documented[0]
    assert "The documentation says: Shorten the text so that it fits ``width`` characters." in documented[0]


SENTENCES = '''
def order(items: list[int]) -> list[int]:
    """{sentence}"""
    return items


def reorder(items: list[int]) -> list[int]:
    return items


def pick(a: int, b: int) -> int:
    """{sentence}"""
    return a


def tidy(text: str) -> str:
    """{sentence}"""
    return text
'''


@pytest.mark.parametrize(
    ("qualname", "sentence", "claim"),
    [
        ("order", "Return the items sorted.", "list(result) == sorted(result)"),
        ("order", "The inverse of `reorder`.", "reorder(there) == items"),
        ("order", "Returns the items without duplicates.", "len(set(result)) == len(result)"),
        ("order", "Does not modify its argument.", "items == before"),
        ("pick", "The result is never negative.", "result >= 0"),
        ("pick", "Returns a value between 1 and 10.", "1 <= result <= 10"),
        ("pick", "Symmetric in its arguments.", "result == pick(b, a)"),
        ("pick", "The result never exceeds `b`.", "result <= b"),
        ("pick", "Never raises.", "isinstance(result, int)"),
        ("pick", "Round up to a multiple of ``b``.", "result % b == 0"),
        ("tidy", "Idempotent.", "tidy(once) == once"),
        ("tidy", "A lower-case name.", "result == result.lower()"),
        ("tidy", "Clean, ignoring case.", "tidy(text.swapcase()) == result"),
    ],
)
def test_sentences_that_are_understood(asserted, qualname, sentence, claim):
    assert claim in asserted(SENTENCES.format(sentence=sentence), qualname, "documented")


@pytest.mark.parametrize(
    "sentence",
    ["Return the items sorted by name.", "Sorted if `items` is small.", "Particles in lower case are left out."],
)
def test_sentences_with_a_condition_or_about_something_else_are_left_alone(asserted, sentence):
    for qualname in ("order", "tidy"):
        assert asserted(SENTENCES.format(sentence=sentence), qualname, "documented") == []


STACK = '''
class Stack:
    """A pile."""

    def __init__(self) -> None:
        self.items: list[int] = []

    def push(self, item: int) -> None:
        self.items.append(item)

    def pop(self) -> int:
        return self.items.pop()

    def size(self) -> int:
        return len(self.items)

    def __contains__(self, item: int) -> bool:
        return item in self.items
'''


def test_methods_that_undo_or_count_each_other(asserted):
    found = asserted(STACK, "Stack.push")
    assert "stack.pop() == item" in found
    assert "vars(stack) == before" in found
    assert "item in stack" in found
    assert "stack.size() == before + 1" in found


def test_methods_are_called_on_instances_that_were_filled(context):
    sources = [item.source for item in PropertyGenerator().propose(context(STACK, "Stack.size"), 0, 48)]
    assert any("    stack.push(item)\n    result = stack.size()" in source for source in sources)


def test_what_the_function_refuses_is_left_out_of_account(context):
    sources = [item.source for item in PropertyGenerator().propose(context(PRICES, "parse_price"), 0, 48)]
    assert all("except PriceError:" in source for source in sources)
    assert any(
        "reject()" in source and "from hypothesis import given, reject, settings" in source for source in sources
    )


def test_strategies_within_the_guards_need_no_such_care(context):
    sources = [item.source for item in PropertyGenerator().propose(context(PRICES, "scale"), 0, 48)]
    assert sources
    assert not any("except" in source for source in sources)


@pytest.mark.parametrize(
    "source",
    [
        "def show(text: str) -> None:\n    print(text)\n",
        "def forever(n: int):\n    while True:\n        yield n\n",
        "def of(thing: 'Unknown') -> int:\n    return 1\n",
        "def nothing() -> int:\n    return 1\n",
        "class Cart:\n    def __init__(self, a: int):\n        self.a = a\n",
    ],
)
def test_nothing_is_proposed_where_nothing_can_be_varied_or_told(context, source):
    qualname = source.split()[1].partition("(")[0].rstrip(":")
    assert PropertyGenerator().propose(context(source, qualname), 0, 48) == []


def test_asynchronous_functions_are_run_to_their_end(asserted):
    found = asserted("async def clean(text: str) -> str:\n    return text.strip()\n", "clean", "idempotence")
    assert found == ["asyncio.run(clean(once)) == once"]


def test_sentences_leave_examples_and_sections_out():
    doc = "Sort it. Keep all.\n\n>>> f(1)\n2\n\nReturns:\n    The items in order."
    assert sentences_of(doc)[:2] == ("Sort it.", "Keep all.")
    assert not any(">>>" in item for item in sentences_of(doc))


@pytest.mark.parametrize(
    ("doc", "names"),
    [
        ("Read.\n\n:raises ValueError: when empty", ("ValueError",)),
        ("Read.\n\nRaises\n------\nKeyError\n    never", ("KeyError",)),
        (
            "Read.\n\nRaises:\n    KeyError: none.\n    shop.PriceError: too low.",
            ("KeyError", "shop.PriceError"),
        ),
        ("Read. Raises OutOfStockError if too few are free.", ("OutOfStockError",)),
    ],
)
def test_documented_errors(doc, names):
    assert documented_errors(doc) == names


LAWS = '''
def turned(items: list[int], by: int) -> list[int]:
    """Move items. Turning back gives the list again: ``turned(turned(items, by), -by) == items``."""
    return items


def scaled(value: float) -> float:
    """Scale it: ``scaled(scaled(value)) == value``."""
    return value


def is_open(hour: int) -> bool:
    """Whether the shop is open: from 9 up to and including 18."""
    return True


def is_late(hour: int) -> bool:
    """Whether it is late: from 20 up to, but not including, 23."""
    return True


def is_near(distance: int) -> bool:
    """Whether it is near: between 0 and 5."""
    return True


def cut(text: str, width: int) -> str:
    """The text where it fits; otherwise its beginning, never longer than ``width`` characters."""
    return text


def forced(items: list[int], force: bool) -> list[int]:
    """If ``force`` is true, never negative. ``forced(items, force) == items`` holds within rounding."""
    return items


def unique(items: list[str]) -> list[str]:
    """The items, in the order in which they first appear."""
    return items


def added(first: dict[str, int], second: dict[str, int]) -> dict[str, int]:
    """Add two tables.

    Parameters
    ----------
    first, second : dict of str to int
        The tables. Neither of them is changed.
    """
    return first
'''


@pytest.mark.parametrize(
    ("qualname", "rule", "expected"),
    [
        ("turned", "law", ["holds"]),
        ("scaled", "law", []),  # of floats it holds about
        ("is_open", "law", ["result is (9 <= hour <= 18)"]),
        ("is_late", "law", ["result is (20 <= hour < 23)"]),
        ("is_near", "law", []),  # whether the ends belong to it is not said
        ("cut", "documented", ["len(result) <= width"]),
        ("unique", "documented", ["places == sorted(places)"]),
        ("added", "documented", ["first == before", "second == before"]),
        ("forced", "documented", []),
    ],
)
def test_laws_in_the_docstring_are_taken_at_their_word(asserted, qualname, rule, expected):
    found = asserted(LAWS, qualname, rule)
    assert sorted(set(found)) == sorted(ast.unparse(ast.parse(text, mode="eval")) for text in expected)


def test_a_law_names_the_sentence_that_it_rests_on(context):
    law = next(item for item in PropertyGenerator().propose(context(LAWS, "turned"), 0, 99) if item.origin == "law")
    assert "holds = turned(turned(items, by), -by) == items" in law.source
    assert "The documentation says: Turning back gives the list again" in law.source
