"""Merging adds to a file of the user's, in its style, and changes no byte of what stands there."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from augment.analysis import discover_project
from augment.errors import ProjectError
from augment.generation.compose import Composed, Piece
from augment.generation.merge import is_subsequence, merged, users_test_file
from augment.generation.style import style_of
from augment.generation.undoing import EditedError, take_from
from augment.generation.write import TestWriter
from augment.records import Admission, TestKind

ONE = 'from shop.pricing import apply_discount\n\ndef test_gold():\n    assert apply_discount(100, "gold") == 80\n'
TWO = (
    "import math\nfrom shop.pricing import apply_discount\n\ndef helper(x):\n    return math.floor(x)\n\n"
    "def test_gold():\n    assert apply_discount(helper(1.5), 'none') == 1\n"
)
FILE = "tests/test_pricing.py"
USERS = '''"""My tests."""

import pytest   # formatted my way


def test_mine( ):
    assert  True   # odd spacing stays
# last line'''
OWN_TESTS = sorted(Path(__file__).parents[1].glob("*/test_*.py"))


def merge(text: str, *sources: str, target: str = "shop.pricing:apply_discount") -> Composed:
    pieces = [Piece(source, f"kept: {number}", target) for number, source in enumerate(sources)]
    return merged(text, pieces, Path("test_pricing.py"), ("shop",))


def admissions_of(composed: Composed) -> dict[str, Admission]:
    made = {}
    for index, (name, addition) in enumerate(zip(composed.names, composed.additions, strict=True)):
        fixed = (FILE, "shop.pricing:apply_discount", "model", TestKind.UNIT, "", 1, 0, None, 5, "", 0.0)
        made[str(index)] = Admission(
            str(index), f"{FILE}::{name}", *fixed, written=addition.text, support=addition.support
        )
    return made


def taken_back(composed: Composed, order: list[int]) -> str:
    """The text after the tests were taken out again, in any order."""
    text, kept = composed.text, admissions_of(composed)
    for index in order:
        gone = kept.pop(str(index))
        text, heirs = take_from(text, gone, list(kept.values()))
        kept |= {heir.id: heir for heir in heirs}
    return text


def names(text: str) -> list[str]:
    return [node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]


def test_the_users_lines_stay_and_every_name_is_free() -> None:
    composed = merge(USERS, ONE, TWO)
    assert is_subsequence(USERS.splitlines(), composed.text.splitlines())
    assert composed.names == ("test_gold", "test_gold_2")
    assert sorted(names(composed.text)) == ["helper", "test_gold", "test_gold_2", "test_mine"]
    assert "# kept: 0\ndef test_gold" in composed.text


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 0, 2]])
def test_taking_out_what_was_added_gives_the_file_back_byte_for_byte(order: list[int]) -> None:
    assert taken_back(merge(USERS, ONE, TWO, ONE), order) == USERS


def test_the_users_later_edits_stay_when_a_test_is_taken_out() -> None:
    composed = merge(USERS, ONE, TWO)
    edited = composed.text.replace("assert  True", "assert not False").replace("import pytest", "import json, pytest")
    edited += "\n\ndef test_later():\n    assert json\n"
    text, _ = take_from(edited, admissions_of(composed)["0"], [admissions_of(composed)["1"]])
    assert names(text) == ["test_mine", "helper", "test_gold_2", "test_later"]
    assert "# last line\n" in text
    assert "assert not False" in text


def test_what_the_user_has_come_to_use_stays() -> None:
    composed = merge(USERS, TWO)
    edited = composed.text + "\n\ndef test_floor():\n    assert math.floor(1.5) == helper(1.5)\n"
    text, _ = take_from(edited, admissions_of(composed)["0"])
    assert "import math" in text
    assert names(text) == ["test_mine", "helper", "test_floor"]
    assert "apply_discount" not in text


def test_a_generated_test_that_the_user_edited_goes_only_by_force() -> None:
    composed = merge(USERS, ONE)
    edited = composed.text.replace("== 80", "== 80  # checked by hand")
    with pytest.raises(EditedError, match="was edited since"):
        take_from(edited, admissions_of(composed)["0"])
    text, _ = take_from(edited, admissions_of(composed)["0"], force=True)
    assert names(text) == ["test_mine"]
    assert "kept:" not in text


@pytest.mark.parametrize("path", OWN_TESTS, ids=lambda path: path.name)
def test_real_files_are_only_added_to_and_come_back_byte_for_byte(path: Path) -> None:
    text = path.read_bytes().decode()
    composed = merge(text, ONE, TWO)
    assert is_subsequence(text.splitlines(), composed.text.splitlines())
    ast.parse(composed.text)
    assert taken_back(composed, [1, 0]) == text


@pytest.mark.parametrize(
    "text",
    [
        USERS.replace("\n", "\r\n"),
        "\ufeffimport os\n\n\ndef test_a():\n    assert os\n",
        "def test_a():\n\tassert True\n\n\n\n\n",
        "#!/usr/bin/env python\n# -*- coding: utf-8 -*-\ndef test_a():\n    assert True",
        "import os; import sys\n\ndef test_a():\n    assert os and sys\n",
        "from os import (\n    path,\n)  # why\n\ndef test_a():\n    assert path\n",
        "\n\n\n",
        "x = 1",
    ],
)
def test_odd_files_come_back_byte_for_byte(text: str) -> None:
    composed = merge(text, ONE, TWO)
    ast.parse(composed.text.removeprefix("\ufeff"))
    assert taken_back(composed, [0, 1]) == text
    newline = "\r\n" if "\r\n" in text else "\n"
    assert composed.text.count("\n") == composed.text.count(newline)


def test_imports_go_to_their_like() -> None:
    text = (
        "import os\n\nimport pytest\n\nfrom shop.cart import Cart\n\n\ndef test_a():\n    assert os, (pytest, Cart)\n"
    )
    assert merge(text, TWO).text.startswith(
        "import os\nimport math\n\nimport pytest\n\n"
        "from shop.cart import Cart\nfrom shop.pricing import apply_discount\n"
    )


def test_a_file_of_one_sort_of_imports_gets_a_section_for_another() -> None:
    text = "from shop.cart import Cart\n\n\ndef test_a():\n    assert Cart\n"
    assert merge(text, TWO).text.startswith("import math\n\nfrom shop.cart import Cart\nfrom shop.pricing import apply")


def test_quotes_names_blank_lines_and_types_are_the_files_own() -> None:
    text = (
        "from shop.pricing import apply_discount\n\ndef testSilver() -> None:\n"
        "  assert apply_discount(100, 'silver') == 90\n\ndef testNone() -> None:\n"
        "  assert apply_discount(100, 'none') == 100\n"
    )
    composed = merge(text, ONE.replace("test_gold", "test_gold_level"))
    assert composed.names == ("testGoldLevel",)
    assert composed.text.endswith(
        "\n\n# kept: 0\ndef testGoldLevel() -> None:\n  assert apply_discount(100, 'gold') == 80\n"
    )
    assert style_of(composed.text) == style_of(text)


CLASSES = '''import unittest

from shop.pricing import apply_discount, lottery


class TestLottery(unittest.TestCase):
    def test_number(self):
        self.assertIsInstance(lottery(), int)


class DiscountTests(unittest.TestCase):
    """What a level takes off."""

    def setUp(self):
        self.price = 100

    def test_silver(self):
        self.assertEqual(apply_discount(self.price, "silver"), 90)


if __name__ == "__main__":
    unittest.main()
'''


def test_where_tests_live_in_classes_a_new_one_joins_the_class_of_its_subject() -> None:
    composed = merge(CLASSES, ONE, ONE)
    assert composed.names == ("DiscountTests::test_gold", "DiscountTests::test_gold_2")
    assert '"silver"), 90)\n\n    # kept: 0\n    def test_gold(self):\n        assert ' in composed.text
    assert composed.text.index("test_gold_2") < composed.text.index("__main__")
    assert taken_back(composed, [0, 1]) == CLASSES
    assert taken_back(composed, [1, 0]) == CLASSES


def test_what_a_unittest_class_cannot_hold_stays_a_function() -> None:
    assert merge(CLASSES, ONE.replace("test_gold()", "test_gold(tmp_path)")).names == ("test_gold",)
    assert merge(CLASSES, ONE.replace("def test_gold", "async def test_gold")).names == ("test_gold",)


def test_a_merged_method_passes_where_it_stands(shop: Path) -> None:
    path = shop / "tests" / "test_pricing.py"
    path.parent.mkdir()
    path.write_text(merge(CLASSES, ONE).text)
    pytest_bin = str(Path(sys.executable).with_name("pytest"))
    (shop / "conftest.py").write_text("")
    done = subprocess.run([pytest_bin, "-q"], cwd=shop, capture_output=True, text=True, check=False)
    assert "3 passed" in done.stdout, done.stdout


def test_a_merge_finds_the_users_file_by_name_and_else_by_what_it_imports(shop: Path) -> None:
    tests = shop / "tests"
    tests.mkdir()
    (tests / "test_a.py").write_text("def test_a():\n    assert True\n")
    (tests / "test_shopping.py").write_text(CLASSES)
    project = discover_project(shop)
    assert users_test_file(project, "shop.pricing") == tests / "test_shopping.py"
    assert users_test_file(project, "shop.errors") is None
    (tests / "test_pricing.py").write_text(USERS)
    assert users_test_file(project, "shop.pricing") == tests / "test_pricing.py"
    writer = TestWriter(project, "tests/augment", merge=True)
    assert writer.file_for("shop.pricing") == "tests/test_pricing.py"
    writer.add("tests/test_pricing.py", [Piece(ONE, "kept: one")])
    assert is_subsequence(USERS.splitlines(), (tests / "test_pricing.py").read_text().splitlines())
    assert not (tests / "augment").exists()


def test_merging_into_a_broken_file_is_refused_in_one_line() -> None:
    with pytest.raises(ProjectError, match=r"test_pricing\.py, which does not parse"):
        merge("def broken(:\n", ONE)
