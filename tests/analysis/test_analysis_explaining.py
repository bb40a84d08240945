"""Every selection and every skip has a reason in words."""

from __future__ import annotations

from augment.analysis import explain, scopes_of
from augment.records import CoverageReport, Decision, FileCoverage

LINES = FileCoverage(frozenset({4}))
COVERAGE = CoverageReport(
    tests={"t.py::test_a[1]": {"shop/a.py": LINES}, "t.py::test_b": {}},
    support={"t.py::test_b": {"conftest.py": LINES}},
)


def decided(changes: dict[str, tuple[str, ...]], reasons: dict[str, str] | None = None, **more: bool) -> Decision:
    return Decision("d", "new", "old", 1.0, None, reasons or {}, changes, **more)


def reason(nodeid: str, decision: Decision) -> tuple[bool, str]:
    told = explain(nodeid, decision, COVERAGE)
    return told.selected, told.reason


def test_a_selected_test_has_the_reason_of_what_stood_for_it() -> None:
    for name in ("t.py::test_a[1]", "t.py::test_a", "t.py"):
        assert reason("t.py::test_a[1]", decided({}, {name: "because"})) == (True, "because")
    assert reason("t.py::test_b", decided({}, everything=True))[0]


def test_a_skipped_test_is_told_what_it_has_not_to_do_with() -> None:
    assert reason("t.py::test_a[1]", decided({"shop/a.py": ("f", "")})) == (
        False,
        "runs other parts of shop/a.py than f, what runs on import",
    )
    assert reason("t.py::test_b", decided({"shop/a.py": ("f",), "data.json": ("",)})) == (
        False,
        "runs nothing of shop/a.py and does not import what changed in it; does not read data.json",
    )
    assert reason("t.py::test_b", decided({"conftest.py": ("fixture",)}))[1].startswith("runs other parts of conftest")
    assert reason("t.py::test_b", decided({}))[1] == "nothing that matters to a test had changed"
    assert "installed package six" in reason("t.py::test_b", decided({"installed package six": ("1 -> 2",)}))[1]
    assert reason("t.py::test_new", decided({"shop/a.py": ("f",)}))[1].startswith("it was not known yet")


def test_lines_are_told_as_the_functions_they_belong_to() -> None:
    source = "X = 1\n\n\nclass A:\n    def f(self):\n        def g():\n            return 1\n        return g\n\n"
    source += "\ndef h():\n    pass\n"
    assert scopes_of(source, {1, 7, 8, 12}) == ["", "A.f.g", "A.f", "h"]
    assert scopes_of("def (", {1}) == []
