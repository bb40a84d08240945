"""JUnit XML."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from store_samples import E, F, P, S, X, fault, run, verdict

from augment.store import junit_xml


def cases(*verdicts) -> list[ET.Element]:
    return list(ET.fromstring(junit_xml(run(), verdicts).encode()).iter("testcase"))


def test_the_suite_counts_what_happened() -> None:
    outcomes = {"a": P, "b": F, "c": E, "d": S, "e": X}
    document = junit_xml(run(), [*(verdict(name, outcome) for name, outcome in outcomes.items()), fault("f")])
    (suite,) = ET.fromstring(document.encode()).iter("testsuite")
    shown = {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped", "timestamp")}
    assert shown == {
        "tests": "6", "failures": "1", "errors": "2", "skipped": "2", "timestamp": "1970-01-01T00:16:41.000+00:00",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("nodeid", "classname", "name"),
    [
        ("tests/test_a.py::test_x", "tests.test_a", "test_x"),
        ("tests/test_a.py::TestC::test_x", "tests.test_a.TestC", "test_x"),
        ("test_a.py::test_x[a::b-1]", "test_a", "test_x[a::b-1]"),
    ],
)
def test_names_follow_the_convention(nodeid: str, classname: str, name: str) -> None:
    (case,) = cases(verdict(nodeid))
    assert (case.get("classname"), case.get("name")) == (classname, name)


def test_a_failure_carries_its_message_and_whole_output() -> None:
    (case,) = cases(verdict("t.py::a", F, "> assert 1 == 2\nE   assert 1 == 2\nt.py:3: AssertionError"))
    (failure,) = case
    assert (failure.tag, failure.get("message")) == ("failure", "assert 1 == 2")
    assert "t.py:3" in (failure.text or "")


def test_a_fault_is_an_error_and_says_so() -> None:
    (case,) = cases(fault("t.py::a"))
    (error,) = case
    assert (error.tag, error.get("type"), error.get("message")) == (
        "error",
        "augment.fault",
        "timeout: killed after 60 s",
    )


def test_output_that_xml_cannot_hold_does_not_break_the_document() -> None:
    (case,) = cases(verdict("t.py::a\x00[\ud800]", F, "\x1b[31mred\x1b[0m \x00\x0b ]]> <b> & \uffff"))
    assert "red" in (case[0].text or "")
    assert "]]> <b> &" in (case[0].text or "")
