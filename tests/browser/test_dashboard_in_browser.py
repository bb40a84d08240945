"""The dashboard as a person meets it: a real browser, a real server, a real store, and a run that happens meanwhile."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dashboard_scene as scene
import pytest

from augment.records import Evidence, Finding, FindingKind, Lane, Outcome, Run, Verdict
from augment.store import Reporter

HOSTILE = (
    "<script>window.hacked=1</script><img src=x onerror='window.hacked=2'>"
    "</pre></details><svg onload='window.hacked=3'>${window.hacked=4}{{hacked}}"
    "<img src='http://192.0.2.1/leak'><a href='javascript:window.hacked=5'>x</a>"
)


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page that fails the test when it asks for anything outside this machine or reports an error of its own."""
    context = browser.new_context(viewport={"width": 1360, "height": 900})
    opened = context.new_page()
    opened.set_default_timeout(20_000)
    outside: list[str] = []
    errors: list[str] = []
    opened.on("request", lambda request: _note_outside(request.url, outside))
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    context.close()
    assert outside == []
    assert errors == []


def _note_outside(url: str, outside: list[str]) -> None:
    if not url.startswith(("data:", "blob:")) and urlsplit(url).hostname not in ("127.0.0.1", "localhost"):
        outside.append(url)


def open_page(page: Any, url: str, query: str = "") -> None:
    page.goto(url + "/" + query)
    page.wait_for_selector("#view-summary .banner", state="attached")


def test_a_dashboard_with_a_token_asks_for_it_once(page: Any, guarded: tuple[str, str], reporter: Reporter) -> None:
    url, token = guarded
    scene.live_run(reporter, 1, Verdict("tests/test_live.py::test_total", Outcome.FAILED, 0.01, scene.FAILURE))
    page.goto(url + "/?run=run-live-1")
    page.get_by_label("Token").fill("something else entirely")
    page.get_by_role("button", name="Open").click()
    page.get_by_role("alert").wait_for()
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Open").click()
    page.wait_for_selector("#view-runs a.row.chosen")  # the form has led on to what was asked for
    assert page.url.endswith("/?run=run-live-1")
    page.goto(url)
    page.wait_for_selector("#view-summary .banner.bad")
    # What comes later on the event stream and by Gradio's own routes is let in by the cookie, which no script can read.
    scene.live_run(reporter, 2, Verdict("tests/test_live.py::test_more", Outcome.FAILED, 0.01, scene.FAILURE))
    page.locator("#view-summary a.row", has_text="test_more").wait_for()
    assert page.evaluate("document.cookie") == ""


def test_a_run_appears_without_reloading_and_its_output_opens(page: Any, url: str, reporter: Reporter) -> None:
    open_page(page, url)
    assert "No verdict yet" in page.locator("#view-summary .banner").inner_text()
    page.evaluate("window.sameDocument = true")

    def produce() -> None:
        failing = Verdict("tests/test_live.py::test_total", Outcome.FAILED, 0.01, scene.FAILURE)
        scene.live_run(reporter, 1, failing, Verdict("tests/test_live.py::test_ok", Outcome.PASSED, 0.01))

    threading.Thread(target=produce).start()
    page.wait_for_selector("#view-summary .banner.bad")
    assert "1 of 2 tests is broken" in page.locator("#view-summary .banner").inner_text()
    page.locator("#view-summary a.row", has_text="test_total").first.click()
    output = page.locator("#view-run pre.output")
    output.wait_for()
    assert output.inner_text().strip() == scene.FAILURE.strip()
    assert page.locator("#view-runs a.row.chosen").count() == 1
    assert "run=run-live-1" in page.url
    assert page.evaluate("window.sameDocument") is True


def test_an_open_run_grows_while_it_is_looked_at(page: Any, url: str, reporter: Reporter) -> None:
    reporter.run_started(Run("run-slow", Lane.FAST, "saved shop/slow.py", "c0ffee", time.time()))
    open_page(page, url, "?run=run-slow")
    page.locator("#view-run", has_text="running").wait_for()
    for number in range(3):
        reporter.verdicts("run-slow", [Verdict(f"t.py::test_{number}", Outcome.PASSED, 0.01)])
        page.locator("#view-run .verdict").nth(number).wait_for()
    reporter.run_finished("run-slow", time.time())
    page.locator("#view-run .chip.busy").first.wait_for(state="detached")


def test_a_run_can_be_linked_to(page: Any, url: str, reporter: Reporter) -> None:
    scene.history(reporter, time.time())
    open_page(page, url, "?run=run-broken")
    page.locator("#view-run pre.output").first.wait_for()
    assert page.locator("#view-run .verdict").first.inner_text().startswith("failed")


def test_hostile_output_is_inert(page: Any, url: str, reporter: Reporter) -> None:
    name = f"t.py::test[{HOSTILE}]"
    scene.live_run(reporter, 1, Verdict(name, Outcome.FAILED, 0.01, f"E   {HOSTILE}\n{HOSTILE}"))
    reporter.run_started(Run("run-2", Lane.FAST, HOSTILE, HOSTILE, time.time()))
    open_page(page, url, "?run=run-live-1")
    output = page.locator("#view-run pre.output")
    output.wait_for()
    assert output.inner_text() == f"E   {HOSTILE}\n{HOSTILE}"
    for tab in ("Summary", "Runs"):
        page.get_by_role("tab", name=tab).click()
        page.wait_for_timeout(1500)
    assert page.evaluate("window.hacked") is None
    assert page.locator(".view img, .view script, .view [onerror], .view [onload]").count() == 0
    assert page.locator("a[href^='javascript']").count() == 0


def test_a_held_test_is_read_and_accepted(page: Any, url: str, reporter: Reporter) -> None:
    scene.history(reporter, time.time())
    open_page(page, url)
    page.get_by_role("tab", name="Tests written").click()
    page.locator("#view-tests a.row", has_text="scales_the_price").click()
    page.locator("#view-test pre.source").wait_for()
    assert page.locator("#view-test pre.source").inner_text().strip() == scene.SOURCE.strip()
    assert "covers 4 new lines and kills 3 mutants" in page.locator("#view-test").inner_text()
    page.get_by_role("button", name="Accept").click()
    page.locator("#view-test .chip.good", has_text="kept").wait_for()
    assert page.get_by_role("button", name="Accept").count() == 0
    assert reporter.admission("adm-0").state == "kept"


def test_a_finding_is_read_and_said_to_be_intended_and_taken_back(
    page: Any, url: str, reporter: Reporter, tmp_path: Path
) -> None:
    (tmp_path / "shop.py").write_text("def words(text: str) -> list[str]:\n    return text.split() or None\n")
    pinned = "from shop import words\n\n\ndef test_words_as_it_is():\n    assert words('') is None\n"
    failing = "from shop import words\n\n\ndef test_words_as_stated():\n    assert isinstance(words(''), list)\n"
    reporter.finding(
        Finding(
            "finding-1", "shop:words", "words('') returns None, not list", "", failing, 0.85, time.time(),
            kind=FindingKind.ANNOTATION, rests_on="-> list[str]", intended_source=pinned, key="k", rule="return type",
        )
    )  # fmt: skip
    open_page(page, url)
    page.get_by_role("tab", name="Findings").click()
    view = page.locator("#view-findings")
    view.get_by_text("-> list[str]").wait_for()
    assert failing.strip() in view.locator("pre.source").inner_text()
    view.get_by_role("button", name="It is intended").click()
    view.locator(".chip", has_text="intended").wait_for()
    written = tmp_path / "tests" / "augment" / "test_shop_augment.py"
    assert "def test_words_as_it_is" in written.read_text()
    view.get_by_role("button", name="It is a bug").click()
    view.locator(".chip", has_text="bug").wait_for()
    assert not written.exists()
    view.get_by_role("button", name="Open again").click()
    view.locator(".chip", has_text="open").wait_for()
    assert reporter.finding_record("finding-1").state == "open"


def test_a_flaky_test_is_read_and_muted(page: Any, url: str, reporter: Reporter) -> None:
    scene.history(reporter, time.time())
    nodeid = next(test["nodeid"] for test in reporter.tests() if test["outcome"] == "passed")
    reporter.attempts([], [Evidence(nodeid, 9, 3, mixed=True, cause="hash seed 1", score=0.25, is_flaky=True)])
    open_page(page, url)
    page.get_by_role("tab", name="Flaky").click()
    page.locator("#view-flaky a.row", has_text=nodeid.rpartition("::")[2]).click()
    page.get_by_role("button", name="Mute", exact=True).click()
    page.get_by_role("button", name="Unmute").wait_for()
    assert "hash seed 1" in page.locator("#view-flaky-test").inner_text()
    assert reporter.flaky()[0]["muted"]
    assert "flaky=" in page.url


def test_what_a_person_opened_stays_open_while_the_page_refreshes(page: Any, url: str, reporter: Reporter) -> None:
    scene.history(reporter, time.time())
    open_page(page, url, "?run=run-0")
    skipped = page.locator("#view-run details", has_text="test_leap_year")
    skipped.locator("summary").click()
    for number in range(3):
        scene.live_run(reporter, number, Verdict("t.py::a", Outcome.PASSED, 0.01))
        page.locator(f"#view-runs a[data-run=run-live-{number}]").wait_for()
    assert skipped.evaluate("element => element.open") is True


def test_every_tab_shows_its_part(page: Any, url: str, reporter: Reporter) -> None:
    scene.history(reporter, time.time())
    open_page(page, url)
    assert page.get_by_role("link", name="Ray dashboard").get_attribute("href") == "http://127.0.0.1:8265"
    for tab, selector, words in (
        ("Runs", "#view-runs", "saved shop/pricing.py"),
        ("Tests written", "#view-tests", "rejects_negative"),
        ("Findings", "#view-findings", "business_days counts the end date twice"),
        ("Resources", "#view-resources", "Memory"),
    ):
        page.get_by_role("tab", name=tab).click()
        page.locator(selector, has_text=words).wait_for()
    assert page.locator("#view-resources svg polyline").count() == 3
    assert re.search(r"\d+ (s|min) ago|just now", page.locator("#view-summary time").first.text_content())


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_both_themes_are_readable(page: Any, url: str, reporter: Reporter, theme: str) -> None:
    scene.history(reporter, time.time())
    open_page(page, url, f"?__theme={theme}")
    for selector in (".card h3", ".banner b", ".tile span", ".view .pill", ".card small"):
        assert _contrast(page, f"#view-summary {selector}") > 4.0, selector
    ground = page.evaluate("getComputedStyle(document.querySelector('.card')).backgroundColor")
    assert (_luminance(_colour(ground)) > 0.5) is (theme == "light")


def test_a_narrow_window_does_not_scroll_sideways(page: Any, url: str, reporter: Reporter) -> None:
    scene.history(reporter, time.time())
    page.set_viewport_size({"width": 420, "height": 800})
    open_page(page, url)
    assert page.evaluate("document.documentElement.scrollWidth") <= 420


def _contrast(page: Any, selector: str) -> float:
    """The WCAG contrast of an element's text against the first painted ground behind it."""
    ink, ground = page.locator(selector).first.evaluate(
        """element => {
            const ink = getComputedStyle(element).color;
            const clear = () => /, 0\\)$|^transparent$/.test(getComputedStyle(element).backgroundColor);
            while (clear()) element = element.parentElement;
            return [ink, getComputedStyle(element).backgroundColor];
        }"""
    )
    high, low = sorted((_luminance(_colour(ink)), _luminance(_colour(ground))), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _colour(css: str) -> list[float]:
    return [float(part) / 255 for part in re.findall(r"[\d.]+", css)[:3]]


def _luminance(colour: list[float]) -> float:
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
