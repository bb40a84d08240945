"""The parts of ``compatibility.py`` that reckon and write, without a project."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from compatibility import chosen, kept
from compatibility_cases import CASES, QUICK
from compatibility_edits import with_raise
from compatibility_happened import Happened, Saved
from compatibility_page import document, line
from compatibility_run import (
    differences,
    fails,
    fingerprint,
    listed,
    outcomes,
    settled,
    told_otherwise,
    trouble_in,
)


def test_ten_projects_each_stand_for_something_else() -> None:
    assert len(CASES) == 10
    assert len({case.stands_for for case in CASES.values()}) == 10
    assert set(QUICK) <= CASES.keys()
    assert all("==" in case.subject.release for case in CASES.values())


def test_projects_are_chosen_by_name() -> None:
    assert chosen("httpbin,xmltodict", CASES) == ["httpbin", "xmltodict"]
    assert chosen(None, CASES) == list(CASES)
    with pytest.raises(SystemExit, match="no project is called 'nonsense'"):
        chosen("nonsense", CASES)


def test_verdicts_that_differ_are_those_that_either_side_tells_otherwise() -> None:
    plain = {"a": "passed", "b": "failed", "c": "xpassed", "d": "skipped"}
    ours = {"a": "passed", "b": "passed", "c": "passed", "e": "passed"}
    differing = told_otherwise(plain, ours)
    assert differing == {
        "b": ("failed", "passed"),
        "d": ("skipped", "absent"),
        "e": ("absent", "passed"),
    }
    assert listed(differing, most=1) == ["b: pytest failed, Augment passed", "and 2 more"]


def test_tests_written_meanwhile_are_not_the_projects() -> None:
    tests = [{"nodeid": nodeid, "outcome": "passed"} for nodeid in ("tests/test_a.py::test", "tests/augment/x.py::t")]
    assert outcomes(tests, {"tests/test_a.py::test": "failed"}) == {"tests/test_a.py::test": "passed"}


def test_only_a_test_that_passed_before_can_notice_a_save() -> None:
    plain = {"a": "passed", "b": "failed"}
    failing = {"lane": "fast", "outcome": "failed"}
    assert fails("verdict", {"nodeid": "a", **failing}, plain)
    assert not fails("verdict", {"nodeid": "b", **failing}, plain)
    assert not fails("verdict", {"nodeid": "a", **failing, "lane": "idle"}, plain)
    assert settled("activity", {"part": "service", "text": "nothing to run; watching"})
    assert not settled("activity", {"part": "generator", "text": "watching"})


def test_a_changed_file_is_told_and_what_was_asked_for_is_not(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("A = 1\n")
    (tmp_path / "b.py").write_text("B = 1\n")
    before = fingerprint(tmp_path)
    (tmp_path / "a.py").write_text("A = 2\n")
    (tmp_path / "b.py").unlink()
    for new in ("tests/augment/test_new.py", "TASKS.md", "junk.txt", "pkg/__pycache__/a.pyc"):
        (tmp_path / new).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / new).write_text("")
    assert differences(before, fingerprint(tmp_path)) == {"a.py": "changed", "b.py": "removed", "junk.txt": "added"}


def test_a_function_is_broken_by_a_first_statement_that_raises() -> None:
    source = 'import x\n\n\n@x.y\ndef f(a):\n    """Ä."""\n    return a\n\n\ndef g(): return 1\n'.encode()
    changed = with_raise(source, 4)
    assert changed is not None
    assert changed.decode().splitlines()[5:7] == ['    raise RuntimeError("broken on purpose")', '    """Ä."""']
    assert with_raise(source, 10) is None


def test_errors_in_logs_are_found(tmp_path: Path) -> None:
    (tmp_path / "launch.log").write_text("INFO fine\n2026 ERROR   service: it broke\nINFO said 3 errors\n")
    (tmp_path / "other.bin").write_text("ERROR")
    assert trouble_in(tmp_path) == ["launch.log: 2026 ERROR   service: it broke"]


def test_a_row_and_the_page_say_what_happened(tmp_path: Path) -> None:
    case = CASES["httpbin"]
    happened = Happened(
        case.subject.release, files=37, pytest={"passed": 3, "failed": 1}, kept=2, memory_mb=900, stop_code=0
    )
    happened.saves = [Saved("a:f", "a.py", 0), Saved("a:g", "a.py", 4, 0.8, 1.1)]
    row = line(case, happened)
    assert "| a web application | 37 | 1 failed, 3 passed |" in row
    assert "| 2, 4 | 0.8 | 2 | 0 | 900 | yes |" in row
    happened.wrong = ["left running: python"]
    text = document({"httpbin": happened})
    assert "**1 wrong**" in text
    assert "Wrong: left running: python." in text
    file = tmp_path / "all.json"
    file.write_text(json.dumps({"httpbin": asdict(happened)}))
    assert kept(file) == {"httpbin": happened}
    assert kept(None) == {}
