"""Which differences a person reads, and in which order; and which are worth running once more before that."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from augment.behaviour import ENDLESS
from augment.generation.difference.running import Case
from augment.generation.difference.sights import Difference

MOST_NOTES = 5
"""Changes told of one target; more are not read."""
_MOST_OF_A_SORT = 3
_CONFIRMED = 12
"""Differing calls of one target that are run once more, under another hash seed and in other processes."""
_ALIKE_CONFIRMED = 2
"""Of these, those that show the same, or that do not end and so take all of the time that they are given."""

Seen = tuple[Case, list[Difference]]
"""A case and what differs in it, at least one thing."""


def likeliest(pairs: Sequence[Seen]) -> list[Seen]:
    """The cases to run once more: the smallest calls, few that show the same, and few of those that do not end."""
    chosen: list[Seen] = []
    shown: Counter[tuple[str, ...]] = Counter()
    for case, seen in sorted(pairs, key=lambda pair: (pair[0].is_varied, *_length(pair[1][0]))):
        first = seen[0]
        key = (ENDLESS,) if first.after == ENDLESS else (first.path, first.before, first.after)
        shown[key] += 1
        if shown[key] <= _ALIKE_CONFIRMED:
            chosen.append((case, seen))
    return chosen[:_CONFIRMED]


def worth_reading(seen: Iterable[Difference]) -> list[Difference]:
    """A few of the differences: each shown once, the sorts in turn, for those of one sort mostly have one cause."""
    sorts: defaultdict[tuple[object, ...], list[Difference]] = defaultdict(list)
    shown: set[tuple[str, str, str]] = set()
    for item in sorted(seen, key=_length):
        if (item.path, item.before, item.after) not in shown and len(sorts[_sort_of(item)]) < _MOST_OF_A_SORT:
            shown.add((item.path, item.before, item.after))
            sorts[_sort_of(item)].append(item)
    in_turn = [item for row in itertools.zip_longest(*sorts.values()) for item in row if item is not None]
    return sorted(in_turn[:MOST_NOTES], key=_length)


def _sort_of(item: Difference) -> tuple[object, ...]:
    def kind(text: str) -> str:
        return text.partition(":")[0] if text[:1].isalpha() else text[:1].strip("0123456789-") or "number"

    return item.path, kind(item.before), kind(item.after), item.odd > 1


def _length(item: Difference) -> tuple[int, int, int, str]:
    size = len(item.call) + len(item.path) + len(item.before) + len(item.after)
    return item.odd, len(item.setup), size, item.call
