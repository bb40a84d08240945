"""What a generator gets to know of a target."""

import textwrap

import pytest

from augment.analysis import (
    CallForm,
    ContextBuilder,
    Parameter,
    ParameterKind,
    TypeKind,
    build_context,
    discover_project,
    targets_of,
)
from augment.errors import ProjectError
from augment.records import CoverageReport, FileCoverage

FILES = {
    "shop/__init__.py": "from shop.pricing import apply_discount\n",
    "shop/errors.py": "class CartError(Exception):\n    'Bad cart.'\n",
    "shop/money.py": '''
        from dataclasses import dataclass, field
        from enum import Enum
        from typing import NewType

        Code = NewType("Code", str)

        class Currency(Enum):
            EUR = "eur"
            GBP = "gbp"

        @dataclass
        class Money:
            amount: int
            currency: Currency = Currency.EUR
            notes: list[str] = field(default_factory=list)
            cached: int = field(init=False, default=0)

        def rounded(value: float, digits: int = 2) -> float:
            """Round half up.

            More text.
            """
            return value
    ''',
    "shop/pricing.py": '''
        """Prices."""
        from __future__ import annotations
        import math as m
        from typing import TYPE_CHECKING
        from .errors import CartError
        from . import money
        from shop.money import *

        if TYPE_CHECKING:
            from decimal import Decimal

        LIMIT = 100
        MODES = ("full", "half")

        def apply_discount(price: Money, rate: float = 0.1, /, mode: "str" = "full", *rest, code: Code = None) -> float:
            """Take the rate off.

            >>> apply_discount(10, 0.5)
            5.0
            >>> x = 3
            """
            if rate > LIMIT or mode not in MODES:
                raise CartError(f"bad {mode}")
            if price == 7:
                raise ValueError
            return m.floor(rounded(price * (1 - rate)))

        def use():
            return apply_discount(20, 0.25, mode="half")
    ''',
    "shop/shapes.py": """
        from abc import ABC, abstractmethod
        from typing import Protocol

        class Shape(ABC):
            "A shape."
            sides = 0

            def __init__(self, name: str) -> None:
                self.name = name.strip()

            @abstractmethod
            def area(self) -> float: ...

            def describe(self, unit: str = "m") -> str:
                return f"{self.name} {self.area()}{unit}"

            @property
            def label(self):
                return self.name.upper()

            @staticmethod
            def parse(text): return text.split()

            @classmethod
            def make(cls, text): return cls(text)

        class Square(Shape):
            def area(self): return 1.0

        class Half(Shape):
            pass

        class HasArea(Protocol):
            def area(self) -> float: ...

        async def fetch(shape: Shape) -> float:
            return shape.area()
    """,
    "tests/conftest.py": "import pytest\n\n@pytest.fixture\ndef till():\n    return 1\n",
    "tests/test_pricing.py": """
        from shop.pricing import apply_discount

        def test_full():
            result = apply_discount(100, 0.5)
            assert result == 50

        def test_variable(till):
            assert apply_discount(till, till)
    """,
}
SOURCES = {file: textwrap.dedent(text) for file, text in FILES.items()}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    root = tmp_path_factory.mktemp("project")
    for file, text in SOURCES.items():
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text(text)
    return discover_project(root)


def find(target_id):
    module, _, qualname = target_id.partition(":")
    file = f"{module.replace('.', '/')}.py"
    return next(target for target in targets_of(SOURCES[file], module, file) if target.qualname == qualname)


@pytest.fixture(scope="module")
def context(project):
    builder = ContextBuilder(project, SOURCES)
    return lambda target_id: builder.build(find(target_id))


@pytest.fixture(scope="module")
def discount(context):
    return context("shop.pricing:apply_discount")


def test_how_to_import_and_call(discount, context):
    assert (discount.import_line, discount.call_name) == ("from shop.pricing import apply_discount", "apply_discount")
    method = context("shop.shapes:Shape.describe")
    assert (method.import_line, method.call_name) == ("from shop.shapes import Shape", "Shape.describe")


def test_the_source_is_dedented_with_its_decorators(context):
    assert context("shop.shapes:Shape.label").source == "@property\ndef label(self):\n    return self.name.upper()"


def test_imports_that_are_used_become_absolute(discount):
    assert discount.imports == ("import math as m", "from shop.errors import CartError", "from shop.money import *")


def test_names_for_the_repair_of_imports(discount):
    assert discount.module_names == ("apply_discount", "use", "LIMIT", "MODES")
    assert discount.project_names["apply_discount"] == ("shop.pricing", "shop")
    assert discount.project_names["CartError"] == ("shop.errors", "shop.pricing")


def test_callees_are_followed_through_star_imports(discount):
    assert [(item.id, item.signature, item.doc) for item in discount.callees] == [
        ("shop.errors:CartError", "class CartError()", "Bad cart."),
        ("shop.money:rounded", "def rounded(value: float, digits: int=2) -> float", "Round half up."),
    ]


def test_callers_and_calls_with_literals(discount):
    assert discount.example_calls == ("apply_discount(100, 0.5)", "apply_discount(20, 0.25, mode='half')")
    assert "# tests/test_pricing.py\nresult = apply_discount(100, 0.5)" in discount.callers


def test_exceptions_are_qualified_where_the_project_defines_them(discount):
    assert discount.raises == ("shop.errors.CartError", "ValueError")


def test_literals_hold_guards_constants_and_defaults(discount):
    assert {"7", "1", "100", "'half'", "'full'", "0.1"} <= set(discount.literals)


def test_documented_examples(discount):
    assert discount.doctests == (("apply_discount(10, 0.5)", "5.0"), ("x = 3", ""))


def test_parameters_of_every_kind(discount):
    assert discount.parameters == (
        Parameter("price", "Money", None, ParameterKind.POSITIONAL_ONLY),
        Parameter("rate", "float", "0.1", ParameterKind.POSITIONAL_ONLY),
        Parameter("mode", "str", "'full'"),
        Parameter("rest", kind=ParameterKind.VAR_POSITIONAL),
        Parameter("code", "Code", "None", ParameterKind.KEYWORD_ONLY),
    )


def test_types_of_the_signature_and_of_their_constructors(discount):
    types = {item.name: item for item in discount.types}
    assert [item.name for item in types["Money"].parameters] == ["amount", "currency", "notes"]
    assert types["Money"].parameters[2].default == "list()"
    assert (types["Currency"].kind, types["Currency"].members) == (TypeKind.ENUM, ("EUR", "GBP"))
    assert (types["Code"].kind, types["Code"].alias) == (TypeKind.ALIAS, "str")


def test_abstract_classes_know_their_concrete_subclasses(context):
    shape = context("shop.shapes:Shape.describe")
    assert shape.concrete_subclasses == ("shop.shapes:Square",)
    assert shape.abstract_methods == ("area",)
    assert shape.owner.kind is TypeKind.ABSTRACT
    assert context("shop.shapes:Square").concrete_subclasses == ()


def test_the_class_skeleton_has_the_constructor_in_full_and_no_other_bodies(context):
    assert context("shop.shapes:Shape.describe").class_skeleton.split("\n")[:6] == [
        "class Shape(ABC):",
        '    """A shape."""',
        "    sides = 0",
        "    def __init__(self, name: str) -> None:",
        "        self.name = name.strip()",
        "    @abstractmethod",
    ]


@pytest.mark.parametrize(
    ("name", "form"),
    [("Shape.describe", "instance method"), ("Shape.label", "property"), ("Shape.parse", "static method"),
     ("Shape.make", "class method"), ("Shape", "class"), ("fetch", "function")],
)  # fmt: skip
def test_forms(context, name, form):
    assert context(f"shop.shapes:{name}").form is CallForm(form)


def test_async_and_fixtures_and_style(context):
    fetch = context("shop.shapes:fetch")
    assert fetch.is_async
    assert fetch.fixtures == ("till",)
    assert fetch.test_style.startswith("def test_full():")


def test_uncovered_lines_and_branches_lie_within_the_target(project):
    target = find("shop.pricing:use")
    lines = frozenset(range(1, target.end_lineno + 1))
    possible = {target.file: FileCoverage(lines, frozenset({(target.lineno, target.end_lineno), (1, 2)}))}
    covered = {target.file: FileCoverage(frozenset({target.end_lineno}))}
    report = CoverageReport({"tests/t.py::a": covered}, {target.file: FileCoverage(frozenset({1}))}, possible)
    found = build_context(project, target, SOURCES, report)
    assert found.uncovered_lines == (target.lineno,)
    assert found.uncovered_branches == ((target.lineno, target.end_lineno),)


def test_without_coverage_nothing_counts_as_uncovered(discount):
    assert (discount.uncovered_lines, discount.uncovered_branches) == ((), ())


def test_a_target_that_is_gone_is_one_clear_line(project):
    with pytest.raises(ProjectError, match=r"shop\.pricing:use is not in shop/pricing\.py any more"):
        build_context(project, find("shop.pricing:use"), SOURCES | {"shop/pricing.py": "x = 1\n"})


def test_files_that_do_not_parse_do_not_stand_in_the_way(project):
    found = build_context(project, find("shop.pricing:use"), SOURCES | {"shop/broken.py": "def f(:\n"})
    assert found.callees[0].id == "shop.pricing:apply_discount"


@pytest.mark.parametrize("base", ['namedtuple("B", "title, key")', "Base"], ids=["in place", "named"])
def test_a_class_built_on_a_namedtuple_takes_its_fields(project, base):
    head = "from collections import namedtuple\nBase = namedtuple('B', ['title', 'key'])\n\n"
    text = f"{head}class S({base}):\n    def f(self): return 1\n"
    (target, *_) = targets_of(text, "shop.tuples", "shop/tuples.py")
    found = build_context(project, target, SOURCES | {"shop/tuples.py": text})
    assert [parameter.name for parameter in found.parameters] == ["title", "key"]
