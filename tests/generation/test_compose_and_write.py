from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from augment.analysis import discover_project
from augment.errors import ProjectError
from augment.generation.compose import Piece, add_pieces, remove_test
from augment.generation.merge import is_subsequence
from augment.generation.paths import HEADER, conftest_files
from augment.generation.undoing import take_out
from augment.generation.write import FileChangedError, TestWriter, apply_admission
from augment.records import Admission, AdmissionState, TestKind

ONE = "from shop.pricing import apply_discount\n\ndef test_gold():\n    assert apply_discount(100, 'gold') == 80\n"
TWO = (
    "import math\nfrom shop.pricing import apply_discount\n\nLIMIT = 3\n\ndef helper(x):\n    return math.floor(x)\n\n"
    "def test_gold():\n    assert apply_discount(helper(1.5), 'none') == 1 < LIMIT\n"
)
FILE = "tests/augment/test_shop_pricing_augment.py"


def functions(text: str) -> list[str]:
    return [node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]


def test_file_says_who_wrote_it_and_each_test_why_it_was_kept() -> None:
    composed = add_pieces("", [Piece(ONE, "kept: covers 2 new lines")])
    assert composed.text.startswith(HEADER)
    assert "# kept: covers 2 new lines\ndef test_gold():" in composed.text


def test_names_are_made_unique_and_imports_shared() -> None:
    composed = add_pieces("", [Piece(ONE, "a"), Piece(TWO, "b")])
    assert composed.names == ("test_gold", "test_gold_2")
    assert composed.text.count("import apply_discount") == 1


def test_what_stands_in_the_file_stays_when_more_is_added() -> None:
    first = add_pieces("", [Piece(ONE, "a")]).text.replace("== 80", "== 80  # checked by hand")
    second = add_pieces(first, [Piece(TWO, "b")]).text
    assert is_subsequence(first.splitlines(), second.splitlines())
    assert "checked by hand" in second


def test_helpers_that_clash_are_renamed_and_equal_ones_shared() -> None:
    other = TWO.replace("math.floor(x)", "math.ceil(x)").replace("test_gold", "test_other")
    same = TWO.replace("test_gold", "test_same")
    text = add_pieces("", [Piece(TWO, "a"), Piece(other, "b"), Piece(same, "c")]).text
    assert functions(text) == ["helper", "test_gold", "helper_2", "test_other", "test_same"]
    assert "helper_2(1.5)" in text


def test_import_that_would_change_a_name_goes_into_the_test() -> None:
    first = "from datetime import datetime\n\ndef test_a():\n    assert datetime(2020, 1, 1)\n"
    second = "import datetime\n\ndef test_b():\n    assert datetime.datetime(2020, 1, 1)\n"
    text = add_pieces("", [Piece(first, "a"), Piece(second, "b")]).text
    assert "def test_b():\n    import datetime\n" in text
    space: dict[str, object] = {}
    exec(text, space)
    space["test_a"]()  # type: ignore[operator]
    space["test_b"]()  # type: ignore[operator]


def test_removing_a_test_takes_its_comment_and_its_helpers_only() -> None:
    text = add_pieces("", [Piece(ONE, "kept: one"), Piece(TWO, "kept: two")]).text
    left = remove_test(text, "test_gold_2")
    assert left is not None
    assert functions(left) == ["test_gold"]
    assert "kept: two" not in left
    assert "kept: one" in left
    assert remove_test(left, "test_gold") is None


def test_written_file_is_formatted_and_has_no_unused_import(shop: Path) -> None:
    writer = TestWriter(discover_project(shop), "tests/augment")
    unused = "import json\n" + ONE
    writer.add(FILE, [Piece(unused, "kept: because")])
    written = (shop / FILE).read_text()
    assert "json" not in written
    assert 'apply_discount(100, "gold")' in written


def test_file_without_the_header_is_never_touched(shop: Path) -> None:
    path = shop / FILE
    path.parent.mkdir(parents=True)
    path.write_text("# mine\n")
    with pytest.raises(ProjectError, match="header"):
        TestWriter(discover_project(shop), "tests/augment").add(FILE, [Piece(ONE, "kept")])
    assert path.read_text() == "# mine\n"


def test_plain_pytest_finds_the_project_from_its_root(shop: Path) -> None:
    TestWriter(discover_project(shop), "tests/augment").add(FILE, [Piece(ONE, "kept")])
    done = subprocess.run(
        [str(Path(sys.executable).with_name("pytest")), "-q"], cwd=shop, capture_output=True, text=True, check=False
    )
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_no_conftest_where_pytest_has_a_pythonpath(shop: Path) -> None:
    (shop / "pyproject.toml").write_text('[tool.pytest.ini_options]\npythonpath = ["."]\n')
    assert conftest_files(discover_project(shop), "tests/augment") == {}


def admission(**changes: object) -> Admission:
    values: dict[str, object] = {
        "id": "adm-1",
        "nodeid": f"{FILE}::test_gold",
        "file": FILE,
        "target": "shop.pricing:apply_discount",
        "generator": "model",
        "kind": TestKind.UNIT,
        "source": ONE,
        "lines_gained": 1,
        "branches_gained": 0,
        "mutants_killed": None,
        "runs": 5,
        "reason": "kept: covers 1 new line",
        "created_at": 0.0,
        "state": AdmissionState.HELD,
        **changes,
    }
    return Admission(**values)  # type: ignore[arg-type]


def test_held_test_is_written_when_accepted_and_goes_when_rejected(shop: Path) -> None:
    project = discover_project(shop)
    kept = apply_admission(project, admission())
    assert kept.state is AdmissionState.KEPT
    assert "test_gold" in (shop / FILE).read_text()
    assert "test_gold" in take_out(project, kept).before
    assert not (shop / FILE).exists()


def test_accepting_twice_the_same_name_gives_the_second_its_own(shop: Path) -> None:
    project = discover_project(shop)
    apply_admission(project, admission())
    second = apply_admission(project, admission(id="adm-2", source=TWO))
    assert second.nodeid == f"{FILE}::test_gold_2"


def test_a_file_that_was_saved_meanwhile_is_not_written_over(shop: Path) -> None:
    writer = TestWriter(discover_project(shop), "tests/augment")
    writer.add(FILE, [Piece(ONE, "kept")])
    composed = writer.compose(FILE, [Piece(TWO, "kept")])
    edited = (shop / FILE).read_text() + "# a person was here\n"
    (shop / FILE).write_text(edited)
    with pytest.raises(FileChangedError, match="was saved"):
        writer.save(FILE, composed.text)
    assert (shop / FILE).read_text() == edited


@pytest.mark.parametrize(("annotation", "wanted"), [(" -> None", True), ("", False)])
def test_tests_are_typed_where_the_project_types_its_own(shop: Path, annotation: str, wanted: bool) -> None:
    (shop / "tests").mkdir()
    (shop / "tests" / "test_other.py").write_text(f"def test_one(){annotation}:\n    assert True\n")
    source = ONE.replace("test_gold()", "test_gold(tmp_path, monkeypatch)")
    TestWriter(discover_project(shop), "tests/augment").add(FILE, [Piece(source, "kept")])
    written = (shop / FILE).read_text()
    assert ("def test_gold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:" in written) is wanted
    assert ("from pathlib import Path" in written) is wanted


def test_code_that_is_typed_asks_for_typed_tests_where_there_are_none(shop: Path) -> None:
    (shop / "shop/pricing.py").write_text("def apply_discount(price: float, level: str) -> float:\n    return price\n")
    TestWriter(discover_project(shop), "tests/augment").add(FILE, [Piece(ONE, "kept")])
    assert "def test_gold() -> None:" in (shop / FILE).read_text()
