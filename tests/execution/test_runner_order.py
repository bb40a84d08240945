"""The order that selection chose is the order in which verdicts come: likely failures first."""

from __future__ import annotations

from execution_support import batch


def test_tests_run_in_the_order_they_are_named_across_files(tmp_path, executor):
    for name in ("one", "two"):
        (tmp_path / f"test_{name}.py").write_text("def test_a():\n    pass\n\n\ndef test_b():\n    pass\n")
    wanted = ("test_two.py::test_b", "test_one.py::test_b", "test_two.py::test_a", "test_one.py::test_a")
    told: list[str] = []
    executor.run(batch(tmp_path, *wanted), lambda verdict: told.append(verdict.nodeid))
    assert tuple(told) == wanted
