"""Which mutants a function has: the operators as a table, what is left alone, what is left out as equal."""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path

import pytest

from augment.analysis import targets_of
from augment.execution import OPERATORS, apply_mutant, mutant_of, mutants_of, sample_mutants
from augment.mutants import Mutant, MutantPlace


def mutants(source: str, name: str = "f") -> list[Mutant]:
    text = textwrap.dedent(source)
    target = next(target for target in targets_of(text, "m", "m.py") if target.qualname == name)
    return mutants_of(text, target)


def changed(source: str, operator: str, name: str = "f") -> set[str]:
    """The changed lines that an operator makes, stripped; "" where a line is gone."""
    return {
        "".join(line[1:].strip() for line in mutant.diff.splitlines()[3:] if line.startswith("+"))
        for mutant in mutants(source, name)
        if mutant.operator == operator
    }


def in_f(statement: str, arguments: str = "a, b, c") -> str:
    return f"def f({arguments}):\n" + textwrap.indent(textwrap.dedent(statement), "    ") + "\n    return a\n"


TABLE = [
    ("arithmetic", "x = a + b", {"x = a - b"}),
    ("arithmetic", "x = a ** b // c", {"x = a * b // c", "x = a ** b / c"}),
    ("arithmetic", "x = (a) * (b)  # a * b", {"x = (a) / (b)  # a * b"}),
    ("arithmetic", "x = 'a%s' % b", set()),
    ("comparison", "x = a < b", {"x = a <= b"}),
    ("comparison", "x = a < b <= c", {"x = a <= b <= c", "x = a < b < c"}),
    ("comparison", "x = a is not b", {"x = a is b"}),
    ("comparison", "x = a in b", {"x = a not in b"}),
    ("comparison", "x = a == b", {"x = a != b"}),
    ("boolean", "x = a and b or c", {"x = a or b or c", "x = a and b and c"}),
    ("unary", "x = not a", {"x = a"}),
    ("unary", "x = -a", {"x = +a"}),
    ("unary", "x = ~a", {"x = a"}),
    ("number", "x = 1", {"x = 2"}),
    ("number", "x = 1.5", {"x = 2.5"}),
    ("number", "x = 0x10 if a else 1e999", {"x = 17 if a else 1e999"}),
    ("flag", "x = True", {"x = False"}),
    ("string", "x = 'Ab'", {"x = 'XXAbXX'", "x = 'AB'"}),
    ("string", "x = 'a' 'b'", {"x = 'XXabXX'", "x = 'AB'"}),
    ("string", "x = b'a'", {"x = b'XXaXX'", "x = b'A'"}),
    ("string", "x = f'a{b}'", set()),
    ("condition", "if a.b: x = 1", {"if not a.b: x = 1"}),
    ("condition", "x = [a for a in b if c]", {"x = [a for a in b if not c]"}),
    ("choice", "x = a if b else c", {"x = a if True else c", "x = a if False else c"}),
    ("argument", "a(b)", {"a(None)"}),
    ("argument", "a(b, c=c)", {"a(None, c=c)", "a(c=c)", "a(b, c=None)", "a(b)"}),
    ("argument", "a(x for x in b)", {"a(None)"}),
    ("argument", "isinstance(a, b)", set()),
    ("argument", "a(*b, **c)", {"a(**c)", "a(*b)"}),
    ("dictionary key", "x = dict(a=b)", {"x = dict(aXX=b)"}),
    ("method", "x = a.lower().lstrip()", {"x = a.upper().lstrip()", "x = a.lower().rstrip()"}),
    ("method", "x = a.split(',', 1)", {"x = a.rsplit(',', 1)"}),
    ("method", "x = a.split(',')", set()),
    ("slice", "x = a[b:c]", {"x = a[:c]", "x = a[b:]"}),
    ("lambda", "x = lambda: a", {"x = lambda: None"}),
    ("assignment", "x = a", {"x = None"}),
    ("assignment", "x: int = None", {'x: int = ""'}),
    ("augmented assignment", "a += b", {"a -= b", "a = b"}),
    ("return value", "if a: return b", {"if a: return None", "return None"}),
    ("jump", "for x in a: break", {"for x in a: return"}),
    ("jump", "for x in a: continue", {"for x in a: break"}),
    ("no iteration", "for x in a: b()", {"for x in (): b()"}),
    ("caught exception", "try: a()\nexcept (KeyError, OSError): b()", {"except (): b()"}),
    ("raised exception", "raise KeyError(a)", {"raise Exception(a)"}),
    ("raised exception", "raise a", set()),
    ("case", "match a:\n    case 1: b()\n    case _: c()", {""}),
]


@pytest.mark.parametrize(("operator", "statement", "expected"), TABLE, ids=[f"{row[0]}: {row[1]}" for row in TABLE])
def test_an_operator_changes_one_thing(operator: str, statement: str, expected: set[str]) -> None:
    assert changed(in_f(statement), operator) - {"return None"} == expected - {"return None"}


def test_every_operator_is_in_a_table() -> None:
    assert {operator.name for operator in OPERATORS} == {row[0] for row in TABLE} | {"decorator", "default value"}


def test_a_string_of_letters_that_cannot_change_has_one_mutant() -> None:
    assert changed(in_f("x = '12'"), "string") == {"x = 'XX12XX'"}


def test_decorators_and_defaults_are_told_from_the_body() -> None:
    source = """
        import functools
        @functools.cache
        def f(a, b=1, *, c=None):
            return a + b
        """
    places = {(mutant.operator, mutant.place) for mutant in mutants(source)}
    assert ("decorator", MutantPlace.DECORATOR) in places
    assert ("number", MutantPlace.DEFAULT) in places
    assert ("default value", MutantPlace.DEFAULT) in places
    assert ("arithmetic", MutantPlace.BODY) in places


def test_docstrings_annotations_and_marked_lines_are_left_alone() -> None:
    source = '''
        def f(a: "Text" = None) -> "Text":
            """Say 1 + 1."""
            x: "Text"
            print(a + 2)  # pragma: no mutate
        '''
    assert [mutant.operator for mutant in mutants(source)] == ["default value"]


def test_mutants_that_compile_to_the_same_are_one() -> None:
    # `return None` for a value, and for the call in it that is all of the value.
    found = mutants("def f(a):\n    if a > 1:\n        return 1 + 1\n    return 2\n")
    texts = [apply_mutant("def f(a):\n    if a > 1:\n        return 1 + 1\n    return 2\n", one) for one in found]
    compiled = {ast.dump(ast.parse(text)) for text in texts}
    assert len(compiled) == len(texts)
    # 1 + 1 is folded to 2 while it compiles, so 2 + 1 and 1 + 2 are one mutant.
    assert sum("return 2 + 1" in text or "return 1 + 2" in text for text in texts) == 1


def test_a_mutant_that_changes_nothing_is_left_out() -> None:
    assert changed("def f(a):\n    x = 0 * 1\n    return x\n", "arithmetic") == {"x = 0 / 1"}
    assert changed("def f(a):\n    if 0:\n        return 1\n    return a\n", "return value") == {"return None"}


def test_a_class_has_the_mutants_of_its_methods_nested_classes_included() -> None:
    source = """
        class C:
            limit = 1
            def f(self): return 1
            @property
            def g(self): return 2
            class D:
                async def h(self): return 3
        """
    found = mutants(source, "C")
    assert {mutant.target for mutant in found} == {"m:C.f", "m:C.g", "m:C.D.h"}
    assert not any("limit" in mutant.replacement for mutant in found)


def test_a_function_behind_a_condition_is_found() -> None:
    source = """
        import sys
        if sys.version_info < (3,):
            def g(a): return a
        elif sys.platform:
            try:
                def f(a): return a + 1
            except ImportError:
                pass
        """
    assert changed(source, "arithmetic") == {"def f(a): return a - 1"}


def test_nested_functions_are_mutated_with_the_one_around_them() -> None:
    source = "def f(a):\n    def inner(b=1):\n        return a + b\n    return inner\n"
    found = mutants(source)
    assert {mutant.target for mutant in found} == {"m:f"}
    assert {mutant.place for mutant in found} == {MutantPlace.BODY}


def test_ids_and_order_stay_when_other_code_changes() -> None:
    source = "def f(a):\n    return a + 1\n"
    before, after = mutants(source), mutants("import os\n\n\ndef g():\n    return 7\n\n\n" + source)
    assert [mutant.id for mutant in before] == [mutant.id for mutant in after]
    assert [mutant.lineno for mutant in after] == [mutant.lineno + 7 for mutant in before]


def test_the_diff_can_be_read_and_the_mutant_applied() -> None:
    source = "def f(a):\n    return a + 1\n"
    mutant = next(one for one in mutants(source) if one.operator == "arithmetic")
    assert mutant.diff == "--- a/m.py\n+++ b/m.py\n@@ -1,2 +1,2 @@\n def f(a):\n-    return a + 1\n+    return a - 1\n"
    assert apply_mutant(source.replace("\n", "\r\n"), mutant) == "def f(a):\n    return a - 1\n"


def test_columns_count_characters_behind_other_letters() -> None:
    assert changed("def f(a):\n    return 'äöü' + a\n", "arithmetic") == {"return 'äöü' - a"}


def test_a_sample_is_drawn_by_its_seed_and_keeps_the_order() -> None:
    found = mutants(in_f("x = a + b - c * 2\ny = [1, 2, 3, 4]"))
    drawn = sample_mutants(found, 4, seed=1)
    assert drawn == sample_mutants(found, 4, seed=1)
    assert drawn != sample_mutants(found, 4, seed=2)
    assert [found.index(one) for one in drawn] == sorted(found.index(one) for one in drawn)
    assert sample_mutants(found, 1000, seed=1) == found


def test_a_mutant_of_another_tool_is_taken_unless_it_changes_nothing() -> None:
    source = "def f(a):\n    return a + 1\n"
    target = targets_of(source, "m", "m.py")[0]
    made = mutant_of(source, target, (0, len(source), "def f(a, b=0):\n    return a * 1\n"), "other")
    assert made is not None
    assert made.place is MutantPlace.DEFAULT
    assert mutant_of(source, target, (0, len(source), "def f(a):  # same\n    return a + 1\n"), "other") is None
    assert mutant_of(source, target, (0, len(source), "def f(a:\n"), "other") is None


def test_the_page_about_mutants_has_every_operator() -> None:
    page = (Path(__file__).parents[2] / "docs" / "mutation.md").read_text(encoding="utf-8")
    rows = {line.split("|")[1].strip() for line in page.splitlines() if line.startswith("| ")}
    assert {operator.name for operator in OPERATORS} <= rows
