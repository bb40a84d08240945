from datetime import date

from bookshop.dates import add_working_days, is_weekend, next_working_day, parse_date


def test_saturday_and_sunday_are_the_weekend():
    assert is_weekend(date(2024, 3, 9))
    assert is_weekend(date(2024, 3, 10))
    assert not is_weekend(date(2024, 3, 8))


def test_after_friday_comes_monday():
    assert next_working_day(date(2024, 3, 8)) == date(2024, 3, 11)


def test_working_days_skip_the_weekend():
    assert add_working_days(date(2024, 3, 7), 3) == date(2024, 3, 12)


def test_iso_dates_are_read():
    assert parse_date("2024-03-09") == date(2024, 3, 9)
