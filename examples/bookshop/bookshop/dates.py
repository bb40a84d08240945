"""Dates of a shop: working days, loans, seasons, and words for how long ago."""

from __future__ import annotations

from datetime import date, timedelta


def parse_date(text: str) -> date:
    """Read ``2024-03-09``, ``09.03.2024`` or ``2024/3/9``.

    >>> parse_date("09.03.2024")
    datetime.date(2024, 3, 9)
    """
    cleaned = text.strip()
    for separator in ("-", "/", "."):
        parts = cleaned.split(separator)
        if len(parts) == 3 and all(part.isdigit() for part in parts):
            numbers = [int(part) for part in parts]
            if separator == ".":
                numbers.reverse()
            return date(numbers[0], numbers[1], numbers[2])
    raise ValueError(f"not a date: {text!r}")


def is_weekend(day: date) -> bool:
    """Whether the day is a Saturday or a Sunday.

    >>> is_weekend(date(2024, 3, 9)), is_weekend(date(2024, 3, 11))
    (True, False)
    """
    return day.weekday() >= 5


def next_working_day(day: date, holidays: frozenset[date] = frozenset()) -> date:
    """The first day after ``day`` that is neither at a weekend nor a holiday.

    >>> next_working_day(date(2024, 3, 8))
    datetime.date(2024, 3, 11)
    """
    following = day + timedelta(days=1)
    while is_weekend(following) or following in holidays:
        following += timedelta(days=1)
    return following


def add_working_days(day: date, count: int) -> date:
    """The working day that is ``count`` working days after ``day``; zero gives ``day`` itself.

    >>> add_working_days(date(2024, 3, 7), 2)
    datetime.date(2024, 3, 11)
    """
    if count < 0:
        raise ValueError("count must not be negative")
    result = day
    for _ in range(count):
        result = next_working_day(result)
    return result


def working_days_between(start: date, end: date) -> int:
    """How many working days lie from ``start`` up to, not including, ``end``; negative if ``end`` is earlier.

    >>> working_days_between(date(2024, 3, 8), date(2024, 3, 12))
    2
    """
    if end < start:
        return -working_days_between(end, start)
    days = (start + timedelta(days=offset) for offset in range((end - start).days))
    return sum(1 for day in days if not is_weekend(day))


def is_leap_year(year: int) -> bool:
    """Whether the year has a 29th of February.

    >>> is_leap_year(2024), is_leap_year(1900), is_leap_year(2000)
    (True, False, True)
    """
    if year % 400 == 0:
        return True
    if year % 100 == 0:
        return False
    return year % 4 == 0


def season(day: date) -> str:
    """The northern season: spring from March, summer from June, autumn from September, winter from December.

    >>> season(date(2024, 7, 1))
    'summer'
    """
    if 3 <= day.month <= 5:
        return "spring"
    if 6 <= day.month <= 8:
        return "summer"
    if 9 <= day.month <= 11:
        return "autumn"
    return "winter"


def describe_delay(days: int) -> str:
    """Words for a number of days from today; negative numbers lie in the past.

    >>> describe_delay(0), describe_delay(1), describe_delay(-3), describe_delay(14)
    ('today', 'tomorrow', '3 days ago', 'in 2 weeks')
    """
    if days == 0:
        return "today"
    if days == 1:
        return "tomorrow"
    if days == -1:
        return "yesterday"
    size = abs(days)
    amount = f"{size // 7} weeks" if size >= 14 and size % 7 == 0 else f"{size} days"
    return f"in {amount}" if days > 0 else f"{amount} ago"


def quarter(day: date) -> str:
    """The quarter of the year that the day lies in.

    >>> quarter(date(2024, 5, 1))
    '2024-Q2'
    """
    return f"{day.year}-Q{(day.month - 1) // 3 + 1}"
