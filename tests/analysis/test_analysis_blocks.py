"""Which old lines a change can be seen from."""

import textwrap

import pytest

from augment.analysis import changed_lines, line_map


def blocks(old, new):
    found = changed_lines(textwrap.dedent(old), textwrap.dedent(new))
    return [(block.start, block.end, block.scope, block.on_import) for block in found]


BASE = """\
import math

LIMIT = 10

def f(a):
    if a > LIMIT:
        b = 1
        return b
    return 2

class Cart:
    size = 3

    def total(self):
        return self.size
"""


def edited(before, after):
    assert before in BASE
    return BASE.replace(before, after, 1)


@pytest.mark.parametrize(
    "new",
    [
        BASE.replace("import math", "import math  # for later"),
        BASE.replace("\n\n", "\n\n\n# note\n\n"),
        BASE.replace("        return b", "        return (\n            b\n        )"),
        BASE.replace("\n", "\r\n"),
    ],
    ids=["comment", "blank lines", "brackets", "line ends"],
)
def test_comments_and_formatting_change_nothing(new):
    assert changed_lines(BASE, new) == ()


def test_a_changed_branch_is_seen_only_by_who_ran_it():
    assert blocks(BASE, edited("return b", "return b + 1")) == [(8, 8, "f", False)]


def test_a_changed_condition_is_seen_by_who_asked_it():
    assert blocks(BASE, edited("a > LIMIT", "a >= LIMIT")) == [(6, 8, "f", False)]


def test_an_inserted_statement_is_reached_through_the_one_before_it():
    assert blocks(BASE, edited("        return b", "        print(b)\n        return b")) == [(7, 7, "f", False)]


def test_a_new_branch_is_seen_by_who_asked_the_condition():
    assert blocks(BASE, edited("    return 2", "    else:\n        print(a)\n    return 2")) == [(6, 8, "f", False)]


def test_a_statement_at_the_start_is_seen_by_everyone_who_entered():
    assert blocks(BASE, edited("    if a", "    print(a)\n    if a")) == [(6, 8, "f", False)]


def test_a_new_local_name_concerns_the_whole_function():
    assert blocks(BASE, edited("return b", "c = b\n        return c")) == [(6, 9, "f", False)]


def test_becoming_a_generator_concerns_the_whole_function():
    assert blocks(BASE, edited("return b", "yield b")) == [(6, 9, "f", False)]


def test_a_new_parameter_concerns_the_whole_function_and_nobody_who_only_imports():
    assert blocks(BASE, edited("def f(a)", "def f(a, b=1)")) == [(6, 9, "f", False)]


def test_a_changed_decorator_runs_on_import():
    assert blocks(BASE, edited("def f(a)", "@math.cache\ndef f(a)")) == [(5, 9, "f", True)]


def test_a_method_is_a_scope_of_its_own():
    assert blocks(BASE, edited("return self.size", "return self.size + 1")) == [(15, 15, "Cart.total", False)]


def test_a_class_attribute_runs_on_import():
    assert blocks(BASE, edited("size = 3", "size = 4")) == [(12, 12, "Cart", True)]


def test_constants_and_imports_run_on_import():
    assert blocks(BASE, edited("LIMIT = 10", "LIMIT = 11")) == [(3, 3, "", True)]
    assert blocks(BASE, edited("import math", "import cmath as math")) == [(1, 1, "", True)]


def test_other_bases_run_on_import():
    assert blocks(BASE, edited("class Cart:", "class Cart(dict):")) == [(11, 15, "Cart", True)]


def test_a_deleted_function_is_missed_by_importers():
    new = BASE.replace(BASE[BASE.index("def f") : BASE.index("class")], "")
    assert blocks(BASE, new) == [(6, 9, "f", True)]


def test_nothing_that_ran_before_can_see_a_new_function_or_constant():
    assert blocks(BASE, BASE + "\ndef fresh(a=LIMIT):\n    return a\n\nNAME = 'x'\n") == []


@pytest.mark.parametrize(
    "more",
    ["def print(*a): return None\n", "@register\ndef g(): return 1\n", "def g(a: Unknown): return 1\n", "run()\n"],
    ids=["hides a builtin", "is registered", "may not import", "does something"],
)
def test_new_code_that_may_be_noticed_runs_on_import(more):
    assert [block[3] for block in blocks(BASE, BASE + more)] == [True]


def test_a_new_method_is_noticed_only_where_it_may_override():
    more = "\n    def fresh(self):\n        return 1\n"
    assert blocks(BASE, BASE + more) == []
    derived = BASE.replace("class Cart:", "class Cart(Base):")
    assert blocks(derived, derived + more) == [(0, 0, "Cart", True)]


def test_order_of_definitions_does_not_matter():
    one, two = "def one():\n    return 1\n", "def two():\n    return 2\n"
    assert blocks(one + two, two + one) == []


def test_handlers_and_cases_are_blocks_of_their_own():
    old = """\
    def f(a):
        try:
            run(a)
        except ValueError:
            return 1
        match a:
            case 1:
                return 2
            case _:
                return 3
    """
    assert blocks(old, old.replace("return 1", "return 9")) == [(5, 5, "f", False)]
    assert blocks(old, old.replace("return 3", "return 9")) == [(10, 10, "f", False)]


def test_a_docstring_only_function_is_one_block():
    assert blocks('def f():\n    "One."\n', 'def f():\n    "Two."\n') == [(2, 2, "f", False)]


def test_broken_text_is_a_syntax_error():
    with pytest.raises(SyntaxError):
        changed_lines(BASE, "def f(:\n")


def test_lines_are_mapped_across_a_change():
    moved = line_map("a\nb\nc\nd\n", "# new\na\nx\nc\nd\n")
    assert {line: moved.get(line) for line in (1, 2, 3, 4)} == {1: 2, 2: None, 3: 4, 4: 5}


OVERLOADED = """\
import typing as t

class Signer:
    @t.overload
    def sign(self, a: int) -> int: ...

    @t.overload
    def sign(self, a: str) -> str: ...

    def sign(self, a):
        return a

    @property
    def name(self):
        return self._name

    @name.setter
    def name(self, value):
        self._name = value
"""


def test_a_body_of_a_name_that_is_defined_several_times_is_a_block_of_its_own():
    assert blocks(OVERLOADED, OVERLOADED.replace("return a", "return a * 2")) == [(11, 11, "Signer.sign", False)]
    assert blocks(OVERLOADED, OVERLOADED.replace("= value", "= value + 1")) == [(19, 19, "Signer.name", False)]


def test_one_definition_more_or_less_of_a_name_may_be_seen_by_every_importer():
    again = OVERLOADED + "\n    def sign(self, a):\n        return None\n"
    assert any(block[3] for block in blocks(OVERLOADED, again))
    assert any(block[3] for block in blocks(again, OVERLOADED))
