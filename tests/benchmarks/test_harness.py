"""The parts of the harness that read what tools print."""

from __future__ import annotations

from pathlib import Path

import pytest
from first_test import Timed
from first_test import table as first_test_table
from first_test_edits import EDITS
from generation import section_name, split
from generation_subjects import BENCHMARK, OTHERS, chosen, group_of
from harness import count_coverage, functions_of, passed_in, plain_environ, variation
from pages import Page, arguments_shown, section_text
from planted import Judged
from planted import table as planted_table
from seeded import caught, draw

from augment.mutants import Mutant, MutantPlace

REPOSITORY = Path(__file__).parents[2]


def test_coverage_counts_the_modules_listed_only() -> None:
    files: dict[str, dict[str, list[object]]] = {
        "pkg/a.py": {
            "executed_lines": [1, 2],
            "missing_lines": [3],
            "executed_branches": [[1, 2]],
            "missing_branches": [],
        },
        "pkg/b.py": {"executed_lines": [1], "missing_lines": [], "executed_branches": [], "missing_branches": []},
    }
    assert count_coverage(files, ["pkg/a.py", "pkg/never_imported.py"]) == ((2, 3), (1, 1))


def test_parametrised_cases_are_one_test() -> None:
    assert functions_of(["t.py::a[1]", "t.py::a[x::y]", "t.py::C::b"]) == ["t.py::a", "t.py::C::b"]


def test_a_rerun_has_every_test_and_the_same_seed_the_same_order() -> None:
    nodeids = [f"t.py::test_{number}" for number in range(20)]
    order, environ = variation(nodeids, 7)
    assert sorted(order) == sorted(nodeids)
    assert order != nodeids
    assert (order, environ) == variation(nodeids, 7)
    assert {variation(nodeids, seed)[1]["TZ"] for seed in range(20)} > {"UTC"}


def test_a_report_tells_which_tests_passed(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(
        "<testsuites><testsuite><testcase classname='tests.t' name='good'/>"
        "<testcase classname='tests.t' name='bad'><failure/></testcase>"
        "<testcase classname='tests.t' name='good but for its teardown'/>"
        "<testcase classname='tests.t' name='good but for its teardown'><error/></testcase>"
        "<testcase classname='tests.t' name='expected to fail'><skipped/></testcase></testsuite></testsuites>"
    )
    assert passed_in(report) == {"tests.t.good", "tests.t.expected to fail"}


def test_what_is_set_here_does_not_reach_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.setenv("PYTEST_ADDOPTS", "-x")
    assert not {"PYTHONPATH", "PYTEST_ADDOPTS"} & set(plain_environ())


def test_groups_and_packages_can_be_mixed() -> None:
    assert [subject.package for subject in chosen(["others", "codetiming", "vulture"])] == [*OTHERS, "codetiming"]
    assert group_of(chosen(["benchmark"])) == "benchmark"
    assert group_of(list(BENCHMARK.values())[:2]) is None


def test_names_to_switch_off_may_have_commas() -> None:
    assert split(["search,model", "property"]) == ["search", "model", "property"]


def test_a_page_keeps_other_sections_and_what_was_written_by_hand() -> None:
    page = Page(Path("unused"), "# New\n", ("first", "second"))
    text = page.with_section("", "second", "## Second\n")
    assert text.startswith("# New\n")
    text = page.with_section(text.replace("# New", "# By hand"), "first", "## First\n")
    assert text.startswith("# By hand\n\n<!-- begin first -->")
    assert text.index("## First") < text.index("## Second")
    assert page.with_section(text, "first", "## First\n") == text


def test_a_section_says_how_and_when() -> None:
    section = section_text("Title", "", ["generation.py", "--packages", "others"], "| table |\n")
    assert section.startswith("## Title\n\n`python benchmarks/generation.py --packages others` (20")
    assert section.endswith("\n\n| table |\n")


def test_a_section_shows_no_place_of_this_machine() -> None:
    given = ["planted.py", "--cache", "/somewhere", "--budget", "9", "--json=/here/a.json", "--no-model"]
    assert arguments_shown(given) == ["planted.py", "--budget", "9", "--no-model"]
    assert str(REPOSITORY) not in section_text("Title", "", given, f"- in {REPOSITORY}/x.py")


def test_only_whole_groups_go_on_the_page() -> None:
    from argparse import Namespace

    options = Namespace(without=[], no_mutants=False, peers_only=False, reruns=20, ablate=[], no_model=True)
    assert section_name(options, chosen(["others"])) == "others-packages-no-model"
    with pytest.raises(SystemExit):
        section_name(options, chosen(["codetiming"]))


def test_a_run_that_fails_or_does_not_end_has_caught_the_mutant() -> None:
    assert [caught(end) for end in (0, 1, 2, 5, None)] == [False, True, True, False, True]


def test_mutants_are_drawn_from_all_packages_by_seed() -> None:
    mutants = {
        name: [
            Mutant(f"{name}:f~{n}", f"{name}:f", f"{name}.py", "op", 1, 0, 1, "x", MutantPlace.BODY, 1, 1, "")
            for n in range(50)
        ]
        for name in ("a", "b")
    }
    hidden = draw(mutants, 10, seed=3)
    assert sum(map(len, hidden.values())) == 10
    assert all(hidden.values())
    assert hidden == draw(mutants, 10, seed=3)
    assert hidden != draw(mutants, 10, seed=4)


def test_a_save_without_a_test_counts_as_endless() -> None:
    timed = [Timed("m:a", False, 3.0), Timed("m:b", True, None), Timed("m:c", False, 5.0)]
    said = first_test_table(timed, model=False, limit_s=180)
    assert "| all | 3 | 2 | 5.0 | none within 180 |" in said
    assert "The bar of 20 s at p50: met." in said
    assert "**missed**" in first_test_table(timed[1:2], model=True, limit_s=180)


def test_each_save_of_the_bookshop_can_be_made_and_changes_one_function(tmp_path: Path) -> None:
    import ast
    import shutil

    project = Path(shutil.copytree(REPOSITORY / "examples" / "bookshop" / "bookshop", tmp_path / "bookshop")).parent
    for edit in EDITS:
        edit.apply(project)
        tree = ast.parse((project / "bookshop" / f"{edit.module}.py").read_text(encoding="utf-8"))
        assert edit.function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert len(EDITS) == 20
    assert len({edit.target for edit in EDITS}) == 20


def test_false_findings_are_named_beside_the_bar() -> None:
    planted = [{"target": "handbook.text:shorten", "kind": "length"}, {"target": "handbook.text:cut", "kind": "order"}]
    judged = [
        Judged("handbook.text:shorten", "too long", 0.9, true=True, rerun=True),
        Judged("handbook.text:shorten", "too long again", 0.9, true=True, rerun=True),
        Judged("handbook.text:monogram", "not so", 0.5, true=False, rerun=True),
    ]
    said = planted_table(planted, judged, 12.0)
    assert "1 of 2 found in 12 s." in said
    assert "3 Findings, 1 of them false (33 %; the bar is 20 %: **missed**)." in said
    assert "- false: `handbook.text:monogram`: not so" in said
