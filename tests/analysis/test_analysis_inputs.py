"""Which tests a change touches beyond the lines they ran: edited tests, fixtures, data, processes, packages."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from augment.analysis import (
    Distribution,
    Environment,
    PackageChange,
    SourceIndex,
    compare,
    differences,
    groups_of,
    modules_touched,
    read_environment,
    select_tests,
    users_of_modules,
)
from augment.records import PROCESSES, CoverageReport, FileCoverage, Project, Snapshot, content_hash

PROJECT = Project("/nowhere", "shop", "python", (".",), ("shop",), ("tests",))
CONFTEST = """\
import pytest

def make():
    return 1

@pytest.fixture
def cart():
    return make()

@pytest.fixture
def other():
    return 2
"""
TEST_CART = """\
import pytest
from shop import cart

def helper():
    return 1

def test_add(cart):
    assert helper()

@pytest.mark.parametrize("n", [1, 2])
def test_many(n):
    assert n

class TestTotal:
    def test_sum(self, other):
        assert True
"""
FILES = {
    "shop/__init__.py": "",
    "shop/cart.py": "import json\n\ndef price(a):\n    return a\n\ndef table(a):\n    return [a]\n\nT = table(1)\n",
    "shop/rates.py": "import requests\nRATES = open('rates.json').read()\n",
    "shop/use.py": "from shop.rates import RATES\n",
    "shop/rates.json": "{}",
    "data/a.txt": "a",
    "tests/conftest.py": CONFTEST,
    "tests/test_cart.py": TEST_CART,
    "tests/test_use.py": "import shop.use\ndef test_use(): pass\n",
    "tests/test_cli.py": "def test_cli(): pass\n",
}
CART = "tests/test_cart.py"
ADD, MANY1, MANY2 = f"{CART}::test_add", f"{CART}::test_many[1]", f"{CART}::test_many[2]"
SUM, USE, CLI = f"{CART}::TestTotal::test_sum", "tests/test_use.py::test_use", "tests/test_cli.py::test_cli"
TESTS = [ADD, MANY1, MANY2, SUM, USE, CLI]


def lines(**files: set[int]) -> dict[str, FileCoverage]:
    names = {"conftest": "tests/conftest.py", "cart_tests": CART, "cart": "shop/cart.py"}
    return {names[name]: FileCoverage(frozenset(numbers)) for name, numbers in files.items()}


COVERAGE = CoverageReport(
    tests={ADD: lines(cart={4}), MANY1: {}, MANY2: {}, SUM: {}, USE: {}, CLI: {}},
    imports=lines(cart={1, 3, 6, 7, 9}),
    possible={"shop/cart.py": FileCoverage(), "shop/rates.py": FileCoverage(), "shop/use.py": FileCoverage()},
    support={
        "": lines(conftest={1, 3, 6, 7, 10, 11}, cart_tests={1, 2, 4, 7, 10, 11, 14, 15}),
        ADD: lines(conftest={4, 8}, cart_tests={5, 8}),
        MANY1: lines(cart_tests={12}),
        MANY2: lines(cart_tests={12}),
        SUM: lines(conftest={12}, cart_tests={16}),
    },
    reads={
        ADD: frozenset({"data/a.txt"}),
        MANY1: frozenset(),
        MANY2: frozenset({"data/"}),
        SUM: frozenset(),
        USE: frozenset(),
        CLI: frozenset({PROCESSES}),
        "shop/rates.py": frozenset({"shop/rates.json"}),
    },
)


def snapshot(files: dict[str, str]) -> Snapshot:
    return Snapshot.of({name: content_hash(text.encode()) for name, text in files.items()})


def selected(edits: dict[str, str | None], coverage: CoverageReport = COVERAGE) -> dict[str, str]:
    new = {name: text for name, text in (FILES | edits).items() if text is not None}
    change = compare(snapshot(FILES), snapshot(new), FILES.get, new.get, PROJECT, SourceIndex())
    return {item.nodeid: item.reason for item in select_tests(change, coverage, TESTS, {})}


def edited(file: str, before: str, after: str) -> dict[str, str | None]:
    assert before in FILES[file]
    return {file: FILES[file].replace(before, after, 1)}


# --------------------------------------------------------------------------- tests and fixtures


def test_only_the_changed_test_of_a_test_module_is_selected() -> None:
    assert selected(edited(CART, "assert n", "assert n > 0")) == dict.fromkeys(
        [MANY1, MANY2], f"ran the changed lines of test_many in {CART}"
    )


def test_a_new_test_is_selected_by_its_name_alone() -> None:
    found = selected(edited(CART, "class TestTotal", "def test_new():\n    pass\n\nclass TestTotal"))
    assert found == {f"{CART}::test_new": f"new or redefined in {CART}"}


def test_a_new_test_of_a_class_is_selected_by_its_name_alone() -> None:
    found = selected({CART: TEST_CART + "    def test_more(self):\n        pass\n"})
    assert list(found) == [f"{CART}::TestTotal::test_more"]


def test_other_parameters_select_the_function_with_whatever_parameters_it_has() -> None:
    assert list(selected(edited(CART, "[1, 2]", "[1, 3]"))) == [f"{CART}::test_many"]


def test_a_helper_of_a_test_module_concerns_the_tests_that_ran_it() -> None:
    found = selected(edited(CART, "return 1", "return 2"))
    assert found == {ADD: f"ran the changed lines of helper in {CART}"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from shop import cart", "from shop import use"),
        ("def test_add(cart):\n    assert helper()\n", ""),
        ("class TestTotal:", "class TestTotal(object):"),
    ],
    ids=["import", "removed", "header"],
)
def test_what_names_cannot_prove_runs_the_whole_module(before: str, after: str) -> None:
    assert CART in selected(edited(CART, before, after))


def test_a_module_whose_lines_were_never_followed_is_run_whole() -> None:
    without = replace(COVERAGE, support={})
    assert CART in selected(edited(CART, "assert n", "assert n > 0"), without)


def test_a_changed_fixture_concerns_the_tests_that_use_it() -> None:
    found = selected(edited("tests/conftest.py", "return 2", "return 3"))
    assert found == {SUM: "ran the changed lines of other in tests/conftest.py"}
    assert list(selected(edited("tests/conftest.py", "return 1", "return 3"))) == [ADD]


def test_a_conftest_whose_module_level_changed_concerns_everything_below() -> None:
    assert set(selected(edited("tests/conftest.py", "import pytest", "import pytest, os"))) == set(TESTS)
    fixture = "@pytest.fixture(scope='session')\ndef cart"
    assert set(selected(edited("tests/conftest.py", "@pytest.fixture\ndef cart", fixture))) == set(TESTS)


# --------------------------------------------------------------------------- code that runs early


def test_a_function_that_ran_while_modules_were_imported_concerns_their_importers() -> None:
    found = selected(edited("shop/cart.py", "[a]", "[a, a]"))
    assert found[CART] == f"{CART} imports shop/cart.py, whose table runs on import and changed"
    assert CART not in selected(edited("shop/cart.py", "return a\n", "return -a\n"))


# --------------------------------------------------------------------------- data and processes


def test_a_data_file_concerns_the_tests_that_read_it() -> None:
    assert selected({"data/a.txt": "b"}) == {ADD: "reads data/a.txt, which changed"}


def test_a_new_file_in_a_folder_concerns_the_tests_that_list_it() -> None:
    assert selected({"data/b.txt": "b"}) == {MANY2: "lists the folder data/, where data/b.txt was added"}


def test_a_data_file_that_a_module_reads_concerns_its_importers() -> None:
    found = selected({"shop/rates.json": "[]"})
    assert list(found) == ["tests/test_use.py"]
    assert found["tests/test_use.py"].endswith("shop/rates.py, which reads shop/rates.json on import, which changed")


def test_a_test_that_starts_processes_may_see_every_module() -> None:
    found = selected(edited("shop/cart.py", "return a\n", "return -a\n"))
    assert found == {
        ADD: "ran the changed lines of price in shop/cart.py",
        CLI: "starts other processes, which may run shop/cart.py, which changed",
    }


def test_a_test_that_reads_a_module_as_text_sees_its_comments() -> None:
    reading = replace(COVERAGE, reads=COVERAGE.reads | {USE: frozenset({"shop/cart.py"})})
    found = selected({"shop/cart.py": "# note\n" + FILES["shop/cart.py"]}, reading)
    assert found == {USE: "reads shop/cart.py, which changed"}


# --------------------------------------------------------------------------- environment


def test_a_changed_package_concerns_the_tests_whose_modules_import_it() -> None:
    files = snapshot(FILES)
    users = users_of_modules(files, FILES.get, PROJECT, {"requests"})
    assert users == {"shop/rates.py": 1, "shop/use.py": 2, "tests/test_use.py": 3}
    same = compare(files, files, FILES.get, FILES.get, PROJECT)
    (found,) = select_tests(same, COVERAGE, TESTS, {}, PackageChange({"requests": "1.0 -> 2.0"}, users))
    assert found.nodeid == "tests/test_use.py"
    assert found.reason.endswith("requests 1.0 -> 2.0")
    everything = select_tests(same, COVERAGE, TESTS, {}, PackageChange({"python": "3.11 -> 3.12"}, None))
    assert {item.nodeid for item in everything} == set(TESTS)


def install(site: Path, name: str, version: str, files: str, requires: str = "", entry_points: str = "") -> None:
    info = site / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "RECORD").write_text(files)
    (info / "METADATA").write_text(f"Name: {name}\n" + (f"Requires-Dist: {requires} >=1\n" if requires else ""))
    if entry_points:
        (info / "entry_points.txt").write_text(entry_points)


def test_the_environment_is_read_from_the_metadata_of_what_is_installed(tmp_path: Path) -> None:
    install(tmp_path, "Num_Py", "1.0", "numpy/__init__.py,,\nnumpy/core.py,,\n__pycache__/x.pyc,,\nsix.py,,\n")
    install(tmp_path, "pandas", "2.0", "pandas/__init__.py,,\n", requires="num-py")
    install(tmp_path, "pytest_x", "1.0", "pytest_x.py,,\n", entry_points="[pytest11]\nx = pytest_x\n")
    first = read_environment("3.11.7", [tmp_path])
    assert first.distributions["num-py"].modules == ("numpy", "six")
    assert Environment.of_json(first.as_json()) == first
    newer = Environment(
        "3.11.7",
        dict(first.distributions) | {"num-py": Distribution("1.1", 5, ("numpy", "six"))},
    )
    assert differences(first, newer) == {"num-py": "1.0 -> 1.1"}
    # What requires it may behave otherwise too.
    assert modules_touched(first, newer, ["num-py"]) == {"numpy", "six", "pandas"}
    assert modules_touched(first, newer, ["pytest-x"]) is None
    assert differences(first, replace(first, python="3.12.1")) == {"python": "3.11.7 -> 3.12.1"}
    assert modules_touched(first, newer, ["python"]) is None


def test_a_test_may_be_stood_for_by_its_function_class_and_file() -> None:
    assert groups_of("t.py::TestA::test_x[a::b]") == [
        "t.py::TestA::test_x[a::b]",
        "t.py::TestA::test_x",
        "t.py::TestA",
        "t.py",
    ]
    assert groups_of("t.py") == ["t.py"]


def test_a_changed_test_of_a_module_that_others_import_concerns_those_that_ran_it() -> None:
    files = FILES | {"tests/test_more.py": "from tests.test_cart import TestTotal\n"}
    more = "tests/test_more.py::TestTotal::test_sum"
    new = files | {CART: TEST_CART.replace("assert True", "assert 1")}
    inherited = replace(
        COVERAGE,
        tests=dict(COVERAGE.tests) | {more: {}},
        support=dict(COVERAGE.support) | {more: lines(cart_tests={16})},
    )
    change = compare(snapshot(files), snapshot(new), files.get, new.get, PROJECT, SourceIndex())
    assert {item.nodeid for item in select_tests(change, inherited, [*TESTS, more], {})} == {SUM, more}
