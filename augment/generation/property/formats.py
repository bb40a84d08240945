"""What names and simple types say of values: formats of text, ranges of numbers, strategies without parts."""

from __future__ import annotations

import re
from collections.abc import Mapping

FORMATS: tuple[tuple[str, str], ...] = (
    (r"snake|underscored?", "[a-z]+(_[a-z]+)*"),
    (r"camel", "[a-z]+([A-Z][a-z]+)*"),
    (r"pascal", "([A-Z][a-z]+)+"),
    (r"kebab|slug|dashed|dasherized", "[a-z]+(-[a-z]+)*"),
    (r"hex", "([0-9a-f]{2})*"),
    (r"bin|binary|bits", "[01]+"),
    (r"roman", "M{0,3}(CM|CD|D?C{0,3})(XC|XL|L?X{0,3})(IX|IV|V?I{1,3})"),
    (r"digits?|number|numeric|int|integer", "[1-9][0-9]{0,5}"),
    (r"words?|name|title", "[A-Z][a-z]+( [A-Z][a-z]+)*"),
    (r"duration", "[1-9]h[1-5][0-9]m"),
    (r"price|amount|money", "[1-9][0-9]{0,3}\\.[0-9]{2}"),
)
"""Formats of text that names of functions and arguments speak of; canonical spellings only."""
RANGES: tuple[tuple[str, str], ...] = (
    (r"year", "st.integers(min_value=1900, max_value=2100)"),
    (r"month", "st.integers(min_value=1, max_value=12)"),
    (r"day", "st.integers(min_value=1, max_value=28)"),
    (r"hours?", "st.integers(min_value=0, max_value=23)"),
    (r"minutes?|seconds?", "st.integers(min_value=0, max_value=59)"),
    (r"(n|num|count|size|length|width|height|limit|maxsplit|maxsize|depth|parts?|copies|times|max_length|k|digits"
     r"|quantity|chunk_size|window|step|repeat|indent)s?", "st.integers(min_value=1, max_value=12)"),
)  # fmt: skip
"""Whole numbers whose name says how large they are; without that a loop over one could run for a long time."""
AMOUNT = re.compile(
    r"(.*_)?(price|cents|amount|cost|weight|grams|pages|stock|total|balance|age|score|fee|salary|area|volume|stars)s?"
)
"""Fields that are no debts: an object with a negative one is refused by most constructors."""
SHARE = re.compile(r"(.*_)?(percent(age)?|discount)s?")
SIMPLE: Mapping[str, tuple[str, str]] = {
    "bool": ("st.booleans()", "bool"),
    "bytes": ("st.binary()", "bytes"),
    "bytearray": ("st.binary().map(bytearray)", "bytes"),
    "complex": ("st.complex_numbers(max_magnitude=1000)", "complex"),
    "Fraction": ("st.fractions(min_value=-100, max_value=100, max_denominator=50)", "Fraction"),
    "UUID": ("st.uuids()", "UUID"),
    "timezone": ("st.just(datetime.timezone.utc)", "timezone"),
    "Decimal": ("st.decimals(min_value=-1000, max_value=1000, places=2)", "Decimal"),
    "date": ("st.dates(min_value=datetime.date(1990, 1, 1), max_value=datetime.date(2050, 12, 31))", "date"),
    "datetime": (
        "st.datetimes(min_value=datetime.datetime(1990, 1, 1), max_value=datetime.datetime(2050, 12, 31))",
        "datetime",
    ),
    "time": ("st.times()", "time"),
    "timedelta": (
        "st.timedeltas(min_value=datetime.timedelta(days=-400), max_value=datetime.timedelta(days=400))",
        "timedelta",
    ),
    "range": ("st.builds(range, st.integers(min_value=0, max_value=20))", "range"),
    "None": ("st.none()", "None"),
    "Callable": ("st.sampled_from([str, repr, bool])", "callable"),
    "callable": ("st.sampled_from([str, repr, bool])", "callable"),
    "object": ("st.integers() | st.text()", "object"),
}


def format_of(*names: str) -> str:
    """The pattern of the format that names speak of; '' where they speak of none. A function reads what its name names
    first: ``snake_to_camel``, ``parse_hex``.
    """
    for name in names:
        words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.rpartition(".")[2]).lower()
        source = re.split(r"_to_|_2_|_as_", words)[0]
        source = re.sub(r"^(to|as|is)_.*", "", source)
        for pattern, found in FORMATS:
            if re.search(rf"(^|_)({pattern})(_|$)", source):
                return found
    return ""
