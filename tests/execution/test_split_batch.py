"""Large selections are cut by file, evenly by time."""

from __future__ import annotations

from pathlib import Path

from execution_support import batch

from augment.execution import split_batch


def test_tests_of_a_file_stay_together_and_in_order():
    whole = batch(Path("/p"), "a.py::z", "b.py::x", "a.py::a", "c.py")
    parts = split_batch(whole, 2)
    assert sorted(part.nodeids for part in parts) == [("a.py::z", "a.py::a"), ("b.py::x", "c.py")]
    assert len({part.id for part in parts}) == 2


def test_the_longest_files_are_dealt_out_first():
    whole = batch(Path("/p"), "a.py", "b.py", "c.py", "d.py")
    parts = split_batch(whole, 2, {"a.py": 1, "b.py": 1, "c.py": 1, "d.py": 3})
    assert sorted(part.nodeids for part in parts) == [("a.py", "b.py", "c.py"), ("d.py",)]


def test_what_cannot_be_cut_is_left_alone():
    for nodeids, parts in (((), 4), (("a.py::x", "a.py::y"), 4), (("a.py", "b.py"), 1)):
        whole = batch(Path("/p"), *nodeids)
        assert split_batch(whole, parts) == [whole]
