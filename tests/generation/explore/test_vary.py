"""Variations of sketches."""

from __future__ import annotations

import ast
import random

from augment.generation.explore.vary import Words, varied

SOURCE = "from m import f\n\ndef test_it():\n    assert f('one two', 3, [1, 2], flag=True) == ...\n"
WORDS = Words(("gold", "silver"), (7.0,), ("{'a': 1}",), ("'<b>x</b>'",))


def variations(source: str, words: Words = WORDS, count: int = 300, seed: int = 1) -> list[str]:
    rng = random.Random(seed)
    return [text for _ in range(count) if (text := varied(source, words, rng)) is not None]


def arguments(source: str) -> list[ast.expr]:
    call = next(node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    return [*call.args, *(word.value for word in call.keywords)]


def test_variations_are_sketches_of_the_same_call_with_other_literals() -> None:
    found = variations(SOURCE)
    assert len(set(found)) > 100
    for text in found:
        assert text != SOURCE
        assert text.startswith("from m import f\n")
        assert "assert f(" in text
        assert text.rstrip().endswith("== ...")
        assert len(arguments(text)) == 4


def test_the_same_random_numbers_give_the_same_variations() -> None:
    assert variations(SOURCE, seed=5) == variations(SOURCE, seed=5)
    assert variations(SOURCE, seed=5) != variations(SOURCE, seed=6)


def test_words_values_and_outputs_are_taken_over() -> None:
    text = "\n".join(variations(SOURCE))
    assert "gold" in text
    assert "{'a': 1}" in text
    assert "'<b>x</b>'" in text
    assert "flag=False" in text


def test_values_given_to_names_and_stand_ins_are_varied_too() -> None:
    setup = "    now = 1709209800.0\n    monkeypatch.setenv('MODE', 'live')\n"
    source = f"def test_it(monkeypatch):\n{setup}    assert f() == ...\n"
    found = variations(source)
    assert any("now = 1709209800.0" not in text for text in found)
    assert all("monkeypatch.setenv('MODE', " in text for text in found)
    assert any("'live'" not in text and "now = 1709209800.0" in text for text in found)


def test_text_of_several_lines_is_varied_line_by_line() -> None:
    source = "def test_it():\n    assert f('one\\ntwo\\nthree') == ...\n"
    values = {ast.literal_eval(arguments(text)[0]) for text in variations(source, Words())}
    assert {"two\nthree", "one\nthree", "one\ntwo"} & {value for value in values if isinstance(value, str)}


def test_what_has_no_literal_has_no_variation() -> None:
    assert varied("def test_it():\n    assert f() == ...\n", WORDS, random.Random(1)) is None
    assert varied("x = 1\n", WORDS, random.Random(1)) is None
