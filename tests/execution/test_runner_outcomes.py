"""What each sort of test comes to, as plain pytest would have it."""

from __future__ import annotations

import sys

from execution_support import batch, outcomes

from augment.records import Verdict
from augment.seams import Failure

EVERY_OUTCOME = """
    import unittest
    import pytest

    def test_passes(): pass
    def test_fails():
        print("shown")
        assert 1 == 2
    @pytest.mark.skip(reason="not today")
    def test_skipped(): pass
    @pytest.mark.xfail(reason="known")
    def test_xfails(): assert False
    @pytest.mark.xfail
    def test_passes_unexpectedly(): pass
    @pytest.mark.xfail(strict=True)
    def test_passes_against_strict_xfail(): pass

    @pytest.fixture
    def broken(): raise RuntimeError("no set-up")
    @pytest.fixture
    def messy():
        yield
        raise RuntimeError("no clean-up")
    def test_set_up_breaks(broken): pass
    def test_clean_up_breaks(messy): pass
    def test_fails_and_clean_up_breaks(messy): assert False

    @pytest.mark.parametrize("number", [1, 2])
    def test_parametrized(number): assert number == 1

    class TestGroup:
        def test_inside(self): pass

    class Old(unittest.TestCase):
        def test_unittest(self): self.assertEqual(1, 1)
        def test_unittest_fails(self): self.assertEqual(1, 2)
        @unittest.skip("later")
        def test_unittest_skipped(self): pass

    async def test_async_without_plugin(): pass
    def test_interrupt_is_last(): pass
"""


def test_every_outcome_is_told_as_pytest_means_it(make_project, run):
    root = make_project({"test_all.py": EVERY_OUTCOME, "pytest.ini": "[pytest]\naddopts = -p no:anyio\n"})
    result = run(root)
    assert outcomes(result) == {
        "test_passes": "passed",
        "test_fails": "failed",
        "test_skipped": "skipped",
        "test_xfails": "xfailed",
        "test_passes_unexpectedly": "passed",
        "test_passes_against_strict_xfail": "failed",
        "test_set_up_breaks": "error",
        "test_clean_up_breaks": "error",
        "test_fails_and_clean_up_breaks": "failed",
        "test_parametrized[1]": "passed",
        "test_parametrized[2]": "failed",
        "TestGroup::test_inside": "passed",
        "Old::test_unittest": "passed",
        "Old::test_unittest_fails": "failed",
        "Old::test_unittest_skipped": "skipped",
        "test_async_without_plugin": "failed",
        "test_interrupt_is_last": "passed",
    }
    assert result.exit_code == 1
    assert result.fault is None
    output = {verdict.nodeid.partition("::")[2]: verdict.output for verdict in result.verdicts}
    assert "assert 1 == 2" in output["test_fails"]
    assert "shown" in output["test_fails"]
    assert "not today" in output["test_skipped"]
    assert output["test_xfails"] == "known"
    assert output["test_passes"] == ""


def test_verdicts_are_told_as_tests_end(make_project, executor):
    root = make_project({"test_two.py": "import time\ndef test_a(): pass\ndef test_b(): time.sleep(0.5)\n"})
    seen: list[tuple[float, Verdict]] = []
    import time

    executor.run(batch(root), lambda verdict: seen.append((time.monotonic(), verdict)))
    assert [verdict.nodeid for _, verdict in seen] == ["test_two.py::test_a", "test_two.py::test_b"]
    assert seen[1][0] - seen[0][0] > 0.4


def test_failures_say_where_they_left_the_test(make_project, run):
    root = make_project(
        {
            "shop.py": "class CartError(Exception): pass\ndef buy(): raise CartError('empty')\n",
            "test_shop.py": """
                import json, pytest, shop
                def test_own(): assert 1 == 2
                def test_project(): shop.buy()
                def test_other(): json.loads('{')
                def test_not_raised():
                    with pytest.raises(ValueError): pass
            """,
        }
    )
    found = {failure.nodeid.partition("::")[2]: failure for failure in run(root).failures}
    assert found["test_own"].origin == "test"
    assert found["test_own"].test_lineno == 3
    assert found["test_project"] == Failure("test_shop.py::test_project", "shop.CartError", "empty", 4, "project")
    assert found["test_other"].origin == "other"
    assert found["test_other"].exception == "json.decoder.JSONDecodeError"
    assert found["test_not_raised"].origin == "test"


def test_a_file_that_does_not_import_is_a_collection_error_and_the_others_run(make_project, run):
    root = make_project({"test_bad.py": "import nowhere_to_be_found", "test_good.py": "def test_ok(): pass"})
    result = run(root, "test_bad.py", "test_good.py", pytest_args=("--continue-on-collection-errors",))
    assert "nowhere_to_be_found" in result.collection_errors["test_bad.py"]
    assert outcomes(result) == {"test_ok": "passed"}


def test_a_conftest_that_does_not_import_is_told(make_project, run):
    root = make_project({"conftest.py": "import nowhere_to_be_found", "test_good.py": "def test_ok(): pass"})
    result = run(root)
    assert result.exit_code == 4
    assert "nowhere_to_be_found" in result.collection_errors["conftest.py"]


def test_a_node_id_that_does_not_exist_does_not_cost_the_others(make_project, run):
    root = make_project({"test_it.py": "def test_ok(): pass"})
    result = run(root, "test_it.py::test_gone", "test_gone.py::test_x", "test_it.py::test_ok")
    assert outcomes(result) == {"test_ok": "passed"}
    assert result.collection_errors == {"test_it.py::test_gone": "not found", "test_gone.py::test_x": "not found"}


def test_nothing_to_run_is_pytests_exit_code_5(make_project, run):
    assert run(make_project({"empty.py": ""})).exit_code == 5


def test_a_test_that_interrupts_the_run_is_an_error(make_project, run):
    root = make_project({"test_it.py": "def test_stop(): raise KeyboardInterrupt\ndef test_after(): pass\n"})
    result = run(root)
    assert outcomes(result) == {"test_stop": "error"}
    assert result.exit_code == 2


def test_the_projects_settings_hold_and_its_spreading_and_stopping_do_not(make_project, run):
    root = make_project(
        {
            "pyproject.toml": """
                [tool.pytest.ini_options]
                addopts = "-x --lf -m 'not slow'"
                markers = ["slow"]
                python_files = "check_*.py"
            """,
            "conftest.py": "import pytest\n@pytest.fixture\ndef answer(): return 42\n",
            "check_it.py": """
                import pytest
                def test_fails(): assert 0
                def test_uses_conftest(answer): assert answer == 42
                @pytest.mark.slow
                def test_slow(): pass
            """,
        }
    )
    assert outcomes(run(root)) == {"test_fails": "failed", "test_uses_conftest": "passed"}
    assert not (root / ".pytest_cache").exists()


def test_node_ids_are_relative_to_the_project_even_inside_a_larger_one(make_project, run):
    root = make_project({"pytest.ini": "[pytest]\n", "part/test_it.py": "def test_ok(): pass\n"})
    result = run(root / "part", "test_it.py::test_ok")
    assert [verdict.nodeid for verdict in result.verdicts] == ["test_it.py::test_ok"]


def test_repeat_runs_the_selection_again_in_one_process(make_project, run):
    root = make_project({"test_it.py": "calls = []\ndef test_ok():\n    import os; print(os.getpid())\n"})
    result = run(root, repeat=3)
    assert [verdict.outcome for verdict in result.verdicts] == ["passed"] * 3


def test_shuffling_is_decided_by_its_seed(make_project, run):
    root = make_project({"test_it.py": "\n".join(f"def test_{n}(): pass" for n in range(12))})
    orders = [tuple(run(root, shuffle_seed=seed).collected) for seed in (7, 7, 8)]
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0]) == sorted(orders[2])


def test_the_hash_seed_is_the_one_asked_for(make_project, run):
    root = make_project({"test_it.py": "import sys, os\ndef test_ok(): assert os.environ['PYTHONHASHSEED'] == '123'\n"})
    assert outcomes(run(root, hash_seed=123)) == {"test_ok": "passed"}


def test_values_are_observed(make_project, run):
    root = make_project(
        {
            "test_it.py": """
                def test_values():
                    assert __augment_observe__(0, {"a": [1, (2.5, None)]}) == {"a": [1, (2.5, None)]}
                    __augment_observe__(1, object())
                    __augment_observe__(2, float("nan"))
                    class Odd:
                        def __repr__(self): raise ValueError
                    __augment_observe__(3, Odd())
                    __augment_observe__(4, "x" * 100_000)
                    class Text(str): pass
                    __augment_observe__(5, Text("x"))
            """
        }
    )
    result = run(root)
    assert outcomes(result) == {"test_values": "passed"}
    seen = {item.slot: item for item in result.observations}
    assert (seen[0].type, seen[0].repr, seen[0].literal) == ("builtins.dict", "{'a': [1, (2.5, None)]}", True)
    assert [seen[slot].literal for slot in (1, 2, 3, 4, 5)] == [False] * 5
    assert "raises ValueError" in seen[3].repr
    assert len(seen[4].repr) < 10_000


def test_the_projects_own_module_names_win(make_project, run):
    names = ["runner", "plugin", "events", "measure", "session", "process", "packaging", "augment", "coding"]
    files = {f"{name}.py": "NAME = 'mine'" for name in names}
    checks = "\n".join(f"def test_{name}():\n    import {name}; assert {name}.NAME == 'mine'" for name in names)
    assert set(outcomes(run(make_project(files | {"test_it.py": checks}))).values()) == {"passed"}


def test_the_process_looks_like_plain_pytest(make_project, run):
    root = make_project(
        {
            "test_it.py": """
                import os, sys, threading
                def test_argv(): assert sys.argv[0].endswith("pytest/__main__.py")
                def test_main(): assert sys.modules["__main__"].__spec__.name == "pytest.__main__"
                def test_path():
                    assert sys.path[0] == os.getcwd()
                    assert not [entry for entry in sys.path if "execution/runner" in entry]
                def test_threads(): assert threading.active_count() == 1
                def test_input():
                    assert os.read(0, 1) == b""
                def test_spawn():
                    import multiprocessing
                    with multiprocessing.get_context("spawn").Pool(1) as pool:
                        assert pool.map(abs, [-1]) == [1]
            """
        }
    )
    assert set(outcomes(run(root)).values()) == {"passed"}


def test_source_roots_come_first(make_project, run):
    root = make_project({"src/thing.py": "WHERE = 1", "tests/test_it.py": "import thing\ndef test_ok(): pass\n"})
    assert outcomes(run(root, source_roots=("src",))) == {"test_ok": "passed"}


def test_a_change_after_priming_is_what_runs(make_project, executor):
    root = make_project(
        {"thing.py": "VALUE = 1", "test_it.py": "import thing\ndef test_ok(): assert thing.VALUE == 2\n"}
    )
    order = batch(root)
    assert outcomes(executor.run(order)) == {"test_ok": "failed"}
    (root / "thing.py").write_text("VALUE = 2  # longer")
    assert outcomes(executor.run(order)) == {"test_ok": "passed"}


def test_the_interpreter_is_the_one_asked_for(make_project, run):
    root = make_project({"test_it.py": f"import sys\ndef test_ok(): assert sys.executable == {sys.executable!r}\n"})
    assert outcomes(run(root)) == {"test_ok": "passed"}
