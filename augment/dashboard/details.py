"""Runs with their output, and generated tests with the reason that each was kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from augment.dashboard import why
from augment.dashboard.markup import (
    ago,
    breakable,
    card,
    chip,
    count,
    count_bar,
    cut,
    empty,
    link,
    nodeid,
    pill,
    python_source,
    seconds,
    text,
)
from augment.dashboard.overview import admission_row

_OUTPUT_CHARS = 100_000
_PAGE_CHARS = 1_000_000
_ORDER = {"failed": 0, "error": 1, "fault": 2, "xfailed": 3, "skipped": 4, "passed": 5}
_QUIET_SHOWN = 500
_TESTS_SHOWN = 300


def run_list(runs: Sequence[Mapping[str, Any]], chosen: str) -> str:
    """Recent runs, newest first."""
    if not runs:
        return card("Runs", empty("No run yet", "Every save that touches a test starts one."))
    return card("Runs", "".join(_run_row(run, run["id"] == chosen) for run in runs), text("newest first"))


def _run_row(run: Mapping[str, Any], chosen: bool) -> str:
    inner = (
        f'<span class="two"><span>{chip(_lane(run), run["lane"])}<b>{breakable(run["reason"])}</b></span>'
        f"{count_bar(run['counts'])}</span>"
        f'<span class="grow"></span><span class="two end">{_state(run)}<small>{ago(run["started_at"])}</small></span>'
    )
    return link("run", run["id"], inner, "chosen" if chosen else "")


def _lane(run: Mapping[str, Any]) -> str:
    return {"fast": "lane-fast", "write": "lane-write"}.get(run["lane"], "lane-idle")


def _state(run: Mapping[str, Any]) -> str:
    if run.get("interrupted"):
        return chip("warn", "interrupted")
    if run["finished_at"] is None:
        return '<span class="chip busy"><i class="spin"></i>running</span>'
    return f"<small>{seconds(run['finished_at'] - run['started_at'])}</small>"


def run_detail(run: Mapping[str, Any] | None, chosen: str) -> str:
    """One run's verdicts and full output, what failed first."""
    if run is None:
        if chosen:
            return card("Run", empty("This run is not known", f"There is no run {chosen!r} in this project."))
        return card("Run", empty("Choose a run", "Its verdicts and the full output of its tests show here."))
    verdicts = sorted(run["verdicts"], key=lambda verdict: _ORDER.get(verdict["outcome"], 9))
    whole = (
        f'<a href="/api/v1/runs/{text(quote(run["id"], safe=""))}" target="_blank" rel="noopener">as JSON &#8599;</a>'
    )
    facts = (
        f'<div class="facts">{chip(_lane(run), run["lane"])}{_state(run)}'
        f"<span>revision <code>{text(run['revision'])}</code></span>"
        f"<span>started {ago(run['started_at'])}</span>{whole}</div>"
    )
    selection = run.get("selection")
    counts = f'<div class="facts">{count_bar(run["counts"])}</div>'
    body = facts + counts + why.changed(selection) + _verdicts(verdicts, selection)
    return card(run["reason"], body, f"<code>{text(run['id'])}</code>")


def _verdicts(verdicts: Sequence[Mapping[str, Any]], selection: Mapping[str, Any] | None) -> str:
    if not verdicts:
        return empty("No verdict yet", "Each test shows here as it ends.")
    parts: list[str] = []
    room = _PAGE_CHARS
    for verdict in verdicts[:_QUIET_SHOWN]:
        output, shortened = cut(verdict["output"], min(_OUTPUT_CHARS, max(room, 0)))
        room -= len(output)
        parts.append(_verdict(verdict, output, shortened, why.reason_of(verdict["nodeid"], selection)))
    left = len(verdicts) - _QUIET_SHOWN
    if left > 0:
        parts.append(f'<p class="more">and {left} more, in the JSON of the run</p>')
    return "".join(parts)


def _verdict(verdict: Mapping[str, Any], output: str, shortened: bool, reason: str) -> str:
    fault = verdict["fault"]
    took = f'<span class="grow"></span><small>{seconds(verdict["duration_s"])}</small>'
    hushed = chip("quiet", "muted, flaky") if verdict["muted"] else ""
    retried = _to_attempts(verdict["nodeid"]) if verdict["retried"] else ""
    because = f"<small>{text(reason)}</small>" if reason else ""
    name = f'<span class="two">{nodeid(verdict["nodeid"])}{because}</span>' if because else nodeid(verdict["nodeid"])
    line = f"{pill(verdict['outcome'])}{name}{hushed}{retried}{took}"
    if not (output or shortened or fault):
        return f'<div class="verdict plain">{line}</div>'
    told = f'<p class="fault">{text(fault["kind"])}: {text(fault["detail"])}</p>' if fault else ""
    note = '<p class="more">the beginning is cut here; it is whole in the JSON of the run</p>' if shortened else ""
    opened = " open" if verdict["outcome"] in ("failed", "error", "fault") else ""
    shown = f'<pre class="output">{_marked(output)}</pre>' if output else ""
    return f'<details class="verdict"{opened}><summary>{line}</summary>{told}{note}{shown}</details>'


def _to_attempts(name: str) -> str:
    """A link to every attempt of a test."""
    address = text(f"?flaky={quote(name, safe='')}")
    return f'<a class="chip quiet" href="{address}" data-flaky="{text(name)}">tried again after a fault</a>'


def _marked(output: str) -> str:
    """Test output with pytest's ``E`` and ``>`` lines standing out."""
    kinds = {"E": "e", ">": "at"}
    lines = text(output).split("\n")
    # After escaping, ">" is an entity.
    starts = (("E" if line.startswith("E ") else ">" if line.startswith("&gt;") else "") for line in lines)
    return "\n".join(
        f'<span class="{kinds[start]}">{line}</span>' if start else line
        for start, line in zip(starts, lines, strict=True)
    )


def written_list(admissions: Sequence[Mapping[str, Any]], chosen: str) -> str:
    """Generated tests, those that wait for a person first."""
    if not admissions:
        hint = "Augment writes tests for what changed and for what is covered least; those worth keeping show here."
        return card("Tests written", empty("No test written yet", hint))
    ordered = sorted(admissions, key=lambda admission: admission["state"] != "held")
    rows = "".join(admission_row(admission, chosen=admission["id"] == chosen) for admission in ordered[:_TESTS_SHOWN])
    more = len(ordered) - _TESTS_SHOWN
    return card("Tests written", rows + (f'<p class="more">and {more} older ones</p>' if more > 0 else ""))


def written_detail(admission: Mapping[str, Any] | None, *, reviewing: bool, message: str = "") -> str:
    """One generated test: its source, why it was kept, and the buttons of the review."""
    if admission is None:
        return card("Test", empty("Choose a test", "Its source and the record of why it was kept show here."))
    state = {"kept": chip("good", "kept"), "held": chip("warn", "waiting for review")}.get(
        admission["state"], chip("quiet", admission["state"])
    )
    told = f'<p class="fault" role="alert">{text(message)}</p>' if message else ""
    body = (
        f'<p class="lead">{text(admission["reason"])}</p>{_evidence(admission)}{told}'
        f"{_buttons(admission) if reviewing and admission['state'] == 'held' else ''}"
        f'<p class="more">{text(admission["file"])}</p>{python_source(admission["source"])}'
    )
    return card(admission["nodeid"].rpartition("::")[2], body, f"{state} {ago(admission['created_at'])}")


def _evidence(admission: Mapping[str, Any]) -> str:
    killed = admission["mutants_killed"]
    facts = [
        ("tests", admission["target"]),
        ("written by", " / ".join(filter(None, (admission["generator"], admission["model"], admission["origin"])))),
        ("kind", admission["kind"] + (", expected values as observed" if admission["characterization"] else "")),
        ("adds", f"{count(admission['lines_gained'], 'line')}, {count(admission['branches_gained'], 'branch', 'es')}"),
        ("mutants killed", "not tried" if killed is None else str(killed)),
        ("passed", f"{admission['runs']} runs, varied"),
        ("id", admission["id"]),
    ]
    return (
        '<dl class="evidence">'
        + "".join(f"<dt>{text(name)}</dt><dd>{text(value)}</dd>" for name, value in facts)
        + "</dl>"
    )


def _buttons(admission: Mapping[str, Any]) -> str:
    identifier = text(admission["id"])
    return (
        f'<div class="buttons"><button type="button" class="accept" data-accept="{identifier}">Accept</button>'
        f'<button type="button" class="reject" data-reject="{identifier}">Reject</button></div>'
    )
