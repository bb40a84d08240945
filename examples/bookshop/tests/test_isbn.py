import pytest

from bookshop.errors import InvalidIsbnError
from bookshop.isbn import check_digit_13, is_valid, normalise, to_isbn_13


def test_hyphens_and_spaces_do_not_matter():
    assert normalise("978-0 306-40615-7") == "9780306406157"


@pytest.mark.parametrize("text", ["0-306-40615-2", "9780306406157", "080442957X"])
def test_right_check_digits_are_valid(text):
    assert is_valid(text)


def test_a_wrong_check_digit_is_not_valid():
    assert not is_valid("9780306406158")


def test_check_digit_of_thirteen():
    assert check_digit_13("978030640615") == "7"


def test_ten_digits_become_thirteen():
    assert to_isbn_13("0-306-40615-2") == "9780306406157"


def test_nonsense_cannot_be_converted():
    with pytest.raises(InvalidIsbnError):
        to_isbn_13("12345")
