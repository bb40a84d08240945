"""The marked section of TASKS.md: everything outside it belongs to the user, byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from augment.store.tasks_md import BEGIN, END, SectionState, _replaced, render, update

SUMMARY = {
    "tests": {"total": 3, "passed": 2, "failed": 1, "error": 0, "skipped": 0, "xfailed": 0, "fault": 0},
    "admissions": {"kept": 4, "held": 1, "rejected": 0, "total": 5},
    "failing": [{"nodeid": "t.py::test_a", "outcome": "failed", "revision": "abc"}],
    "recent_admissions": [
        {"id": "adm-1", "nodeid": "t.py::test_n", "target": "m:f", "reason": "covers 3 lines", "state": "held"}
    ],
    "findings": [{"id": "fin-1", "target": "m:g", "title": "returns 5, not 4", "state": "open"}],
    "muted": [{"nodeid": "t.py::test_flaky", "outcome": "failed", "muted_until": 4e9}],
    "muted_broken": 1,
}
MARKED = b"<!-- augment:begin -->\nold\n<!-- augment:end -->\n"


def test_the_section_says_what_is_broken_and_what_is_new() -> None:
    text = render(SUMMARY)
    for words in (
        "3 tests**: 2 passed, 1 failed, 1 of those broken are muted as flaky",
        "- `t.py::test_flaky` failed, muted until 2096-10-02: `augment flaky` says why",
        "`t.py::test_a` failed",
        "covers 3 lines (waiting for review: `augment accept adm-1`)",
        "- [ ] `m:g`: returns 5, not 4 (bug, intended or noise? `augment findings show fin-1`)",
    ):
        assert words in text


def test_a_missing_file_is_created(tmp_path: Path) -> None:
    path = tmp_path / "TASKS.md"
    assert update(path, "body") is SectionState.CURRENT
    assert path.read_bytes() == b"<!-- augment:begin -->\nbody\n<!-- augment:end -->\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"# Mine\n", b"# Mine\n\n" + MARKED.replace(b"old", b"new")),
        (b"# Mine\n\n", b"# Mine\n\n" + MARKED.replace(b"old", b"new")),
        (b"no newline", b"no newline\n\n" + MARKED.replace(b"old", b"new")),
        (b"a\r\nb\r\n", b"a\r\nb\r\n\r\n" + MARKED.replace(b"old", b"new").replace(b"\n", b"\r\n")),
        (b"a\n" + MARKED + b"b  \n\tc", b"a\n" + MARKED.replace(b"old", b"new") + b"b  \n\tc"),
        (b"latin \xe9\n" + MARKED, b"latin \xe9\n" + MARKED.replace(b"old", b"new")),
        (b"`<!-- augment:begin -->` is a marker\n", None),
    ],
)
def test_only_the_section_changes(tmp_path: Path, before: bytes, after: bytes | None) -> None:
    path = tmp_path / "TASKS.md"
    path.write_bytes(before)
    assert update(path, "new") is SectionState.CURRENT
    assert path.read_bytes() == (after or before + b"\n" + MARKED.replace(b"old", b"new"))


@given(
    head=st.lists(st.sampled_from(["# Title", "", "- [ ] task", "  text `<!-- augment:end -->`", "é \t"])),
    tail=st.lists(st.sampled_from(["end", "", "<!-- other -->"])),
    newline=st.sampled_from([b"\n", b"\r\n"]),
)
def test_the_bytes_around_the_section_never_change(head: list[str], tail: list[str], newline: bytes) -> None:
    before, behind = (newline.join(line.encode() for line in [*lines, ""]) for lines in (head, tail))
    data = before + BEGIN + newline + b"x" + newline + END + newline + behind
    for body in ("one", "two\nlines", "one"):
        changed = _replaced(data, body)
        assert changed is not None
        assert changed.startswith(before + BEGIN)
        assert changed.endswith(END + newline + behind)
        data = changed
    assert _replaced(data, "one") == data


@pytest.mark.parametrize(
    "content",
    [
        b"<!-- augment:begin -->\nx\n",
        b"x\n<!-- augment:end -->\n",
        MARKED + MARKED,
        b"<!-- augment:end -->\n<!-- augment:begin -->\n",
        MARKED + b"<!-- augment:end -->\n",
        "# Mine\n".encode("utf-16"),
    ],
)
def test_damaged_markers_leave_the_file_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "TASKS.md"
    path.write_bytes(content)
    assert update(path, "new") is SectionState.DAMAGED
    assert path.read_bytes() == content


def test_a_section_that_is_current_is_not_written_again(tmp_path: Path) -> None:
    path = tmp_path / "TASKS.md"
    update(path, "body")
    before = path.stat()
    update(path, "body")
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_permissions_and_links_stay(tmp_path: Path) -> None:
    real = tmp_path / "real.md"
    real.write_text("# Mine\n")
    real.chmod(0o640)
    (tmp_path / "TASKS.md").symlink_to(real)
    update(tmp_path / "TASKS.md", "body")
    assert (tmp_path / "TASKS.md").is_symlink()
    assert "body" in real.read_text()
    assert real.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["TASKS.md", "real.md"]


@pytest.mark.parametrize(
    "name", ["t.py::a\n<!-- augment:end -->\n", "t.py::a[`<script>`]", "t.py::a[<!-- x -->]", "\x1b[0m\x00"]
)
def test_a_hostile_name_stays_on_its_line(tmp_path: Path, name: str) -> None:
    summary = SUMMARY | {
        "failing": [{"nodeid": name, "outcome": "failed", "revision": name}],
        "recent_admissions": [{"nodeid": name, "target": name, "reason": name, "state": "kept"}],
        "findings": [{"id": name, "target": name, "title": name, "state": "open"}],
        "muted": [{"nodeid": name, "outcome": "failed", "muted_until": 4e9}],
    }
    path = tmp_path / "TASKS.md"
    for _ in range(2):
        assert update(path, render(summary)) is SectionState.CURRENT
    lines = path.read_text().splitlines()
    assert [lines.count(marker.decode()) for marker in (BEGIN, END)] == [1, 1]
    assert len(lines) == len(render(SUMMARY).splitlines()) + 2
