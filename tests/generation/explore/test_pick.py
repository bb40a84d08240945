"""Which of the scenarios become tests."""

from __future__ import annotations

from augment.exploring import OUTCOME, Leaf, Sight
from augment.generation.explore.pick import Known, leaves_for, pick
from augment.generation.explore.sketch import Sketch
from augment.records import FileCoverage


def known(
    name: str, lines: set[int] = frozenset(), noticed: dict[str, tuple[str, ...]] | None = None, size: int = 50
) -> Known:  # type: ignore[assignment]
    source = f"def test_it():\n    assert f({name!r}) == ..."
    sketch = Sketch(name, "m:f", source + "  #" + "x" * size, "search")
    arcs = frozenset((line - 1, line) for line in lines)
    ran = {"m.py": FileCoverage(frozenset(lines), arcs)} if lines else {}
    return Known(sketch, Sight(name, (Leaf(0, "{}", "1"),), ran=ran), dict(noticed or {}))


def names(picks: list) -> list[str]:  # type: ignore[type-arg]
    return [item.known.sketch.id for item in picks]


def test_what_adds_most_goes_first_and_what_adds_nothing_not_at_all() -> None:
    pool = [known("one", {1}), known("three", {1, 2, 3}), known("four", {4}), known("none", {9})]
    assert names(pick(pool, {"m.py": {1, 2, 3, 4}}, [], 10)) == ["three", "four"]


def test_branches_count_beside_lines() -> None:
    pool = [known("line", {2}), known("both", {3})]
    assert names(pick(pool, {"m.py": {2, 3, (2, 3)}}, [], 1)) == ["both"]


def test_mutants_that_live_are_taken_once() -> None:
    keys = ("0|{}",)
    pool = [known("a", noticed={"m1": keys, "m2": keys}), known("b", noticed={"m2": keys, "m3": keys, "m4": keys})]
    picks = pick(pool, {}, ["m1", "m2", "m3"], 10)
    assert names(picks) == ["b", "a"] or names(picks) == ["a", "b"]
    assert sorted(name for item in picks for name in item.mutants) == ["m1", "m2", "m3"]
    assert all("m4" not in item.mutants for item in picks)


def test_of_equals_the_shorter_is_taken() -> None:
    pool = [known("long", {1}, size=900), known("short", {1}, size=10)]
    assert names(pick(pool, {"m.py": {1}}, [], 10)) == ["short"]


def test_what_was_tried_is_not_taken_again_and_the_limit_holds() -> None:
    pool = [known(str(line), {line}) for line in range(1, 6)]
    pool[0].tried = True
    picks = pick(pool, {"m.py": set(range(1, 6))}, [], 2)
    assert len(picks) == 2
    assert "1" not in names(picks)


def test_the_fewest_leaves_that_notice_every_mutant_are_kept() -> None:
    noticed = {"m1": ("0|{}.a", "0|{}.b"), "m2": ("0|{}.b",), "m3": ("0|{}.c", "0|{}.b")}
    assert leaves_for(noticed) == {"0|{}.b"}
    assert leaves_for({**noticed, "m4": ("1|{}",)}) == {"0|{}.b", "1|{}"}


def test_what_ends_otherwise_needs_no_leaf() -> None:
    assert leaves_for({"m1": (OUTCOME,)}) == {OUTCOME}
    assert leaves_for({}) == frozenset()
