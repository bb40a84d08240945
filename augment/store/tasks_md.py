"""The marked section of a project's TASKS.md: rendered from the summary, laid in without touching any other byte."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

from augment.files import write_atomically

BEGIN = b"<!-- augment:begin -->"
END = b"<!-- augment:end -->"
# A marker counts only on a line of its own, so that prose may mention it.
_BEGIN_LINE = re.compile(rb"^<!-- augment:begin -->[ \t]*(?=\r?$)", re.MULTILINE)
_END_LINE = re.compile(rb"^<!-- augment:end -->[ \t]*(?=\r?$)", re.MULTILINE)
_SHOWN = 50


class SectionState(Enum):
    """What became of an attempt to bring the section up to date."""

    CURRENT = "current"
    DAMAGED = "damaged"
    """One marker is missing, doubled or in the wrong order, or the file is no text that ASCII can be added to."""
    BUSY = "busy"
    """Somebody saved the file meanwhile: try again later."""


def render(summary: Mapping[str, Any]) -> str:
    """The section's text, without its markers. It depends on the records alone, so nothing new means no write."""
    totals = summary["tests"]
    counted = [f"{totals[name]} {name}" for name in ("passed", "failed", "error", "skipped", "xfailed") if totals[name]]
    written, muted = summary["admissions"], summary["muted"]
    if summary["muted_broken"]:
        counted.append(f"{summary['muted_broken']} of those broken are muted as flaky")
    lines = ["## Tests (kept current by Augment)", ""]
    lines.append(f"- **{totals['total']} tests**: {', '.join(counted) or 'none has run yet'}")
    lines.append(f"- **{written['kept']} tests written by Augment**, {written['held']} waiting for review")
    lines.append(f"- **{len(summary['findings'])} suspected bugs**")
    lines += _block("Failing tests", [_failing(test) for test in summary["failing"]], "- [ ] ")
    lines += _block("Stale tests", [_stale(entry) for entry in summary.get("stale", ())], "- [ ] ")
    lines += _block("Flaky tests that fail, muted", [_muted(test) for test in muted], "- ")
    lines += _block("New tests", [_new_test(admission) for admission in summary["recent_admissions"]], "- ")
    lines += _block("What became of kept tests", [_note(note) for note in summary.get("notes", ())], "- ")
    lines += _block("Findings", [_finding(finding) for finding in summary["findings"]], "- [ ] ")
    return "\n".join(lines)


def _block(title: str, entries: list[str], bullet: str) -> list[str]:
    if not entries:
        return []
    more = [f"- and {len(entries) - _SHOWN} more"] if len(entries) > _SHOWN else []
    return ["", f"### {title}", "", *(bullet + entry for entry in entries[:_SHOWN]), *more]


def _failing(test: Mapping[str, Any]) -> str:
    return f"{_code(test['nodeid'])} {test['outcome']} on revision {_code(test['revision'] or '?')}"


def _muted(test: Mapping[str, Any]) -> str:
    until = datetime.fromtimestamp(test["muted_until"], UTC)
    return f"{_code(test['nodeid'])} {test['outcome']}, muted until {until:%Y-%m-%d}: {_code('augment flaky')} says why"


def _stale(entry: Mapping[str, Any]) -> str:
    named = ", ".join(_code(test["nodeid"]) for test in entry["tests"][:3])
    more = f" and {len(entry['tests']) - 3} more" if len(entry["tests"]) > 3 else ""
    return (
        f"stale: {_plain(entry['text'])} ({named}{more}): {_code(entry['accept'])} re-pins, {_code(entry['reject'])} "
        "keeps, or fix the code"
    )


def _note(note: Mapping[str, Any]) -> str:
    return f"{_code(note['nodeid'])} {_plain(note['text'])}"


def _new_test(admission: Mapping[str, Any]) -> str:
    state = (
        f" (waiting for review: {_code('augment accept ' + admission['id'])})" if admission["state"] == "held" else ""
    )
    return f"{_code(admission['nodeid'])} for {_code(admission['target'])}: {_plain(admission['reason'])}{state}"


def _finding(finding: Mapping[str, Any]) -> str:
    said = "a bug, you said" if finding["state"] == "bug" else "bug, intended or noise?"
    told = _code("augment findings show " + finding["id"])
    return f"{_code(finding['target'])}: {_plain(finding['title'])} ({said} {told})"


def _plain(text: str) -> str:
    """One line that cannot open a comment, a tag or a marker, nor start anything in Markdown that spans lines."""
    flat = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return flat[:300].replace("&", "&amp;").replace("<", "&lt;").replace("`", "'").replace("|", "\\|")


def _code(text: str) -> str:
    """Like ``_plain``, as a code span, in which entities would be shown as they are."""
    flat = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return "`" + flat[:300].replace("<!--", "<! --").replace("`", "'") + "`"


def update(path: Path, body: str) -> SectionState:
    """Bring the section in ``path`` up to date, creating the file or the section where it is missing.

    All bytes outside the markers stay as they are, line endings included; the section takes the file's line ending.
    The new file replaces the old one in one step and keeps its permissions; a symbolic link is followed.
    Raises OSError.
    """
    path = path.resolve()
    before = _read(path)
    data = before[1] if before else b""
    new = _replaced(data, body)
    if new is None:
        return SectionState.DAMAGED
    if new == data:
        return SectionState.CURRENT
    if _read(path) != before:
        return SectionState.BUSY
    write_atomically(path, new)
    return SectionState.CURRENT


def _read(path: Path) -> tuple[int, bytes] | None:
    try:
        with path.open("rb") as file:
            return os.fstat(file.fileno()).st_mtime_ns, file.read()
    except FileNotFoundError:
        return None


def _replaced(data: bytes, body: str) -> bytes | None:
    """``data`` with its section replaced or appended, or None where the markers or the encoding forbid it."""
    if b"\0" in data:
        return None
    newline = b"\r\n" if b"\r\n" in data else b"\n"
    section = newline.join([BEGIN, *body.encode("utf-8", "replace").split(b"\n"), END])
    begins, ends = list(_BEGIN_LINE.finditer(data)), list(_END_LINE.finditer(data))
    if not begins and not ends:
        return data + _gap(data, newline) + section + newline
    if len(begins) != 1 or len(ends) != 1 or begins[0].start() > ends[0].start():
        return None
    return data[: begins[0].start()] + section + data[ends[0].end() :]


def _gap(data: bytes, newline: bytes) -> bytes:
    if not data or data.endswith(newline * 2):
        return b""
    return newline if data.endswith(newline) else newline * 2
