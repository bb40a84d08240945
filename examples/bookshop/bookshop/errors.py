"""The errors of the bookshop."""


class BookshopError(Exception):
    """Base class of every error that the bookshop raises on purpose."""


class InvalidIsbnError(BookshopError, ValueError):
    """The text is not a valid ISBN."""


class OutOfStockError(BookshopError):
    """Fewer copies are free than were asked for."""

    def __init__(self, isbn: str, wanted: int, available: int) -> None:
        super().__init__(f"{isbn}: {wanted} wanted, {available} available")
        self.isbn = isbn
        self.wanted = wanted
        self.available = available


class OrderError(BookshopError):
    """The order cannot do this in the state that it is in."""


class ParseError(BookshopError, ValueError):
    """A line of text does not follow its format."""
