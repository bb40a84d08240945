"""The head of the page and the summary."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from augment.dashboard import behaviour, living, why
from augment.dashboard.markup import (
    ago,
    breakable,
    card,
    chip,
    count_bar,
    empty,
    link,
    name_of_test,
    nodeid,
    pill,
    text,
)

_SHOWN = 30
_MODEL_WORDS = {
    "loading": ("busy", "model loading"),
    "ready": ("good", "model ready"),
    "off": ("quiet", "model off"),
    "failed": ("bad", "model failed"),
}


_SANDBOX_WORDS = {
    "namespaces": ("good", "sandbox: namespaces"),
    "landlock": ("good", "sandbox: Landlock"),
    "off": ("bad", "sandbox off"),
    "none": ("bad", "no sandbox: no tests written"),
}


def head(health: Mapping[str, Any], title: str, ray_dashboard_url: str | None) -> str:
    """Name of the project, state of the model and the service."""
    kind, words = _MODEL_WORDS.get(str(health.get("model")), ("quiet", f"model {health.get('model')}"))
    name = health.get("model_name")
    service_kind, service = ("good", "watching") if health.get("status") == "ok" else ("bad", "reporter not answering")
    confined_kind, confined = _SANDBOX_WORDS.get(str(health.get("sandbox")), ("quiet", ""))
    confined_chip = chip(confined_kind, confined) if confined else ""
    ray = (
        f'<a class="chip quiet" href="{text(ray_dashboard_url)}" target="_blank" rel="noopener">'
        "Ray dashboard &#8599;</a>"
        if ray_dashboard_url and ray_dashboard_url.startswith(("http://", "https://"))
        else ""
    )
    detail = health.get("detail") or (health.get("model_detail") if health.get("model") == "failed" else None)
    told = f'<p class="fault" role="alert">{text(detail)}</p>' if detail else ""
    return (
        '<div class="head"><svg class="mark" viewBox="0 0 24 24" aria-hidden="true"><path d="M4 13l5 5L20 6"/></svg>'
        f'<h1>Augment</h1><span class="project">{text(title)}</span><span class="grow"></span>'
        f"{chip(service_kind, service)}{confined_chip}{chip(kind, f'{words}: {name}' if name else words)}{ray}</div>"
        f"{told}"
    )


def page(summary: Mapping[str, Any], model_endpoint: str | None) -> str:
    """What is broken, what was written, what is going on."""
    broken = _broken(summary) + living.stale(summary) + behaviour.card_of(summary["behaviour"])
    return (
        f"{_banner(summary)}{_tiles(summary)}"
        f'<div class="columns"><div>{broken}{_muted(summary)}{_faults(summary)}{_last_run(summary)}</div>'
        f"<div>{_now(summary)}{_written(summary)}{living.notes(summary)}{why.controls(summary['selection'])}"
        f"{_machine(summary, model_endpoint)}</div></div>"
    )


def _banner(summary: Mapping[str, Any]) -> str:
    totals = summary["tests"]
    broken = totals["failed"] + totals["error"] - summary["muted_broken"]
    if not totals["total"]:
        return _banner_of(
            "idle", "No verdict yet", "Save a file of the project, and what it breaks shows here within a moment."
        )
    last = summary["last_run"]
    when = f"last run {ago(last['finished_at'] or last['started_at'])}: {text(last['reason'])}" if last else ""
    if broken:
        words = f"{broken} of {totals['total']} tests {'is' if broken == 1 else 'are'} broken"
        return _banner_of("bad", words, when, html=True)
    good = totals["passed"]
    words = (
        f"All {good} tests pass"
        if good == totals["total"]
        else f"Nothing is broken: {good} of {totals['total']} tests pass"
    )
    return _banner_of("good", words, when, html=True)


def _banner_of(kind: str, title: str, note: str, *, html: bool = False) -> str:
    told = note if html else text(note)
    return f'<div class="banner {kind}" role="status"><b>{text(title)}</b><span>{told}</span></div>'


def _tiles(summary: Mapping[str, Any]) -> str:
    totals, written = summary["tests"], summary["admissions"]
    muted = summary["muted_broken"]
    tiles = [
        ("failed", totals["failed"] + totals["error"] - muted, "broken"),
        ("passed", totals["passed"], "passing"),
        ("written", written["kept"], "written by Augment"),
        ("held", written["held"], "waiting for review"),
        ("finding", len(summary["findings"]), "suspected bugs"),
        ("quiet", summary["flaky"], f"flaky, {muted} of them failing and muted" if muted else "flaky"),
        ("quiet", sum(summary["rejections"].values()), "candidates turned away"),
    ]
    return '<div class="tiles">' + "".join(_tile(*tile) for tile in tiles) + "</div>"


def _tile(kind: str, count: int, label: str) -> str:
    zero = " zero" if not count else ""
    return f'<div class="tile {kind}{zero}"><b>{count:,}</b><span>{text(label)}</span></div>'


def _broken(summary: Mapping[str, Any]) -> str:
    failing = summary["failing"]
    if not failing:
        body = empty("Nothing is broken", "Tests that a save breaks are listed here until they pass again.")
    else:
        body = "".join(_test_row(test) for test in failing[:_SHOWN]) + _more(len(failing) - _SHOWN)
    return card("Broken now", body)


def _muted(summary: Mapping[str, Any]) -> str:
    muted = summary["muted"]
    if not muted:
        return ""
    rows = "".join(_test_row(test) for test in muted[:_SHOWN]) + _more(len(muted) - _SHOWN)
    return card("Muted, flaky", rows, text("these fail, and do not count as broken"))


def _faults(summary: Mapping[str, Any]) -> str:
    faults = summary["faults"]
    if not faults:
        return ""
    note = text("the machine ended them, not the tests")
    return card("No verdict", "".join(_test_row(test) for test in faults[:_SHOWN]) + _more(len(faults) - _SHOWN), note)


def _test_row(test: Mapping[str, Any]) -> str:
    fault = chip("warn", f"then {test['fault']['kind']}") if test["fault"] and test["outcome"] != "fault" else ""
    unsteady = chip("warn", "flaky") if test["flaky"] else ""
    when = f'<span class="grow"></span>{unsteady}{fault}<small>{ago(test["at"])}</small>'
    message = test["message"] or (test["fault"] or {}).get("detail", "")
    told = f"<small>{text(message)}</small>" if message else ""
    inner = f'{pill(test["outcome"])}<span class="two">{nodeid(test["nodeid"])}{told}</span>{when}'
    return link("run", test["run_id"] or "", inner)


def _more(count: int) -> str:
    return f'<p class="more">and {count} more</p>' if count > 0 else ""


def _written(summary: Mapping[str, Any]) -> str:
    recent = summary["recent_admissions"]
    if not recent:
        hint = "Tests that pass every gate appear here with the reason that each was kept."
        return card("Written lately", empty("No test written yet", hint))
    return card("Written lately", "".join(admission_row(admission) for admission in recent))


def author(admission: Mapping[str, Any]) -> str:
    """Who wrote a generated test, in short: the model without its maker or folder, else the generator."""
    model = str(admission["model"] or "").rstrip("/\\")
    return re.split(r"[/\\]", model)[-1] or str(admission["generator"])


def admission_row(admission: Mapping[str, Any], *, chosen: bool = False) -> str:
    """A generated test in a list."""
    state = {"held": chip("warn", "review"), "rejected": chip("quiet", "rejected")}.get(admission["state"], "")
    target, reason = admission["target"], admission["reason"]
    told = reason if target in reason else f"{reason}, testing {target}"
    inner = (
        f'<span class="two"><b>{name_of_test(admission["nodeid"])}</b>'
        f"<small>by {text(author(admission))} &middot; {breakable(told)}</small></span>"
        f'<span class="grow"></span><span class="two end">{state}<small>{ago(admission["created_at"])}</small></span>'
    )
    return link("test", admission["id"], inner, "chosen" if chosen else "")


def _now(summary: Mapping[str, Any]) -> str:
    rows = "".join(
        f'<div class="line"><span class="part">{text(activity["part"])}</span><span>{text(activity["text"])}</span>'
        f'<span class="grow"></span><small>{ago(activity["at"])}</small></div>'
        for activity in summary["activities"]
    )
    waiting = summary["jobs_pending"]
    note = text(f"{waiting} target{'s' if waiting != 1 else ''} waiting for tests") if waiting else ""
    return card("Doing now", rows or empty("Quiet", "What each part of Augment is doing shows here."), note)


def _machine(summary: Mapping[str, Any], model_endpoint: str | None) -> str:
    rows = [
        f'<div class="line"><span class="part">{text(model)}</span><span>{used["completion"]:,} tokens written, '
        f"{used['prompt']:,} read</span></div>"
        for model, used in summary["tokens"].items()
    ]
    if model_endpoint:
        rows.append(f'<div class="line"><span class="part">endpoint</span><code>{text(model_endpoint)}</code></div>')
    rows += [
        f'<div class="line"><span class="part">turned away</span>'
        f"<span>{count:,} at the gate <b>{text(gate)}</b></span></div>"
        for gate, count in summary["rejections"].items()
    ]
    return card("Model and gates", "".join(rows)) if rows else ""


def _last_run(summary: Mapping[str, Any]) -> str:
    last = summary["last_run"]
    if last is None:
        return ""
    inner = f'<span class="two"><b>{breakable(last["reason"])}</b>{count_bar(last["counts"])}</span>'
    return card("Last run", link("run", last["id"], inner), ago(last["finished_at"] or last["started_at"]))
