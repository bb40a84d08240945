"""Opening tests into sketches, and sketches into scenarios."""

from __future__ import annotations

import ast
import textwrap

import pytest

from augment.generation.explore.sketch import Sketch, looks_in, opened, scenario_of
from augment.generation.syntax import single_test


def text(source: str) -> str:
    return textwrap.dedent(source).lstrip("\n")


def body(source: str | None) -> list[str]:
    """The lines of the one test."""
    assert source is not None
    function = single_test(ast.parse(source))
    assert function is not None
    return [line for item in function.body for line in ast.unparse(item).split("\n")]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("assert f(1) == 2", ["assert f(1) == ..."]),
        ("assert 2 == f(1)", ["assert f(1) == ..."]),
        ("assert f(1) == pytest.approx(2.0)", ["assert f(1) == ..."]),
        ("assert f(1)", ["assert f(1) == ..."]),
        ("assert not f(1)", ["assert f(1) == ..."]),
        ("assert isinstance(f(1), int)", ["assert f(1) == ..."]),
        ("assert f(1) == ...", ["assert f(1) == ..."]),
        ("with pytest.raises(ValueError):\n        f(1)", ["assert f(1) == ..."]),
        ("with pytest.raises(ValueError, match='x'):\n        a = 1\n        f(a)", ["a = 1", "assert f(a) == ..."]),
        ("for n in (1, 2):\n        assert f(n) == n", ["for n in (1, 2):", "    assert f(n) == ..."]),
        ("assert asyncio.run(f(1)) == 2", ["assert asyncio.run(f(1)) == ..."]),
    ],
)
def test_whatever_a_test_expects_is_left_open(statement: str, expected: list[str]) -> None:
    assert body(opened(f"import pytest\n\ndef test_it():\n    {statement}\n")) == expected


@pytest.mark.parametrize(
    "source",
    [
        "def test_it(:",
        "def test_it():\n    f(1)\n",
        "def test_it():\n    assert True\n",
        "def test_a():\n    assert f(1)\n\ndef test_b():\n    assert f(2)\n",
        "def test_it(database):\n    assert f(database) == 1\n",
        "@pytest.mark.parametrize('n', [1])\ndef test_it(n):\n    assert f(n) == 1\n",
        "class TestIt:\n    def test_it(self):\n        assert f(1) == 1\n",
        "def test_it():\n    runpy.run_module('m', run_name='__main__')\n    assert f() == 1\n",
        f"def test_it():\n    assert f({'x' * 5000!r}) == 1\n",
    ],
)
def test_what_cannot_run_as_a_scenario_is_left_alone(source: str) -> None:
    assert opened(source) is None


def test_coroutine_tests_are_run_by_plain_ones() -> None:
    source = text(
        """
        from __future__ import annotations
        import pytest

        @pytest.mark.asyncio
        async def test_it():
            made = await make(1)
            assert await made.total() == 3
        """
    )
    found = opened(source)
    assert body(found) == ["made = asyncio.run(make(1))", "assert asyncio.run(made.total()) == ..."]
    assert found is not None
    assert "@" not in found
    assert compile(found, "test", "exec")


@pytest.mark.parametrize(
    "inner",
    ["async with lease() as value:\n        assert value == 1", "assert await asyncio.gather(f(1), f(2)) == [1, 2]"],
)
def test_coroutine_tests_that_need_one_loop_are_left_alone(inner: str) -> None:
    assert opened(f"async def test_it():\n    {inner}\n") is None


def test_the_watched_variable_is_looked_at_in_the_end() -> None:
    source = "def test_it():\n    subject = Cart()\n    assert subject.add(1) == 1\n"
    assert body(opened(source, watch="subject"))[-1] == "assert subject == ..."
    looked_at = source + "    assert subject == 2\n"
    assert body(opened(looked_at, watch="subject")).count("assert subject == ...") == 1


def test_a_scenario_shows_each_open_value_in_its_slot() -> None:
    sketch = Sketch(
        "s1",
        "m:f",
        text(
            """
            from m import f

            def test_it(tmp_path, capsys):
                with f(1) as entered:
                    assert entered == ...
                assert f(2) == ...
            """
        ),
        "search",
    )
    scenario = scenario_of(sketch)
    assert scenario.id == "s1"
    assert scenario.fixtures == ("tmp_path", "capsys")
    assert "def scenario(tmp_path, capsys):" in scenario.source
    assert "        __augment_look__(0, entered)" in scenario.source
    assert "    __augment_look__(1, f(2))" in scenario.source
    assert "assert" not in scenario.source


def test_looks_inside_inner_functions_are_not_the_tests_own() -> None:
    source = "def test_it():\n\n    def inner():\n        assert g() == 1\n    inner()\n    assert f() == ...\n"
    function = single_test(ast.parse(opened(source) or ""))
    assert function is not None
    assert [ast.unparse(item) for item in looks_in(function)] == ["assert f() == ..."]
