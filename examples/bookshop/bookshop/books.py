"""Books, and filters over lists of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from bookshop.isbn import is_valid
from bookshop.text import sort_key


class Genre(Enum):
    """What a book is about."""

    FICTION = "fiction"
    SCIENCE = "science"
    HISTORY = "history"
    CHILDREN = "children"

    @classmethod
    def from_name(cls, name: str) -> Genre:
        """The genre of that name, in any case; ``kids`` and ``novel`` are understood too.

        >>> Genre.from_name("Kids")
        <Genre.CHILDREN: 'children'>
        """
        lowered = name.strip().lower()
        synonyms = {"kids": "children", "novel": "fiction"}
        return cls(synonyms.get(lowered, lowered))


class Binding(Enum):
    """How a book is made."""

    HARDCOVER = "hardcover"
    PAPERBACK = "paperback"
    EBOOK = "ebook"

    @property
    def is_physical(self) -> bool:
        """Whether copies can be sent by post."""
        return self is not Binding.EBOOK


@dataclass(frozen=True)
class Book:
    """A title that the shop sells. The price is in cents."""

    isbn: str
    title: str
    author: str
    price: int
    year: int
    genre: Genre = Genre.FICTION
    binding: Binding = Binding.PAPERBACK

    def __post_init__(self) -> None:
        if not is_valid(self.isbn):
            raise ValueError(f"not an ISBN: {self.isbn!r}")
        if self.price < 0:
            raise ValueError("a price cannot be negative")

    def age(self, current_year: int) -> int:
        """Years since it was published; zero for a book that is still to come."""
        return max(0, current_year - self.year)

    def is_classic(self, current_year: int) -> bool:
        """Whether it is at least fifty years old."""
        return self.age(current_year) >= 50

    def label(self) -> str:
        """One line for the shelf, such as ``Emma (1815), paperback``. Years before Christ are marked.

        >>> Book("9780141439518", "Emma", "Jane Austen", 799, 1815).label()
        'Emma (1815), paperback'
        """
        year = f"{-self.year} BC" if self.year < 0 else str(self.year)
        return f"{self.title} ({year}), {self.binding.value}"

    def weight_grams(self, pages: int) -> int:
        """What a copy of so many pages weighs: nothing for an e-book, 200 g more for a hard cover."""
        if not self.binding.is_physical:
            return 0
        paper = pages * 2
        return paper + 200 if self.binding is Binding.HARDCOVER else paper


def by_author(books: list[Book], author: str) -> list[Book]:
    """The books of an author, without regard to case, the oldest first."""
    wanted = author.strip().lower()
    return sorted((book for book in books if book.author.lower() == wanted), key=lambda book: book.year)


def in_price_range(books: list[Book], low: int | None = None, high: int | None = None) -> list[Book]:
    """The books that cost at least ``low`` and at most ``high`` cents; None leaves that side open."""
    if low is not None and high is not None and low > high:
        raise ValueError("low is above high")
    return [book for book in books if (low is None or book.price >= low) and (high is None or book.price <= high)]


def sort_books(books: list[Book], key: str = "title", descending: bool = False) -> list[Book]:
    """The books in order of title (articles do not count), price or year."""
    if key == "title":
        return sorted(books, key=lambda book: sort_key(book.title), reverse=descending)
    if key == "price":
        return sorted(books, key=lambda book: book.price, reverse=descending)
    if key == "year":
        return sorted(books, key=lambda book: book.year, reverse=descending)
    raise ValueError(f"cannot sort by {key!r}")


def group_by_genre(books: list[Book]) -> dict[Genre, list[str]]:
    """The titles of each genre that occurs, in the order of the list."""
    groups: dict[Genre, list[str]] = {}
    for book in books:
        groups.setdefault(book.genre, []).append(book.title)
    return groups
