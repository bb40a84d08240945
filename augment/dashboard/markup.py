"""Small pieces of HTML. Everything that comes from outside goes through ``text`` and nothing else."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from pygments import highlight  # type: ignore[import-untyped]
from pygments.formatters import HtmlFormatter  # type: ignore[import-untyped]
from pygments.lexers import PythonLexer  # type: ignore[import-untyped]

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-_])")
# Control characters do nothing good in a page; bidirectional ones make a line read differently from what it says.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# Gradio's HTML component knows two template languages. It does not evaluate values today; this keeps it so.
_TEMPLATES = str.maketrans({"{": "&#123;", "}": "&#125;", "$": "&#36;", "`": "&#96;"})

OUTCOME_WORDS = {
    "passed": "passed",
    "failed": "failed",
    "error": "error",
    "skipped": "skipped",
    "xfailed": "expected failure",
    "fault": "no verdict",
}


def text(value: object) -> str:
    """``value`` as inert HTML text, safe in an attribute too; terminal colours and control characters are gone."""
    plain = _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", _ESCAPES.sub("", str(value).replace("\r\n", "\n")))
    return html.escape(plain, quote=True).translate(_TEMPLATES)


def pill(outcome: str) -> str:
    """An outcome as a coloured word."""
    kind = outcome if outcome in OUTCOME_WORDS else "other"
    return f'<span class="pill {kind}">{text(OUTCOME_WORDS.get(outcome, outcome))}</span>'


def chip(kind: str, words: str) -> str:
    """A small coloured label that is not an outcome. ``kind`` is a class name of ours, not data."""
    return f'<span class="chip {kind}">{text(words)}</span>'


def ago(at: float | None) -> str:
    """A time, which the page itself turns into "12 s ago" and keeps so: unchanged HTML is not sent again."""
    if at is None:
        return ""
    moment = datetime.fromtimestamp(at, UTC)
    return f'<time data-at="{at:.0f}" datetime="{moment.isoformat()}" title="{moment:%Y-%m-%d %H:%M:%S} UTC"></time>'


def seconds(duration: float | None) -> str:
    """A duration for people."""
    if duration is None:
        return ""
    if duration < 0.9995:
        return f"{duration * 1000:.0f} ms"
    return f"{duration:.1f} s" if duration < 60 else f"{int(duration // 60)} min {int(duration % 60)} s"


def nodeid(value: str) -> str:
    """A test's id with its own name standing out, and places where a long one may break."""
    path, separator, name = value.partition("::")
    if not separator:
        return f'<code class="nodeid">{text(value)}</code>'
    broken = text(path).replace("/", "/<wbr>")
    return f'<code class="nodeid" title="{text(value)}"><span>{broken}::</span><wbr><b>{text(name)}</b></code>'


def breakable(value: object) -> str:
    """Text whose long names and paths may break after an underscore or a slash, rather than anywhere."""
    return text(value).replace("_", "_<wbr>").replace("/", "/<wbr>")


def name_of_test(value: str) -> str:
    """The own name of a test with this id."""
    return breakable(value.rpartition("::")[2])


def link(kind: str, identifier: str, inner: str, extra: str = "") -> str:
    """A link that selects something in the page (and, opened in a new tab, leads there too). ``inner`` is HTML."""
    address = f"?{kind}={quote(identifier, safe='')}"
    return f'<a class="row {extra}" href="{text(address)}" data-{kind}="{text(identifier)}">{inner}</a>'


def empty(title: str, hint: str) -> str:
    """What stands where nothing is yet: what will come, and what brings it."""
    return f'<div class="empty"><b>{text(title)}</b><span>{text(hint)}</span></div>'


def card(title: str, body: str, note: str = "") -> str:
    """A titled box. ``body`` and ``note`` are HTML."""
    return f'<section class="card"><header><h3>{breakable(title)}</h3><span>{note}</span></header>{body}</section>'


def python_source(source: str) -> str:
    """Highlighted Python."""
    plain = _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", source)
    body = highlight(plain, PythonLexer(), HtmlFormatter(nowrap=True)).translate(_TEMPLATES)
    return f'<pre class="source">{body}</pre>'


def count(number: int, one: str, ending: str = "s") -> str:
    """A number with its noun: "1 branch", "2 branches"."""
    return f"{number:,} {one}{'' if number == 1 else ending}"


def count_bar(counts: Mapping[str, Any]) -> str:
    """Counts of a run as a thin bar and in words."""
    total = sum(counts.values())
    shown = [(name, tests) for name, tests in counts.items() if tests]
    bar = "".join(f'<i class="{name}" style="flex-grow:{tests}"></i>' for name, tests in shown if name in OUTCOME_WORDS)
    words = " ".join(f'<span class="n {name}">{tests} {OUTCOME_WORDS.get(name, "")}</span>' for name, tests in shown)
    return f'<span class="bar">{bar}</span><span class="counts">{words if total else "no verdict yet"}</span>'


def cut(value: str, limit: int) -> tuple[str, bool]:
    """The last ``limit`` characters of ``value`` (a traceback says what matters at its end), and whether it was cut."""
    return (value, False) if len(value) <= limit else (value[len(value) - limit :], True)
