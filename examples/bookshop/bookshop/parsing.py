"""Small formats that customers and suppliers write by hand."""

from __future__ import annotations

from bookshop.errors import ParseError

UNITS = {"b": 1, "kb": 1_000, "mb": 1_000_000, "gb": 1_000_000_000}
TRUE_WORDS = frozenset({"yes", "true", "on", "1"})
FALSE_WORDS = frozenset({"no", "false", "off", "0"})


def parse_order_line(line: str) -> tuple[str, int]:
    """Read ``3 x 9780141439518`` or ``9780141439518`` as an ISBN and a number of copies.

    >>> parse_order_line("3 x 9780141439518")
    ('9780141439518', 3)
    """
    count_text, separator, isbn = line.partition("x")
    if not separator:
        count_text, isbn = "1", line
    isbn = isbn.strip()
    if not isbn:
        raise ParseError(f"no ISBN in {line!r}")
    if not count_text.strip().isdigit():
        raise ParseError(f"no number of copies in {line!r}")
    count = int(count_text)
    if count == 0:
        raise ParseError("zero copies ordered")
    return isbn, count


def parse_pages(text: str) -> list[int]:
    """Read page ranges such as ``1-3, 7`` as a sorted list without repeats.

    >>> parse_pages("7, 1-3, 2")
    [1, 2, 3, 7]
    """
    pages: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdigit() or (dash and not last.isdigit()):
            raise ParseError(f"not a page or range: {part.strip()!r}")
        start, end = int(first), int(last) if dash else int(first)
        if end < start:
            raise ParseError(f"range runs backwards: {part.strip()!r}")
        pages.update(range(start, end + 1))
    return sorted(pages)


def parse_size(text: str) -> int:
    """Read the size of an e-book, such as ``1.5 MB``, as bytes.

    >>> parse_size("1.5 MB"), parse_size("20kb"), parse_size("7")
    (1500000, 20000, 7)
    """
    cleaned = text.strip().lower()
    number = cleaned.rstrip("bgkm").strip()
    unit = cleaned[len(number) :].strip() or "b"
    if unit not in UNITS:
        raise ParseError(f"unknown unit: {unit!r}")
    try:
        amount = float(number)
    except ValueError:
        raise ParseError(f"not a size: {text!r}") from None
    if amount < 0:
        raise ParseError("a size cannot be negative")
    return round(amount * UNITS[unit])


def parse_flag(text: str) -> bool:
    """Read yes or no, true or false, on or off, 1 or 0.

    >>> parse_flag("Yes"), parse_flag("off")
    (True, False)
    """
    word = text.strip().lower()
    if word in TRUE_WORDS:
        return True
    if word in FALSE_WORDS:
        return False
    raise ParseError(f"neither yes nor no: {text!r}")


def parse_settings(text: str) -> dict[str, str]:
    """Read lines of ``name = value``. Blank lines and lines that begin with ``#`` are skipped; the last value wins.

    >>> parse_settings("# opening hours\\nopens = 9:00\\ncloses=18:00")
    {'opens': '9:00', 'closes': '18:00'}
    """
    settings: dict[str, str] = {}
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals or not name.strip():
            raise ParseError(f"line {number}: name = value expected")
        settings[name.strip()] = value.strip()
    return settings


def parse_minutes(text: str) -> int:
    """Read a duration such as ``1h30``, ``2h`` or ``45m`` as minutes.

    >>> parse_minutes("1h30"), parse_minutes("2h"), parse_minutes("45m")
    (90, 120, 45)
    """
    cleaned = text.strip().lower()
    hours, mark, rest = cleaned.partition("h")
    if not mark:
        hours, rest = "0", cleaned
    minutes = rest[:-1] if rest.endswith("m") else rest
    if not hours.isdigit() or (minutes and not minutes.isdigit()) or not (mark or minutes):
        raise ParseError(f"not a duration: {text!r}")
    return int(hours) * 60 + int(minutes or 0)
