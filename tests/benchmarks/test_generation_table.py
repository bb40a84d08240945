"""How packages are pooled, and what stands beside the bars."""

from __future__ import annotations

import pytest
from generation_table import TOGETHER, Measured, bars, by_system, pooled, share, table
from harness import Quality, killed_of
from systems import Written


def measured(
    system: str = "Augment",
    package: str = "small",
    *,
    lines: tuple[int, int] = (8, 10),
    branches: tuple[int, int] = (1, 2),
    mutants: dict[str, int] | None = None,
    tests: int = 6,
    flaky: list[str] | None = None,
    seconds: float = 60.0,
) -> Measured:
    quality = Quality(
        tests=tests,
        lines=lines,
        branches=branches,
        mutants={"killed": 6, "survived": 4} if mutants is None else mutants,
        flaky=flaky or [],
        reruns=20,
    )
    return Measured(system, package, Written(seconds=seconds, prompt_tokens=100, completion_tokens=10), quality)


def test_a_timeout_counts_as_killed_and_a_mutant_without_tests_as_alive() -> None:
    assert killed_of({"killed": 5, "timeout": 2, "no tests": 2, "survived": 1, "suspicious": 1}) == (7, 11)


def test_lines_and_branches_are_one_share() -> None:
    rates = measured(lines=(8, 10), branches=(1, 2)).rates()
    assert rates["line_branch"] == pytest.approx(75.0)
    assert rates["branch"] == pytest.approx(50.0)


def test_a_share_of_nothing_is_nothing() -> None:
    assert share(0, 0) == 0.0


def test_a_large_package_weighs_more_than_a_small_one() -> None:
    small = measured(lines=(10, 10), branches=(0, 0), mutants={"killed": 10})
    large = measured(package="large", lines=(0, 90), branches=(0, 0), mutants={"survived": 90})
    rates = pooled([small, large]).rates()
    assert rates["line_branch"] == pytest.approx(10.0)
    assert rates["killed"] == pytest.approx(10.0)
    assert (rates["tests"], rates["seconds"], rates["prompt_tokens"]) == (12, 120.0, 200)


def test_tests_a_minute_are_those_of_all_seconds() -> None:
    assert measured(tests=6, seconds=120.0).rates()["tests_a_minute"] == 3.0
    assert measured(tests=6, seconds=0.0).rates()["tests_a_minute"] == 0.0


def test_systems_are_pooled_apart() -> None:
    grouped = by_system([measured(), measured("Peer", tests=1), measured(package="other")])
    assert {name: together.rates()["tests"] for name, (_, together) in grouped.items()} == {"Augment": 12, "Peer": 1}


def test_the_table_has_a_row_a_package_and_one_for_all() -> None:
    rows = table([measured(), measured(package="other")]).splitlines()
    assert len(rows) == 5
    assert rows[-1].startswith(f"| Augment | {TOGETHER} | 75.0 | 50.0 | 60.0 % of 20 | 12 |")
    assert "flaky of 20 reruns" in rows[0]


def test_one_package_is_not_pooled() -> None:
    assert TOGETHER not in table([measured()])


def test_mutants_that_were_not_tried_are_not_a_share() -> None:
    assert "| - |" in table([measured(mutants={})])


def test_bars_of_the_comparison_are_said_whether_met_or_missed() -> None:
    said = bars(
        [measured(lines=(95, 100), branches=(0, 0), mutants={"killed": 70, "survived": 30})], "benchmark", model=True
    )
    assert "line+branch at least 94 %: 95.0 %, met" in said
    assert "mutants killed at least 80 %: 70.0 %, **missed**" in said
    assert "line+branch at least 86 %" in bars([measured("Augment, no model")], "benchmark", model=False)


def test_other_packages_have_no_bar_of_their_own_but_peers_and_reruns() -> None:
    said = bars([measured(flaky=["a"]), measured("Peer", lines=(0, 10))], "others", model=True)
    assert "at least" not in said
    assert "line+branch above Peer's 8.3 %: 75.0 %, met" in said
    assert "mutants killed above Peer's 60.0 %: 60.0 %, **missed**" in said
    assert "no test flaky over 20 varied reruns: **missed** by 1" in said


def test_bars_are_about_augment_with_everything_on() -> None:
    said = bars([measured("Augment, without search", lines=(0, 10))], "benchmark", model=True)
    assert said == ""
