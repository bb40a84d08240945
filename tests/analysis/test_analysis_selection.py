"""Which tests a change touches, why, and in which order."""

from itertools import pairwise

import pytest

from augment.analysis import (
    Selection,
    SourceIndex,
    compare,
    gone_tests,
    groups_of,
    import_graph,
    importers_of,
    select_tests,
    shift_coverage,
)
from augment.records import CoverageReport, FileCoverage, Project, Snapshot, content_hash

PROJECT = Project("/nowhere", "shop", "python", (".",), ("shop",), ("tests",))

FILES = {
    "shop/__init__.py": "",
    "shop/prices.py": "RATE = 2\n\ndef cheap(a):\n    return a\n\ndef dear(a):\n    return a * RATE\n",
    "shop/cart.py": "from shop.prices import cheap\n\ndef total(a):\n    return cheap(a)\n",
    "shop/settings.py": "NAME = 'x'\n",
    "shop/store.py": "from . import settings\n\ndef load():\n    return open('data/rates.json')\n",
    "data/rates.json": "{}",
    "tests/conftest.py": "",
    "tests/test_prices.py": "from shop.prices import cheap, dear\n",
    "tests/test_cart.py": "from shop import cart\n",
    "tests/test_store.py": "import shop.store\n",
    "pyproject.toml": "[tool.pytest.ini_options]\naddopts = '-q'\n",
}
CHEAP, DEAR = "tests/test_prices.py::test_cheap", "tests/test_prices.py::test_dear[1]"
CART, STORE = "tests/test_cart.py::test_total", "tests/test_store.py::test_load"
TESTS = [CHEAP, DEAR, CART, STORE]


def ran(**lines):
    names = {"prices": "shop/prices.py", "cart": "shop/cart.py", "store": "shop/store.py"}
    return {names[name]: FileCoverage(frozenset(numbers)) for name, numbers in lines.items()}


COVERAGE = CoverageReport(
    tests={CHEAP: ran(prices={4}), DEAR: ran(prices={7}), CART: ran(prices={4}, cart={4}), STORE: ran(store={4})},
    possible={file: FileCoverage(frozenset({1})) for file in FILES if file.startswith("shop/")},
)


def snapshot(files):
    return Snapshot.of({name: content_hash(text.encode()) for name, text in files.items()})


def change_to(edits, old=None):
    """The change from FILES to FILES with ``edits``; None deletes a file."""
    old = old or FILES
    new = {name: text for name, text in (old | edits).items() if text is not None}
    return compare(snapshot(old), snapshot(new), old.get, new.get, PROJECT, SourceIndex())


def selected(edits, coverage=COVERAGE, tests=TESTS, outcomes=None):
    return select_tests(change_to(edits), coverage, tests, outcomes or {})


def nodeids(edits, **more):
    return [item.nodeid for item in selected(edits, **more)]


def covered_by(selections, tests=TESTS):
    """The tests that run, those of whole files too."""
    chosen = {item.nodeid for item in selections}
    return {nodeid for nodeid in tests if not chosen.isdisjoint(groups_of(nodeid))}


def test_nothing_changed_selects_nothing():
    assert selected({}) == []


def test_comment_only_edits_select_nothing():
    change = change_to({"shop/prices.py": "# note\n" + FILES["shop/prices.py"]})
    assert not change
    assert select_tests(change, COVERAGE, [*TESTS, "tests/test_new.py::test_x"], {}) == []


def test_tests_that_ran_the_changed_lines_are_selected_the_narrowest_first():
    edits = {"shop/prices.py": FILES["shop/prices.py"].replace("return a\n", "return a + 1\n")}
    assert selected(edits) == [
        Selection(CHEAP, "ran the changed lines of cheap in shop/prices.py"),
        Selection(CART, "ran the changed lines of cheap in shop/prices.py"),
    ]


def test_what_failed_last_time_goes_first():
    edits = {"shop/prices.py": FILES["shop/prices.py"].replace("return a\n", "return a + 1\n")}
    assert nodeids(edits, outcomes={CART: "failed"}) == [CART, CHEAP]


def test_a_failing_test_of_a_changed_file_is_run_though_it_never_reached_the_change():
    edits = {"shop/prices.py": FILES["shop/prices.py"].replace("return a\n", "return a + 1\n")}
    (first, *_) = selected(edits, outcomes={DEAR: "error"})
    assert first == Selection(DEAR, "failed last time and uses shop/prices.py, which changed")


def test_tests_never_recorded_come_last():
    edits = {"shop/prices.py": FILES["shop/prices.py"].replace("a * RATE", "a + RATE")}
    new = "tests/test_prices.py::test_new"
    assert selected(edits, tests=[new, *TESTS]) == [
        Selection(DEAR, "ran the changed lines of dear in shop/prices.py"),
        Selection(new, "never recorded: what it runs is not known yet"),
    ]


def test_a_constant_concerns_everything_that_imports_the_module():
    found = selected({"shop/prices.py": FILES["shop/prices.py"].replace("2", "3", 1)})
    assert covered_by(found) == {CHEAP, DEAR, CART}
    # Whole files: the constant may decide which parameters their tests have.
    assert (
        Selection("tests/test_prices.py", "tests/test_prices.py imports shop/prices.py, which changed", True) in found
    )


def test_a_module_of_constants_is_followed_through_the_import_graph():
    found = selected({"shop/settings.py": "NAME = 'y'\n"})
    assert found == [
        Selection(
            "tests/test_store.py",
            "tests/test_store.py imports, through other modules, shop/settings.py, which changed",
            whole=True,
        )
    ]


def test_an_added_function_selects_nothing():
    assert nodeids({"shop/prices.py": FILES["shop/prices.py"] + "\ndef fresh():\n    return 1\n"}) == []


def test_a_deleted_module_selects_who_imported_it():
    assert covered_by(selected({"shop/prices.py": None})) == {CHEAP, DEAR, CART}


def test_an_added_module_selects_the_test_file_that_waits_for_it():
    old = FILES | {"tests/test_later.py": "from shop.later import f\n"}
    change = change_to({"shop/later.py": "def f(): return 1\n"}, old)
    (found,) = select_tests(change, COVERAGE, TESTS, {})
    assert found.nodeid == "tests/test_later.py"
    assert found.reason.startswith("no coverage is recorded for tests/test_later.py, which imports shop/later.py")


def test_a_changed_test_file_is_run_whole():
    assert selected({"tests/test_prices.py": "from shop.prices import *\n"}) == [
        Selection("tests/test_prices.py", "tests/test_prices.py was changed", whole=True)
    ]


def test_a_new_test_file_is_run_whole():
    assert nodeids({"tests/test_new.py": "def test_x(): pass\n"}) == ["tests/test_new.py"]


def test_a_deleted_test_file_runs_nothing_and_its_tests_are_gone():
    change = change_to({"tests/test_prices.py": None})
    assert select_tests(change, COVERAGE, TESTS, {}) == []
    assert gone_tests(change, TESTS) == [CHEAP, DEAR]


def test_a_conftest_concerns_the_tests_below_its_folder():
    found = selected({"tests/conftest.py": "import os\n"}, tests=[*TESTS, "other/test_a.py::test_a"])
    assert [item.nodeid for item in found if item.reason == "tests/conftest.py was changed"] == [
        CHEAP,
        DEAR,
        STORE,
        CART,
    ]


def test_a_conftest_that_imports_a_changed_module_passes_the_change_on():
    old = FILES | {"tests/conftest.py": "import shop.settings\n"}
    change = change_to({"shop/settings.py": "NAME = 'y'\n"}, old)
    assert covered_by(select_tests(change, COVERAGE, TESTS, {})) == set(TESTS)


def test_a_data_file_selects_the_tests_of_the_code_that_names_it():
    assert selected({"data/rates.json": '{"a": 1}'}) == [
        Selection(STORE, "shop/store.py mentions data/rates.json, which changed")
    ]


def test_a_data_file_that_nobody_names_selects_nothing():
    assert selected({"README.md": "hello"}) == []


def test_settings_of_pytest_concern_every_test_and_other_settings_none():
    assert set(nodeids({"pyproject.toml": "[tool.pytest.ini_options]\naddopts = '-v'\n"})) == set(TESTS)
    assert nodeids({"pyproject.toml": FILES["pyproject.toml"] + "[tool.other]\nx = 1\n"}) == []


def test_a_file_that_does_not_parse_concerns_its_importers_and_loses_no_targets():
    change = change_to({"shop/prices.py": "def cheap(:\n"})
    assert list(change.problems) == ["shop/prices.py"]
    assert change.targets == ()
    assert covered_by(select_tests(change, COVERAGE, TESTS, {})) == {CHEAP, DEAR, CART}


def test_a_text_that_cannot_be_had_counts_as_changed_whole():
    new = FILES | {"shop/prices.py": "RATE = 3\n"}
    change = compare(snapshot(FILES), snapshot(new), lambda file: None, new.get, PROJECT)
    assert covered_by(select_tests(change, COVERAGE, TESTS, {})) == {CHEAP, DEAR, CART}


def test_targets_of_a_change_are_told():
    change = change_to({"shop/prices.py": FILES["shop/prices.py"].replace("dear", "costly")})
    assert [(item.kind.value, item.target.qualname) for item in change.targets] == [("renamed", "costly")]


def test_coverage_moves_with_its_lines():
    change = change_to({"shop/prices.py": "# note\n" + FILES["shop/prices.py"].replace("return a\n", "return a + 1\n")})
    moved = shift_coverage(COVERAGE, change)
    assert moved.tests[DEAR]["shop/prices.py"].lines == {8}
    assert moved.tests[CHEAP]["shop/prices.py"].lines == frozenset()
    assert moved.tests[STORE] == COVERAGE.tests[STORE]


@pytest.mark.parametrize(
    "statement",
    ["import shop.prices", "from shop import prices", "from shop.prices import cheap as c", "from .prices import *",
     "from . import (\n    cart,  # first\n    prices,\n)", "def f():\n    import shop.prices as p",
     "from shop import cart, \\\n    prices", "import importlib\nm = importlib.import_module('shop.prices')"],
)  # fmt: skip
def test_every_way_to_import_is_an_edge(statement):
    graph = import_graph(PROJECT, FILES | {"shop/user.py": statement + "\n"})
    assert "shop/prices.py" in graph["shop/user.py"]


def test_importers_are_found_through_others():
    graph = import_graph(PROJECT, FILES)
    steps = importers_of(graph, "shop/prices.py")
    assert steps["shop/cart.py"] == steps["tests/test_prices.py"] == 1
    assert steps["tests/test_cart.py"] == 2
    assert "tests/test_store.py" not in steps


def test_helpers_beside_tests_are_found_as_pytest_imports_them():
    files = FILES | {"tests/helpers.py": "x = 1\n", "tests/test_h.py": "from helpers import x\n"}
    assert importers_of(import_graph(PROJECT, files), "tests/helpers.py") == {"tests/test_h.py": 1}


def test_an_index_that_is_kept_follows_imports_that_come_and_go():
    index, states = SourceIndex(), [FILES]
    states.append(FILES | {"shop/settings.py": "NAME = 'y'\n"})
    states.append(states[1] | {"shop/cart.py": "from shop import settings\n" + FILES["shop/cart.py"]})
    states.append(states[2] | {"shop/settings.py": "NAME = 'z'\n"})
    states.append(states[3] | {"shop/cart.py": FILES["shop/cart.py"]})
    states.append(states[4] | {"shop/settings.py": "NAME = 'x'\n"})
    importers = []
    for old, new in pairwise(states):
        change = compare(snapshot(old), snapshot(new), old.get, new.get, PROJECT, index)
        importers += [set(item.importers) for item in change.files if item.file == "shop/settings.py"]
    alone = {"shop/store.py", "tests/test_store.py"}
    assert importers == [alone, alone | {"shop/cart.py", "tests/test_cart.py"}, alone]


def test_a_new_test_in_a_file_that_the_project_names_its_own_way_is_selected():
    named = Project("/nowhere", "shop", "python", (".",), ("shop",), (".",), ("tests.py",))
    old = {"shop/models.py": "A = 1\n", "shop/tests.py": "def test_a():\n    assert True\n"}
    new = old | {"shop/tests.py": old["shop/tests.py"] + "\n\ndef test_b():\n    assert True\n"}
    change = compare(snapshot(old), snapshot(new), old.get, new.get, named, SourceIndex())
    known = ["shop/tests.py::test_a"]
    found = {item.nodeid for item in select_tests(change, CoverageReport(), known, {})}
    assert found & {"shop/tests.py", "shop/tests.py::test_b"}
    added = compare(snapshot({}), snapshot(old), {}.get, old.get, named, SourceIndex())
    assert "shop/tests.py" in {item.nodeid for item in select_tests(added, CoverageReport(), [], {})}
