"""All tests of a project as one exit code, pytest's."""

from __future__ import annotations

import pytest

from augment.service import Outcomes


@pytest.mark.parametrize(
    ("outcomes", "code", "told"),
    [
        ({}, 5, "no tests"),
        ({"t.py::a": "passed", "t.py::b": "skipped", "t.py::c": "xfailed"}, 0, "1 passed, 1 skipped, 1 xfailed"),
        ({"t.py::a": "passed", "t.py::b": "failed"}, 1, "1 passed, 1 failed"),
        ({"t.py::a": "error"}, 1, "1 error"),
        ({"t.py::a": "fault"}, 1, "1 fault"),
        ({"t.py::a": "passed", "u.py": "error"}, 2, "1 passed, 1 files not collected"),
    ],
)
def test_the_exit_code_is_that_of_pytest(outcomes: dict[str, str], code: int, told: str) -> None:
    found = Outcomes.of(outcomes)
    assert (found.exit_code, str(found)) == (code, told)
