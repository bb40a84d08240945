from __future__ import annotations

import ast
import builtins
from typing import Any

import pytest

from augment.generation.observe import Sighting, has_placeholder, instrument, prepare, rebuild
from augment.seams import Failure, Observation


def literal(value: object) -> bool:
    try:
        again = ast.literal_eval(repr(value))
    except (ValueError, SyntaxError):
        return False
    return type(again) is type(value) and again == value


def see(instrumented: str, names: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Sighting:
    """Run an instrumented test here as the runner would, with ``names`` in place of its imports."""
    seen: list[Observation] = []

    def observe(slot: int, value: object) -> object:
        seen.append(Observation("t", slot, type(value).__name__, repr(value), literal(value)))
        return value

    monkeypatch.setattr(builtins, "__augment_observe__", observe, raising=False)
    space: dict[str, Any] = dict(names)
    exec(compile(instrumented, "<test>", "exec"), space)
    failure = None
    try:
        next(value for name, value in space.items() if name.startswith("test"))()
    except Exception as error:  # noqa: BLE001 - stands for the runner, which reports whatever a test raises
        trace = error.__traceback__
        lines = []
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == "<test>":
                lines.append(trace.tb_lineno)
            trace = trace.tb_next
        failure = Failure("t", f"builtins.{type(error).__name__}", str(error), lines[-1], "project")
    return Sighting(tuple(seen), failure)


def mend(source: str, monkeypatch: pytest.MonkeyPatch, failure: Failure | None = None, **names: Any) -> str | None:
    prepared = prepare(source, failure)
    instrumented = instrument(prepared)
    assert instrumented is not None
    runs = [see(instrumented, names, monkeypatch) for _ in range(2)]
    return rebuild(prepared, instrumented, runs)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("assert f() == 3", "assert f() == 42"),
        ("assert 3 == f()", "assert f() == 42"),
        ("assert f() == ...", "assert f() == 42"),
        ("assert f() is None", "assert f() == 42"),
        ("assert not f()", "assert f() == 42"),
        ("assert f() > 50", "assert f() == 42"),
        ("assert f() in (1, 2)", "assert f() == 42"),
        ("assert isinstance(f(), str)", "assert f() == 42"),
    ],
)
def test_wrong_expectation_becomes_the_observed_value(wrong: str, right: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mended = mend(f"def test_it():\n    {wrong}\n", monkeypatch, f=lambda: 42)
    assert mended is not None
    assert right in mended


def test_truth_is_asserted_by_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    mended = mend("def test_it():\n    assert f()\n", monkeypatch, f=lambda: False)
    assert mended is not None
    assert "assert f() is False" in mended


def test_assertions_that_held_stay_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    source = "def test_it():\n    assert f() > 1\n    assert f() == 1 and f() < 100\n"
    mended = mend(source, monkeypatch, f=lambda: 42)
    assert mended is not None
    assert "assert f() > 1" in mended
    assert "assert f() == 42" in mended
    assert "assert f() < 100" in mended


def test_what_was_assigned_for_a_lost_expectation_goes_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    mended = mend("def test_it():\n    expected = 3\n    assert f() == expected\n", monkeypatch, f=lambda: 42)
    assert mended is not None
    assert "expected" not in mended


def test_floats_are_compared_approximately(monkeypatch: pytest.MonkeyPatch) -> None:
    mended = mend("def test_it():\n    assert f() == 1\n", monkeypatch, f=lambda: 0.1 + 0.2)
    assert mended is not None
    assert "pytest.approx(0.30000000000000004)" in mended
    assert "import pytest" in mended


def test_value_that_changes_is_not_asserted(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = iter(range(100))
    assert mend("def test_it():\n    assert f() == -1\n", monkeypatch, f=lambda: next(numbers)) is None


@pytest.mark.parametrize("value", ["<object at 0x7f3a2b1c9d10>", "/tmp/pytest-of-me/file.txt", "x" * 400])
def test_value_that_tells_of_this_machine_or_is_too_long_is_not_asserted(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert mend("def test_it():\n    assert f() == 'a'\n", monkeypatch, f=lambda: value) is None


def test_todays_date_is_not_asserted(monkeypatch: pytest.MonkeyPatch) -> None:
    import datetime

    today = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")
    assert mend("def test_it():\n    assert f() == 'a'\n", monkeypatch, f=lambda: f"on {today}") is None


def test_sets_are_written_in_one_order(monkeypatch: pytest.MonkeyPatch) -> None:
    mended = mend("def test_it():\n    assert f() == set()\n", monkeypatch, f=lambda: {"b", "c", "a"})
    assert mended is not None
    assert "{'a', 'b', 'c'}" in mended


def test_object_is_asserted_by_type_and_attributes(monkeypatch: pytest.MonkeyPatch) -> None:
    class Cart:
        def __init__(self) -> None:
            self.owner = "ann"
            self.items = ["a"]
            self.secret = object()

    mended = mend("def test_it():\n    cart = f()\n    assert cart == 3\n", monkeypatch, f=Cart)
    assert mended is not None
    assert "type(cart).__name__ == 'Cart'" in mended
    assert "cart.owner == 'ann'" in mended
    assert "secret" not in mended


def test_exception_of_the_project_ends_the_test_with_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(number: int) -> None:
        raise ValueError(f"bad number (at {number})")

    source = "def test_it():\n    x = 1\n    assert f(x) == 3\n    assert f(2) == 4\n"
    mended = mend(source, monkeypatch, f=fail)
    assert mended is not None
    assert "with pytest.raises(ValueError, match=re.escape('bad number (at 1)')):\n        f(x)" in mended
    assert "f(2)" not in mended


def test_programming_error_is_not_made_into_an_expectation(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise AttributeError("no such thing")

    assert mend("def test_it():\n    assert f() == 3\n", monkeypatch, f=fail) is None


def test_raises_that_did_not_raise_becomes_the_value(monkeypatch: pytest.MonkeyPatch) -> None:
    source = "import pytest\n\ndef test_it():\n    with pytest.raises(ValueError):\n        f()\n"
    failure = Failure("t", "Failed", "DID NOT RAISE <class 'ValueError'>", 4, "test")
    mended = mend(source, monkeypatch, failure, f=lambda: 42)
    assert mended is not None
    assert "assert f() == 42" in mended
    assert "raises" not in mended


def test_wrong_message_is_replaced_by_the_one_raised() -> None:
    source = "import pytest\n\ndef test_it():\n    with pytest.raises(ValueError, match='nope'):\n        f()\n"
    message = "Regex pattern did not match.\n  Expected regex: 'nope'\n  Actual message: 'negative price: -10'"
    prepared = prepare(source, Failure("t", "builtins.AssertionError", message, 4, "test"))
    assert "match=re.escape('negative price: -10')" in prepared
    assert "import re" in prepared


def test_placeholder_is_an_ellipsis_as_expected_value() -> None:
    assert has_placeholder("def test_it():\n    assert f() == ...\n")
    assert not has_placeholder("def test_it():\n    assert f() == 1\n")
