"""Findings: what is stated, what the code does instead, the smallest test that shows it, and what a person says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from augment.dashboard.markup import ago, card, chip, empty, python_source, text

_SHOWN = 100
_CHIPS = {"open": "warn", "bug": "warn", "intended": "good", "resolved": "good"}
_ORDER = ("open", "bug", "intended", "noise", "resolved")
_BUTTONS = {"bug": ("bug", "It is a bug"), "intended": ("intended", "It is intended"), "noise": ("noise", "Noise")}


def findings_page(findings: Sequence[Mapping[str, Any]], *, acting: bool = False, message: str = "") -> str:
    """Every suspected bug: the open ones first, the surest first among them."""
    if not findings:
        hint = (
            "Where documentation, annotations or examples promise one thing and the code does another, it shows here."
        )
        return card("Findings", empty("No suspected bug", hint))
    told = f'<p class="fault" role="alert">{text(message)}</p>' if message else ""
    ordered = sorted(findings, key=lambda each: (_ORDER.index(each["state"]), -each["confidence"]))
    more = len(ordered) - _SHOWN
    rest = f'<p class="more">and {more} more: augment findings --all</p>' if more > 0 else ""
    return told + "".join(_finding(finding, acting) for finding in ordered[:_SHOWN]) + rest


def _finding(finding: Mapping[str, Any], acting: bool) -> str:
    state = finding["state"]
    note = f"{chip(_CHIPS.get(state, 'quiet'), state)} {ago(finding['created_at'])}"
    body = (
        f'<p class="lead"><code>{text(finding["target"])}</code> &middot; confidence {finding["confidence"]:.0%}</p>'
        f"{_facts(finding)}{_buttons(finding) if acting else ''}"
        f'<p class="detail">{text(finding["detail"])}</p>{python_source(finding["source"])}'
        f'<p class="more">to rerun it, in the project</p>'
        f'<pre class="output">{text("augment findings run " + finding["id"])}</pre>'
    )
    return card(finding["title"], body, note)


def _facts(finding: Mapping[str, Any]) -> str:
    facts = [
        ("stated", finding["rests_on"]),
        ("observed", finding["observed"]),
        ("found by", " / ".join(filter(None, (finding["kind"], finding["rule"])))),
        ("id", finding["id"]),
    ]
    shown = "".join(f"<dt>{text(name)}</dt><dd>{text(value)}</dd>" for name, value in facts if value)
    return f'<dl class="evidence">{shown}</dl>'


def _buttons(finding: Mapping[str, Any]) -> str:
    state, identifier = finding["state"], text(finding["id"])
    wanted = {verb: words for verb, words in _BUTTONS.items() if verb != state}
    if not finding["intended_source"]:
        wanted.pop("intended", None)
    if state != "open":
        wanted["reopen"] = ("reopen", "Open again")
    buttons = "".join(
        f'<button type="button" class="{kind}" data-{verb}="{identifier}">{text(words)}</button>'
        for verb, (kind, words) in wanted.items()
    )
    return f'<div class="buttons">{buttons}</div>'
