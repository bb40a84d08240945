"""Parameters -> strategies: they evaluate, and draw what the signature and the guards say."""

import textwrap

import pytest
from hypothesis import strategies as st

from augment.analysis import ContextBuilder, discover_project, targets_of
from augment.generation.property.formats import format_of
from augment.generation.property.limits import Limits, is_explained, read_limits
from augment.generation.property.strategies import Strategist


@pytest.fixture
def strategy(tmp_path):
    """The strategy of the first parameter of a module's last function."""

    def find(source, *, canonical=False):
        text = textwrap.dedent(source)
        (tmp_path / "shop.py").write_text(text)
        target = targets_of(text, "shop", "shop.py")[-1]
        context = ContextBuilder(discover_project(tmp_path), {"shop.py": text}).build(target)
        return Strategist(context, canonical=canonical).for_parameter(context.parameters[0])

    return find


@pytest.mark.parametrize(
    ("annotation", "kind"),
    [
        ("int", "int"),
        ("float", "float"),
        ("str", "str"),
        ("bool", "bool"),
        ("bytes", "bytes"),
        ("Decimal", "Decimal"),
        ("datetime.date", "date"),
        ("list[int]", "list"),
        ("Sequence[str]", "list"),
        ("dict[str, float]", "dict"),
        ("set[int]", "set"),
        ("tuple[int, str]", "tuple"),
        ("tuple[int, ...]", "tuple"),
        ("Optional[int]", "optional int"),
        ("int | None", "optional int"),
        ("int | float", "float"),
        ("Literal['a', 'b']", "literal str"),
        ("list[list[int]]", "list"),
        ("Callable[[int], bool]", "callable"),
    ],
)
def test_annotated_types_are_drawn(strategy, annotation, kind):
    found = strategy(f"import datetime\ndef f(x: {annotation}):\n    return x\n")
    assert found.kind == kind
    assert found.typed
    names = {"st": st}
    for line in found.imports:
        exec(line, names)  # the import lines that the test would have
    assert isinstance(eval(found.text, names), st.SearchStrategy)


@pytest.mark.parametrize("annotation", ["Unknown", "IO[str]", "Callable[[int, int], int]", "Path"])
def test_what_is_not_known_is_not_drawn(strategy, annotation):
    assert strategy(f"def f(thing: {annotation}):\n    return thing\n") is None


def test_numbers_stay_within_the_guards(strategy):
    found = strategy("def f(n: int):\n    if n < 1 or n >= 4000:\n        raise ValueError\n    return n\n")
    assert found.text == "st.integers(min_value=1, max_value=3999)"


def test_text_is_made_of_the_characters_in_the_code_and_of_documented_examples(strategy):
    source = '''
    def parse(text: str):
        """Read.

        >>> parse("a=1")
        1
        >>> parse("")
        Traceback (most recent call last):
        ValueError
        """
        return text.split("=")
    '''
    found = strategy(source)
    assert "sampled_from(['a=1'" in found.text
    assert "''" not in found.text
    assert "=" in found.text.partition("alphabet=")[2]


def test_canonical_text_has_the_format_that_the_name_speaks_of(strategy):
    found = strategy("def camelize(snake: str):\n    return snake\n", canonical=True)
    assert found.text == 'st.from_regex("[a-z]+(_[a-z]+)*", fullmatch=True)'


@pytest.mark.parametrize(
    ("name", "format_"), [("snake_case_to_camel", "[a-z]+(_[a-z]+)*"), ("parse_hex", "([0-9a-f]{2})*"), ("shout", "")]
)
def test_a_function_reads_the_format_that_it_names_first(name, format_):
    assert format_of("text", name) == format_


def test_types_are_guessed_from_calls_use_and_names(strategy):
    assert strategy("def f(width):\n    return width\n").kind == "int"
    assert strategy("def f(raw):\n    return raw.strip()\n").kind == "str"
    assert strategy("def f(values=(1, 2)):\n    return sum(values)\n").kind == "list"
    guessed = strategy('def f(it):\n    """\n    >>> f([1, 2])\n    3\n    """\n    return it\n')
    assert (guessed.kind, guessed.item, guessed.typed) == ("list", "int", False)


def test_objects_are_built_within_what_their_constructor_accepts(strategy):
    source = """
    from dataclasses import dataclass

    @dataclass
    class Book:
        isbn: str
        price: int
        stock: int = 0

        def __post_init__(self):
            if self.price < 5:
                raise ValueError("price")

    def f(book: Book):
        return book
    """
    found = strategy(source)
    assert found.text.startswith("st.builds(Book, isbn=st.sampled_from(['9780306406157'])")
    assert "price=st.integers(min_value=5" in found.text
    assert "stock" not in found.text
    assert found.imports == {"from shop import Book"}


def test_enums_and_subclasses_are_drawn(strategy):
    enum = "import enum\nclass Level(enum.Enum):\n    A = 1\n\ndef f(level: Level):\n    return level\n"
    assert strategy(enum).text == "st.sampled_from(Level)"
    source = """
    from abc import ABC, abstractmethod

    class Shape(ABC):
        @abstractmethod
        def area(self) -> int: ...

    class Dot(Shape):
        def area(self) -> int:
            return 0

    class Box(Shape):
        def area(self) -> int:
            return 1

    def f(shape: Shape):
        return shape
    """
    assert set(strategy(source).text.split(" | ")) == {"st.builds(Dot)", "st.builds(Box)"}


@pytest.mark.parametrize(
    ("guard", "limits"),
    [
        ("x < 1", Limits(low=1)),
        ("x <= 0", Limits(low=0, low_open=True)),
        ("not 0 < x <= 9", Limits(low=0, low_open=True, high=9)),
        ("10 < x", Limits(high=10)),
        ("not x", Limits(filled=True)),
        ("not x.strip()", Limits(filled=True, shown=True)),
        ("len(x) < 3", Limits(smallest=3)),
        ("x > 1 and y", Limits()),
    ],
)
def test_guards_are_read(guard, limits):
    source = f"def f(x, y):\n    if {guard}:\n        raise ValueError\n    return x\n"
    assert read_limits(source, ("x", "y")).get("x", Limits()) == limits


def test_a_raise_that_no_guard_explains_is_noticed():
    explained = "def f(x):\n    if x < 1:\n        raise ValueError\n    return x\n"
    assert is_explained(explained, ("x",))
    assert not is_explained(explained + "    raise KeyError\n", ("x",))
    assert not is_explained("def f(x):\n    if x not in TABLE:\n        raise KeyError\n    return 1\n", ("x",))
