"""What can be asserted of a value: the leaves that the runner tells of it."""

from __future__ import annotations

import asyncio
import collections
import datetime
import decimal
import enum
import functools
import importlib
import io
import itertools
import math
import pathlib
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import MappingProxyType, SimpleNamespace
from typing import Any, NamedTuple

import pytest

from augment.execution.runner.look import MOST_CHARACTERS, MOST_LEAVES, leaves_of, stated


class Colour(enum.Enum):
    RED = 1


class Right(enum.Flag):
    READ = 1
    WRITE = 2


class Point(NamedTuple):
    x: int
    y: int


class Text(str):
    __slots__ = ()


@dataclass
class Basket:
    owner: str
    items: list[str] = field(default_factory=list)
    _secret: int = 7

    @property
    def size(self) -> int:
        return len(self.items)

    @property
    def broken(self) -> int:
        raise RuntimeError("not today")

    @functools.cached_property
    def label(self) -> str:
        return f"{self.owner}'s"

    def __str__(self) -> str:
        return f"basket of {self.owner}"


class Slotted:
    __slots__ = ("_hidden", "shown")

    def __init__(self) -> None:
        self.shown, self._hidden = 1, 2


class Touchy:
    def __len__(self) -> int:
        raise ValueError("do not count me")

    def __str__(self) -> str:
        raise ValueError("do not print me")


def tagged() -> int:
    return 1


tagged.calls = 3  # type: ignore[attr-defined]


class Model:
    limit = 5
    _private = 6


def numbers() -> Iterator[int]:
    yield from (1, 2)


def failing() -> Iterator[int]:
    yield 1
    raise RuntimeError("halfway")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, [("{}", "None")]),
        (True, [("{}", "True")]),
        (2.5, [("{}", "2.5")]),
        (1 + 2j, [("{}", "(1+2j)")]),
        (b"a", [("{}", "b'a'")]),
        ({"b": [1, (2,)], "a": {3}}, [("{}", "{'b': [1, (2,)], 'a': {3}}")]),
        ({"b", "a", "c"}, [("{}", "{'a', 'b', 'c'}")]),
        (set(), [("sorted({}, key=repr)", "[]")]),
        (frozenset({2, 1}), [("sorted({}, key=repr)", "[1, 2]")]),
        (math.nan, [("str({})", "'nan'")]),
        (-math.inf, [("str({})", "'-inf'")]),
        (Colour.RED, [("{}.name", "'RED'")]),
        (Right.READ | Right.WRITE, [("{}.value", "3")]),
        (Point(1, 2), [("tuple({})", "(1, 2)")]),
        (Text("a"), [("str({})", "'a'")]),
        (range(3), [("list({})", "[0, 1, 2]")]),
        (bytearray(b"a"), [("bytes({})", "b'a'")]),
        (memoryview(b"a"), [("bytes({})", "b'a'")]),
        (collections.deque([1]), [("list({})", "[1]")]),
        (collections.Counter("aab"), [("dict({})", "{'a': 2, 'b': 1}")]),
        (collections.defaultdict(int, a=1), [("dict({})", "{'a': 1}")]),
        (collections.OrderedDict(a=1), [("dict({})", "{'a': 1}")]),
        (MappingProxyType({"a": 1}), [("dict({})", "{'a': 1}")]),
        ({"a": 1}.keys(), [("list({})", "['a']")]),
        (datetime.date(2024, 2, 29), [("str({})", "'2024-02-29'")]),
        (decimal.Decimal("1.50"), [("str({})", "'1.50'")]),
        (pathlib.PurePosixPath("a/b"), [("str({})", "'a/b'")]),
        (re.compile("a+"), [("{}.pattern", "'a+'")]),
        (re.search("b+", "abbc"), [("{}.group()", "'bb'")]),
        (io.StringIO("text"), [("{}.getvalue()", "'text'")]),
        (io.BytesIO(b"data"), [("{}.getvalue()", "b'data'")]),
        (ValueError("no"), [("type({}).__name__", "'ValueError'"), ("str({})", "'no'")]),
        (tagged, [("callable({})", "True"), ("{}.calls", "3")]),
        (len, [("callable({})", "True")]),
        (Model, [("{}.__name__", "'Model'"), ("{}.limit", "5")]),
        (Touchy(), [("type({}).__name__", "'Touchy'")]),
        (object(), [("type({}).__name__", "'object'")]),
        (Slotted(), [("type({}).__name__", "'Slotted'"), ("{}.shown", "1")]),
        (SimpleNamespace(a=1), [("type({}).__name__", "'SimpleNamespace'"), ("{}.a", "1")]),
    ],
    # The value's own repr may hold an address or the order of a set, and a test's name has to be the same in every run.
    ids=lambda value: repr(value) if isinstance(value, list) else type(value).__name__,
)
def test_values_are_told_by_literals(value: Any, expected: list[tuple[str, str]]) -> None:
    assert leaves_of(value) == expected


def test_objects_are_told_by_their_type_attributes_properties_and_text() -> None:
    assert leaves_of(Basket("ada", ["x"])) == [
        ("type({}).__name__", "'Basket'"),
        ("{}.owner", "'ada'"),
        ("{}.items", "['x']"),
        ("{}.size", "1"),
        ("{}.label", '"ada\'s"'),
        ("str({})", "'basket of ada'"),
    ]


def test_objects_in_containers_are_looked_into() -> None:
    found = dict(leaves_of({"first": Basket("ada"), 2: [Colour.RED]}))
    assert found["len({})"] == "2"
    assert found["{}['first'].owner"] == "'ada'"
    assert found["{}[2][0].name"] == "'RED'"


def test_long_values_are_told_by_their_length_and_ends() -> None:
    text = "a" * 80 + "-" * MOST_CHARACTERS + "z" * 80
    assert leaves_of(text) == [("len({})", str(len(text))), ("{}[:80]", repr("a" * 80)), ("{}[-80:]", repr("z" * 80))]
    found = dict(leaves_of(list(range(200))))
    assert found["len({})"] == "200"
    assert found["{}[4]"] == "4"


def test_iterators_are_read_as_far_as_a_test_would() -> None:
    assert leaves_of(numbers()) == [("list(itertools.islice({}, 20))", "[1, 2]")]
    assert dict(leaves_of(itertools.count()))["list(itertools.islice({}, 20))"] == str(list(range(20)))
    assert leaves_of(failing()) == []


def test_coroutines_are_closed_and_say_nothing() -> None:
    async def waiting() -> None:
        await asyncio.sleep(1)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        coroutine = waiting()
        assert leaves_of(coroutine) == []
    assert coroutine.cr_frame is None


def test_what_contains_itself_comes_to_an_end() -> None:
    loop: list[Any] = [1]
    loop.append(loop)
    assert 0 < len(leaves_of(loop)) <= MOST_LEAVES
    node = SimpleNamespace(name="a")
    node.next = node
    assert ("{}.next.name", "'a'") in leaves_of(node)


def test_descriptors_of_the_project_are_read() -> None:
    class Doubled:
        def __get__(self, instance: Any, owner: Any = None) -> int:
            return instance.base * 2

        def __set__(self, instance: Any, value: int) -> None:
            instance.base = value

    class Owner:
        twice = Doubled()

        def __init__(self) -> None:
            self.base = 4

    assert ("{}.twice", "8") in leaves_of(Owner())


def test_sets_have_one_order_and_unstated_values_are_refused() -> None:
    assert stated({3, 1, 2}) == "{1, 2, 3}"
    assert [path for path, _ in leaves_of([object()])] == ["type({}).__name__", "len({})", "type({}[0]).__name__"]


def test_arrays_are_told_by_their_numbers() -> None:
    numpy = pytest.importorskip("numpy")
    assert leaves_of(numpy.array([[1, 2], [3, 4]])) == [("{}.tolist()", "[[1, 2], [3, 4]]")]
    assert leaves_of(numpy.float64(2.5)) == [("{}.tolist()", "2.5")]
    assert leaves_of(numpy.zeros((0, 3))) == [("{}.tolist()", "[]"), ("{}.shape", "(0, 3)")]
    assert ("{}.shape", "(30, 40)") in leaves_of(numpy.zeros((30, 40)))


def test_tables_are_told_by_their_values() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1, 2]})
    assert leaves_of(frame) == [("{}.to_dict()", "{'a': {0: 1, 1: 2}}")]
    assert leaves_of(frame["a"]) == [("{}.to_dict()", "{0: 1, 1: 2}")]
    assert leaves_of(pandas.Index(["x"])) == [("{}.tolist()", "['x']")]
    assert leaves_of(pandas.Timestamp("2024-02-29")) == [("str({})", "'2024-02-29 00:00:00'")]
    assert ("list({}.columns)", "['a']") in leaves_of(frame[:0])


@pytest.mark.parametrize("package", ["attrs", "pydantic"])
def test_records_of_packages_are_told_by_their_fields(package: str) -> None:
    pytest.importorskip(package)
    module = importlib.import_module(package)
    if package == "attrs":
        made = module.make_class("Item", ["name", "price"])("tea", 3)
        assert leaves_of(made) == [("type({}).__name__", "'Item'"), ("{}.name", "'tea'"), ("{}.price", "3")]
    else:
        made = module.create_model("Item", name=(str, ...), price=(int, 3))(name="tea")
        assert leaves_of(made) == [
            ("type({}).__name__", "'Item'"),
            ("{}.model_dump()", "{'name': 'tea', 'price': 3}"),
        ]
