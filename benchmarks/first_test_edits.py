"""Twenty saves of a watched bookshop: twelve change a function, eight add one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Edit:
    """One save: ``old`` gives way to ``new`` in a module; an empty ``old`` stands for the end of the file."""

    module: str
    function: str
    new: str
    old: str = ""

    @property
    def target(self) -> str:
        """What the first new test is to be about."""
        return f"bookshop.{self.module}:{self.function}"

    def apply(self, project: Path) -> None:
        """Save the module with the change in it, as one write."""
        file = project / "bookshop" / f"{self.module}.py"
        text = file.read_text(encoding="utf-8")
        assert not self.old or text.count(self.old) == 1, self.target
        changed = text.replace(self.old, self.new) if self.old else f"{text.rstrip()}\n\n\n{self.new}"
        file.write_text(changed, encoding="utf-8")


EDITS = (
    Edit(
        "money",
        "round_to",
        "    if cents < 0:\n        return -round_to(-cents, step)\n    remainder = cents % step\n",
        "    remainder = cents % step\n",
    ),
    Edit(
        "text",
        "excerpt",
        'def excerpt(text: str, words: int) -> str:\n    """The first words of a text, with an ellipsis where more '
        'follow."""\n    if words < 1:\n        raise ValueError("at least one word is wanted")\n'
        "    found = text.split()\n    if len(found) <= words:\n        return text.strip()\n"
        '    return " ".join(found[:words]) + " …"\n',
    ),
    Edit(
        "dates",
        "season",
        '    if day.month == 12 and 24 <= day.day <= 26:\n        return "christmas"\n    if 3 <= day.month <= 5:\n',
        "    if 3 <= day.month <= 5:\n",
    ),
    Edit(
        "parsing",
        "parse_ratio",
        'def parse_ratio(text: str) -> float:\n    """Read a ratio such as ``3:4`` or ``75%`` as a fraction."""\n'
        '    cleaned = text.strip()\n    if cleaned.endswith("%"):\n        return float(cleaned[:-1]) / 100\n'
        '    part, colon, whole = cleaned.partition(":")\n    if not colon:\n'
        '        raise ParseError(f"not a ratio: {text!r}")\n    return float(part) / float(whole)\n',
    ),
    Edit(
        "shipping",
        "zone_of",
        '    code = country.strip().upper()\n    if code == "UK":\n        return ZONES["GB"]\n',
        "    code = country.strip().upper()\n",
    ),
    Edit(
        "text",
        "join_names",
        '    if len(names) > 10:\n        return f"{len(names)} authors"\n    if len(names) == 2:\n',
        "    if len(names) == 2:\n",
    ),
    Edit(
        "money",
        "value_added_tax",
        'def value_added_tax(cents: int, reduced: bool = True) -> int:\n    """The tax in a price: 7 percent on books, '
        '19 on all else."""\n    if cents < 0:\n        raise ValueError("a price cannot be negative")\n'
        "    rate = 7 if reduced else 19\n    return round(cents * rate / (100 + rate))\n",
    ),
    Edit(
        "discounts",
        "loyalty_percent",
        "    if years >= 25:\n        percent += 1\n    if orders >= 10:\n",
        "    if orders >= 10:\n",
    ),
    Edit(
        "parsing",
        "parse_minutes",
        '    cleaned = text.strip().lower()\n    if cleaned == "half an hour":\n        return 30\n'
        '    hours, mark, rest = cleaned.partition("h")\n',
        '    cleaned = text.strip().lower()\n    hours, mark, rest = cleaned.partition("h")\n',
    ),
    Edit(
        "books",
        "era",
        'def era(year: int) -> str:\n    """Words for the time in which a book came out."""\n    if year < 0:\n'
        '        return "antiquity"\n    if year < 1500:\n        return "manuscript"\n'
        '    return "modern" if year >= 1900 else "early print"\n',
    ),
    Edit(
        "orders",
        "priority",
        '    if waiting_days > 30:\n        return "overdue"\n    if waiting_days > 5 or',
        "    if waiting_days > 5 or",
    ),
    Edit(
        "inventory",
        "reorder_quantity",
        '    if weeks > 52:\n        raise ValueError("more than a year ahead")\n'
        "    missing = sold_per_week * weeks - on_hand\n",
        "    missing = sold_per_week * weeks - on_hand\n",
    ),
    Edit(
        "dates",
        "days_until",
        'def days_until(today: date, day: date) -> str:\n    """Words for the days that are left."""\n'
        "    left = (day - today).days\n    if left < 0:\n"
        '        return "over"\n    if left == 0:\n        return "today"\n    return f"{left} to go"\n',
    ),
    Edit(
        "books",
        "by_author",
        "    if not wanted:\n        return []\n    return sorted((book",
        "    return sorted((book",
    ),
    Edit(
        "isbn",
        "normalise",
        '    bare = text.upper().strip().removeprefix("ISBN")\n    return bare.replace("-", "").replace(" ", "")\n',
        '    return text.replace("-", "").replace(" ", "").upper()\n',
    ),
    Edit(
        "discounts",
        "bulk_percent",
        'def bulk_percent(copies: int) -> int:\n    """The percentage for many copies of one book."""\n'
        '    if copies < 0:\n        raise ValueError("copies cannot be negative")\n    if copies >= 100:\n'
        "        return 20\n    return 10 if copies >= 20 else 0\n",
    ),
    Edit(
        "parsing",
        "parse_flag",
        '    if not word:\n        raise ParseError("nothing was said")\n    if word in TRUE_WORDS:\n',
        "    if word in TRUE_WORDS:\n",
    ),
    Edit(
        "shipping",
        "insurance",
        'def insurance(value: int, country: str) -> int:\n    """What insuring a parcel costs, in cents; nothing below '
        '50 euros."""\n    if value < 5000:\n        return 0\n    return value // 100 * zone_of(country)\n',
    ),
    Edit(
        "dates",
        "describe_delay",
        '    if days == 7:\n        return "in a week"\n    size = abs(days)\n',
        "    size = abs(days)\n",
    ),
    Edit(
        "orders",
        "small_order_fee",
        'def small_order_fee(total: int, is_member: bool) -> int:\n    """What a small order costs on top."""\n'
        '    if total < 0:\n        raise ValueError("a total cannot be negative")\n'
        "    if is_member or total >= 2000:\n        return 0\n    return 300 if total < 1000 else 150\n",
    ),
)
