"""What is drawn: inert whatever it shows, unchanged when nothing changed, and helpful when there is nothing yet."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from fake_reader import HOSTILE, Review, fill, open_reporter
from hypothesis import given
from hypothesis import strategies as st

from augment.dashboard import CachedReader, markup
from augment.dashboard.charts import resources_page
from augment.dashboard.overview import admission_row
from augment.dashboard.pages import Views

HOSTILE_TEST = f"t.py::test_bad[{HOSTILE}]"
ALLOWED_TAGS = {
    *("a", "b", "button", "code", "dd", "details", "div", "dl", "dt", "g", "h1", "h3", "header", "i", "line", "p"),
    *("path", "pre", "polygon", "polyline", "section", "small", "span", "summary", "svg", "time", "wbr"),
}


class Tags(HTMLParser):
    """Collects tags, attributes and text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str]] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update((name, value or "") for name, value in attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


def parsed(html: str) -> Tags:
    parser = Tags()
    parser.feed(html)
    return parser


@given(st.text())
def test_text_comes_out_as_text(value: str) -> None:
    html = markup.text(value)
    found = parsed(f'<p title="{html}">{html}</p>')
    assert found.tags == {"p"}
    assert {name for name, _ in found.attributes} == {"title"}
    assert not re.search(r"[{}$`<>\"']", html)


def test_colours_and_characters_that_deceive_are_gone() -> None:
    assert (
        markup.text("\x1b[1;31mred\x1b[0m \x1b]8;;http://x\x07link\x1b]8;;\x07 a\u202eb\x00")
        == "red link a\ufffdb\ufffd"
    )


@pytest.mark.parametrize("chosen", [("run-1", "adm-held", HOSTILE_TEST), ("", "", ""), (HOSTILE,) * 3])
def test_no_page_lets_hostile_words_become_markup(tmp_path: Path, chosen: tuple[str, str, str]) -> None:
    reporter = open_reporter(tmp_path)
    fill(reporter, 2, HOSTILE)
    known = next(test["nodeid"] for test in reporter.flaky())
    chosen = tuple(known if one == HOSTILE_TEST else one for one in chosen)
    if "run-1" in chosen:
        reporter.mute(known, 4e9)
    reporter.set_health({"model": "failed", "model_name": HOSTILE, "detail": HOSTILE})
    views = Views(CachedReader(reporter), Review(reporter), HOSTILE, "javascript:alert(1)", HOSTILE)
    for name, html in views.draw(*chosen, message=HOSTILE).items():
        found = parsed(html)
        assert found.tags <= ALLOWED_TAGS, name
        assert not [attribute for attribute, _ in found.attributes if attribute.startswith("on")], name
        links = [value for attribute, value in found.attributes if attribute in ("href", "src")]
        assert all(link.startswith(("?", "/api/v1/")) for link in links), name
        assert "{" not in html, name
        assert "$" not in html, name
    reporter.close()


def test_the_same_state_draws_the_same_page(tmp_path: Path) -> None:
    reporter = open_reporter(tmp_path)
    fill(reporter)
    views = Views(CachedReader(reporter, ttl_s=0.0), None, "shop", None, None)
    assert views.draw("run-1", "adm-held") == views.draw("run-1", "adm-held")
    reporter.close()


def test_what_is_broken_stands_first(tmp_path: Path) -> None:
    reporter = open_reporter(tmp_path)
    fill(reporter)
    views = Views(CachedReader(reporter), None, "shop", "http://127.0.0.1:8265", None)
    drawn = views.draw("run-3", "adm-held")
    summary = parsed(drawn["summary"]).text
    assert summary.startswith("1 of 3 tests is broken")
    assert "test_bad[boom]" in summary
    assert re.search("failed.*no verdict.*passed", parsed(drawn["run"]).text, re.DOTALL)
    assert "http://127.0.0.1:8265" in drawn["head"]
    assert "data-accept" not in drawn["test"]
    reporter.close()


def test_buttons_stand_only_where_there_is_something_to_decide(tmp_path: Path) -> None:
    reporter = open_reporter(tmp_path)
    fill(reporter)
    views = Views(CachedReader(reporter), Review(reporter), "shop", None, None)
    assert 'data-accept="adm-held"' in views.draw("", "adm-held")["test"]
    assert "adm-held" in parsed(views.draw("", "adm-held")["test"]).text  # what `augment accept` asks for
    assert "data-accept" not in views.draw("", "adm-kept")["test"]
    assert views.review("accept", "adm-held") == ""
    assert "does not wait" in views.review("accept", "adm-held")
    assert "data-accept" not in views.draw("", "adm-held")["test"]
    reporter.close()


@pytest.mark.parametrize(
    ("generator", "model", "words"),
    [
        ("model", "Qwen/Qwen2.5-Coder-1.5B-Instruct", "by Qwen2.5-Coder-1.5B-Instruct"),
        ("model", "/models/tiny.gguf", "by tiny.gguf"),
        ("model", "C:\\models\\tiny\\", "by tiny"),
        ("search", None, "by search"),
    ],
)
def test_a_list_of_tests_says_who_wrote_each_and_names_its_target_once(
    generator: str, model: str | None, words: str
) -> None:
    admission = {
        "id": "adm-1", "nodeid": "t.py::test_it", "target": "shop:price", "generator": generator, "model": model,
        "reason": "covers 2 new lines, testing shop:price", "state": "kept", "created_at": 1.0,
    }  # fmt: skip
    for reason in (admission["reason"], "covers 2 new lines"):
        shown = parsed(admission_row(admission | {"reason": reason})).text
        assert f"{words} · covers 2 new lines, testing shop:price" in shown


def test_numbers_come_with_their_noun_and_long_names_break_at_underscores() -> None:
    assert [markup.count(number, "branch", "es") for number in (0, 1, 2)] == ["0 branches", "1 branch", "2 branches"]
    assert markup.name_of_test("t.py::test_<it>") == "test_<wbr>&lt;it&gt;"
    assert markup.breakable("saved a/b_c.py") == "saved a/<wbr>b_<wbr>c.py"


def test_the_chart_of_the_cpu_tells_augments_own_part() -> None:
    sample = {"at": 1.0, "cpu": 0.9, "memory": 0.2, "disk": 0.3, "gpu": None, "gpu_memory": None, "own_cpu": 0.4}
    shown = parsed(resources_page([sample])).text
    assert re.search("CPU.*90%.*40% Augment.s own.*Memory", shown, re.DOTALL)
    assert shown.count("own") == 1


def test_what_is_done_now_stands_above_what_was_written(tmp_path: Path) -> None:
    reporter = open_reporter(tmp_path)
    fill(reporter)
    summary = Views(CachedReader(reporter), None, "shop", None, None).draw("", "")["summary"]
    assert summary.index("Doing now") < summary.index("Written lately")
    reporter.close()


def test_empty_pages_say_what_will_come(tmp_path: Path) -> None:
    reporter = open_reporter(tmp_path)
    views = Views(CachedReader(reporter), None, "shop", None, None)
    drawn = {name: parsed(html).text for name, html in views.draw("", "").items()}
    assert "No verdict yet" in drawn["summary"]
    for name in ("runs", "tests", "findings", "resources"):
        assert re.search("No .* yet|No suspected bug", drawn[name]), name
    assert "not known" in parsed(views.draw("run-9", "")["run"]).text
    reporter.close()


def test_a_huge_run_is_cut_in_the_page_and_says_where_the_rest_is(tmp_path: Path) -> None:
    from augment.records import Lane, Outcome, Run, Verdict

    reporter = open_reporter(tmp_path)
    reporter.run_started(Run("run-1", Lane.FAST, "r", "v", 1.0))
    reporter.verdicts("run-1", [Verdict(f"t::{n}", Outcome.FAILED, 0.1, "x" * 150_000 + "END") for n in range(20)])
    html = Views(CachedReader(reporter), None, "shop", None, None).draw("run-1", "")["run"]
    assert len(html) < 1_200_000
    assert html.count("END") >= 5
    assert "in the JSON of the run" in html
    reporter.close()


def test_charts_take_any_number_of_samples() -> None:
    samples = [
        {
            "at": 1000.0 + n,
            "cpu": n / 5000,
            "memory": 2.0,
            "disk": -1.0,
            "gpu": None,
            "gpu_memory": 0.5,
            "pending_cpus": 3.0,
        }
        for n in range(5000)
    ]
    for count in (1, 2, 241, 5000):
        html = resources_page(samples[:count])
        assert html.count("<polyline") == 4
        assert len(html) < 60_000
    assert "3 CPUs wanted" in html
    assert all(0.0 <= float(y) <= 120.0 for y in re.findall(r"[\d.]+,(-?[\d.]+)", html))


def test_a_flaky_test_shows_what_makes_it_fail_every_attempt_and_its_mute(tmp_path: Path) -> None:
    reporter = open_reporter(tmp_path)
    fill(reporter)
    flaky = "t.py::test_bad[boom]"
    views = Views(CachedReader(reporter, ttl_s=0.0), Review(reporter), "shop", None, None)
    assert "flips in 25% of its attempts: boom" in parsed(views.draw()["flaky"]).text
    detail = views.draw("", "", flaky)["flaky-test"]
    assert "2 of 3 did not pass" in parsed(detail).text
    assert "hash seed 2" in parsed(detail).text
    assert f'data-mute="{flaky}"' in detail
    assert views.review("mute", flaky) == ""
    assert "data-unmute" in views.draw("", "", flaky)["flaky-test"]
    summary = parsed(views.draw()["summary"]).text
    assert summary.startswith("Nothing is broken")
    assert "Muted, flaky" in summary
    assert "is not muted" in views.review("unmute", "t.py::test_ok")
    assert "neither known to be flaky" in parsed(views.draw("", "", "t.py::test_ok")["flaky-test"]).text
    reporter.close()
