"""International standard book numbers, with ten digits or thirteen."""

from bookshop.errors import InvalidIsbnError


def normalise(text: str) -> str:
    """Remove spaces and hyphens and make a final x upper case.

    >>> normalise("0-306-40615-x")
    '030640615X'
    """
    return text.replace("-", "").replace(" ", "").upper()


def check_digit_10(first_nine: str) -> str:
    """The tenth character of an ISBN-10, which is X for ten.

    >>> check_digit_10("030640615")
    '2'
    """
    if len(first_nine) != 9 or not first_nine.isdigit():
        raise InvalidIsbnError(f"nine digits expected: {first_nine!r}")
    total = sum((10 - position) * int(digit) for position, digit in enumerate(first_nine))
    remainder = (11 - total % 11) % 11
    return "X" if remainder == 10 else str(remainder)


def check_digit_13(first_twelve: str) -> str:
    """The thirteenth digit of an ISBN-13.

    >>> check_digit_13("978030640615")
    '7'
    """
    if len(first_twelve) != 12 or not first_twelve.isdigit():
        raise InvalidIsbnError(f"twelve digits expected: {first_twelve!r}")
    total = sum(int(digit) * (3 if position % 2 else 1) for position, digit in enumerate(first_twelve))
    return str((10 - total % 10) % 10)


def is_valid(text: str) -> bool:
    """Whether the text is an ISBN of either length with the right check digit.

    >>> is_valid("0-306-40615-2"), is_valid("978-0-306-40615-7"), is_valid("123")
    (True, True, False)
    """
    isbn = normalise(text)
    if len(isbn) == 10 and isbn[:9].isdigit():
        return check_digit_10(isbn[:9]) == isbn[9]
    if len(isbn) == 13 and isbn.isdigit():
        return isbn[:3] in ("978", "979") and check_digit_13(isbn[:12]) == isbn[12]
    return False


def to_isbn_13(text: str) -> str:
    """The thirteen-digit form of a valid ISBN.

    >>> to_isbn_13("0306406152")
    '9780306406157'
    """
    isbn = normalise(text)
    if not is_valid(isbn):
        raise InvalidIsbnError(f"not an ISBN: {text!r}")
    if len(isbn) == 13:
        return isbn
    stem = "978" + isbn[:9]
    return stem + check_digit_13(stem)


def to_isbn_10(text: str) -> str:
    """The ten-character form of a valid ISBN; those that begin with 979 have none.

    >>> to_isbn_10("9780306406157")
    '0306406152'
    """
    isbn = normalise(text)
    if not is_valid(isbn):
        raise InvalidIsbnError(f"not an ISBN: {text!r}")
    if len(isbn) == 10:
        return isbn
    if isbn.startswith("979"):
        raise InvalidIsbnError(f"no ten-digit form: {text!r}")
    return isbn[3:12] + check_digit_10(isbn[3:12])
