"""Twenty saves of a watched bookshop: twelve change a function, eight add one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent, indent


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


def _before(line: str, module: str, function: str, source: str) -> Edit:
    """New lines in a function, before one of its lines."""
    return Edit(module, function, indent(dedent(source).lstrip("\n"), "    ") + "    " + line, "    " + line)


def _added(module: str, function: str, source: str) -> Edit:
    return Edit(module, function, dedent(source).lstrip("\n"))


EDITS = (
    _before(
        "remainder = cents % step\n",
        "money",
        "round_to",
        """
        if cents < 0:
            return -round_to(-cents, step)
        """,
    ),
    _added(
        "text",
        "excerpt",
        '''
        def excerpt(text: str, words: int) -> str:
            """The first words of a text, with an ellipsis where more follow."""
            if words < 1:
                raise ValueError("at least one word is wanted")
            found = text.split()
            if len(found) <= words:
                return text.strip()
            return " ".join(found[:words]) + " …"
        ''',
    ),
    _before(
        "if 3 <= day.month <= 5:\n",
        "dates",
        "season",
        """
        if day.month == 12 and 24 <= day.day <= 26:
            return "christmas"
        """,
    ),
    _added(
        "parsing",
        "parse_ratio",
        '''
        def parse_ratio(text: str) -> float:
            """Read a ratio such as ``3:4`` or ``75%`` as a fraction."""
            cleaned = text.strip()
            if cleaned.endswith("%"):
                return float(cleaned[:-1]) / 100
            part, colon, whole = cleaned.partition(":")
            if not colon:
                raise ParseError(f"not a ratio: {text!r}")
            return float(part) / float(whole)
        ''',
    ),
    _before(
        "if len(code) != 2 or not code.isalpha():\n",
        "shipping",
        "zone_of",
        """
        if code == "UK":
            return ZONES["GB"]
        """,
    ),
    _before(
        "if len(names) == 2:\n",
        "text",
        "join_names",
        """
        if len(names) > 10:
            return f"{len(names)} authors"
        """,
    ),
    _added(
        "money",
        "value_added_tax",
        '''
        def value_added_tax(cents: int, reduced: bool = True) -> int:
            """The tax in a price: 7 percent on books, 19 on all else."""
            if cents < 0:
                raise ValueError("a price cannot be negative")
            rate = 7 if reduced else 19
            return round(cents * rate / (100 + rate))
        ''',
    ),
    _before(
        "if orders >= 10:\n",
        "discounts",
        "loyalty_percent",
        """
        if years >= 25:
            percent += 1
        """,
    ),
    _before(
        'hours, mark, rest = cleaned.partition("h")\n',
        "parsing",
        "parse_minutes",
        """
        if cleaned == "half an hour":
            return 30
        """,
    ),
    _added(
        "books",
        "era",
        '''
        def era(year: int) -> str:
            """Words for the time in which a book came out."""
            if year < 0:
                return "antiquity"
            if year < 1500:
                return "manuscript"
            return "modern" if year >= 1900 else "early print"
        ''',
    ),
    _before(
        "if waiting_days > 5 or",
        "orders",
        "priority",
        """
        if waiting_days > 30:
            return "overdue"
        """,
    ),
    _before(
        "missing = sold_per_week * weeks - on_hand\n",
        "inventory",
        "reorder_quantity",
        """
        if weeks > 52:
            raise ValueError("more than a year ahead")
        """,
    ),
    _added(
        "dates",
        "days_until",
        '''
        def days_until(today: date, day: date) -> str:
            """Words for the days that are left."""
            left = (day - today).days
            if left < 0:
                return "over"
            if left == 0:
                return "today"
            return f"{left} to go"
        ''',
    ),
    _before(
        "return sorted((book for",
        "books",
        "by_author",
        """
        if not wanted:
            return []
        """,
    ),
    _before(
        'return text.replace("-", "")',
        "isbn",
        "normalise",
        """
        if text.upper().startswith("ISBN"):
            return normalise(text[4:])
        """,
    ),
    _added(
        "discounts",
        "bulk_percent",
        '''
        def bulk_percent(copies: int) -> int:
            """The percentage for many copies of one book."""
            if copies < 0:
                raise ValueError("copies cannot be negative")
            if copies >= 100:
                return 20
            return 10 if copies >= 20 else 0
        ''',
    ),
    _before(
        "if word in TRUE_WORDS:\n",
        "parsing",
        "parse_flag",
        """
        if not word:
            raise ParseError("nothing was said")
        """,
    ),
    _added(
        "shipping",
        "insurance",
        '''
        def insurance(value: int, country: str) -> int:
            """What insuring a parcel costs, in cents; nothing below 50 euros."""
            if value < 5000:
                return 0
            return value // 100 * zone_of(country)
        ''',
    ),
    _before(
        "size = abs(days)\n",
        "dates",
        "describe_delay",
        """
        if days == 7:
            return "in a week"
        """,
    ),
    _added(
        "orders",
        "small_order_fee",
        '''
        def small_order_fee(total: int, is_member: bool) -> int:
            """What a small order costs on top, in cents."""
            if total < 0:
                raise ValueError("a total cannot be negative")
            if is_member or total >= 2000:
                return 0
            return 300 if total < 1000 else 150
        ''',
    ),
)
