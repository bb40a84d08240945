"""What is stated of a target against what was seen of it: each rule speaks where it should and is silent elsewhere."""

from __future__ import annotations

import ast
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from augment.analysis import (
    ContextBuilder,
    TargetContext,
    discover_project,
    project_sources,
    project_targets,
    take_snapshot,
)
from augment.behaviour import BehaviourChange
from augment.generation import finding_of_property, finding_of_revision
from augment.generation.disagreements import Observed, disagreements, read_stated
from augment.generation.findings import Settled, pinning_admission
from augment.generation.inspecting import calls_for
from augment.generation.seen_calls import asserted_in
from augment.generation.stated.conditions import read_condition
from augment.generation.stated.docstrings import read_docstring
from augment.generation.stated.types import Annotations, Seen, documented_type
from augment.records import AdmissionState, Finding, FindingKind, FindingState


@pytest.fixture
def context(tmp_path: Path):  # type: ignore[no-untyped-def]
    def build(source: str, name: str) -> TargetContext:
        (tmp_path / "shop.py").write_text(textwrap.dedent(source))
        project, snapshot = discover_project(tmp_path), take_snapshot(tmp_path)
        target = next(item for item in project_targets(project, snapshot) if item.qualname == name)
        return ContextBuilder(project, project_sources(project, snapshot)).build(target)

    return build


def returned(expression: str, value: object, **more: object) -> Observed:
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    return Observed(expression, kind, repr(value), True, imports=("from shop import f",), **more)  # type: ignore[arg-type]


def raised(expression: str, exception: str) -> Observed:
    return Observed(expression, exception=exception, imports=("from shop import f",))


def found(context: TargetContext, *observed: Observed) -> list[Finding]:
    return [finding for finding, _ in disagreements(read_stated(context), observed)]


def function(signature: str, doc: str, body: str = "return x") -> str:
    return f'def f({signature}:\n    """{doc}"""\n    {body}\n'


# --------------------------------------------------------------------------- annotations


@pytest.mark.parametrize(
    ("annotation", "value"),
    [("int", None), ("int", "1"), ("list[str]", [1]), ("dict[str, int]", {"a": "b"}), ("tuple[int, int]", (1,)),
     ("bool", None), ("str | None", 3), ("list", (1, 2)), ("None", 3), ("int", 1.5)],
)  # fmt: skip
def test_a_value_of_another_type_than_annotated_is_a_finding(context, annotation: str, value: object) -> None:  # type: ignore[no-untyped-def]
    [finding] = found(context(function(f"x: bytes) -> {annotation}", "Doc."), "f"), returned("f(b'')", value))
    assert (finding.kind, finding.rule, finding.rests_on) == (FindingKind.ANNOTATION, "return type", f"-> {annotation}")
    namespace: dict[str, object] = {"f": lambda _: value}
    body = ast.parse(finding.source).body[-1].body  # type: ignore[attr-defined]
    with pytest.raises(AssertionError):
        exec(compile(ast.Module(body, []), "t", "exec"), namespace)
    pin = ast.parse(finding.intended_source).body[-1].body  # type: ignore[attr-defined]
    namespace["pytest"] = pytest
    exec(compile(ast.Module(pin, []), "t", "exec"), namespace)


@pytest.mark.parametrize(
    ("annotation", "value"),
    [("int", True), ("float", 1), ("int | None", None), ("list[str]", []), ("Money", None), ("Any", None), ("T", 3),
     ("object", None), ("list[T]", [1]), ('"int"', 3)],
)  # fmt: skip
def test_what_may_be_of_the_annotated_type_is_none(context, annotation: str, value: object) -> None:  # type: ignore[no-untyped-def]
    assert found(context(function(f"x: bytes) -> {annotation}", "Doc."), "f"), returned("f(b'')", value)) == []


def test_a_function_that_is_given_what_it_does_not_take_owes_nobody_its_type(context) -> None:  # type: ignore[no-untyped-def]
    typed = context(function("x: int) -> int", "Doc."), "f")
    assert found(typed, returned("f('a')", "a")) == []
    untyped = context(function("x) -> int", "Doc."), "f")
    assert found(untyped, returned("f('a')", "a")) == []
    assert len(found(untyped, returned("f('a')", None))) == 1


def test_the_items_of_an_iterator_are_looked_at(context) -> None:  # type: ignore[no-untyped-def]
    source = "from collections.abc import Iterator\n\n\ndef f(x: bytes) -> Iterator[int]:\n    yield x\n"
    call = "list(itertools.islice(f(b''), 20))"
    assert len(found(context(source, "f"), returned(call, ["a"]))) == 1
    assert found(context(source, "f"), returned(call, [1])) == []


# --------------------------------------------------------------------------- documented exceptions


GOOGLE = "Half.\n\n    Raises:\n        ValueError: If x is negative or zero.\n    "
NUMPY = "Half.\n\n    Raises\n    ------\n    ValueError\n        If `x` is negative or zero.\n    "
REST = "Half.\n\n    :param x: a number\n    :raises ValueError: if ``x`` is negative or zero\n    "
PROSE = "Half. Raises ValueError if x is negative or zero."
BEFORE = "Half. If x is negative or zero, a ValueError is raised."


@pytest.mark.parametrize("doc", [GOOGLE, NUMPY, REST, PROSE, BEFORE])
def test_a_documented_exception_that_is_not_raised_is_a_finding_in_every_style(context, doc: str) -> None:  # type: ignore[no-untyped-def]
    target = context(function("x)", doc), "f")
    [finding] = found(target, returned("f(-1)", -1))
    assert finding.rule == "documented exception"
    assert "x is negative or zero" in finding.rests_on.replace("`", "")
    assert "pytest.raises(ValueError)" in finding.source
    assert "f(-1) == -1" in finding.intended_source
    [other] = found(target, raised("f(-1)", "builtins.TypeError"))
    assert other.key == finding.key
    assert found(target, returned("f(1)", 1)) == []
    assert found(target, raised("f(-1)", "builtins.ValueError")) == []
    assert found(target, raised("f(-1)", "builtins.UnicodeError")) == []  # which is a ValueError
    assert found(target, returned("f('a')", "a")) == []


def test_an_option_that_the_documentation_does_not_speak_of_excuses_the_call(context) -> None:  # type: ignore[no-untyped-def]
    target = context(function("x, strict=True)", PROSE), "f")
    assert found(target, returned("f(-1, strict=False)", -1)) == []
    assert len(found(target, returned("f(-1)", -1))) == 1


def test_an_exception_of_the_projects_may_be_of_any_class(context) -> None:  # type: ignore[no-untyped-def]
    target = context(function("x)", PROSE), "f")
    assert found(target, raised("f(-1)", "shop.PriceError")) == []


def test_an_iterator_may_raise_later(context) -> None:  # type: ignore[no-untyped-def]
    target = context(function("x)", PROSE, "yield x"), "f")
    assert found(target, Observed("f(-1)", "builtins.generator", "<generator>")) == []
    assert len(found(target, returned("list(itertools.islice(f(-1), 20))", [-1]))) == 1


# --------------------------------------------------------------------------- documented results


@pytest.mark.parametrize(
    ("doc", "call", "value"),
    [
        ("Returns True if x is empty, False otherwise.", "f('')", False),
        ("Returns True if x is empty, False otherwise.", "f('a')", True),
        ("Return None if x is negative.", "f(-1)", 0),
        ("Blank.\n\n    Returns:\n        An empty list if x is None.\n    ", "f(None)", [1]),
        ("Blank.\n\n    :returns: whether x is empty\n    ", "f([])", False),
        ("Returns a sorted list.", "f([2, 1])", [2, 1]),
        ("Distance.\n\n    Returns:\n        The distance, which is never negative.\n    ", "f(1)", -1),
        ("Returns a number between 0 and 1.", "f(1)", 1.5),
        ("Returns the text in lower case.", "f('A')", "A"),
        ("Returns the items without duplicates.", "f([1, 1])", [1, 1]),
        ("Blank.\n\n    :rtype: str\n    ", "f(1)", 1.5),
        ("Blank.\n\n    Returns\n    -------\n    int\n        How many.\n    ", "f('a')", None),
        ("Returns a list of words.", "f('a')", 7),
        ("Mean.\n\n    Returns:\n        The mean; 0.0 for an empty list.\n    ", "f([])", 1.0),
        ("Returns 0 where x is zero.", "f(0)", 1),
    ],
)
def test_a_documented_result_that_the_code_does_not_give_is_a_finding(
    context, doc: str, call: str, value: object
) -> None:  # type: ignore[no-untyped-def]
    assert [finding.kind for finding in found(context(function("x)", doc), "f"), returned(call, value))] in (
        [FindingKind.DOCUMENTATION],
        [FindingKind.DOCUMENTATION] * 2,
    )


@pytest.mark.parametrize(
    ("doc", "call", "value"),
    [
        ("Returns True if x is empty, False otherwise.", "f('')", True),
        ("Returns True if x is odd in every sense.", "f(2)", True),
        ("Returns True if x is empty.", "f('a')", True),
        ("Returns a list sorted by price.", "f([2, 1])", [2, 1]),
        ("Returns the first word in lower case.", "f('AB CD')", "ab CD"),
        ("Returns a list of words, or None.", "f('a')", None),
        ("Returns a list of words.", "f('a')", ("a",)),
        ("Returns a sorted list if asked to.", "f([2, 1])", [2, 1]),
        ("Returns whether x is a float.", "f(1)", False),
        ("Sorts. The result is never an empty promise.", "f([2])", []),
    ],
)
def test_what_the_documentation_leaves_open_is_none(context, doc: str, call: str, value: object) -> None:  # type: ignore[no-untyped-def]
    assert found(context(function("x)", doc), "f"), returned(call, value)) == []


def test_a_documented_default_is_held_against_the_signature(context) -> None:  # type: ignore[no-untyped-def]
    doc = (
        "Cut.\n\n    Args:\n        x: the text\n        size: how long. Defaults to 80.\n"
        "        end (str): what comes last (default: '...')\n        sep: defaults to None, which is a space\n    "
    )
    [finding] = found(context(function("x, size=70, end='...', sep=None)", doc), "f"))
    assert finding.rule == "documented default"
    assert "inspect.signature(f).parameters['size'].default == 80" in finding.source
    assert "== 70" in finding.intended_source


def test_methods_and_what_their_object_was_made_of(context) -> None:  # type: ignore[no-untyped-def]
    source = '''
        class Cart:
            def __init__(self, size: int):
                self.size = size

            def room(self, used: int) -> int:
                """The room that is left."""
                return self.size - used
        '''
    target = context(source, "Cart.room")
    wanted = {"imports": ("from shop import Cart",)}
    call = returned("subject.room(1)", None, setup=("subject = Cart(3)",))
    [finding] = found(target, Observed(**{**_fields(call), **wanted}))
    assert "subject = Cart(3)" in finding.source
    odd = returned("subject.room(1)", None, setup=("subject = Cart('a')",))
    assert found(target, Observed(**{**_fields(odd), **wanted})) == []


def _fields(observed: Observed) -> dict[str, object]:
    return {name: getattr(observed, name) for name in Observed.__slots__}


# --------------------------------------------------------------------------- the pieces


@pytest.mark.parametrize(
    ("text", "arguments", "holds"),
    [
        ("if x is negative", {"x": -1}, True), ("if x is negative", {"x": "a"}, None), ("if x < 0", {"x": 0}, False),
        ("if `x` is less than or equal to zero", {"x": 0}, True), ("when x is not a string", {"x": 3}, True),
        ("if x is not an integer", {"x": 1.0}, None), ("if x is empty or None", {"x": None}, True),
        ("if x is greater than y", {"x": 3, "y": 2}, True), ("x must be positive", {"x": 0}, True),
        ("x must be between 0 and 10", {"x": 11}, True), ("if x is not in range 0-10", {"x": 5}, False),
        ("if x is not in y", {"x": 1, "y": [2]}, True), ("if x is not found in y", {"x": 2, "y": [2]}, False),
        ("if x and y is empty", {"x": 1, "y": 2}, None), ("if x is blank", {"x": "  "}, True),
        ("if either x is negative or y is zero", {"x": 1, "y": 0}, True), ("if x is 0", {"x": 0}, True),
        ("if x exceeds 100", {"x": 101}, True), ("if x has more than one item", {"x": [1, 2]}, True),
        ("if x is longer than 3 characters", {"x": "abc"}, False), ("if x is odd", {"x": 3}, True),
    ],
)  # fmt: skip
def test_conditions_are_read_whole(text: str, arguments: dict[str, object], holds: bool | None) -> None:
    condition = read_condition(text, ("x", "y"))
    assert (condition.holds(arguments) if condition else None) is holds


@pytest.mark.parametrize(
    "text",
    ["if x is negative and strict is set", "if anything goes wrong", "if the file is empty", "if x is invalid",
     "if x is not set",
     "if x is negative, unless y is given", "if the list is empty", "if x is empty or y is odd and x is zero"],
)  # fmt: skip
def test_a_condition_with_a_word_that_is_not_understood_says_nothing(text: str) -> None:
    assert read_condition(text, ("x", "y")) is None


def test_a_docstring_is_taken_apart_in_each_style() -> None:
    google = read_docstring(
        "Do.\n\nArgs:\n    x (int, optional): the x\n        of it\n\nReturns:\n    list[str]: words\n"
    )
    assert [(item.name, item.type, item.text) for item in google.parameters] == [("x", "int", "the x of it")]
    assert google.returns is not None
    assert (google.returns.type, google.returns.text) == ("list[str]", "words")
    numpy = read_docstring("Do.\n\nParameters\n----------\nx, y : int\n    both\n\nReturns\n-------\nstr\n    it\n")
    assert [item.name for item in numpy.parameters] == ["x", "y"]
    assert numpy.returns is not None
    assert numpy.returns.type == "str"
    rest = read_docstring(
        "Do.\n\n:param int x: the x\n:type y: str\n:param y: the y\n:rtype: bool\n:raises KeyError: if so\n"
    )
    assert [(item.name, item.type) for item in rest.parameters] == [("x", "int"), ("y", "str")]
    assert rest.raises[0].name == "KeyError"
    assert read_docstring("Do it.\n\n>>> f(1)\n2\n\nThen more. And more.").sentences == (
        "Do it.",
        "Then more.",
        "And more.",
    )
    assert read_docstring(None).sentences == ()


@pytest.mark.parametrize(
    ("words", "annotation"),
    [("string or None", "str | None"), ("list of str", "list"), ("a boolean", "bool"), ("Cart", ""), ("int", "int"),
     ("Optional[int]", "int | None"), ("whatever it likes", "")],
)  # fmt: skip
def test_types_in_words(words: str, annotation: str) -> None:
    assert documented_type(words) == annotation


def test_a_name_that_the_module_gives_another_meaning_says_nothing() -> None:
    assert Annotations((), ("list",)).spec("list").fits(Seen.of(3)) is None
    assert Annotations((), ()).spec("List[int]").fits(Seen.of(3)) is None
    assert Annotations(("from typing import List, Any",), ()).spec("List[int]").fits(Seen.of(3)) is False


def test_calls_that_meet_each_condition_are_made_up(context) -> None:  # type: ignore[no-untyped-def]
    doc = "Cut. Raises ValueError if size is negative. Raises KeyError if low is greater than high."
    asked = calls_for(read_stated(context(function("text: str, size: int, low=0, high=9)", doc), "f")))
    assert asked == ("f('a', -1)", "f('a', 1, low=3, high=1)")


def test_what_a_passing_test_asserts_was_seen() -> None:
    source = (
        "import pytest\nfrom shop import f\n\ndef test_it():\n    items = [1]\n    assert f(items) == 3\n"
        "    assert f([]) is None\n    assert f(2) == pytest.approx(0.5)\n"
        "    with pytest.raises(ValueError, match='no'):\n        f(-1)\n"
    )
    seen = asserted_in(source)
    assert [(item.expression, item.repr, item.exception) for item in seen] == [
        ("f(items)", "3", ""), ("f([])", "None", ""), ("f(2)", "0.5", ""), ("f(-1)", "", "builtins.ValueError"),
    ]  # fmt: skip
    assert seen[0].setup == ("items = [1]",)
    assert seen[1].setup == ()


# --------------------------------------------------------------------------- making and settling


CHANGE = BehaviourChange(
    "shop.cart:f", "f([])", "3", "raises CartError: empty", "r2", "r1", 1.0,
    imports=("from shop.cart import f", "from shop.errors import CartError"),
)  # fmt: skip


def test_a_change_of_behaviour_pins_either_side() -> None:
    finding = finding_of_revision(CHANGE)
    assert finding.title == "This save changed behaviour: `f([])` was 3, now raises CartError: empty"
    assert finding.source.startswith("from shop.cart import f\n")
    assert "assert f([]) == 3" in finding.source
    assert "from shop.errors import CartError" in finding.intended_source
    assert "with pytest.raises(CartError)" in finding.intended_source
    again = finding_of_revision(replace(CHANGE, revision="r3"))
    assert (again.key, again.id) == (finding.key, finding.id)
    other = finding_of_revision(replace(CHANGE, call="f([1])"))
    assert other.key != finding.key
    assert other.like != finding.like


def test_what_no_literal_says_pins_nothing() -> None:
    finding = finding_of_revision(replace(CHANGE, before="a Cart object", after="does not end"))
    assert (finding.source, finding.intended_source) == ("", "")


def test_a_falsified_property_rests_on_its_sentence() -> None:
    finding = finding_of_property(
        "shop:f",
        "idempotence",
        "Applying it twice changes nothing.",
        counterexample="f('a')",
        observed="'aa'",
        source="def test(): ...",
    )
    assert (finding.kind, finding.rests_on) == (FindingKind.PROPERTY, "Applying it twice changes nothing.")


def test_what_people_decided_settles_it_and_noise_its_like() -> None:
    one = finding_of_property("m:f", "order", "Sorted.", counterexample="f(1)", observed="", source="")
    alike = finding_of_property("m:f", "order", "In order.", counterexample="f(2)", observed="", source="")
    assert not Settled([one]).settles(one)
    assert not Settled([replace(one, state=FindingState.BUG)]).settles(one)
    intended = Settled([replace(one, state=FindingState.INTENDED)])
    assert intended.settles(one)
    assert not intended.settles(alike)
    assert Settled([replace(one, state=FindingState.NOISE)]).settles(alike)


def test_an_intended_finding_is_pinned_by_an_admission_that_says_so() -> None:
    finding = finding_of_revision(replace(CHANGE, after="4"))
    admission = pinning_admission(finding, "tests/augment", 5.0)
    assert admission.state is AdmissionState.HELD
    assert admission.nodeid == "tests/augment/test_shop_cart_augment.py::test_f"
    assert finding.id in admission.reason


@pytest.mark.parametrize(
    "doc",
    [
        "Raises :exc:`ValueError` if *x* is negative.",
        "``ValueError`` will be raised If *x* is negative.",
        "If *x* is negative, a :py:exc:`ValueError` is raised.",
    ],
)
def test_markup_in_prose_is_read_through(context, doc: str) -> None:  # type: ignore[no-untyped-def]
    assert len(found(context(function("x)", doc), "f"), returned("f(-1)", -1))) == 1


def test_a_blank_line_in_an_example_is_a_blank_line(context) -> None:  # type: ignore[no-untyped-def]
    from augment.generation.search.documented import documented_tests

    doc = "Say.\n\n    >>> print(f('a'))\n    a\n    <BLANKLINE>\n    b\n    "
    [(source, _)] = documented_tests(context(function("x)", doc), "f"))
    assert "BLANKLINE" not in source


@pytest.mark.parametrize(
    ("example", "expected"),
    [
        (">>> f('a')\n    Url(u'a')", "shown.split() == \"Url('a')\".split()"),
        (">>> with open('x') as g:\n    ...     g.read()\n    'y'", ""),
    ],
)
def test_examples_of_old_and_of_blocks_promise_no_more_than_they_show(context, example: str, expected: str) -> None:  # type: ignore[no-untyped-def]
    from augment.generation.search.documented import documented_tests

    sources = [source for source, _ in documented_tests(context(function("x)", f"Say.\n\n    {example}\n    "), "f"))]
    assert [expected in source for source in sources] == ([True] if expected else [])
