"""Catalogues and stock lists as files."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from bookshop.books import Binding, Book, Genre
from bookshop.errors import ParseError
from bookshop.money import parse_price

COLUMNS = ("isbn", "title", "author", "price", "year", "genre", "binding")


def book_to_dict(book: Book) -> dict[str, Any]:
    """A book as plain data; genre and binding become their names."""
    return {
        "isbn": book.isbn,
        "title": book.title,
        "author": book.author,
        "price": book.price,
        "year": book.year,
        "genre": book.genre.value,
        "binding": book.binding.value,
    }


def book_from_dict(data: dict[str, Any]) -> Book:
    """A book from plain data. Genre and binding may be left out. Raises ParseError naming the key that is missing."""
    for key in ("isbn", "title", "author", "price", "year"):
        if key not in data:
            raise ParseError(f"missing key: {key}")
    return Book(
        isbn=str(data["isbn"]),
        title=str(data["title"]),
        author=str(data["author"]),
        price=int(data["price"]),
        year=int(data["year"]),
        genre=Genre.from_name(data.get("genre", "fiction")),
        binding=Binding(data.get("binding", "paperback")),
    )


def save_catalogue(path: Path, books: list[Book]) -> int:
    """Write books as JSON and return how many were written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([book_to_dict(book) for book in books], indent=2), encoding="utf-8")
    return len(books)


def load_catalogue(path: Path) -> list[Book]:
    """Read books from JSON; a file that is not there gives an empty list."""
    if not path.exists():
        return []
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ParseError(f"{path.name}, line {error.lineno}: {error.msg}") from error
    if not isinstance(data, list):
        raise ParseError(f"{path.name}: a list of books expected")
    return [book_from_dict(item) for item in data]


def read_csv(path: Path) -> tuple[list[Book], list[str]]:
    """Read books from CSV with prices such as 7.99. Returns the books and a message for each row that is wrong."""
    books: list[Book] = []
    problems: list[str] = []
    with path.open(newline="", encoding="utf-8") as stream:
        for number, row in enumerate(csv.DictReader(stream), start=2):
            try:
                books.append(book_from_dict({**row, "price": parse_price(row["price"] or "")}))
            except (KeyError, ValueError) as error:
                problems.append(f"row {number}: {error}")
    return books, problems


def write_csv(path: Path, books: list[Book]) -> None:
    """Write books as CSV with prices such as 7.99."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=COLUMNS)
        writer.writeheader()
        for book in books:
            writer.writerow({**book_to_dict(book), "price": f"{book.price / 100:.2f}"})


def load_stock(path: Path) -> dict[str, int]:
    """Read lines of ``isbn;copies``. Lines for the same book add up; lines without copies count as one."""
    stock: dict[str, int] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        isbn, separator, count = line.strip().partition(";")
        if not isbn:
            continue
        copies = int(count) if separator and count.strip() else 1
        if copies < 0:
            raise ParseError(f"negative stock: {line!r}")
        stock[isbn] = stock.get(isbn, 0) + copies
    return stock
