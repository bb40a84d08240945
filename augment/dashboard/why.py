"""Why tests run: the last decisions on one test, and what control samples say of the selection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from augment.dashboard.markup import ago, card, chip, count, link, nodeid, pill, text

_SHOWN = 12
_MISSES_SHOWN = 5


def changed(selection: Mapping[str, Any] | None) -> str:
    """What had changed, for a run that a save started; '' for others."""
    if not selection or not selection["changes"]:
        return ""
    rows = [
        f"<li><code>{text(file)}</code> {text(', '.join(scope or 'on import' for scope in scopes[:_SHOWN]))}</li>"
        for file, scopes in list(selection["changes"].items())[:_SHOWN]
    ]
    left = len(selection["changes"]) - len(rows)
    more = f"<li>and {left} more</li>" if left > 0 else ""
    return f'<details class="changes"><summary>what had changed</summary><ul>{"".join(rows)}{more}</ul></details>'


def reason_of(test: str, selection: Mapping[str, Any] | None) -> str:
    """Why a run had this test: for itself, or for its function, class or file. '' where nothing is kept."""
    if not selection:
        return ""
    file, _, rest = test.partition("::")
    parts = rest.partition("[")[0].split("::") if rest else []
    names = [test, *("::".join([file, *parts[:size]]) for size in range(len(parts), -1, -1))]
    return next((selection["reasons"][name] for name in names if name in selection["reasons"]), "")


def decisions(found: Mapping[str, Any] | None) -> str:
    """The card of one test: run or skipped at the last saves, and what would select it."""
    if found is None or not found["known"]:
        return ""
    rows = "".join(_decision(decision) for decision in found["decisions"])
    body = rows or '<p class="more">no save was decided yet</p>'
    return card("Why it runs", body + _selectors(found), text("at the last saves, newest first"))


def _decision(decision: Mapping[str, Any]) -> str:
    state = chip("good", "run") if decision["selected"] else chip("quiet", "skipped")
    inner = (
        f'{state}<span>{text(decision["reason"])}</span><span class="grow"></span><small>{ago(decision["at"])}</small>'
    )
    return link("run", decision["run_id"], inner) if decision["run_id"] else f'<div class="line">{inner}</div>'


def _selectors(found: Mapping[str, Any]) -> str:
    if not found["recorded"]:
        return '<p class="more">what it runs is not recorded yet, so every save runs it</p>'
    named = [
        f"<li><code>{text(file)}</code> {text(_listed(scopes))}</li>"
        for file, scopes in list({**found["runs"], **found["support"]}.items())[:_SHOWN]
    ]
    named += [f"<li>reads <code>{text(path)}</code></li>" for path in found["reads"][:_SHOWN]]
    if found["starts_processes"]:
        named.append("<li>every module: it starts other processes</li>")
    return f'<details class="changes"><summary>what would select it</summary><ul>{"".join(named)}</ul></details>'


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def controls(selection: Mapping[str, Any]) -> str:
    """The card of the summary page: how much selection is measured to miss. '' before any control ran."""
    rate = selection["rate"]
    if rate is None:
        return ""
    told = (
        f'<div class="line"><span class="part">misses</span><span>{selection["misses"]:,} in '
        f"{count(selection['controls'], 'control')}: {rate['mean']:.2%} of skipped tests "
        f"(95 % between {rate['low']:.2%} and {rate['high']:.2%})</span></div>"
    )
    misses = "".join(_miss(miss) for miss in selection["recent_misses"][:_MISSES_SHOWN])
    return card("Selection", told + misses, text("skipped tests, run in idle time as a control"))


def _miss(miss: Mapping[str, Any]) -> str:
    inner = (
        f'{pill(miss["observed"])}<span class="two">{nodeid(miss["nodeid"])}'
        f"<small>was {text(miss['expected'])} and should have been selected</small></span>"
        f'<span class="grow"></span><small>{ago(miss["at"])}</small>'
    )
    return link("run", miss["run_id"], inner)
