"""Flaky tests: how sure that is, what makes each fail, every attempt, and its mute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from augment.dashboard.markup import ago, breakable, card, chip, count, empty, link, nodeid, pill, seconds, text

ATTEMPTS_SHOWN = 100
_LISTED = 300


def flaky_list(tests: Sequence[Mapping[str, Any]], chosen: str) -> str:
    """Tests whose verdict flips, the worst first, and those that a person muted."""
    if not tests:
        hint = (
            "While nothing changes, tests are rerun in other orders, time zones, with other hash seeds and leftovers."
        )
        return card("Flaky tests", empty("No test is known to be flaky", hint))
    rows = "".join(_row(test, test["nodeid"] == chosen) for test in tests[:_LISTED])
    more = len(tests) - _LISTED
    return card("Flaky tests", rows + (f'<p class="more">and {more} more</p>' if more > 0 else ""), text("worst first"))


def _row(test: Mapping[str, Any], chosen: bool) -> str:
    inner = (
        f'<span class="two">{nodeid(test["nodeid"])}<small>{breakable(_in_short(test))}</small></span>'
        f'<span class="grow"></span><span class="two end">{_marks(test)}</span>'
    )
    return link("flaky", test["nodeid"], inner, "chosen" if chosen else "")


def _marks(test: Mapping[str, Any]) -> str:
    kind = chip("warn", "flaky") if test["is_flaky"] else chip("quiet", "suspected") if test["mixed"] else ""
    return kind + (chip("quiet", "muted") if test["muted"] else "")


def _in_short(test: Mapping[str, Any]) -> str:
    if not test["attempts"]:
        return "muted by a person; not rerun yet"
    rate = f"flips in {test['score']:.0%} of its attempts"
    return f"{rate}: {test['cause']}" if test["cause"] else f"{rate}; looking for what makes it fail"


def flaky_detail(
    test: Mapping[str, Any] | None,
    attempts: Sequence[Mapping[str, Any]],
    chosen: str,
    *,
    acting: bool,
    message: str = "",
) -> str:
    """One test: its score, the conditions, a command to see it fail, its mute and every attempt."""
    if not chosen:
        return card("Flaky test", empty("Choose a test", "What makes it fail, and every attempt, show here."))
    told = f'<p class="fault" role="alert">{text(message)}</p>' if message else ""
    if test is None:
        body = told + f'<p class="lead">{text("This test is neither known to be flaky nor muted.")}</p>'
        return card(chosen.rpartition("::")[2], body + _buttons(chosen, muted=False, acting=acting) + _list(attempts))
    lead = f'<p class="lead">{breakable(_in_short(test))}</p>'
    body = lead + _evidence(test) + told + _buttons(chosen, muted=test["muted"], acting=acting)
    return card(chosen.rpartition("::")[2], body + _reproduce(test) + _list(attempts), _marks(test))


def _evidence(test: Mapping[str, Any]) -> str:
    facts = [
        ("test", breakable(test["nodeid"])),
        ("flips", text(f"{test['score']:.1%}, with 90 % certainty between {test['low']:.1%} and {test['high']:.1%}")),
        ("attempts", text(f"{test['failures']} of {test['attempts']} did not pass")),
        *(
            (words, text(f"{bad} of {good + bad} did not pass"))
            for words, (good, bad) in test["tallies"].items()
            if bad or words == "as usual"
        ),
    ]
    if test["muted"]:
        who = "Augment" if test["muted_by"] == "augment" else "a person"
        end = f"{text(f'by {who}')} {ago(test['muted_at'])}, {text(_until(test['muted_until']))}"
        facts.append(("muted", end))
    return (
        '<dl class="evidence">' + "".join(f"<dt>{text(name)}</dt><dd>{value}</dd>" for name, value in facts) + "</dl>"
    )


def _until(at: float) -> str:
    return f"until {datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC, or until it or what it executes changes"


def _reproduce(test: Mapping[str, Any]) -> str:
    if not test["reproduce"]:
        return ""
    return f'<p class="more">to see it fail, in the project</p><pre class="output">{text(test["reproduce"])}</pre>'


def _buttons(chosen: str, *, muted: bool, acting: bool) -> str:
    if not acting:
        return ""
    verb, words = ("unmute", "Unmute") if muted else ("mute", "Mute")
    return (
        f'<div class="buttons"><button type="button" class="{verb}" data-{verb}="{text(chosen)}">'
        f"{text(words)}</button></div>"
    )


def _list(attempts: Sequence[Mapping[str, Any]]) -> str:
    if not attempts:
        return ""
    return f'<p class="more">{count(len(attempts), "newest attempt")}</p>' + "".join(map(_attempt, attempts))


def _attempt(attempt: Mapping[str, Any]) -> str:
    fault = attempt["fault"]
    why = f"{fault['kind']}: {fault['detail']}" if fault else attempt["message"]
    told = f"<small>{text(why[:300])}</small>" if why else ""
    where = " ".join(filter(None, (attempt["purpose"], attempt["executor"])))
    return (
        f'<div class="verdict plain">{pill(attempt["outcome"])}<span class="two"><span>'
        f"{text(in_words(attempt['conditions']))}</span>{told}</span>"
        f'<span class="grow"></span><span class="two end"><small>{seconds(attempt["duration_s"])}, '
        f"{ago(attempt['at'])}</small><small>{text(where)}, revision {text(attempt['revision'])}</small></span></div>"
    )


def in_words(conditions: Mapping[str, Any]) -> str:
    """What was varied about an attempt."""
    order = {"shuffled": f"shuffled ({conditions['shuffle_seed']})", "repeated": "in an order that it failed in"}
    words = [
        {"alone": "alone", "given": "in the usual order"}.get(conditions["order"], order.get(conditions["order"], "")),
        f"hash seed {conditions['hash_seed']}" if conditions["hash_seed"] is not None else "",
        f"TZ={conditions['time_zone']}" if conditions["time_zone"] else "",
        f"{conditions['temp']} temporary folder" if conditions["temp"] else "",
        "again in the same process" if conditions["round"] else "",
    ]
    return ", ".join(filter(None, words))
