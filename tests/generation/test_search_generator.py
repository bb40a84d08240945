"""What the generator without a model proposes."""

import ast
import re
import textwrap

import pytest

from augment.analysis import ContextBuilder, discover_project, targets_of
from augment.generation.search import SearchGenerator
from augment.generation.search.documented import documented_tests
from augment.generation.search.guards import read_guards
from augment.generation.search.regexes import matching


@pytest.fixture
def propose(tmp_path):
    """Candidates for a target of a one-module project called ``shop``."""

    def call(source, qualname, limit=40, seed=1):
        return SearchGenerator().propose(context(tmp_path, source, qualname), seed, limit)

    return call


def context(folder, source, qualname):
    text = textwrap.dedent(source)
    (folder / "shop.py").write_text(text)
    target = next(item for item in targets_of(text, "shop", "shop.py") if item.qualname == qualname)
    return ContextBuilder(discover_project(folder), {"shop.py": text}).build(target)


def calls(candidates):
    """The asserted expressions of the candidates."""
    return [
        ast.unparse(node.test.left)
        for item in candidates
        for node in ast.walk(ast.parse(item.source))
        if isinstance(node, ast.Assert) and isinstance(node.test, ast.Compare)
    ]


DISCOUNT = '''
def discount(price: float, rate: float = 0.1, code: str | None = None) -> float:
    """Take the rate off.

    >>> discount(10.0, 0.5)
    5.0
    """
    if rate > 1:
        raise ValueError("rate")
    if code == "HALF":
        return price / 2
    return price * (1 - rate)
'''


def test_every_candidate_is_a_module_with_one_test_and_an_open_value(propose):
    for item in propose(DISCOUNT, "discount"):
        tests = [node for node in ast.parse(item.source).body if isinstance(node, ast.FunctionDef)]
        assert len(tests) == 1
        assert tests[0].name.startswith("test_discount")
        assert (item.generator, item.target) == ("search", "shop:discount")
        assert item.characterization == item.source.rstrip().endswith("== ...") == (item.origin != "doctest")


def test_the_same_seed_proposes_the_same_and_another_seed_something_else(propose):
    first, again, other = (propose(DISCOUNT, "discount", limit=90, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert [item.source for item in first] != [item.source for item in other]


def test_no_call_is_proposed_twice_and_the_limit_holds(propose):
    found = propose(DISCOUNT, "discount", limit=25)
    assert len(found) == len(set(calls(found))) == 25
    names = [item.source.partition("def ")[2].partition("(")[0] for item in found]
    assert len(set(names)) == 25


def test_documented_results_come_first_as_promises(propose):
    first = propose(DISCOUNT, "discount")[0]
    assert first.origin == "doctest"
    assert first.source == (
        "from shop import discount\n\n\ndef test_discount_as_documented():\n    assert discount(10.0, 0.5) == 5.0\n"
    )


def test_both_sides_of_every_guard_are_tried_early(propose):
    early = calls(propose(DISCOUNT, "discount", limit=16))
    assert any("rate=2" in call for call in early)
    assert any("rate=1)" in call for call in early)
    assert any("code='HALF'" in call for call in early)


def test_names_say_what_is_called_with_what(propose):
    sources = "".join(item.source for item in propose(DISCOUNT, "discount"))
    assert "def test_discount_with_zero_rate():" in sources
    assert "def test_discount_with_half_code():" in sources


def test_a_method_is_called_on_an_instance_that_was_filled_first(propose):
    source = """
    class Cart:
        def __init__(self, owner: str):
            self.owner, self.items = owner, {}
        def add(self, name: str, price: float) -> None:
            self.items[name] = price
        def price_of(self, name: str) -> float:
            return self.items[name]
    """
    first = propose(source, "Cart.price_of")[0].source
    lines = [line.strip() for line in first.split("\n")]
    assert lines[0] == "from shop import Cart"
    key = lines[-2].split("price_of(")[1].split(")")[0]
    assert any(line.startswith(f"subject.add({key}, ") for line in lines)
    assert "assert subject == ..." in propose(source, "Cart.add")[0].source


def test_project_objects_are_built_through_their_constructors(propose):
    source = """
    from dataclasses import dataclass
    from enum import Enum

    class Size(Enum):
        SMALL = 1
        LARGE = 2

    @dataclass
    class Owner:
        name: str

    @dataclass
    class Parcel:
        owner: Owner
        size: Size

    def price(parcel: Parcel, others: list[Parcel]) -> int:
        return 3
    """
    found = calls(propose(source, "price"))
    assert any("Parcel(owner=Owner(name=" in call and "size=Size.SMALL" in call for call in found)
    assert any("size=Size.LARGE" in call for call in found)
    assert any(call.endswith(", [])") for call in found)


def test_an_abstract_owner_is_stood_in_for_by_a_concrete_subclass(propose):
    source = """
    from abc import ABC, abstractmethod
    class Shape(ABC):
        @abstractmethod
        def area(self): ...
        def double(self): return 2 * self.area()
    class Square(Shape):
        def area(self): return 1
    """
    assert "subject = Square()" in propose(source, "Shape.double")[0].source
    assert propose(source, "Shape") == []


def test_an_abstract_owner_without_subclasses_gets_a_minimal_one_in_the_test(propose):
    source = """
    from abc import ABC, abstractmethod
    class Shape(ABC):
        @abstractmethod
        def area(self): ...
        def double(self): return 2
    """
    first = propose(source, "Shape.double")[0].source
    assert "    class Minimal(Shape):\n        def area(self, *args, **kwargs): return None\n" in first
    assert "subject = Minimal()" in first


def test_a_minimal_subclass_returns_what_the_abstract_methods_declare(propose):
    source = """
    from abc import ABC, abstractmethod
    class Shape(ABC):
        @abstractmethod
        def size(self) -> int: ...
        @property
        @abstractmethod
        def title(self) -> str: ...
        @abstractmethod
        async def load(self) -> list[int]: ...
        def is_big(self): return self.size() > 2
    """
    first = propose(source, "Shape.is_big")[0].source
    assert "        def size(self, *args, **kwargs): return 3\n" in first
    assert "        title = '" in first
    assert "        async def load(self, *args, **kwargs): return [" in first


def test_a_protocols_own_bodies_and_attributes_stay_what_is_tested(propose):
    source = """
    from typing import Protocol
    class Named(Protocol):
        name: str
        def title(self) -> str: ...
        def greet(self) -> str:
            return self.name + self.title()
    """
    first = propose(source, "Named.greet")[0].source
    assert "        name = '" in first
    assert "def title(" in first
    assert "def greet(" not in first


@pytest.mark.parametrize(
    ("source", "name", "expected"),
    [
        ("async def f(a: int): return a", "f", "assert asyncio.run(f(3)) == ..."),
        ("def f(a: int):\n    yield a", "f", "assert list(itertools.islice(f(3), 20)) == ..."),
        ("def f(a: list[int]):\n    a.append(1)", "f", "assert a == ..."),
        ("def f(a: int):\n    print(a)", "f", "assert capsys.readouterr().out == ..."),
        ("from pathlib import Path\ndef f(p: Path): return p.read_text()", "f", "assert f(path) == ..."),
        ("class A:\n    def __len__(self): return 3", "A.__len__", "assert len(subject) == ..."),
        (
            "class A:\n    def __contains__(self, key_name): return True",
            "A.__contains__",
            "assert ('Ada Lovelace' in subject) == ...",
        ),
        ("class A:\n    @property\n    def x(self): return 3", "A.x", "assert subject.x == ..."),
        ("class A:\n    @classmethod\n    def of(cls, n: int): return n", "A.of", "assert A.of(3) == ..."),
        ("class A:\n    def __p(self): return 3", "A.__p", "assert subject._A__p() == ..."),
        ("class A:\n    def __init__(self, n: int): self.n = n + 1", "A.__init__", "assert A(3) == ..."),
        ("def f(*, a: int): return a", "f", "assert f(a=3) == ..."),
    ],
)
def test_how_each_form_is_called(propose, source, name, expected):
    assert expected in propose(source, name)[0].source


@pytest.mark.parametrize(
    ("annotation", "some"),
    [
        ("Optional[int]", "None"),
        ("int | str", "'hello world'"),
        ("Literal['a', 'b']", "'b'"),
        ("dict[str, int]", "{}"),
        ("tuple[int, str]", "(3, 'hello world')"),
        ("'list[int]'", "[3, 0, 1]"),
        ("Callable[[int], int]", "lambda value: value"),
        ("Annotated[bool, 'flag']", "False"),
        ("set[int]", "set()"),
        ("datetime.date", "datetime.date(2024, 2, 29)"),
        ("Decimal", "decimal.Decimal('0')"),
    ],
)
def test_values_of_annotated_types(propose, annotation, some):
    found = calls(propose(f"def f(a: {annotation}): return a", "f"))
    assert any(some in call for call in found), found


@pytest.mark.parametrize(
    ("source", "some"),
    [
        ("def f(a): return a.strip()", "'hello world'"),
        ("def f(a): return [x for x in a]", "[3, 1, 2, 1]"),
        ("def f(a): return a.items()", "{'a': 1, 'b': 2}"),
        ("def f(email): return email.lower()", "'user@example.com'"),
        ("def f(a=3): return a", "a=0"),
        ("def f(a):\n    if isinstance(a, bytes): return 1", "b'hello'"),
        ("import re\ndef f(a: str): return re.match(r'\\d{3}-[A-Z]{2}', a)", "'777-AA'"),
        ("def f(a: str):\n    if len(a) == 5: return 1", "'abc12'"),
        ("from datetime import datetime\ndef f(a: str): return datetime.strptime(a, '%d.%m.%Y')", "'29.02.2024'"),
        ("def f(a: str):\n    match a:\n        case 'go': return 1", "'go'"),
        ("def f(a: str):\n    b = a.strip()\n    if b in ('x1', 'x2'): return 1", "'x2'"),
    ],
)
def test_values_that_the_code_asks_for(propose, source, some):
    found = calls(propose(source, "f"))
    assert any(some in call for call in found), found


def test_a_wrong_type_is_tried_only_where_the_code_looks_for_it(propose):
    asked = calls(propose("def f(a: str):\n    if not isinstance(a, str): raise TypeError\n    return a", "f"))
    trusting = calls(propose("def f(a: str):\n    return a.strip()", "f"))
    assert "f(None)" in asked
    assert "f(None)" not in trusting


def documented(folder, docstring):
    source = f'class Box:\n    pass\n\ndef f(a):\n    """{docstring}"""\n    return a\n'
    return [source.rpartition("\n\n\n")[2] for source, _ in documented_tests(context(folder, source, "f"))]


@pytest.mark.parametrize(
    ("docstring", "expected"),
    [
        (">>> f(1)\n    1", "assert f(1) == 1"),
        (">>> f(True) # returns true", "assert f(True) == True"),
        (">>> f('a') # returns: 'a'", "assert f('a') == 'a'"),
        (">>> f(1) == 1\n    True", "assert (f(1) == 1) == True"),
        (">>> f(Box)\n    <class 'shop.Box'>", "value = f(Box)"),
        (
            ">>> f()\n    Traceback (most recent call last):\n    TypeError: no",
            "with pytest.raises(TypeError):\n        f()",
        ),
        (">>> print(f(1))\n    1", "value = print(f(1))"),
    ],
)
def test_documentation_in_its_many_forms(tmp_path, docstring, expected):
    (test,) = documented(tmp_path, docstring)
    assert expected in test


@pytest.mark.parametrize(
    "docstring",
    [
        ">>> f(1) # possible output: 3",
        ">>> f(1)  # doctest: +SKIP\n    2",
        ">>> f(1)\n    <object at ...>",
        ">>> unknown(1)\n    1",
    ],
)
def test_what_promises_nothing_exact_is_no_promise(tmp_path, docstring):
    assert documented(tmp_path, docstring) == []


def test_examples_share_their_variables_and_what_they_did(tmp_path):
    first, second = documented(tmp_path, ">>> x = [3]\n    >>> x.pop()\n    3\n    >>> f(x)\n    []")
    assert "x = [3]\n    assert x.pop() == 3" in first
    assert "x = [3]\n    x.pop()\n    assert f(x) == []" in second


def test_guards_are_read_through_names_given_to_arguments():
    guards = read_guards("def f(n):\n    m = int(n)\n    if m >= 18: return 1", ("n",))
    assert [value.text for value in guards.of("n")] == ["17", "18", "19"]


@pytest.mark.parametrize(
    "pattern", [r"^\d{4}-\d{2}$", r"(a|b)+c?", r"[^x]\w+\s", r"(\w)\1", r"colou?r", r"(?P<y>[A-F0-9]{2}:){2}"]
)
def test_samples_match_their_pattern(pattern):
    texts = matching(pattern)
    assert texts
    assert all(re.search(pattern, text) for text in texts)


def test_patterns_that_are_none_give_nothing():
    assert matching("(") == []


def test_types_that_contain_themselves_come_to_an_end(propose):
    source = """
    from dataclasses import dataclass
    from typing import Union
    Json = Union[int, list["Json"], dict[str, "Json"]]

    @dataclass
    class Node:
        value: Json
        next: "Node | None"

    def f(data: Json, node: Node): return data
    """
    assert any("Node(value=3, next=None)" in call or "next=Node(" in call for call in calls(propose(source, "f")))
