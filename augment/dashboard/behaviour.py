"""What saves changed of what the code does: a card of the summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from augment.dashboard.markup import ago, breakable, card, text

_SHOWN = 8


def card_of(changes: Sequence[Mapping[str, Any]]) -> str:
    """The changes of the newest saves, those of each save together; '' where there are none."""
    if not changes:
        return ""
    saves: dict[str, list[Mapping[str, Any]]] = {}
    for change in changes[:_SHOWN]:
        saves.setdefault(change["revision"], []).append(change)
    rows = "".join(_save(revision, told, newest=not index) for index, (revision, told) in enumerate(saves.items()))
    return card("Behaviour that saves changed", rows, text("the same calls, before and after; no verdict"))


def _save(revision: str, changes: Sequence[Mapping[str, Any]], *, newest: bool) -> str:
    words = "The last of these saves changed behaviour" if newest else "An earlier save changed behaviour"
    head = (
        f'<div class="line"><span>{words}</span><span class="grow"></span>'
        f"<small>revision <code>{text(revision)}</code> {ago(changes[0]['at'])}</small></div>"
    )
    return head + "".join(_row(change) for change in changes)


def _row(change: Mapping[str, Any]) -> str:
    subject, sentence = str(change["subject"]), str(change["sentence"])
    rest = sentence[len(subject) + 2 :]  # behind the subject and the backticks around it
    told = f"<code>{text(subject)}</code>{text(rest)}"
    target = f"<small>{breakable(change['target'])} · <code>{text(change['id'])}</code></small>"
    return f'<div class="line"><span class="two"><span>{told}</span>{target}</span></div>'
