"""Counterexamples are read from what pytest shows, and become findings or examples."""

import ast
import textwrap

import pytest

from augment.analysis import CallForm
from augment.generation.falsified import aftermath, counterexample_in
from augment.generation.observe import has_placeholder
from augment.generation.trials import Trial
from augment.records import Candidate, Finding, TestKind
from augment.seams import Failure

PYTEST = """
    @given(a=st.integers(), b=st.lists(st.text()))
>   @settings(max_examples=50)
                   ^^^

    def test_b(a, b):
>       assert len(b) < 2
E       AssertionError: assert 2 < 2
E       Failing test case: test_b(
E           a=0,  # or any other generated value
E           b=['', 'E  x'],
E       )
E       Explanation:
E           none
"""
ONE_LINE = "E   Falsifying example: test_b(a=datetime.date(2000, 1, 1), b=nan)"
GROUP = """
  +-+---------------- 1 ----------------
    | KeyError: 'x'
    | Failing test case: test_d(
    |     xs=21,
    | )
    +---------------- 2 ----------------
    | Failing test case: test_d(
    |     xs=10,
    | )
"""
LONG = "E   Falsifying example: test_b(a=" + repr("x" * 900) + ")"


@pytest.mark.parametrize(
    ("report", "arguments"),
    [
        (PYTEST, {"a": "0", "b": "['', 'E  x']"}),
        (ONE_LINE, {"a": "datetime.date(2000, 1, 1)", "b": "float('nan')"}),
        (GROUP, {"xs": "21"}),
        ("E  Falsifying example: test_b(\nE      text='a\\nb',\nE  )", {"text": "'a\\nb'"}),
    ],
)
def test_counterexamples_are_read(report, arguments):
    found = counterexample_in(report)
    assert found is not None
    assert found.arguments == arguments


@pytest.mark.parametrize(
    "report", ["", "E   assert 1 == 2", "E  Falsifying example: test_b(cart=<shop.Cart object at 0x7f>)", LONG]
)
def test_what_is_no_source_text_leads_nowhere(report):
    assert counterexample_in(report) is None


TRIED = """
import datetime
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from shop.errors import PricingError
from shop.pricing import apply_discount


@given(price=st.integers(), day=st.dates())
@settings(max_examples=50, deadline=None, derandomize=True)
def test_apply_discount_is_idempotent(price, day):
    {doc}try:
        once = apply_discount(price, day)
    except PricingError:
        reject()
    assert apply_discount(once, day) == once
"""
REPORT = """
E   AssertionError: assert 3 == 2
E   Failing test case: test_x(
E       price=7,
E       day=datetime.date(2000, 1, 1),
E   )
"""
SENTENCE = '"""The documentation says: Idempotent."""\n    '
DECLARED = '"""The signature says: -> int"""\n    '


def falsified(candidate, context, doc="", report=REPORT, exception="builtins.AssertionError"):
    proposed = candidate(TRIED.format(doc=doc), kind=TestKind.PROPERTY, generator="property", origin="idempotence")
    failure = Failure("t", exception, "m", 1, "test")
    return proposed, aftermath(proposed, Trial(error=textwrap.dedent(report), failure=failure), context)


def test_a_property_that_was_merely_tried_becomes_an_example_with_an_open_value(candidate, context):
    proposed, found = falsified(candidate, context)
    assert isinstance(found, Candidate)
    assert (found.kind, found.generator, found.parents) == (TestKind.UNIT, "property", (proposed.id,))
    assert found.origin == "idempotence falsified"
    assert has_placeholder(found.source)
    assert "assert apply_discount(7, datetime.date(2000, 1, 1)) == ..." in found.source
    assert "hypothesis" not in found.source
    assert "import datetime" in found.source
    assert found.id != proposed.id


def test_the_same_counterexample_makes_the_same_example(candidate, context):
    first, second = (falsified(candidate, context)[1] for _ in range(2))
    assert isinstance(first, Candidate)
    assert isinstance(second, Candidate)
    assert (first.id, first.source) == (second.id, second.source)


def test_a_documented_property_becomes_a_finding_with_the_smallest_reproduction(candidate, context):
    _, found = falsified(candidate, context, SENTENCE)
    assert isinstance(found, Finding)
    assert "Idempotent." in found.title
    assert "price=7, day=datetime.date(2000, 1, 1)" in found.detail
    assert 0.5 < found.confidence < 1
    tree = ast.parse(found.source)
    assert "given" not in found.source
    assert "reject" not in found.source
    assert [node.args.args for node in tree.body if isinstance(node, ast.FunctionDef)] == [[]]
    assert "price = 7" in found.source
    assert "assert apply_discount(once, day) == once" in found.source


def test_the_finding_about_a_sentence_keeps_its_name(candidate, context):
    first, second = (falsified(candidate, context, SENTENCE)[1] for _ in range(2))
    assert isinstance(first, Finding)
    assert isinstance(second, Finding)
    assert first.id == second.id


@pytest.mark.parametrize("exception", ["shop.errors.PricingError", "builtins.ValueError", "builtins.KeyError"])
def test_an_exception_raised_on_purpose_contradicts_no_signature(candidate, context, exception):
    _, found = falsified(candidate, context, DECLARED, exception=exception)
    assert isinstance(found, Candidate)


def test_a_crash_contradicts_the_signature_less_than_a_wrong_type(candidate, context):
    _, crash = falsified(candidate, context, DECLARED, exception="builtins.IndexError")
    _, wrong = falsified(candidate, context, DECLARED)
    assert isinstance(crash, Finding)
    assert isinstance(wrong, Finding)
    assert crash.confidence < wrong.confidence


def test_a_call_that_needs_what_the_test_worked_out_makes_no_example(candidate, context):
    source = """
    from hypothesis import given
    from hypothesis import strategies as st
    from shop.pricing import apply_discount

    @given(price=st.integers())
    def test_it(price):
        level = str(price)
        assert apply_discount(price, level) == price
    """
    proposed = candidate(source, kind=TestKind.PROPERTY)
    trial = Trial(error="E  Falsifying example: test_it(price=0)")
    assert aftermath(proposed, trial, context) is None


def test_no_counterexample_no_aftermath(candidate, context):
    _, found = falsified(candidate, context, SENTENCE, report="E  hypothesis.errors.FailedHealthCheck: too slow")
    assert found is None


def test_the_context_is_one_of_a_function(context):
    assert context.form is CallForm.FUNCTION
